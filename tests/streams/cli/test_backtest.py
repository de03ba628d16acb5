"""`lookalive backtest` runs files through the core, and says how good its alerts are against labels."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.streams.cli.shop import CONFIGURATION

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 9 * 24
PLATFORMS = ("app", "web")
#: The app falls, and no one else.
FALL = range(8 * 24 + 10, 8 * 24 + 13)


def at(hour: int) -> str:
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M:%S")


def rows() -> list[dict[str, Any]]:
    random.seed(5)
    return [
        {
            "timestamp": at(hour),
            "platform": platform,
            "views": 3
            if platform == "app" and hour in FALL
            else 300 + 80 * (hour % 24 > 7) + random.randint(0, 20),
        }
        for platform in PLATFORMS
        for hour in range(HOURS)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lookalive.toml").write_text(CONFIGURATION)
    # As a database gives them: one platform after the other, and not in the order of time.
    lines = ["timestamp,platform,views", *(f"{r['timestamp']},{r['platform']},{r['views']}" for r in rows())]
    (tmp_path / "shop.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def backtest(folder: Path, *arguments: str | Path, given: str = "shop.csv") -> Result:
    command = ["backtest", "-c", folder / "lookalive.toml", "--input", folder / given, *arguments]
    return CliRunner().invoke(main, list(map(str, command)))


def tally(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    last: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return last


def opened(result: Result) -> list[dict[str, Any]]:
    """The alerts that open after the first days, while series are young."""
    alerts = [json.loads(line) for line in result.stdout.splitlines()[:-1]]
    known = (START + timedelta(days=4)).isoformat()
    return [alert for alert in alerts if alert["kind"] == "OPENED" and alert["start"] > known[:19]]


def test_rows_of_a_csv_file_are_events_whatever_their_order(folder: Path) -> None:
    in_order = sorted(rows(), key=lambda row: row["timestamp"])
    with gzip.open(folder / "shop.jsonl.gz", "wt") as lines:
        lines.writelines(json.dumps({**row, "timestamp": row["timestamp"] + "Z"}) + "\n" for row in in_order)

    of_rows, of_lines = backtest(folder, "--json"), backtest(folder, "--json", given="shop.jsonl.gz")

    assert of_rows.stdout == of_lines.stdout
    assert (tally(of_rows)["events"], tally(of_rows)["late"]) == (2 * HOURS, 0)
    (alert,) = opened(of_rows)
    assert (alert["dimensions"], alert["start"]) == (
        {"platform": "app"},
        at(FALL.start).replace(" ", "T") + "Z",
    )


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("labels.csv", f"start,end,platform,kind\n{at(FALL.start)},{at(FALL.stop)},app,fall\n"),
        ("labels.csv", f"start,end\n{at(FALL.start)},{at(FALL.stop)}\n"),
        (
            "labels.csv",
            "".join(
                f"{at(h)};{p};{int(h in FALL and p == 'app')}\n" for h in range(HOURS) for p in PLATFORMS
            ),
        ),
        ("labels.json", json.dumps([[at(FALL.start), at(FALL.stop)]])),
        ("labels.json", json.dumps([{"start": at(FALL.start), "end": at(FALL.stop), "platform": "app"}])),
        (
            "labels.json",
            json.dumps({"data/shop.csv": [[at(FALL.start), at(FALL.stop)]], "data/other.csv": []}),
        ),
        ("labels.json", json.dumps({"data/shop.csv": [at(FALL.start + 1)]})),
    ],
    ids=["place", "times", "rows", "json", "objects", "nab-windows", "nab-times"],
)
def test_alerts_are_held_against_labels(folder: Path, name: str, labels: str) -> None:
    if ";" in labels:
        labels = "timestamp;platform;label\n" + labels
    (folder / name).write_text(labels)

    judged = tally(backtest(folder, "--json", "--labels", folder / name))["judged"]

    assert (judged["labels"], judged["found"], judged["recall"]) == (1, 1, 1.0)
    assert judged["median_delay_seconds"] == 0
    assert judged["precision"] == 1 / judged["incidents"]
    assert judged["kinds"] == ({"fall": [1, 1]} if "kind" in labels else {})


def test_a_label_elsewhere_is_not_found(folder: Path) -> None:
    (folder / "labels.csv").write_text(
        f"start,end,platform\n{at(FALL.start)},{at(FALL.stop)},web\n{at(150)},{at(152)},app\n"
    )

    judged = tally(backtest(folder, "--json", "--labels", folder / "labels.csv"))["judged"]

    # The fall of the app shows in the total, and so could be one of the web, if that was all there is.
    assert (judged["labels"], judged["found"]) == (2, 1)


def test_a_higher_threshold_tells_of_no_more(folder: Path) -> None:
    (folder / "labels.csv").write_text(f"start,end\n{at(FALL.start)},{at(FALL.stop)}\n")

    what_if = tally(backtest(folder, "--json", "--labels", folder / "labels.csv"))["what_if"]

    told = [row["judged"]["incidents"] for row in what_if if row["severity"] >= 60]
    assert [row["severity"] for row in what_if] == [30, 40, 50, 60, 65, 70, 75, 80, 90, 95]
    assert told == sorted(told, reverse=True)
    assert {row["judged"]["recall"] for row in what_if} == {1.0}


@pytest.mark.parametrize("severity", [40, 70, 90])
def test_what_is_said_of_a_threshold_is_what_a_run_with_it_says(folder: Path, severity: int) -> None:
    said = tally(backtest(folder, "--json"))
    (folder / "lookalive.toml").write_text(CONFIGURATION + f"severity_threshold = {severity}\n")
    its_own = tally(backtest(folder, "--json"))

    assert next(row["judged"] for row in said["what_if"] if row["severity"] == severity) == its_own["judged"]
    # And of the others that one says the same.
    assert its_own["what_if"] == said["what_if"]
    assert said["judged"]["precision"] is None


def test_the_table_is_for_people(folder: Path) -> None:
    (folder / "labels.csv").write_text(f"start,end\n{at(FALL.start)},{at(FALL.stop)}\n")

    result = backtest(folder, "--labels", folder / "labels.csv")

    assert "1 of 1" in result.stderr
    assert "median delay" in result.stderr


def test_scores_and_groups_are_written(folder: Path) -> None:
    backtest(folder, "--scores", folder / "scores.jsonl", "--groups", folder / "groups.jsonl")

    scores = [json.loads(line) for line in (folder / "scores.jsonl").read_text().splitlines()]
    groups = [json.loads(line) for line in (folder / "groups.jsonl").read_text().splitlines()]
    assert len(scores) == 3 * HOURS
    assert {"primary", "members"} < groups[0].keys()


def test_what_cannot_be_read_is_named_by_its_line(folder: Path) -> None:
    with (folder / "shop.csv").open("a") as lines:
        lines.write("yesterday,web,12\n2026-03-02 00:00:00,web,many\n")

    result = backtest(folder)

    assert result.exit_code == 0
    assert f"shop.csv: line {2 * HOURS + 2}: timestamp: expected a time" in result.stderr
    assert f"shop.csv: line {2 * HOURS + 3}: views: expected a number, got 'many'" in result.stderr
    assert "bad_time 1, wrong_type 1" in result.stderr


@pytest.mark.parametrize(
    ("name", "labels", "sentence"),
    [
        ("labels.csv", "when,what\n1,2\n", "expected columns start, end, or timestamp and label"),
        (
            "labels.csv",
            "start,end\nyesterday,2026-03-02\n",
            "line 2: start: expected a time, got 'yesterday'",
        ),
        ("labels.csv", "start,end\n2026-03-03,2026-03-02\n", "line 2: it ends before it starts"),
        ("labels.json", "{", "labels.json: Input data was truncated"),
        ("labels.json", '{"other.csv": []}', "nothing for shop.csv; it has labels of other.csv"),
        ("labels.json", '[["yesterday", "today"]]', "label 1: expected a start and an end, got 'yesterday'"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(folder: Path, name: str, labels: str, sentence: str) -> None:
    (folder / name).write_text(labels)

    result = backtest(folder, "--labels", folder / name)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_score_opens_its_alerts_where_a_detector_of_one_series_would(tmp_path: Path) -> None:
    random.seed(7)
    values = [300 + 80 * (hour % 24 > 7) + random.gauss(0, 10) for hour in range(HOURS)]
    for hour in (40, 120, 121, 122, 170, 200):
        values[hour] /= 3
    lines = [f"{at(hour)},{value:.2f}" for hour, value in enumerate(values)]
    (tmp_path / "web.csv").write_text("timestamp,views\n" + "\n".join(lines) + "\n")
    measure = 'measures = [{ name = "views", aggregation = "mean", field = "views" }]'
    plain = CONFIGURATION.partition("dimensions")[0] + measure + CONFIGURATION.partition('"views" }]')[2]
    (tmp_path / "lookalive.toml").write_text(plain)

    of_detector = backtest(tmp_path, "--json", given="web.csv")
    of_series = CliRunner().invoke(main, ["score", str(tmp_path / "web.csv"), "--json"])

    alerts = [json.loads(line) for line in of_detector.stdout.splitlines()[:-1]]
    opened = [alert for alert in alerts if alert["kind"] == "OPENED"]
    said = json.loads(of_series.stdout)["alerts"]
    assert [(a["value"], a["severity"], a["expected"]) for a in said] == [
        (a["value"], a["severity"], a["expected"]) for a in opened
    ]
    assert len(said) >= 3


def test_columns_that_no_file_has_are_named(folder: Path) -> None:
    head, _, rest = (folder / "shop.csv").read_text().partition("\n")
    (folder / "odd.csv").write_text(f"{head.replace('platform', 'platfrom')}\n{rest}")
    (folder / "when.csv").write_text(f"{head.replace('timestamp', 'when')}\n{rest}")

    odd, when = (backtest(folder, given=name) for name in ("odd.csv", "when.csv"))

    assert odd.exit_code == 0
    assert "odd.csv: no column for platform: events have none" in odd.stderr
    assert when.exit_code == 2
    assert "when.csv: no column 'timestamp', which is the time of the source" in when.stderr
    assert "no column" not in backtest(folder).stderr


def test_what_is_written_to_a_pipe_has_no_empty_lines(folder: Path) -> None:
    result = backtest(folder)

    assert "" not in result.output.splitlines()


def test_what_was_before_teaches_and_is_not_told_of(folder: Path) -> None:
    whole = backtest(folder, "--json")
    since = backtest(folder, "--json", "--from", at(FALL.start - 10)[:13])

    (alert,) = opened(whole)
    assert opened(since) == [alert]
    told = [json.loads(line) for line in since.stdout.splitlines()[:-1]]
    assert {each["group"] for each in told} == {alert["group"]}
    said = tally(since)
    assert (said["events"], said["intervals"]) == (2 * HOURS, HOURS - FALL.start + 10)
    assert (said["groups"], said["opened"]) == (1, 1)
    assert said["alerts_a_day"] == pytest.approx(24 / said["intervals"])
    assert all(row["judged"]["incidents"] <= 1 for row in said["what_if"])


def test_what_happened_later_is_not_read(folder: Path) -> None:
    until = backtest(folder, "--json", "--to", at(FALL.start).replace(" ", "T") + "+00:00")

    said = tally(until)
    assert (said["events"], said["intervals"]) == (2 * FALL.start, FALL.start)
    assert opened(until) == []


def test_an_interval_that_is_cut_off_is_not_judged(folder: Path) -> None:
    cut = START + timedelta(hours=FALL.start - 1, minutes=30)
    until = backtest(folder, "--json", "--to", cut.isoformat())

    assert tally(until)["intervals"] == FALL.start - 1
    assert opened(until) == []


def test_labels_are_those_that_begin_in_the_period(folder: Path) -> None:
    (folder / "labels.csv").write_text(
        f"start,end\n{at(100)},{at(102)}\n{at(FALL.start)},{at(FALL.stop)}\n{at(HOURS)},{at(HOURS + 1)}\n"
    )

    said = tally(
        backtest(folder, "--json", "--labels", folder / "labels.csv", "--from", at(150), "--to", at(HOURS))
    )

    assert (said["judged"]["labels"], said["judged"]["found"]) == (1, 1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--from", "soon"], "'soon' is no time: expected one such as 2030-01-31"),
        (["--from", "2026-03-05", "--to", "2026-03-05"], "must be before --to 2026-03-05T00:00Z"),
        (["--to", "0001-01-01T00:00+05:00"], "is out of the years"),
    ],
)
def test_periods_that_are_none_are_refused(folder: Path, options: list[str], sentence: str) -> None:
    result = backtest(folder, *options)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_alerts_a_day_are_of_those_that_open(folder: Path) -> None:
    result = backtest(folder, "--json")

    alerts = [json.loads(line) for line in result.stdout.splitlines()[:-1]]
    said = tally(result)
    assert said["opened"] == sum(alert["kind"] == "OPENED" for alert in alerts) < said["alerts"]
    assert said["alerts_a_day"] == said["opened"] / 9
    assert said["series"] == 3
    assert f"{said['opened']} opened, {said['alerts_a_day']:.2g} a day" in backtest(folder).stderr

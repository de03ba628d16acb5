"""`lookalive score` reads any file of one series, and says of each row how unusual it is."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from streams.cli import main

START = datetime(2026, 3, 2, tzinfo=UTC)
FIELDS = ["timestamp", "value", "expected", "lower", "upper", "severity", "confidence", "phase", "alert"]

#: Two weeks by the hour, with a day to them, and a fall in the last night.
HOURS = 14 * 24
FALL = 13 * 24 + 20
KNOWN = 4 * 24


def value(hour: int) -> float:
    usual = 200.0 + 60 * (8 <= hour % 24 < 20) + 7 * (hour * hour % 5)
    return usual / 10 if FALL <= hour < FALL + 2 else usual


def at(hour: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    return (START + timedelta(hours=hour)).strftime(form)


def lines(form: Callable[[int], str], hours: int = HOURS) -> str:
    return "".join(form(hour) + "\n" for hour in range(hours))


def score(*arguments: str | Path, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["score", *map(str, arguments)], input=given)


def rows(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(io.StringIO(result.stdout)))


def alerts(scored: list[dict[str, str]]) -> list[int]:
    """Where alerts open, after the first days, in which a series is young."""
    return [n for n, row in enumerate(scored) if row["alert"] == "1" and n >= KNOWN]


def test_a_row_comes_out_for_each_that_went_in_and_one_alert_opens_an_episode(tmp_path: Path) -> None:
    (tmp_path / "views.csv").write_text("timestamp,value\n" + lines(lambda h: f"{at(h)},{value(h)}"))

    result = score(tmp_path / "views.csv", "-o", tmp_path / "out.csv")

    assert (result.exit_code, result.stdout) == (0, "")
    with (tmp_path / "out.csv").open(newline="") as out:
        scored = list(csv.DictReader(out))
    assert list(scored[0]) == FIELDS
    assert [row["timestamp"] for row in scored] == [at(hour) for hour in range(HOURS)]
    assert [float(row["value"]) for row in scored] == [value(hour) for hour in range(HOURS)]
    assert alerts(scored) == [FALL]
    fall = scored[FALL]
    assert float(fall["value"]) < float(fall["lower"]) < float(fall["expected"]) < float(fall["upper"])
    assert (fall["phase"], scored[3]["phase"], scored[0]["expected"]) == ("active", "learning", "")
    assert float(fall["severity"]) >= 70 > float(scored[FALL - 5]["severity"])


#: The same two weeks as others write them; each is read as the first one is.
FORMS: dict[str, tuple[str, Callable[[int], str]]] = {
    "no header": ("", lambda h: f"{at(h)},{value(h)}"),
    "columns the other way round": ("requests;when", lambda h: f"{value(h)};{at(h)}"),
    "decimal commas": (
        "Zeit;Wert",
        lambda h: f"{at(h, '%d.%m.%Y %H:%M')};" + f"{value(h):.1f}".replace(".", ","),
    ),
    "tabs": ("time\tvalue", lambda h: f"{at(h)}\t{value(h)}"),
    "quoted": ('"timestamp","value"', lambda h: f'"{at(h)}","{value(h)}"'),
    "in thousands": ("date,value", lambda h: f'{at(h)},"{value(h) * 100:,.2f}"'),
    "with a zone": ("ts,y", lambda h: f"{at(h, '%Y-%m-%dT%H:%M:%S')}Z,{value(h)}"),
    "zone in words": ("ts,y", lambda h: f"{at(h)} UTC,{value(h)}"),
    "seconds since 1970": ("t,v", lambda h: f"{int(START.timestamp()) + 3600 * h},{value(h)}"),
    "milliseconds": ("t,v", lambda h: f"{int(START.timestamp() * 1000) + 3_600_000 * h},{value(h)}"),
    "seconds as floats": (
        "t,v",
        lambda h: f"{START.timestamp() + 3600 * h:.6e},{value(h)}".replace("e+09", "e9"),
    ),
    "American": ("Date,Total", lambda h: f"{at(h, '%m/%d/%Y %I:%M %p')},{value(h)}"),
    "British": ("Date,Total", lambda h: f"{at(h, '%d/%m/%Y %H:%M')},{value(h)}"),
    "web log": ("time,value", lambda h: f"{at(h, '%d/%b/%Y:%H:%M:%S')} +0000,{value(h)}"),
    "newest first": ("time,value", lambda h: f"{at(HOURS - 1 - h)},{value(HOURS - 1 - h)}"),
    "other columns beside": ("id,host,time,value,note", lambda h: f"{h},a,{at(h)},{value(h)},fine"),
    "Windows": ("\ufefftime,value\r", lambda h: f"{at(h)},{value(h)}\r"),
    "day and clock apart": ("Date;Time;Power", lambda h: f"{at(h, '%d/%m/%Y;%H:%M:%S')};{value(h)}"),
    "labels beside": (",when,cpu,is_anomaly", lambda h: f"{h},{at(h)},{value(h)},0"),
    "comments": ("# made by hand\ntime,value", lambda h: f"{at(h)}, {value(h)}"),
    "for Excel": ("sep=;\ntime;value", lambda h: f"{at(h)};{value(h)}"),
}


@pytest.mark.parametrize("name", FORMS)
def test_files_are_read_in_whatever_form_they_come(name: str) -> None:
    header, form = FORMS[name]
    text = (header + "\n" if header else "") + lines(form)

    scored = rows(score("-", given=text))

    factor = 100 if name == "in thousands" else 1
    expected = [value(hour) * factor for hour in range(HOURS)]
    found = [float(row["value"]) for row in scored]
    if name == "newest first":
        assert found == expected[::-1]
        assert [row["alert"] for row in scored][HOURS - 1 - FALL] == "1"
    else:
        assert found == expected
        assert alerts(scored) == [FALL]
    if name != "day and clock apart":
        assert all(row["timestamp"] in text for row in scored)


def test_packed_files_are_unpacked_whatever_their_name(tmp_path: Path) -> None:
    packed = gzip.compress(("time,value\n" + lines(lambda h: f"{at(h)},{value(h)}")).encode())
    (tmp_path / "views.csv").write_bytes(packed)

    assert alerts(rows(score(tmp_path / "views.csv"))) == [FALL]
    assert alerts(rows(score("-", given=packed))) == [FALL]


def test_half_of_a_packed_file_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(lines(lambda h: f"{at(h)},{value(h)}").encode())
    (tmp_path / "views.csv.gz").write_bytes(packed[: len(packed) // 2])

    result = score(tmp_path / "views.csv.gz")

    assert result.exit_code == 2
    assert "views.csv.gz: cannot be unpacked" in result.stderr


def test_what_is_empty_is_missing_and_no_zero() -> None:
    gap = range(FALL - 40, FALL - 37)
    text = "time,value\n" + lines(lambda h: f"{at(h)},{'' if h in gap else value(h)}")

    scored = rows(score("-", given=text))

    assert [scored[hour]["value"] for hour in gap] == ["", "", ""]
    assert float(scored[gap.stop]["severity"]) < 50
    assert float(scored[gap.stop]["expected"]) > 100


def test_rows_that_are_not_there_open_no_alert_and_move_no_row() -> None:
    gap = range(FALL - 60, FALL - 20)
    kept = [hour for hour in range(HOURS) if hour not in gap]
    text = "time,value\n" + "".join(f"{at(hour)},{value(hour)}\n" for hour in kept)

    result = score("-", "--json", given=text)

    assert json.loads(result.stdout)["missing"] == len(gap)
    scored = rows(score("-", given=text))
    assert [row["timestamp"] for row in scored] == [at(hour) for hour in kept]
    assert [row["timestamp"] for row in scored if row["alert"] == "1"][-1] == at(FALL)


def test_a_time_that_comes_twice_gives_two_rows_and_one_alert() -> None:
    text = "time,value\n" + lines(lambda h: f"{at(h)},{value(h)}" + f"\n{at(h)},{value(h)}" * (h == FALL))

    scored = rows(score("-", given=text))

    assert len(scored) == HOURS + 1
    assert alerts(scored) == [FALL]
    assert scored[FALL]["severity"] == scored[FALL + 1]["severity"]


def test_rows_are_joined_in_intervals_that_are_asked_for() -> None:
    def quarter(n: int) -> str:
        return f"{(START + timedelta(minutes=15 * n)).isoformat()},{value(n // 4) / 4}"

    text = "time,value\n" + lines(quarter, 4 * HOURS)

    sums = rows(score("-", "--interval", "PT1H", "--aggregation", "sum", given=text))
    means = rows(score("-", "--interval", "PT1H", given=text))

    assert [float(row["value"]) for row in sums] == [value(hour) for hour in range(HOURS)]
    assert [float(row["value"]) for row in means] == [value(hour) / 4 for hour in range(HOURS)]
    assert sums[1]["timestamp"] == (START + timedelta(hours=1)).isoformat()
    assert alerts(sums) == [FALL]


def test_days_are_those_of_the_time_zone() -> None:
    # Over a change of clocks: on the wall all days are alike, in UTC half of them begin an hour earlier.
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 16, tzinfo=UTC)

    def row(hour: int) -> str:
        time = start + timedelta(hours=hour)
        return f"{time.isoformat()},{300 if 8 <= time.astimezone(berlin).hour < 20 else 100 + hour % 3}"

    text = "time,value\n" + lines(row, 21 * 24)
    changed = slice(14 * 24, 21 * 24)

    on_the_wall = rows(score("-", "--timezone", "Europe/Berlin", given=text))[changed]
    in_utc = rows(score("-", given=text))[changed]

    assert max(float(r["severity"]) for r in on_the_wall) < 50 < max(float(r["severity"]) for r in in_utc)


def test_rows_that_cannot_be_read_are_named_and_passed_over(tmp_path: Path) -> None:
    given = [
        "time,value",
        *(f"{at(h)},{value(h)}" for h in range(30)),
        "yesterday,12",
        f'{at(30)},"many',
        f"{at(31)}",
    ]
    (tmp_path / "views.csv").write_text("\n".join(given) + "\n")

    result = score(tmp_path / "views.csv")

    assert len(rows(result)) == 31
    assert (
        "views.csv: line 32: time: expected a time like those of the other rows, got 'yesterday'"
        in result.stderr
    )
    assert "views.csv: line 33: value: expected a number" in result.stderr
    assert "2 passed over" in result.stderr


@pytest.mark.parametrize(
    ("text", "arguments", "sentence"),
    [
        ("", [], "there are no rows in it"),
        ("\n\n", [], "there are no rows in it"),
        ("<html>\n<body>Not found</body>\n</html>\n", [], "no column has numbers"),
        (lines(lambda h: f"{at(h)},up", 30), [], "no column has numbers beside the times"),
        ("time,views,orders\n" + lines(lambda h: f"{at(h)},1,2", 30), [], "--value-column 'views', 'orders'"),
        (
            "time,views\n" + lines(lambda h: f"{at(h)},1", 30),
            ["--value-column", "veiws"],
            "no column 'veiws'",
        ),
        ("time,views\n" + lines(lambda h: f"{at(h)},1", 30), ["--time-column", "views"], "has no times"),
        (
            "time,views\n" + lines(lambda h: f"monday,{h % 7}", 30),
            [],
            "such as 'monday'; expected 2030-01-31",
        ),
        ("time,value\n" + lines(lambda h: f"{at(h // 3)},{h}", 30), [], "several series in one file?"),
        ("time,value\n", [], "there are no rows in it"),
        (lines(lambda h: f"{at(h)},1", 30), ["--interval", "5m"], "expected one such as PT5M"),
        (
            lines(lambda h: f"{at(h)},1", 30),
            ["--timezone", "Berlin"],
            "expected a name such as Europe/Berlin",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    text: str, arguments: list[str], sentence: str
) -> None:
    result = score("-", *arguments, given=text)

    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output


def test_values_without_times_are_taken_an_hour_apart() -> None:
    result = score("-", given=lines(lambda h: str(value(h))))

    assert alerts(rows(result)) == [FALL]
    assert "rows are taken to be PT1H apart" in result.stderr


def test_what_was_found_is_one_object(tmp_path: Path) -> None:
    text = "time,value\n" + lines(lambda h: f"{at(h)},{value(h)}")

    result = score("-", "--json", "-o", tmp_path / "out.csv", given=text)

    said = json.loads(result.stdout)
    assert (said["rows"], said["interval"], said["value_column"]) == (HOURS, "PT1H", "value")
    assert said["alerts"][-1]["timestamp"] == at(FALL)
    assert (tmp_path / "out.csv").read_text().count("\n") == HOURS + 1


def test_a_threshold_out_of_reach_opens_nothing() -> None:
    text = "time,value\n" + lines(lambda h: f"{at(h)},{200 + h % 5}")

    result = score("-", "--threshold", "100", given=text)

    assert [row for row in rows(result) if row["alert"] == "1"] == []
    assert "no alert" in result.stderr


def test_other_models_are_chosen_by_name() -> None:
    text = "time,value\n" + lines(lambda h: f"{at(h)},{200 + h % 5 if h != FALL else 20}")

    of_robust = score("-", "--model", "robust", given=text)
    of_limits = score("-", "--model", "static", given=text)

    assert alerts(rows(of_robust)) == [FALL]
    assert of_limits.exit_code == 2


def written(
    folder: Path, form: Callable[[int], str] = lambda h: f"{at(h)},{value(h)}", hours: int = HOURS
) -> Path:
    path = folder / "views.csv"
    path.write_text("timestamp,value\n" + lines(form, hours))
    return path


def test_on_a_side_that_nobody_asks_about_no_alert_opens(tmp_path: Path) -> None:
    views = written(tmp_path)

    told, other = (rows(score(views, "--direction", side)) for side in ("below", "above"))

    assert (alerts(told), alerts(other)) == ([FALL], [])
    assert [row["severity"] for row in told] == [row["severity"] for row in other]


EVENT = """BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Relaunch
DTSTART:20260315T190000
DTEND:20260315T230000
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("option", "named"),
    [(("--calendar", "own.ics"), "Relaunch"), (("--holidays", "IE"), "Saint Patrick's Day")],
    ids=["own", "public"],
)
def test_on_an_occasion_that_is_known_a_fall_is_less_severe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: tuple[str, str], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.ics").write_text(EVENT.replace("\n", "\r\n"))
    # The fall is in the night of the fifteenth of March; Ireland has a holiday on the seventeenth.
    later = 0 if named == "Relaunch" else 48
    views = written(tmp_path, lambda h: f"{at(h + later)},{value(h)}")

    plain, known = rows(score(views)), rows(score(views, *option))

    assert float(known[FALL]["severity"]) < float(plain[FALL]["severity"])
    said = json.loads(score(views, *option, "--threshold", "1", "--json").stdout)["alerts"]
    assert any(f"a time unlike others: {named}" in alert["why"] for alert in said)


def test_a_country_without_known_holidays_is_refused(tmp_path: Path) -> None:
    refused = [score(written(tmp_path), "--holidays", of) for of in ("XX", "DE-Bavaria")]

    assert [result.exit_code for result in refused] == [2, 2]
    assert "no public holidays of 'XX' are known" in refused[0].stderr
    assert "no subdivision 'Bavaria'" in refused[1].stderr


def test_months_are_months(tmp_path: Path) -> None:
    months = written(tmp_path, lambda n: f"{2010 + n // 12}-{n % 12 + 1:02}-01,{100 + n % 12}", hours=60)
    days = [START + timedelta(days=n) for n in range(90)]
    (tmp_path / "days.csv").write_text("day,value\n" + "".join(f"{day:%Y-%m-%d},2\n" for day in days))

    assert "60 rows of value every P1M\n" in score(months).stderr
    joined = rows(score(tmp_path / "days.csv", "--interval", "P1M", "--aggregation", "sum"))
    assert [row["value"] for row in joined] == ["60", "60", "60"]


def test_no_file_that_is_read_is_written_over(tmp_path: Path) -> None:
    views = written(tmp_path)
    before = views.read_bytes()

    over = score(views, "-o", views)
    both = score(views, "-o", tmp_path / "same", "--html", tmp_path / "same")

    assert (over.exit_code, both.exit_code) == (2, 2)
    assert f"{views} would be written over" in over.stderr
    assert views.read_bytes() == before


def test_a_file_too_short_to_be_judged_says_so(tmp_path: Path) -> None:
    assert "nothing is judged yet" in score(written(tmp_path, hours=16)).stderr
    assert "nothing is judged yet" not in score(written(tmp_path, hours=17)).stderr


def test_a_number_that_is_too_large_is_named_as_such(tmp_path: Path) -> None:
    huge = written(tmp_path, lambda h: f"{at(h)},{1e300 if h == 5 else value(h)}")

    assert "line 7: value: expected a number of at most 1e+60, got '1e+300'" in score(huge).stderr

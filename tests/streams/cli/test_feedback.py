"""`lookalive feedback` says of a group what it is, and a backtest goes by it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main
from tests.streams.cli.shop import CONFIGURATION

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, JOB, NIGHTS = 12, 3, (9, 10, 11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve days of a shop whose app has a night job on the last three."""
    folder = tmp_path_factory.mktemp("shop")
    nights = [START + timedelta(days=night, hours=JOB) for night in NIGHTS]
    write(folder, lambda at, platform: 3.0 if platform == "app" and at in nights else 1.0)
    backtest(folder, "--groups", folder / "groups.jsonl")
    return folder


def write(folder: Path, factor: Callable[[datetime, str], float]) -> None:
    """The configuration and the views of a shop, some of them so many times as high as ever."""
    noise = random.Random(5)
    lines = ["timestamp,platform,views"]
    for hour in range(DAYS * 24):
        at = START + timedelta(hours=hour)
        for platform in ("app", "web"):
            views = (300 + 80 * (hour % 24 > 7) + noise.randint(0, 20)) * factor(at, platform)
            lines.append(f"{at:%Y-%m-%d %H:%M:%S},{platform},{views:g}")
    (folder / "lookalive.toml").write_text(CONFIGURATION)
    (folder / "shop.csv").write_text("\n".join(lines) + "\n")


def run(folder: Path, command: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [command, *map(str, ("-c", folder / "lookalive.toml", *arguments))])


def backtest(folder: Path, *arguments: str | Path) -> list[dict[str, Any]]:
    """The alerts that open in the last nights."""
    result = run(folder, "backtest", "--input", folder / "shop.csv", "--json", *arguments)
    assert result.exit_code == 0, result.output
    alerts = [json.loads(line) for line in result.stdout.splitlines()[:-1]]
    since = f"{START + timedelta(days=NIGHTS[0]):%Y-%m-%d}"
    return [alert for alert in alerts if alert["kind"] == "OPENED" and alert["start"] >= since]


def say(folder: Path, group: str, *arguments: str | Path) -> Result:
    return run(folder, "feedback", group, "--groups", folder / "groups.jsonl", *arguments)


def nights(alerts: list[dict[str, Any]]) -> list[int]:
    return [(datetime.fromisoformat(alert["start"]) - START).days for alert in alerts]


def test_what_was_expected_in_two_nights_is_not_told_of_in_the_third(folder: Path, tmp_path: Path) -> None:
    alerts, given, scores = backtest(folder), tmp_path / "said.jsonl", tmp_path / "scores.jsonl"
    assert nights(alerts) == [*NIGHTS]

    for alert in alerts[:2]:
        result = say(folder, alert["group"], "--verdict", "expected", "--output", given)
        assert result.exit_code == 0, result.output

    assert nights(backtest(folder, "--feedback", given, "--scores", scores)) == [*NIGHTS[:2]]
    held = [score for line in scores.read_text().splitlines() if (score := json.loads(line)).get("held_by")]
    assert {score["held_by"] for score in held} == {"feedback"}
    assert all("affected by feedback" in score["why"][-1] for score in held)
    assert {score["dimensions"].get("platform") for score in held} == {None, "app"}

    undo = say(folder, alerts[1]["group"][:13], "--undo", "--output", given)
    assert undo.exit_code == 0, undo.output
    assert "taken back" in undo.stderr
    assert nights(backtest(folder, "--feedback", given)) == [*NIGHTS]


def test_it_is_said_of_one_series_and_for_a_time(folder: Path, tmp_path: Path) -> None:
    (first, *_), given = backtest(folder), tmp_path / "said.jsonl"

    result = say(
        folder, first["group"], "--series", "views{platform=app}", "--verdict", "expected", "--for", "P28D",
        "--output", given,
    )  # fmt: skip

    (verdict,) = [json.loads(line) for line in given.read_text().splitlines()]
    assert (verdict["measure"], verdict["dimensions"]) == ("views", {"platform": "app"})
    assert (verdict["direction"], round(verdict["change"], -2)) == ("above", 600)
    lasts = datetime.fromisoformat(verdict["expires"]) - datetime.fromisoformat(first["end"])
    assert lasts == timedelta(days=28)
    assert result.stdout == given.read_text()


def test_series_that_are_not_in_the_group_can_only_have_been_missed(folder: Path, tmp_path: Path) -> None:
    group, given = backtest(folder)[0]["group"], tmp_path / "said.jsonl"
    other = ("--series", "views{platform=web}", "--output", given)

    refused = say(folder, group, "--verdict", "expected", *other)
    taken = say(folder, group, "--verdict", "missed", *other)

    assert refused.exit_code == 2
    assert "no series of group" in refused.stderr
    assert taken.exit_code == 0, taken.output

    # The measure has been called something else since.
    given.write_text(given.read_text().replace('"views"', '"clicks"'))
    undone = say(folder, group, "--undo", "--output", given)

    assert [json.loads(line)["dimensions"] for line in undone.stdout.splitlines()] == [{"platform": "web"}]
    assert "nothing was said" in say(folder, group, "--undo", "--output", given).stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--verdict", "expected", "--undo"), "either --verdict, or --undo"),
        (("--undo",), "nothing was said of group"),
        ((), "or --undo"),
        (("--verdict", "missed", "--series", "views{country=DE}"), "no dimension 'country'"),
        (("--verdict", "missed", "--series", "view{platform=app}"), "no measure 'view'"),
        (("--verdict", "missed", "--series", "views{platform"), "is no series"),
        (("--verdict", "expected", "--for", "soon"), "is no duration"),
    ],
)
def test_what_cannot_be_said_is_refused(folder: Path, arguments: tuple[str, ...], why: str) -> None:
    group = json.loads((folder / "groups.jsonl").read_text().splitlines()[-1])["id"]

    result = say(folder, group, *arguments, "--output", folder / "nothing.jsonl")

    assert (result.exit_code, why in result.stderr) == (2, True), result.output
    assert not (folder / "nothing.jsonl").exists()


def test_a_group_that_is_not_there_is_named(folder: Path) -> None:
    result = say(folder, "nosuch", "--verdict", "expected")

    assert result.exit_code == 2
    assert "there is no group 'nosuch'" in result.stderr


def test_the_new_normal_ends_its_group_early(tmp_path: Path) -> None:
    shift = START + timedelta(days=8, hours=12)
    write(tmp_path, lambda at, _: 3.0 if at >= shift else 1.0)
    given, groups = tmp_path / "said.jsonl", tmp_path / "groups.jsonl"

    def of_shift(*arguments: str | Path) -> list[dict[str, Any]]:
        """The changes of the group that opens with it."""
        backtest(tmp_path, "--groups", groups, *arguments)
        known = [json.loads(line) for line in groups.read_text().splitlines()]
        return [group for group in known if datetime.fromisoformat(group["start"]) == shift]

    first, *_, unsaid = of_shift()
    groups.write_text(json.dumps(first))
    assert say(tmp_path, first["id"], "--verdict", "new-normal", "--output", given).exit_code == 0
    *_, said = of_shift("--feedback", given)

    assert (unsaid["reason"], said["reason"]) == ("new_normal", "new_normal")
    assert said["end"] < unsaid["end"]

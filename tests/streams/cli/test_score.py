"""`lookalive score` reads any file of one series, and says of each row how unusual it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

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

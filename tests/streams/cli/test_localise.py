"""`lookalive localise` says where the change of the last interval is, and how it can be misused."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from streams.cli import main

PLATFORMS, COUNTRIES, BROWSERS = ("app", "web"), ("DE", "FR", "GB", "US"), ("chrome", "edge", "safari")
INTERVALS = 25
COLUMNS = "hour,platform,country,browser,views,views_expected,orders,orders_expected"


def written(
    path: Path, views: dict[str, float], orders: dict[str, float], intervals: int = INTERVALS
) -> Path:
    """A file of leaves; in its last interval a value has so many times its views, or orders of a view."""
    rng = np.random.default_rng(3)
    lines = [COLUMNS]
    for hour in range(intervals):
        off = {name: 1 + 0.02 * rng.standard_normal() for name in (*PLATFORMS, *COUNTRIES, *BROWSERS)}
        is_last = hour == intervals - 1
        for leaf in product(PLATFORMS, COUNTRIES, BROWSERS):
            rate = 900.0 * float(np.prod([off[value] for value in leaf]))
            seen = rng.poisson(900 * np.prod([views.get(v, 1.0) for v in leaf]) if is_last else 900)
            chance = 0.3 * (np.prod([orders.get(v, 1.0) for v in leaf]) if is_last else 1.0)
            numbers = f"{seen},{rate:.2f},{rng.binomial(seen, chance)},{0.3 * rate:.2f}"
            lines.append(f"2026-03-{1 + hour // 24:02d} {hour % 24:02d}:00,{','.join(leaf)},{numbers}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["localise", *map(str, arguments)])


def answer(*arguments: object) -> dict[str, Any]:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


DIMENSIONS = ("--dimensions", "platform,country,browser")
VIEWS = (*DIMENSIONS, "--actual", "views", "--expected", "views_expected")
RATIO = (*DIMENSIONS, "--numerator", "orders,orders_expected", "--denominator", "views,views_expected")
TIMED = ("--time-column", "hour")


def test_the_last_interval_is_localised(tmp_path: Path) -> None:
    found = answer(written(tmp_path / "leaves.csv", {"FR": 0.5}, {}), *VIEWS, *TIMED)

    assert (found["localised"], found["elements"]) == (True, [{"country": "FR"}])
    assert (found["time"], found["past"], found["leaves"]) == ("2026-03-02 00:00", 24, 24)
    assert found["share"] > 0.9
    assert found["confidence"] > 0.95
    assert found["contributions"]["country"][0]["value"] == "FR"
    assert sum(one["share"] for one in found["contributions"]["country"]) == pytest.approx(100, abs=0.1)


def test_a_general_wobble_is_answered_with_not_localised(tmp_path: Path) -> None:
    found = answer(written(tmp_path / "leaves.csv", {}, {}), *VIEWS, *TIMED)

    assert (found["localised"], found["elements"], found["share"]) == (False, [], 0)


def test_the_numerator_of_a_ratio_is_localised_beside_what_the_denominator_lets_expect(
    tmp_path: Path,
) -> None:
    shifted = written(tmp_path / "shifted.csv", {"app": 2.0}, {"edge": 0.5})
    found = answer(shifted, *RATIO, *TIMED)

    assert found["elements"] == [{"browser": "edge"}]
    assert found["denominator"]["elements"] == [{"platform": "app"}]


def test_without_a_past_it_says_so_and_tells_single_values_only(tmp_path: Path) -> None:
    found = answer(written(tmp_path / "leaves.csv", {"FR": 0.2}, {}, intervals=1), *VIEWS)

    assert found["elements"] == [{"country": "FR"}]
    assert (found["past"], found["time"]) == (0, None)
    assert "only single values are told" in found["note"]
    assert found["confidence"] <= 0.5


def test_rows_in_any_order_and_leaves_in_pieces_say_the_same(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.csv", {"FR": 0.5}, {})
    first, *rows = whole.read_text(encoding="utf-8").splitlines()
    halves = []
    for row in reversed(rows):
        *place, views, expected, orders, orders_expected = row.split(",")
        rest = [f"{float(expected) / 2}", orders, orders_expected]
        halves += [",".join([*place, "0", *rest]), ",".join([*place, views, *rest])]
    pieces = tmp_path / "pieces.csv"
    pieces.write_text("\n".join([first, *halves]) + "\n", encoding="utf-8")

    assert answer(pieces, *VIEWS, *TIMED)["parts"] == answer(whole, *VIEWS, *TIMED)["parts"]


def test_a_row_without_a_number_is_named_and_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "leaves.csv", {"FR": 0.5}, {})
    path.write_text(
        path.read_text(encoding="utf-8")
        + "2026-03-02 00:00,app,DE,chrome,,3,,\n2026-03-02 00:00,app,DE,edge,1e308,3,,\n",
        encoding="utf-8",
    )
    result = run(path, *VIEWS, *TIMED)

    assert "2 rows without a number passed over: lines 602, 603" in result.stderr
    assert json.loads(result.stdout)["elements"] == [{"country": "FR"}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((*DIMENSIONS, "--actual", "views"), "--expected"),
        ((*VIEWS, "--numerator", "orders,orders_expected"), "name --actual and --expected, or"),
        (("--dimensions", "planet", *VIEWS[2:]), "no column 'planet'; --dimensions is one of"),
        ((*DIMENSIONS, "--actual", "views", "--expected", "browser"), "'browser' has no numbers"),
        ((*VIEWS, "--time-column", "browser"), "expected a time"),
        ((*VIEWS[:-1], "views_expected", "--dimensions", "country,country"), "names a column twice"),
        ((*DIMENSIONS, "--numerator", "orders", "--denominator", "views,views_expected"), "expected 2 names"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    result = run(written(tmp_path / "leaves.csv", {}, {}), *arguments)

    assert result.exit_code == 2
    assert sentence in result.stderr

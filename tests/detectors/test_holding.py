"""What is unusual and does not matter is held back, and says by what; its severity stays as it is."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.config import Measure
from detectors.holding import holds
from detectors.records import Place, Score
from detectors.scorer import Scorer
from tests.detectors.builders import MINUTE, ORDERS, detector, interval, ms

NAN = float("nan")


@pytest.mark.parametrize(
    ("rule", "value", "held_by"),
    [
        ({}, 0.0, None),
        ({}, NAN, None),
        ({"direction": "below"}, 140.0, "direction"),
        ({"direction": "below"}, 60.0, None),
        ({"direction": "below"}, NAN, None),
        ({"direction": "above"}, 140.0, None),
        ({"direction": "above"}, 60.0, "direction"),
        ({"direction": "above"}, NAN, "direction"),
        ({"direction": "above", "missing": "alarm"}, NAN, None),
        ({"missing": "ignore"}, NAN, "missing"),
        ({"missing": "ignore"}, 0.0, None),
        ({"minimum_change": 10}, 109.0, "minimum_change"),
        ({"minimum_change": 10}, 90.0, None),
        ({"minimum_relative_change": 0.2}, 81.0, "minimum_change"),
        ({"minimum_relative_change": 0.2}, 120.0, None),
        ({"minimum_change": 10, "minimum_relative_change": 0.2}, 85.0, "minimum_change"),
        ({"minimum_change": 30, "minimum_relative_change": 0.2}, 75.0, "minimum_change"),
    ],
)
def test_where_100_was_expected(rule: dict[str, Any], value: float, held_by: str | None) -> None:
    assert holds(Measure(name="orders", aggregation="count", **rule), value, 100.0, volume=1.0) == held_by


def test_where_nothing_was_expected_there_is_no_change_to_be_small() -> None:
    strict = Measure(name="orders", aggregation="count", direction="below", minimum_change=10)

    assert holds(strict, 300.0, NAN, volume=1.0) is None


CONVERSION = Measure(name="conversion", ratio=("orders", "views"), minimum_volume=50)
VIEWS = Measure(name="views", aggregation="count")


def last(measure: Measure, *, usual: dict[str, float], then: dict[str, float] | None) -> Score:
    """The score of a measure after two hundred minutes as usual; then None is that the source is silent."""
    scorer = Scorer(detector(measures=[ORDERS, VIEWS, measure]))
    for minute in range(200):
        wave = {name: value * (1 + minute * 7 % 5 / 50) for name, value in usual.items()}
        scorer.score(interval(ms("00:00") + minute * MINUTE, {(): wave}, events=30))
    rows: dict[Place, dict[str, float]] = {} if then is None else {(): then}
    scores = scorer.score(interval(ms("00:00") + 200 * MINUTE, rows, events=30 if rows else 0))
    return next(score for score in scores.rows() if score.measure == measure.name)


def test_a_ratio_of_very_few_is_held_back() -> None:
    usual = {"orders": 50.0, "views": 1000.0, "conversion": 0.05}
    few = last(CONVERSION, usual=usual, then={"orders": 20.0, "views": 40.0, "conversion": 0.5})
    many = last(CONVERSION, usual=usual, then={"orders": 500.0, "views": 1000.0, "conversion": 0.5})

    assert (few.held_by, many.held_by) == ("minimum_volume", None)
    assert few.severity == many.severity > 70


def test_a_rule_is_named_only_where_something_is_held_back() -> None:
    falls = Measure(name="falls", aggregation="count", direction="below")
    usual = {"orders": 50.0, "views": 1000.0, "falls": 100.0}

    assert last(falls, usual=usual, then={**usual, "falls": 105.0}).held_by is None
    assert last(falls, usual=usual, then={**usual, "falls": 1000.0}).held_by == "direction"
    assert last(falls, usual=usual, then={**usual, "falls": 1.0}).held_by is None


def test_that_the_source_has_stopped_is_held_back_by_no_measure() -> None:
    blocked = Measure(name="blocked", aggregation="count", direction="above")

    score = last(blocked, usual={"orders": 50.0, "views": 1000.0, "blocked": 100.0}, then=None)

    assert (score.stopped, score.value, score.held_by) == (True, None, None)

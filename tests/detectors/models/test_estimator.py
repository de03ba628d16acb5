"""A model as a River estimator says what it says in columns, and is one by River's own checks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from river.checks import yield_checks

from detectors.models import MODELS
from detectors.models.base import Moment
from detectors.models.estimator import SeriesScorer

OUTPUTS = ("expected", "lower", "upper", "scale", "surprise", "confidence")
MONDAY = datetime(2026, 6, 1, tzinfo=UTC)

checks = list(yield_checks(SeriesScorer()))


@pytest.mark.parametrize("check", checks, ids=[check.__name__ for check in checks])
def test_it_passes_rivers_checks_of_an_estimator(check: Callable[[SeriesScorer], None]) -> None:
    check(SeriesScorer())


def test_river_has_checks() -> None:
    assert len(checks) > 10


@pytest.mark.parametrize("name", list(MODELS))
@pytest.mark.parametrize("interval", [300, 3600])
def test_it_says_of_one_series_what_the_columns_say_of_it_among_others(name: str, interval: int) -> None:
    random = np.random.default_rng(1)
    table = random.poisson(random.uniform(1, 100, 5), (200, 5)).astype(np.float64)
    table[random.random(table.shape) < 0.03] = np.nan
    table[150, 2] = 1e4
    columns, one = MODELS[name](interval), SeriesScorer(name, interval)
    columns.grow(5)
    for point, row in enumerate(table):
        told = columns.assess(Moment(point * interval % 604_800), row)
        alone = one.assess_one(None, row[2])
        for output in OUTPUTS:
            np.testing.assert_array_equal(getattr(told, output)[2], getattr(alone, output))
        columns.learn(told)
        one.learn_one(None, row[2])


def test_time_is_taken_from_the_features() -> None:
    told, counted = SeriesScorer(), SeriesScorer()
    for hour in range(24 * 8):
        value = 100.0 + 50 * (hour % 24 < 8) + hour % 3
        told.learn_one({"time": MONDAY + timedelta(hours=hour)}, value)
        counted.learn_one(None, value)
    night = {"time": MONDAY + timedelta(days=8, hours=3)}
    assert told.assess_one(night, 1.0).expected == pytest.approx(151, abs=3)
    counted.learn_one(None, 151.0)
    assert told.score_one({"time": MONDAY + timedelta(days=8)}, 20.0) == 100


def test_a_missing_value_is_none() -> None:
    one, other = SeriesScorer(), SeriesScorer()
    for value in [5.0, 6.0, 7.0] * 10:
        one.learn_one(None, value)
        other.learn_one(None, value)
    assert one.score_one(None, None) == other.score_one(None, float("nan"))

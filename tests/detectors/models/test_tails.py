"""Tails of deviations, fed with noise whose tail is known."""

import numpy as np
import pytest

from detectors.models.base import Column
from detectors.models.tails import LINES, Rarity, Tails

SERIES = 50
NOISE = np.random.default_rng(4)


def tails(points_a_day: float, single: float = 1.0) -> Tails:
    new = Tails(points_a_day, np.full((LINES, 1), 0.6), np.full((LINES, 1), single))
    new.grow(SERIES)
    return new


def take(learning: Tails, deviation: Column) -> Rarity:
    keep = np.ones(SERIES, dtype=np.bool_)
    rarity = learning.measure(np.tile(deviation, (LINES, 1)), keep)
    learning.learn(rarity, keep)
    return rarity


def live(learning: Tails, days: int, points_a_day: int) -> Tails:
    for _ in range(days * points_a_day):
        take(learning, NOISE.exponential(size=SERIES))
    return learning


@pytest.mark.parametrize("points_a_day", [1, 24, 96])
def test_what_is_expected_once_a_day_is_no_surprise_however_long_an_interval_is(points_a_day: int) -> None:
    learning = live(tails(points_a_day), 5000 // points_a_day, points_a_day)
    of_a_day = np.log(points_a_day)
    keep = np.ones(SERIES, dtype=np.bool_)
    nats = learning.measure(np.full((LINES, SERIES), of_a_day + 3.0), keep).nats[0]
    assert np.median(nats) == pytest.approx(3, abs=0.8)
    assert (learning.measure(np.zeros((LINES, SERIES)), keep).nats < 0).all()


def test_reach_is_where_so_many_nats_are() -> None:
    learning = live(tails(24), 20, 24)
    keep = np.ones(SERIES, dtype=np.bool_)
    rarity = learning.measure(np.zeros((LINES, SERIES)), keep)
    there = learning.reach(rarity, np.full(SERIES, 4.0))
    assert learning.measure(there, keep).nats == pytest.approx(np.full((LINES, SERIES), 4.0), rel=0.2)


def raised(learning: Tails, points: int = 24) -> float:
    """By how much a day of an incident raises the threshold."""
    before = learning.threshold[0].copy()
    for _ in range(points):
        take(learning, np.full(SERIES, 12.0))
    return float(np.median(learning.threshold[0] - before))


def test_an_incident_does_not_pass_for_what_is_usual_but_in_a_young_series() -> None:
    young, known, mean = raised(live(tails(96), 1, 96)), raised(live(tails(96), 20, 96)), tails(96, 0.0)
    assert 0 < known < 0.5 * young
    assert known < 0.5 * raised(live(mean, 20, 96))

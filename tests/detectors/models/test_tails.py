"""Tails of deviations, fed with noise whose tail is known."""

import numpy as np
import pytest

from detectors.models.base import Column
from detectors.models.tails import SEVERAL, Rarity, Tails

#: Two lines of points, and one of means.
LINES, MEANS = 3, slice(2, 3)
SERIES = 50
NOISE = np.random.default_rng(4)


def tails(points_a_day: float) -> Tails:
    new = Tails(points_a_day, np.full((LINES, 1), 0.6), MEANS)
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
    assert np.median(nats) == pytest.approx(3 - SEVERAL, abs=0.8)
    assert (learning.measure(np.zeros((LINES, SERIES)), keep).nats < 0).all()


def test_reach_is_where_so_many_nats_are() -> None:
    learning = live(tails(24), 20, 24)
    keep = np.ones(SERIES, dtype=np.bool_)
    rarity = learning.measure(np.zeros((LINES, SERIES)), keep)
    there = learning.reach(rarity, np.full(SERIES, 4.0))
    assert learning.measure(there, keep).nats == pytest.approx(np.full((LINES, SERIES), 4.0), rel=0.3)


def raised(learning: Tails, points: int = 24) -> float:
    """By how much a day of an incident raises the threshold."""
    before = learning.threshold[0].copy()
    for _ in range(points):
        take(learning, np.full(SERIES, 12.0))
    return float(np.median(learning.threshold[0] - before))


def test_an_incident_does_not_pass_for_what_is_usual_but_in_a_young_series() -> None:
    young, known = raised(live(tails(96), 0, 96)), raised(live(tails(96), 20, 96))
    assert known < 0.5 * young


def test_of_an_event_its_peak_counts_once() -> None:
    once, long = live(tails(96), 20, 96), live(tails(96), 20, 96)
    for learning, points in ((once, 1), (long, 12)):
        before = learning.events[0].copy(), learning.excess[0].copy()
        for _ in range(points):
            take(learning, np.full(SERIES, 12.0))
        more = learning.events[0] - before[0]
        assert np.median(more) == 1
        assert (learning.excess[0] >= before[1]).all()


def test_means_bend() -> None:
    learning = live(tails(24), 20, 24)
    far = learning.measure(np.full((LINES, SERIES), 8.0), np.ones(SERIES, dtype=np.bool_)).nats
    assert (far[2] > far[0]).all()

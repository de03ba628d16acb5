"""A level that moves is found once, what was told already is not, and nothing of it is lost in a restart."""

import math
import random
from collections.abc import Iterator

import numpy as np
import pytest

from detectors.models.levels import Found, Levels

#: Hour in which the level begins to move.
AT = 400


def away(hours: int, by: float, drifts: bool = False, until: int = 10_000) -> Iterator[float]:
    """Standard errors from the season, hour by hour."""
    draw = random.Random(3)
    for hour in range(hours):
        moved = by * min(1.0, (hour - AT) / 100 if drifts else 1.0) if AT <= hour < until else 0.0
        yield draw.gauss(0, 1) + moved


def heard(values: Iterator[float], told: frozenset[int] = frozenset()) -> list[tuple[int, Found]]:
    levels = Levels(measures=1)
    return [(hour, one) for hour, value in enumerate(values) for one in levels.hear([value], [hour in told])]


@pytest.mark.parametrize(("by", "drifts"), [(1.5, False), (-1.5, False), (1.5, True)])
def test_a_level_that_moves_is_found_once_with_where_it_went(by: float, drifts: bool) -> None:
    ((hour, found), *more) = heard(away(AT + 100, by, drifts))

    assert AT < hour < AT + (90 if drifts else 40)
    assert math.copysign(1, found.now - found.before) == math.copysign(1, by)
    assert hour - found.hours >= AT - 24
    assert drifts or not more


def test_what_stays_where_it_is_has_no_findings() -> None:
    assert heard(away(3000, 0.0)) == []


def test_what_was_told_as_it_happened_is_not_told_again_nor_that_it_went_back() -> None:
    back = away(AT + 300, 3.0, until=AT + 60)
    assert heard(back, frozenset({AT})) == []


def test_that_a_level_went_back_is_no_news_for_two_weeks() -> None:
    soon, late = (heard(away(AT + 900, 3.0, until=AT + hours)) for hours in (60, 500))
    assert [one.now > one.before for _, one in soon] == [True]
    assert [one.now > one.before for _, one in late] == [True, False]


def test_a_mean_of_an_hour_is_heard_when_the_hour_ends() -> None:
    levels, hours = Levels(measures=1), Levels(measures=1)
    for value in away(AT + 100, 1.5):
        quarters = [value - 0.01, value + 0.01, math.nan, value]
        told = [levels.hear([quarter], [False], hour_ends=n == 3) for n, quarter in enumerate(quarters)]
        assert told[:3] == [[], [], []]
        assert [one.hours for one in told[3]] == [one.hours for one in hours.hear([value], [False])]


def test_a_restart_changes_nothing() -> None:
    whole, interrupted = Levels(measures=2), Levels(measures=2)
    for hour, value in enumerate(away(AT + 200, 1.5, until=AT + 100)):
        row = [value, math.nan if hour % 5 else -value]
        assert interrupted.hear(row, [False, hour == AT]) == whole.hear(row, [False, hour == AT])
        if hour % 37 == 0:
            restarted = Levels(measures=2)
            assert restarted.load(interrupted.save())
            interrupted = restarted


def test_what_is_damaged_is_not_gone_on_from() -> None:
    levels = Levels(measures=2)
    for value in away(50, 0.0):
        levels.hear([value, value], [False, False])
    stored = levels.save()
    other = {**stored, "heard": stored["heard"][:, :1]}
    damaged = {**stored, "windows": np.where(np.arange(len(stored["windows"])) == 84, 77, stored["windows"])}

    assert not Levels(measures=2).load(other)
    assert not Levels(measures=2).load({**damaged, "windows": damaged["windows"].astype(np.uint8)})

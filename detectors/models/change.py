"""Change: River's ADWIN, which reports that a mean is another one from now on, one object a series.

It hears how far values are from what is usual at the hour, in standard deviations, and compares all ways
to cut its past in two. So it finds small shifts that last and drifts, some time after they began, and says
nothing of single points. It reports a change once, in the interval after it was found; from then on the
new mean is the usual one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from detectors.models import windows
from detectors.models.base import HIGHEST, LARGEST, SEVENTY, Assessment, Column, Moment
from detectors.models.columns import SIGMA, Columns, Layout, clip, half_life
from detectors.models.objects import Objects
from detectors.models.roots import root, square
from detectors.models.seasons import DAY, HOUR
from detectors.models.trust import LEARNING_POINTS, confidence
from detectors.models.windows import Windows

#: Windows whose chance to see a change where there is none is so small, at each cut.
WINDOWS = Windows(delta=1e-5)
#: Of single values, so many standard deviations are heard.
LIMIT = 4.0
#: Beyond so many standard deviations, a change has gone farther than ADWIN hears, and the last values tell.
LARGE, RECENT_RATE = 2.0, 1 / 6
#: Visits of an hour after which half of its memory is new; it is slow, and leaves changes to be found.
HOUR_VISITS = 28
#: Days whose seasons are learnt before changes are looked for.
FIRST_DAYS = 3

Hourly = Annotated[NDArray[np.float32], Layout(24, dtype=np.float32)]


class _State(Columns):
    """What is usual at each hour of the day, in roots, and how far values are from it on average."""

    count: Column
    hour: Hourly
    visits: Hourly
    distance: Column
    #: Whether there was ever a negative value.
    negative: Column
    #: Mean distance of the values since the last change, in standard deviations.
    away: Column
    #: The same of the last values alone, in roots and without a limit: how far a large change goes.
    recent: Column
    #: Surprise of the change that was found last, until it is told; and how far it went, in roots.
    found: Column
    step: Column


@dataclass(frozen=True, slots=True)
class Changed(Assessment):
    """An assessment with the change it tells of, in the unit of the value."""

    before: Column

    def grounds(self, series: int) -> tuple[str, ...]:
        """That the mean has changed."""
        if math.isnan(self.surprise[series]) or self.surprise[series] < 0:
            return ()
        return (f"the mean has changed: {self.before[series]:.4g} before, {self.expected[series]:.4g} now",)


class Change:
    """River's ADWIN: tells once of a mean that has changed for good, and of no single value.

    >>> model = Change(interval_seconds=3600)
    >>> model.grow(1)
    >>> told = []
    >>> for hour in range(24 * 21):
    ...     visits = np.array([(100.0 if hour < 24 * 14 else 130.0) + hour % 7])
    ...     assessment = model.assess(Moment(hour * 3600 % (7 * DAY)), visits)
    ...     model.learn(assessment)
    ...     if assessment.surprise[0] > 0:
    ...         told.append(hour // 24)
    >>> told
    [15]
    """

    def __init__(self, interval_seconds: float) -> None:
        self._points_a_day = DAY / interval_seconds
        self._rate = half_life(HOUR_VISITS * max(1.0, HOUR / interval_seconds), least=1)
        self._scale_rate = half_life(HOUR_VISITS * self._points_a_day, least=50)
        self._first = max(LEARNING_POINTS, math.ceil(FIRST_DAYS * self._points_a_day))
        self._state = _State()
        self._windows = Objects(
            WINDOWS.new, {"window": windows.MOST_BYTES}, windows.read, windows.write, np.uint8
        )

    def grow(self, series: int) -> None:
        """Add series without history."""
        self._state.grow(series)
        self._windows.grow(series)

    def reset(self, series: NDArray[np.intp]) -> None:
        """Forget the history of series."""
        self._state.reset(series)
        self._windows.reset(series)

    def save(self) -> dict[str, NDArray[np.generic]]:
        """The state, series along the last axis."""
        return self._state.save() | self._windows.save()

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from a saved state; a series whose window is damaged begins anew."""
        (lengths,) = state["lengths"]
        stored = [window[:n].tobytes() for window, n in zip(state["window"].T, lengths, strict=True)]
        damaged = np.array([window != b"" and not WINDOWS.is_whole(window) for window in stored], np.bool_)
        self._state.load(state)
        self._windows.load(state | {"lengths": np.where(damaged, 0, lengths)[np.newaxis]})
        self.reset(np.flatnonzero(damaged))

    def assess(self, moment: Moment, value: Column) -> Changed:
        """Tell of the change that was found with the last value; reads only."""
        state = self._state
        known = state.count > 0
        usual = state.hour[_hour(moment)].astype(np.float64)
        now = usual + state.away * self._sigma()
        expected = np.where(known, self._in_unit(now), np.nan)
        learning = state.count < self._first
        # No band: a change is told whatever the value of the interval after it.
        nothing = np.full(len(value), np.nan)
        return Changed(
            moment=moment,
            value=value,
            expected=expected,
            lower=nothing,
            upper=nothing,
            scale=np.where(known, self._sigma() * 2 * (np.abs(now) + 1), np.nan),
            surprise=np.where(learning, np.nan, np.where(state.found > 0, state.found, -HIGHEST)),
            confidence=confidence(state.count, self._points_a_day),
            learning=learning,
            before=np.where(known, self._in_unit(now - state.step), np.nan),
        )

    def learn(self, assessment: Assessment) -> None:
        """Take in values; special days teach nothing."""
        state, value = self._state, assessment.value
        state.found[:] = 0.0
        state.step[:] = 0.0
        keep = (np.abs(value) <= LARGEST) & (not assessment.moment.special)
        hour = _hour(assessment.moment)
        x = root(np.where(keep, value, 0.0))
        usual = state.hour[hour].astype(np.float64)
        visits = state.visits[hour]
        rest = np.where(visits > 0, x - usual, 0.0)
        sigma = self._sigma()
        z = clip(rest / sigma, LIMIT)
        state.recent += keep * RECENT_RATE * (rest - state.recent)
        for number in np.flatnonzero(keep & (state.count >= self._first)).tolist():
            self._hear(number, float(z[number]))
        young = state.count < self._first
        rate = keep * np.maximum(self._rate, 1 / (visits + 1))
        believed = np.where(young, rest, z * sigma)
        state.hour[hour] += np.where(visits > 0, rate * believed, keep * x)
        visits += keep & (visits < 1e6)
        rate = keep * np.maximum(self._scale_rate, 1 / (state.count + 1))
        state.distance += rate * (np.abs(believed) - state.distance)
        np.copyto(state.negative, 1.0, where=keep & (value < 0))
        state.count += keep

    def _hear(self, number: int, z: float) -> None:
        """Let one ADWIN hear a value, and take in what it finds."""
        state, window = self._state, self._windows[number]
        before = state.away[number]
        window.update(z)
        if not window.drift_detected:
            state.away[number] = window.estimation
            return
        now, points = window.estimation, window.width
        rarity = 0.5 * points * (now - before) ** 2 - math.log(self._points_a_day)
        # The least change that is told of is of severity 70.
        state.found[number] = min(max(rarity, SEVENTY), HIGHEST)
        sigma = self._sigma()[number]
        recent = state.recent[number]
        moved = recent if abs(recent) > LARGE * sigma else now * sigma
        state.step[number] = moved - before * sigma
        # What is usual moves to where it is now, and the next change is one from there.
        state.hour[:, number] += moved
        state.recent[number] = state.away[number] = 0.0
        self._windows[number] = WINDOWS.new()

    def _sigma(self) -> Column:
        magnitude = np.abs(self._state.hour).mean(axis=0, dtype=np.float64)
        sigma: Column = SIGMA * np.maximum(self._state.distance, 0.01 * magnitude + 1e-9)
        return sigma

    def _in_unit(self, x: Column) -> Column:
        y = square(x)
        return np.where(self._state.negative > 0, y, np.maximum(y, 0.0))


def _hour(moment: Moment) -> int:
    return moment.second_of_week % DAY // HOUR

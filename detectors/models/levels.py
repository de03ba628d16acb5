"""Levels: the measures of one place whose mean has moved for good, or still moves. River's ADWIN.

In goes how far each value is from its season alone, in standard errors: there a level that changes by little
stays in sight, while forecasts get used to it. It is heard by the hour, so that what is found means the same
at every interval length. Out comes what has changed, once, when there is enough of it: some hours after a
shift, a day or two into a drift. What single points, or the last ones, have told already is not told again.
For two weeks it is no news either that a level went back to where it was.

It keeps Python objects, and is for few places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.models import windows
from detectors.models.base import HIGHEST, SEVENTY
from detectors.models.windows import Windows

#: It looks after every fourth hour.
WINDOWS = Windows(delta=1e-4, clock=4)
#: Of single values, so many standard errors are heard.
LIMIT = 4.0
#: Standard errors of a change that is of severity 70, and nats that each more of them adds.
AT_SEVENTY, STEEP = 1.0, 0.7
#: Hours before a change began in which it was seen, if something was told then.
SLACK = 36
#: What went back did so to within this share of the change, and so many hours after it was told of.
BACK, RECENT = 0.5, 14 * 24


class Found(NamedTuple):
    """A level that has changed."""

    measure: int
    #: In nats.
    surprise: float
    #: From the season, in standard errors.
    before: float
    now: float
    #: Since it began, or intervals if they are longer.
    hours: int


class Levels:
    """The levels of the measures of one place.

    >>> levels = Levels(measures=1)
    >>> found = [levels.hear([(hour % 7 - 3) / 3 + 1.2 * (hour > 500)], [False]) for hour in range(600)]
    >>> [(hour, round(one.now - one.before, 1), one.hours) for hour, told in enumerate(found) for one in told]
    [(523, 1.2, 24)]
    """

    def __init__(self, measures: int) -> None:
        self._windows = [WINDOWS.new() for _ in range(measures)]
        #: Of each measure, of this hour: the sum of what was heard, and of how many intervals.
        self._sum = np.zeros(measures)
        self._count = np.zeros(measures)
        #: Hours since something was told of it.
        self._told = np.full(measures, np.inf)
        #: The level that it went away from; NaN where nothing is away.
        self._home = np.full(measures, np.nan)

    def hear(self, away: Sequence[float], told: Sequence[bool], *, hour_ends: bool = True) -> list[Found]:
        """Take in how far the values of an interval are from their season, NaN where that is not known.

        `told` says of which measures something is told in this interval as it is.
        """
        heard = np.array(away)
        known = np.isfinite(heard)
        self._sum += np.where(known, np.clip(heard, -LIMIT, LIMIT), 0.0)
        self._count += known
        self._told[np.array(told)] = 0.0
        if not hour_ends:
            return []
        means = self._sum / np.maximum(self._count, 1)
        # Of what is not known now, it could not be said what it is.
        hears = [(m, float(means[m])) for m in np.flatnonzero(known).tolist()]
        found = [one for m, mean in hears if (one := self._hear(m, mean))]
        self._sum[:] = self._count[:] = 0.0
        self._told += 1
        return found

    def _hear(self, measure: int, mean: float) -> Found | None:
        window = self._windows[measure]
        window.update(mean)
        if not window.drift_detected:
            return None
        before, now, hours = windows.cut(window)
        # What is usual is where it is now, and the next change is one from there.
        self._windows[measure] = WINDOWS.new()
        home = self._home[measure] if self._told[measure] <= RECENT else np.nan
        self._home[measure] = np.nan
        if abs(now - home) < BACK * abs(now - before):
            return None
        # Of a drift that goes on, home is where it began.
        self._home[measure] = before if np.isnan(home) else home
        if self._told[measure] <= hours + SLACK:
            return None
        self._told[measure] = 0.0
        surprise = SEVENTY + STEEP * (abs(now - before) - AT_SEVENTY)
        return Found(measure, min(surprise, HIGHEST), before, now, hours)

    def forget(self, measure: int) -> None:
        """Let the level of a measure be whatever comes next."""
        self._windows[measure] = WINDOWS.new()
        self._home[measure] = np.nan

    def save(self) -> dict[str, NDArray[Any]]:
        """The state as named arrays."""
        stored = [np.frombuffer(windows.stored(window), np.uint8) for window in self._windows]
        return {
            "windows": np.concatenate(stored),
            "lengths": np.array([len(window) for window in stored], np.uint32),
            "heard": np.stack((self._sum, self._count, self._told, self._home)),
        }

    def load(self, state: Mapping[str, NDArray[Any]]) -> bool:
        """Go on from a saved state, of as many measures; False if that is damaged, and nothing is known."""
        lengths, all_ = state["lengths"].tolist(), state["windows"].tobytes()
        ends = np.cumsum(lengths).tolist()
        stored = [all_[end - length : end] for end, length in zip(ends, lengths, strict=True)]
        if state["heard"].shape != (4, len(self._windows)) or len(stored) != len(self._windows):
            return False
        if not all(map(WINDOWS.is_whole, stored)):
            return False
        for window, one in zip(self._windows, stored, strict=True):
            windows.write(window, {"window": list(one)})
        self._sum, self._count, self._told, self._home = state["heard"].copy()
        return True

"""Robust: medians over the same hour of the last days, moved to the median level of the last points.

Half of the values may be wrong, and neither forecast nor scale moves. It learns slowly and forgets all
after some days; nothing is smoothed.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Column, Flags, Moment
from detectors.models.columns import Columns, Layout
from detectors.models.forecasting import Forecasting, Rooted, Spread
from detectors.models.roots import root
from detectors.models.seasons import DAY, HOUR

HOURS = 24
#: Values that are remembered of each hour of the day, in roots; and how many of them a day brings.
DEPTH, A_DAY = 16, 2
#: Values that are remembered, whichever their hour.
RECENT = 24
#: An hour is asked when it has so many values, and the season when so many were held against it.
KNOWN, HELD = 2, 6
#: The median of the sizes of residuals times this is a standard deviation, for a Gauss.
SIGMA = 1.4826

Values = Annotated[NDArray[np.float32], Layout(HOURS * DEPTH, dtype=np.float32)]
Times = Annotated[NDArray[np.uint32], Layout(HOURS, dtype=np.uint32)]
Recent = Annotated[NDArray[np.float32], Layout(RECENT, dtype=np.float32)]
Once = Annotated[NDArray[np.uint32], Layout(dtype=np.uint32)]


class _Windows(Columns):
    """The last values of each hour; the last ones of all, and what was left of them by their hours."""

    hour: Values
    hour_times: Times
    recent: Recent
    recent_times: Once
    rest: Recent
    rest_times: Once


class Robust(Forecasting):
    """Medians of the same hour on the last days, and median deviations.

    >>> model = Robust(interval_seconds=3600)
    >>> model.grow(1)
    >>> for hour in range(24 * 14):
    ...     visits = np.array([100.0 + 20 * (hour % 24 > 8) + hour % 3])
    ...     model.learn(model.assess(Moment(hour * 3600 % (7 * DAY)), visits))
    >>> told = model.assess(Moment(0), np.array([50.0]))
    >>> round(told.expected[0], -1).item(), bool(told.surprise[0] > 10)
    (100.0, True)
    """

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        self._interval = interval_seconds
        # Not every point of a busy hour: those a little more than half an hour apart, or a third of one,
        # so that on another day it is another minute.
        self._stride = int(HOUR / interval_seconds) // A_DAY + 1
        self._windows = _Windows()
        self.parts["windows"] = self._windows

    def _forecast(self, moment: Moment) -> Spread:
        windows = self._windows
        base, known = self._usual(moment)
        seasonal = known & (windows.rest_times >= HELD)
        rest, rest_strayed = _middle(windows.rest, windows.rest_times)
        recent, recent_strayed = _middle(windows.recent, windows.recent_times)
        sigma = SIGMA * np.where(seasonal, rest_strayed, recent_strayed)
        expected = np.where(seasonal, base + rest, recent)
        return Rooted(
            np.where(self._state.count > 0, expected, np.nan), np.maximum(sigma, 1.25 * self._floor())
        )

    def _usual(self, moment: Moment) -> tuple[Column, Flags]:
        """The median of the hour, and whether it is known."""
        lines, times = self._hour(moment)
        return _median(lines, times), times >= KNOWN

    def _take(self, moment: Moment, value: Column, spread: Spread, keep: Flags) -> None:
        x = root(np.where(keep, value, 0.0))
        windows = self._windows
        base, known = self._usual(moment)
        _remember(windows.recent, windows.recent_times, x, keep)
        _remember(windows.rest, windows.rest_times, x - base, keep & known)
        if int(moment.second_of_week / self._interval) % self._stride == 0:
            _remember(*self._hour(moment), x, keep)

    def _hour(self, moment: Moment) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
        hour = moment.second_of_week % DAY // HOUR
        return self._windows.hour[hour * DEPTH : (hour + 1) * DEPTH], self._windows.hour_times[hour]


def _middle(lines: NDArray[np.float32], times: NDArray[np.uint32]) -> tuple[Column, Column]:
    """The median, and the median distance from it."""
    middle = _median(lines, times)
    return middle, _median(np.abs(lines - middle), times)


def _median(lines: NDArray[np.float32], times: NDArray[np.uint32]) -> Column:
    """The median of the values that there are; zero of none."""
    there = np.minimum(times, len(lines)).astype(np.intp)
    ordered = np.sort(np.where(np.arange(len(lines))[:, np.newaxis] < there, lines, np.inf), axis=0)
    middle = np.stack((np.maximum(there - 1, 0) // 2, there // 2 * (there > 0)))
    middle = np.minimum(middle, len(lines) - 1)
    pair = np.take_along_axis(ordered, middle, axis=0).astype(np.float64)
    return np.where(there > 0, 0.5 * (pair[0] + pair[1]), 0.0)


def _remember(lines: NDArray[np.float32], times: NDArray[np.uint32], value: Column, keep: Flags) -> None:
    """Put values in the place of the oldest."""
    kept = np.flatnonzero(keep)
    lines[times[kept] % len(lines), kept] = value[kept]
    times[kept] += 1

"""Holt-Winters: River's exponential smoothing of level, trend and a season of the day, one object a series.

It works in roots, where an additive season is nearly in proportion to the level and never divides by it.
What is missing, or on a special day, is learnt as the forecast itself: it changes nothing, and the season
goes on.
"""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
from river import time_series

from detectors.models.base import Column, Flags, Moment
from detectors.models.forecasting import Forecasting, Rooted, Spread
from detectors.models.objects import Memory, Objects
from detectors.models.phase import Phase
from detectors.models.roots import root

ALPHA, BETA, GAMMA = 0.3, 0.01, 0.3
#: Intervals of a season: a day, or a week of days.
LEAST_SEASON = 7


class HoltWinters(Forecasting):
    """River's Holt-Winters: level, trend and the season of a day.

    >>> model = HoltWinters(interval_seconds=3600)
    >>> model.grow(1)
    >>> for hour in range(24 * 14):
    ...     visits = np.array([100.0 + 20 * (hour % 24 > 8) + hour % 3])
    ...     model.learn(model.assess(Moment(hour * 3600 % 604_800), visits))
    >>> told = model.assess(Moment(0), np.array([50.0]))
    >>> round(told.expected[0], -1).item(), bool(told.surprise[0] > 20)
    (100.0, True)
    """

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        season = self._season = max(LEAST_SEASON, round(self._points_a_day))
        self._smoothing = Objects(
            lambda: time_series.HoltWinters(ALPHA, BETA, GAMMA, seasonality=season),  # type: ignore[no-untyped-call]  # River has no types
            {"level": 2, "trend": 2, "season": season + 1},
            _read,
            _write,
        )
        self._phase = Phase(interval_seconds, season)
        self.parts |= {"smoothing": self._smoothing, "phase": self._phase}

    def _forecast(self, moment: Moment) -> Spread:
        ahead = [_ahead(*both) for both in zip(self._smoothing, self._phase.ahead(moment), strict=True)]
        return Rooted(np.array(ahead, dtype=np.float64), self._sigma())

    def _take(self, moment: Moment, value: Column, spread: Spread, keep: Flags) -> None:
        believed = root(self._believed(value, spread, keep))
        steps = self._phase.ahead(moment)
        for one, x, ahead in zip(self._smoothing, believed.tolist(), steps, strict=True):
            if not math.isnan(x) and ahead < self._season:
                for _ in range(ahead - 1):
                    _learn(one, _ahead(one, 1))
                _learn(one, x)
        self._phase.learn(moment, ~np.isnan(believed))


def _ahead(one: Any, steps: int) -> float:
    """A value to come. Until the first season is there, it is the last."""
    if one._initialized:
        ahead: float = one.forecast(steps)[-1]
        return ahead
    return one._first_values[-1] if one._first_values else math.nan


def _learn(one: Any, x: float) -> None:
    if one._initialized:
        one.learn_one(x)
        return
    first = one._first_values
    first.append(x)
    if len(first) == one.seasonality:
        # River would begin a season of sums with ratios, and divide by a level of zero.
        level = statistics.fmean(first)
        one.level.append(level)
        one.trend.append((first[-1] - first[0]) / (len(first) - 1))
        one.season.extend([value - level for value in first])
        one._first_values, one._initialized = [], True


def _read(one: Any) -> Memory:
    """River keeps the values of the first season until it knows the level."""
    return {"level": one.level, "trend": one.trend, "season": one.season or one._first_values}


def _write(one: Any, memory: Memory) -> None:
    one._initialized = bool(memory["level"])
    if one._initialized:
        one.level.extend(memory["level"])
        one.trend.extend(memory["trend"])
        one.season.extend(memory["season"])
    else:
        one._first_values = list(memory["season"])

"""SNARIMAX: River's online autoregression with a season of the day, one object a series.

It learns by gradient descent, which diverges on numbers of any size. So it gets values in roots, as
standard scores of the series so far, and within limits. What is missing, or on a special day, is learnt as
the forecast itself, which changes no weight.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from river import linear_model, optim, time_series

from detectors.models.base import Column, Flags, Moment
from detectors.models.columns import SIGMA, Columns, follow, half_life
from detectors.models.forecasting import Forecasting, Rooted, Spread
from detectors.models.objects import Memory, Objects
from detectors.models.phase import Phase
from detectors.models.roots import root

#: Last values and errors, and those of as many days before.
LAGS, ERRORS, SEASONS = 3, 1, 1
RATE = 0.01
#: Standard scores are kept within these limits: so each step of the descent is a small one.
LIMIT = 4.0
#: Half-life of mean and deviation that scores are made with.
SCORE_DAYS = 7.0
LEAST_SEASON = 7


class _Standard(Columns):
    """Mean of the values of a series, and their mean distance from it, in roots."""

    mean: Column
    distance: Column
    times: Column


class Snarimax(Forecasting):
    """River's SNARIMAX: an autoregression on the last values, and on those a day ago.

    >>> model = Snarimax(interval_seconds=3600)
    >>> model.grow(1)
    >>> for hour in range(24 * 14):
    ...     visits = np.array([100.0 + 20 * (hour % 24 > 8) + hour % 3])
    ...     model.learn(model.assess(Moment(hour * 3600 % 604_800), visits))
    >>> told = model.assess(Moment(0), np.array([50.0]))
    >>> round(told.expected[0], -1).item(), bool(told.surprise[0] > 10)
    (110.0, True)
    """

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        season = max(LEAST_SEASON, round(self._points_a_day))
        self._rate = half_life(SCORE_DAYS * self._points_a_day, least=50)
        self._standard = _Standard()
        features = list(_features(season))
        self._regressions = Objects(
            lambda: _new(season),
            {
                "values": season * SEASONS,
                "errors": season * SEASONS,
                "weights": len(features),
                "intercept": 1,
            },
            lambda one: _read(one, features),
            lambda one, memory: _write(one, memory, features),
        )
        self._season = season
        self._phase = Phase(interval_seconds, season)
        self.parts |= {"standard": self._standard, "regressions": self._regressions, "phase": self._phase}

    def _forecast(self, moment: Moment) -> Spread:
        steps = self._phase.ahead(moment)
        ahead = [one.forecast(n)[-1] for one, n in zip(self._regressions, steps, strict=True)]
        scores = np.array(ahead, dtype=np.float64)
        mean, unit = self._mean_and_unit()
        x = mean + unit * np.clip(scores, -LIMIT, LIMIT)
        return Rooted(np.where(self._standard.times > 0, x, np.nan), self._sigma())

    def _take(self, moment: Moment, value: Column, spread: Spread, keep: Flags) -> None:
        believed = root(self._believed(value, spread, keep))
        standard = self._standard
        known = ~np.isnan(believed)
        mean, unit = self._mean_and_unit()
        scores = np.clip((believed - mean) / unit, -LIMIT, LIMIT)
        steps = self._phase.ahead(moment)
        for one, score, ahead in zip(self._regressions, scores.tolist(), steps, strict=True):
            if not math.isnan(score) and ahead < self._season:
                for _ in range(ahead - 1):
                    one.learn_one(float(np.clip(one.forecast(1)[0], -LIMIT, LIMIT)))
                one.learn_one(score)
        self._phase.learn(moment, known)
        x = np.where(known, believed, standard.mean)
        rate = known * np.maximum(self._rate, 1 / (standard.times + 1))
        follow(standard.mean, x, rate)
        follow(standard.distance, np.abs(x - standard.mean), rate)
        standard.times += known

    def _mean_and_unit(self) -> tuple[Column, Column]:
        standard = self._standard
        return standard.mean, SIGMA * np.maximum(standard.distance, self._floor())


def _new(season: int) -> Any:
    regressor = linear_model.LinearRegression(optimizer=optim.SGD(RATE), intercept_lr=RATE)
    return time_series.SNARIMAX(p=LAGS, d=0, q=ERRORS, m=season, sp=SEASONS, sq=SEASONS, regressor=regressor)


def _features(season: int) -> Iterator[str]:
    """What River calls the inputs of the regression."""
    yield from (f"y-{lag}" for lag in range(1, LAGS + 1))
    yield from (f"e-{lag}" for lag in range(1, ERRORS + 1))
    yield from (f"{kind}-{season * day}" for kind in ("sy", "se") for day in range(1, SEASONS + 1))


def _read(one: Any, features: list[str]) -> Memory:
    weights = [one.regressor.weights.get(feature, 0.0) for feature in features]
    return {
        "values": one.y_diff,
        "errors": one.errors,
        "weights": weights,
        "intercept": [one.regressor.intercept],
    }


def _write(one: Any, memory: Memory, features: list[str]) -> None:
    one.y_diff.extend(memory["values"])
    one.errors.extend(memory["errors"])
    for feature, weight in zip(features, memory["weights"], strict=True):
        one.regressor._weights[feature] = weight
    (one.regressor.intercept,) = memory["intercept"]

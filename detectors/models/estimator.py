"""A model as a River estimator: one series, one value at a time, to be used and compared like River's own.

It says at every point what the same model says in columns (`alone`): a change of the columns is one of the
estimator too.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
from river import base

from detectors.models import MODELS
from detectors.models.alone import alone
from detectors.models.base import Moment
from detectors.models.scalar import Told
from detectors.models.seasons import WEEK
from detectors.severity import severity


class SeriesScorer(base.SupervisedAnomalyDetector):
    """Severity of the values of one series, 0 to 100, by any of the models.

    Time is taken from the feature `time` of `x`, a local `datetime`, where there is one. Otherwise values
    follow each other at the interval, the first on a Monday at midnight. None and NaN are missing values.

    Parameters
    ----------
    model
        Name of a model, such as `seasonal`.
    interval_seconds
        Seconds from one value to the next.

    >>> scorer = SeriesScorer(interval_seconds=3600)
    >>> for hour in range(24 * 14):
    ...     visits = 100.0 + hour % 24 + hour % 3
    ...     scorer.learn_one(None, visits)
    >>> scorer.score_one(None, 101.0) < 50, scorer.score_one(None, 20.0)
    (True, 100.0)
    """

    def __init__(self, model: str = "seasonal", interval_seconds: float = 3600.0) -> None:
        self.model = model
        self.interval_seconds = interval_seconds
        self._one = alone(MODELS[model](interval_seconds), interval_seconds)
        self._learnt = 0
        #: What was told last, of which value: it is not computed again to be learnt.
        self._told: tuple[float | None, Told] | None = None

    def assess_one(self, x: dict[Any, Any] | None, y: float | None) -> Told:
        """All that the model says of a value; reads only."""
        moment = self._moment(x)
        if self._told is None or (self._told[0], self._told[1].moment) != (y, moment):
            self._told = y, self._one.assess(moment, math.nan if y is None else float(y))
        return self._told[1]

    def score_one(self, x: dict[Any, Any] | None, y: Any) -> float:
        """Severity of a value, before it is learnt; 0 while the model is learning."""
        return float(severity(np.array(self.assess_one(x, y).surprise)))

    def learn_one(self, x: dict[Any, Any] | None, y: Any) -> None:
        """Take a value in, after it was scored."""
        self._one.learn(self.assess_one(x, y))
        self._learnt += 1
        self._told = None

    def _moment(self, x: dict[Any, Any] | None) -> Moment:
        time = (x or {}).get("time")
        if isinstance(time, datetime):
            return Moment.at(time)
        return Moment(int(self._learnt * self.interval_seconds) % WEEK)

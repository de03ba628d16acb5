"""Scalar: a model of a single series, without what numpy asks for each operation on a column of one.

What the model does is traced, and written in Python for numbers, operation by operation as the columns do
it: so both say the same, to the last bit. The state stays in the columns of the model, which may be saved
and looked at as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from detectors.models.base import Moment
from detectors.models.tracing import Traceable, trace
from detectors.models.writing import OBJECTS, Source

#: How to assess a value at a second of the week, and how to learn from what that has made.
Assessing = tuple[Callable[[float, int], tuple[Any, ...]], Callable[[Any], None]]


class Told(NamedTuple):
    """What a model says of one value: an assessment in numbers."""

    moment: Moment
    value: float
    expected: float
    lower: float
    upper: float
    scale: float
    surprise: float
    confidence: float
    learning: bool
    lasting: float
    #: What `learn` needs of how it was made.
    made: Any


class Scalar:
    """A model without series, as that of one, which is lent nothing.

    >>> from detectors.models.seasonal import Seasonal
    >>> one = Scalar(Seasonal(interval_seconds=3600), interval_seconds=3600)
    >>> for hour in range(24 * 14):
    ...     one.learn(one.assess(Moment(hour * 3600 % 604_800), 100.0 + hour % 24 + hour % 3))
    >>> one.assess(Moment(0), 20.0).surprise > 20
    True
    """

    def __init__(self, model: Traceable, interval_seconds: float) -> None:
        #: To be looked at alone: what is written learns, and knows where its columns lie.
        self.model, self._interval = model, interval_seconds
        self.model.grow(1)
        #: How to assess and how to learn, on plain days and on special ones.
        self._how: dict[bool, Assessing] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_how": {}}

    def assess(self, moment: Moment, value: float) -> Told:
        """Score a value, NaN where there is none; reads only."""
        assess, _ = self._written(special=moment.special)
        return Told(moment, value, *assess(value, moment.second_of_week))

    def learn(self, told: Told) -> None:
        """Take in what was assessed."""
        _, learn = self._written(special=told.moment.special)
        learn(told.made)

    def grounds(self, told: Told) -> tuple[str, ...]:
        """What the model says of a value in words, before it is learnt."""
        return self.model.assess(told.moment, np.array([told.value])).grounds(0)

    def _written(self, *, special: bool) -> Assessing:
        if special not in self._how:
            columns = {name: array.reshape(-1).data for name, array in self.model.save().items()}
            self._how[special] = _bind(type(self.model), self._interval, special)(columns)
        return self._how[special]


@cache
def _bind(
    kind: type[Traceable], interval_seconds: float, special: bool
) -> Callable[[dict[str, Any]], Assessing]:
    """What gives, of the columns of one series, how to assess it and how to learn."""
    source = Source(trace(kind(interval_seconds), special=special))
    known: dict[str, Any] = {**OBJECTS}
    exec(compile("\n".join(source.lines()), f"<{kind.__name__} of one series>", "exec"), known)  # noqa: S102
    bind: Callable[[dict[str, Any]], Assessing] = known["bind"]
    return bind

"""The contract of a model: series that advance together, in columns, one number a series.

`assess` reads only: asked twice it says the same. `learn` comes after, with what was assessed, so
that no point is ever scored by a model that has already seen it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: Which series of a block.
Series = NDArray[np.intp]

#: Surprise of severity 50, where the band of expected values ends; of severity 70; and the highest there is.
BAND, SEVENTY, HIGHEST = float(np.log(7)), float(np.log(70)), 30.0
#: No measurement is larger, and what tables hold (float32) must be: beyond it, a value is missing.
LARGEST = 1e60


@dataclass(frozen=True, slots=True)
class Moment:
    """When an interval is, as models see it: local time, so that a day is a day in summer too."""

    #: Seconds since Monday 00:00 in the detector's time zone, at the interval's start.
    second_of_week: int
    #: A holiday or event that the calendar knows: a day unlike its weekday.
    special: bool = False

    @classmethod
    def at(cls, local: datetime, *, special: bool = False) -> Moment:
        """The moment of a local time."""
        second = (local.weekday() * 24 + local.hour) * 3600 + local.minute * 60 + local.second
        return cls(second, special)


@dataclass(frozen=True, slots=True)
class Assessment:
    """What a model says of one interval, in columns of float64; NaN where it has nothing to say.

    `surprise` is in nats: a surprise of s is expected e^-s times a day while nothing is wrong.
    Ordinary points have a surprise below zero.
    """

    moment: Moment
    value: Column
    expected: Column
    lower: Column
    upper: Column
    #: One standard error of the forecast, in the unit of the value.
    scale: Column
    surprise: Column
    #: 0–1, grows with what the model has seen of the series.
    confidence: Column
    #: True until the model has seen enough of the series to be asked.
    learning: Flags

    @property
    def lasting(self) -> Column:
        """How far values are from what the last days would have brought, in standard errors.

        A forecast soon gets used to another level, and then finds nothing unusual about it. NaN where a
        model does not know, and 0 where a series has no value or too few.
        """
        return np.full_like(self.value, np.nan)

    @property
    def from_season(self) -> Column:
        """How far values are from their season alone, in standard errors; NaN if not known.

        There a level stays where it went, whatever forecasts have got used to.
        """
        return np.full_like(self.value, np.nan)

    def grounds(self, series: int) -> tuple[str, ...]:
        """From what the forecast of a series comes, and what is unusual about its value, in words."""
        return ()


class Model(Protocol):
    """A forecaster of many series at once."""

    def __init__(self, interval_seconds: float) -> None:
        """A model without series; `grow` adds them."""

    def grow(self, series: int) -> None:
        """Add series that have no history, after those there are."""

    def reset(self, series: Series) -> None:
        """Forget the history of series: their places in the columns are others' from now on."""

    def assess(self, moment: Moment, value: Column) -> Assessment:
        """Score an interval; reads only. NaN in `value` means that there is no value."""

    def learn(self, assessment: Assessment) -> None:
        """Take in what was assessed. Surprising values are not believed at once."""

    def save(self) -> dict[str, NDArray[np.generic]]:
        """The whole state as named arrays, series along the last axis; not copied, and so to be read only."""

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from a saved state."""


@runtime_checkable
class Adopter(Model, Protocol):
    """A model that can take another level for the usual one at once, and keep what else it knows."""

    def adopt(self, assessment: Any, series: Flags) -> None:
        """Let values that were assessed, and learnt, be the level of some series from now on."""


@runtime_checkable
class Lender(Model, Protocol):
    """A model whose series need not begin with nothing: others of its kind lend them their shape."""

    def lend(self, series: Series, other: Any, lenders: Series) -> None:
        """Let series without history begin in the shape of others, of a model of the same class."""

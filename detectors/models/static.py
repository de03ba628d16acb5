"""Static: the limits that a user gives, and nothing learnt.

What is inside is never told of. Severity says how far outside a value is: 70 at the limit, which is what
alert rules ask for unless told otherwise; 90 where it is as far out as the limits are apart (with a single
limit: as the limit is large); 100 at 3.4 times that. It promises no rate: the user has said what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import HIGHEST, SEVENTY, Assessment, Column, Moment

#: The lowest and the highest value that is in order; None where there is no limit.
Limits = tuple[float | None, float | None]


class Limited(Assessment):
    """An assessment by limits."""

    def grounds(self, series: int) -> tuple[str, ...]:
        """Which limit a value is beyond."""
        value, lower, upper = self.value[series], self.lower[series], self.upper[series]
        if value > upper:
            return (f"above its limit of {upper:g}",)
        return (f"below its limit of {lower:g}",) if value < lower else ()


class Static:
    """Limits given in the configuration, `lower` and `upper`: severity says how far outside a value is.

    >>> model = Static(interval_seconds=60, limits=[(None, 100.0)])
    >>> model.grow(3)
    >>> model.assess(Moment(0), np.array([99.0, 101.0, 250.0])).surprise.round(1).tolist()
    [-30.0, 4.3, 6.9]
    """

    def __init__(self, interval_seconds: float, limits: Sequence[Limits] = ((None, None),)) -> None:
        """`limits` of the measures whose series go place by place."""
        self._limits = np.array(limits, dtype=np.float64).T
        lower, upper = self._limits
        one = np.where(np.isnan(lower), upper, lower)
        two = np.where(np.isnan(upper), lower, upper)
        apart = np.where(one == two, np.abs(one), two - one)
        self._apart = np.where(apart > 0, apart, 1.0)
        self._expected = 0.5 * (one + two)

    def grow(self, series: int) -> None:
        """Add series."""

    def reset(self, series: NDArray[np.intp]) -> None:
        """There is no history to forget."""

    def assess(self, moment: Moment, value: Column) -> Assessment:
        """How far outside its limits each value is."""
        lower, upper, expected, apart = (
            np.resize(column, len(value)) for column in (*self._limits, self._expected, self._apart)
        )
        outside = np.fmax(lower - value, value - upper) / apart
        surprise = np.where(outside > 0, SEVENTY + np.log1p(9 * np.maximum(outside, 0.0)), -HIGHEST)
        return Limited(
            moment=moment,
            value=value,
            expected=expected,
            lower=lower,
            upper=upper,
            scale=apart,
            surprise=np.where(np.isfinite(value), np.minimum(surprise, HIGHEST), np.nan),
            confidence=np.ones(len(value)),
            learning=np.zeros(len(value), dtype=np.bool_),
        )

    def learn(self, assessment: Assessment) -> None:
        """Limits stay as they are."""

    def save(self) -> dict[str, NDArray[np.generic]]:
        """No state."""
        return {}

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Limits are in the configuration, not in the state."""

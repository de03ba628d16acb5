"""Mixture: simple forecasts side by side, weighted by how well each has done of late.

The candidates are the level, the season of the day and of the week shifted to the level of now, and
both scaled to it; a caller may add one of its own. All in roots (see `seasonal`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Column, Flags, Series
from detectors.models.columns import Columns, Gain, Layout, Lines, Three, Two, clip, follow, track
from detectors.models.seasons import Season

#: Errors beyond this many scales count no more.
ERROR_LIMIT = 6.0
#: Rate at which scales follow.
SCALE = 0.002
#: How far a season may be scaled.
SMALLEST_RATIO, LARGEST_RATIO = 0.05, 20.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the candidates say, what the mixture says, and what that leaves of the value."""

    candidates: Lines
    valid: NDArray[np.bool_]
    #: How much each candidate counts, against the best of them.
    weight: Lines
    expected: Column
    residual: Column

    @property
    def level(self) -> Column:
        """The first candidate."""
        level: Column = self.candidates[0]
        return level


class Mixture(Columns):
    """Candidates that share an idea of now: a fast one that follows at once, or a slow one."""

    #: Mean absolute error of each candidate.
    error: Annotated[Lines, Layout(5)]
    #: How far the season of the day and of the week is off by now.
    offset: Two
    #: The mixture, the season of the day and that of the week, averaged alike: their ratios are scalings.
    norm: Three
    #: Mean absolute residual of the mixture.
    scale: Column

    def __init__(self, rate: float, error_rate: float, candidates: int) -> None:
        super().__init__(error=candidates)
        self._rate, self._error_rate = rate, error_rate

    def candidates(
        self, level: Column, season: Season, positive: Flags, fits: Flags
    ) -> tuple[Lines, NDArray[np.bool_]]:
        """The forecasts, and which of them know enough; lines past the fifth are left to the caller.

        A season that does not fit the size of its series may be scaled, but not shifted.
        """
        lines = np.empty_like(self.error)
        valid = np.ones_like(lines, dtype=np.bool_)
        lines[0] = level
        np.add(season.day, self.offset[0], out=lines[1])
        np.add(season.week, self.offset[1], out=lines[2])
        now, day, week = self.norm
        np.multiply(season.day, _ratio(now, day), out=lines[3])
        np.multiply(season.week, _ratio(now, week), out=lines[4])
        np.logical_and(season.known, fits, out=valid[1:3])
        np.logical_and(season.known, positive, out=valid[3:5])
        return lines, valid

    def mix(self, x: Column, lines: Lines, valid: NDArray[np.bool_], magnitude: Column) -> Forecast:
        """The mean of the candidates, weighted by the sixth power of their accuracy."""
        # One that knows nothing yet has no weight, and is booked the error of the level.
        np.copyto(lines, lines[0], where=~valid)
        weight = weights(self.error, valid, magnitude)
        expected = _sum(weight * lines) / _sum(weight)
        return Forecast(lines, valid, weight, expected, x - expected)

    def learn(self, x: Column, forecast: Forecast, season: Season, scale: Column, gain: Gain) -> Column:
        """Take in a value; the residual as far as it is believed comes back."""
        limit = gain.believed(scale)
        believed = clip(forecast.residual, limit)
        missed = np.minimum(np.abs(x - forecast.candidates), ERROR_LIMIT * scale)
        follow(self.error, missed, gain.at_least(self._error_rate))
        rate = gain.at_least(self._rate)
        self.offset += forecast.valid[1:3] * rate * clip(x - forecast.candidates[1:3], limit)
        norms = np.stack((forecast.expected + believed, season.day, season.week))
        follow(self.norm, norms, np.where(self.norm == 0, gain.keep, rate) * season.known[[0, 0, 1]])
        return believed

    def adopt(self, where: Flags, level: Column, forecast: Forecast) -> None:
        """Let the level of now be the one that candidates are shifted and scaled to."""
        self.offset += (where & forecast.valid[1:3]) * (level - forecast.candidates[1:3])
        self.norm[0] *= np.where(where, _ratio(level, forecast.expected), 1.0)

    def size(self, series: Series) -> Column:
        """How many times as large as what their seasons say series are; 0 where that means nothing."""
        now, day, week = self.norm[:, series]
        said = np.where(week > 0, week, day)
        means_much = (now > 0) & (said > 0)
        return np.where(means_much, now / np.where(means_much, said, 1.0), 0.0)

    def fit(self, series: Series, size: Column, error: Lines, scale: Column) -> None:
        """Let seasons be that many times as large; `error` and `scale` are of what they come from.

        No series is taken to be steadier than what it is like.
        """
        self.norm[1:, series] *= size
        self.error[1:3, series] = self.error[3:5, series]
        self.error[:, series] = np.maximum(self.error[:, series], error[: len(self.error)])
        self.scale[series] = np.maximum(self.scale[series], scale)

    def learn_scale(self, forecast: Forecast, floor: Column, gain: Gain) -> None:
        """Take in the size of a residual."""
        followed = track(self.scale, forecast.residual, floor, SCALE, gain.times)
        self.scale = np.where(gain.keep, followed, self.scale)


def weights(error: Lines, valid: NDArray[np.bool_], magnitude: Column) -> Lines:
    """How much each candidate counts against the best of them: the sixth power of its accuracy."""
    error = np.where(valid, error + (1e-6 * magnitude + 1e-9), np.inf)
    accuracy = error.min(axis=0) / error
    accuracy *= accuracy
    weight: Lines = accuracy * accuracy * accuracy
    return weight


def _ratio(a: Column, b: Column) -> Column:
    usable = b > 0
    ratio = a / np.where(usable, b, 1.0)
    return np.where(usable, np.minimum(np.maximum(ratio, SMALLEST_RATIO), LARGEST_RATIO), 1.0)


def _sum(lines: Lines) -> Column:
    """The sum over lines; numpy's own adds in another order where there is a single series."""
    total: Column = reduce(np.add, lines)
    return total

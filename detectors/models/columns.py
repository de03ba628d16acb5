"""State in columns: named arrays with one or more lines, and one number a series in each line.

Series run along the last axis, so that one line over all series is contiguous and an operation on it
costs no indexing. They are stored alike: of tables with many lines most then stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Annotated, Any, ClassVar, NamedTuple, get_args, get_type_hints

import numpy as np
from numpy.typing import DTypeLike, NDArray

from detectors.models.base import Column, Flags

#: A mean absolute residual times this is a standard deviation.
SIGMA = 1.25
#: Of surprising values, learning believes this many standard deviations.
BELIEVED = 3.0
#: The quantile that scales follow; for a Gauss, that quantile of the size over its mean.
QUANTILE, QUANTILE_SIZE = 0.7, 1.0364 * 1.2533

#: A number a series and line, `lines × series`.
Lines = NDArray[np.float64]


class Layout(NamedTuple):
    """The shape of a column: how many lines (0: a plain column), how it starts, how it is kept."""

    lines: int = 0
    start: float = 0.0
    dtype: DTypeLike = np.float64


Two = Annotated[Lines, Layout(2)]
Three = Annotated[Lines, Layout(3)]


class Columns:
    """Declares its columns as annotated attributes; knows how to grow, reset, save and load them.

    >>> class Level(Columns):
    ...     mean: Column
    ...     errors: Annotated[Lines, Layout(2, start=1.0)]
    >>> level = Level()
    >>> level.grow(3)
    >>> level.mean.shape, level.errors.shape, level.save()["errors"].shape
    ((3,), (2, 3), (2, 3))
    """

    layouts: ClassVar[dict[str, Layout]]

    def __init_subclass__(cls) -> None:
        hints = get_type_hints(cls, include_extras=True)
        del hints["layouts"]
        cls.layouts = {
            name: next((extra for extra in get_args(hint) if isinstance(extra, Layout)), Layout())
            for name, hint in hints.items()
        }

    def __init__(self, **lines: int) -> None:
        """No series yet; `lines` gives the number of lines of columns for which it is not fixed."""
        self._layouts = {
            n: layout._replace(lines=lines.get(n, layout.lines)) for n, layout in self.layouts.items()
        }
        for name in self._layouts:
            setattr(self, name, self._blank(name, 0))

    def _blank(self, name: str, series: int) -> NDArray[Any]:
        lines, start, dtype = self._layouts[name]
        return np.full((lines, series) if lines else (series,), start, dtype)

    def grow(self, series: int) -> None:
        """Add series without history after those there are."""
        for name in self._layouts:
            blank = self._blank(name, series)
            setattr(self, name, np.concatenate((getattr(self, name), blank), axis=-1))

    def reset(self, series: NDArray[np.intp]) -> None:
        """Let series be without history again."""
        for name, layout in self._layouts.items():
            getattr(self, name)[..., series] = layout.start

    def save(self) -> dict[str, NDArray[np.generic]]:
        """The columns themselves."""
        return {name: getattr(self, name) for name in self._layouts}

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Take the columns of a saved state; other names in it are not ours."""
        for name, layout in self._layouts.items():
            setattr(self, name, np.array(state[name], layout.dtype))


@dataclass(frozen=True, slots=True)
class Gain:
    """How much a value counts: all at first, then its share of what was seen; nothing if not kept."""

    keep: Flags
    times: Column

    def at_least(self, rate: float) -> Column:
        """The share of the value in an average that forgets at this rate."""
        return np.where(self.keep, np.maximum(rate, 1 / (self.times + 1)), 0.0)

    def believed(self, scale: Column) -> Column:
        """The largest deviation to be learnt in full: at first any."""
        return np.where(self.times < 10, np.inf, BELIEVED * SIGMA * scale)


def follow(average: NDArray[np.float64], target: NDArray[np.float64], rate: NDArray[np.float64]) -> None:
    """Move an average towards a target, in place."""
    average += rate * (target - average)


def clip(a: NDArray[np.float64], limit: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """The number within ± the limit; `np.clip` costs several times as much on a block."""
    return np.minimum(np.maximum(a, -limit), limit)


def track(scale: Column, residual: Column, floor: Column, rate: float, times: Column) -> Column:
    """Follow the mean size of residuals by a quantile of it, which outliers cannot stretch.

    The first sizes are averaged. Then the scale steps up or down with odds that balance where the
    0.7 quantile of sizes is what it is for a Gauss of that mean size.
    """
    size = np.abs(residual)
    share = 1 / (times + 1)
    scaled = np.maximum(scale, 0.3 * floor)
    turn = np.where(size > scaled * QUANTILE_SIZE, QUANTILE, QUANTILE - 1)
    followed = scaled * np.exp(2 * np.maximum(rate, 1.5 * share) * turn)
    return np.where(times < 12, scale + (size - scale) * share, followed)


def half_life(points: float, least: float) -> float:
    """The rate that forgets half in so many points."""
    return float(1 - 0.5 ** (1 / max(points, least)))


def smallest(residuals: Lines) -> Column:
    """The smallest residual of each series, with its sign."""

    def smaller(a: Column, b: Column) -> Column:
        return np.where(np.abs(b) < np.abs(a), b, a)

    return reduce(smaller, residuals)

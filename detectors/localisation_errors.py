"""Intervals in which nothing was wrong → which errors are usual, so that no such error is called a fault.

Learnt are: of a leaf, how far it strays by itself; of a value, the error that all of its leaves share, on
average and how it varies; and of a level, how unusual its most unusual place is in an ordinary interval.
What is hardly more unusual than that is a general wobble. Running means throughout: older intervals count
less and less once there are MEMORY of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from detectors.localisation_levels import Codes, Levels, Numbers
from detectors.localisation_unusual import Unusual, Usual
from detectors.state import Array

#: Intervals before one can be gauged, and from which on there is an idea of what is usual; how many are
#: remembered.
FIRST, ENOUGH, MEMORY = 3, 5, 200
#: The errors of one leaf or value count as much as those of all others after so many intervals.
OTHERS = 16.0
#: Squares in units of what is usual count no more than this: they may be a fault of the past.
MOST = 9.0
#: The median of the square of a normal error.
MEDIAN_SQUARE = 0.4549
#: Spread of shared errors before anything is known; no smaller one is believed.
UNKNOWN, LEAST = 0.5, 1e-3
#: The spread of the logarithm of what is most unusual, as it commonly is, and for how many intervals
#: that counts; no smaller one is believed.
WOBBLE, WOBBLE_INTERVALS, LEAST_WOBBLE = 0.15, 12.0, 0.1
#: Without a past: how much more unusual than normal errors the most unusual ordinary place may be, as if that
#: had been seen in so many intervals; the least error that values are thought to share; what is never seen.
GUESSED = 1.5
GUESSED_INTERVALS = 24
GUESSED_LEAST = 0.01
NEVER = 1e9
#: With standard errors and without a past: the least error that values are thought to share.
BEGUN_SHARED = 0.02
#: By how much more, in logarithms, where one interval has been gauged; less, the more there are.
FITTED = 2.5
#: How much more is asked of a level whose places have few leaves each, the more so the more places there are:
#: what single leaves do has heavy tails.
TAIL = 0.12


class Asked(NamedTuple):
    """How unusual a place must be."""

    #: Spreads beyond what is usual of the most unusual place of a level.
    spreads: float
    #: Or, of a single value: the chance that any of its dimension is so far off, were shared errors normal.
    chance: float


#: Once something is wrong for sure, less is asked of what comes with it.
SURE, ALSO = Asked(3.5, 0.001), Asked(2.8, 0.005)


class ErrorsState(msgspec.Struct):
    """Errors as they are stored."""

    intervals: int
    #: Mean power, logarithm of the scale, and logarithm of the size of leaves.
    law: tuple[float, float, float]
    leaves: Array
    #: Dimension → value → mean of the shared error, and of its square.
    means: list[Array]
    squares: list[Array]
    gauged: int
    #: Level → mean of the logarithm of what is most unusual, and of its square.
    peaks: Array
    peak_squares: Array


class Errors:
    """What expectations of a table of leaves were like, one interval after the other."""

    def __init__(self, levels: Levels) -> None:
        self.levels = levels
        self.intervals = 0
        self._power, self._log_scale, self._log_size = 1.0, 0.0, 0.0
        self._leaves = np.ones(len(levels.codes))
        self._means = [np.zeros(level.count) for level in levels.singles]
        self._squares = [np.zeros(level.count) for level in levels.singles]
        self._gauged = 0
        self._tails = np.array(
            [1 + TAIL * np.log(level.count) * level.count / len(levels.codes) for level in levels]
        )
        self._peaks = np.zeros(len(levels))
        self._peak_squares = np.zeros(len(levels))

    def learn(self, actual: Numbers, expected: Numbers) -> None:
        """Take in an interval in which nothing was wrong, gauged by what those before it have taught."""
        if self.intervals >= FIRST:
            self._gauge(actual, expected)
        share = 1 / min(self.intervals + 1, MEMORY)
        self._learn_scale(share, actual, expected)
        self._learn_shared(share, actual, expected)
        self.intervals += 1

    def _learn_scale(self, share: float, actual: Numbers, expected: Numbers) -> None:
        """How the errors of leaves grow with their size: a line through logarithms."""
        is_there = expected > 0
        error = np.abs(actual - expected)[is_there]
        if not error.any():
            return
        # Forecasts that are exactly right are luck.
        error = np.maximum(error, 0.05 * max(_median(error), _mean(error) / 10))
        x, y = np.log(expected[is_there]), 2 * np.log(error)
        middle = _mean(x)
        around = x - middle
        spread = float(around @ around)
        power = min(max(float(around @ y / spread), 0.5), 2.0) if spread > len(x) / 100 else 1.0
        before = self._power
        self._power += share * (power - before)
        self._log_size += share * (middle - self._log_size)
        self._log_scale -= (self._power - before) * self._log_size
        scale = float(_median(y - self._power * x) - np.log(MEDIAN_SQUARE))
        self._log_scale += share * (scale - self._log_scale)

    def _learn_shared(self, share: float, actual: Numbers, expected: Numbers) -> None:
        """Which errors values share, and what leaves stray apart from that."""
        free = [np.full(level.count, UNKNOWN) for level in self.levels.singles]
        usual = Usual(np.exp(self._log_scale), self._power, self._leaves, [], free, self._no_limits)
        seen = Unusual(self.levels, usual, actual, expected)
        for n, seen_now in enumerate(seen.shared):
            # The first intervals count in full: a forecast may be wrong in the same way all the time.
            most = np.sqrt(MOST * np.maximum(self._squares[n], _pooled(seen_now**2)))
            shared = seen_now if self.intervals < ENOUGH else np.minimum(np.maximum(seen_now, -most), most)
            there = seen.weights[n] > 0
            self._means[n] += np.where(there, share * (shared - self._means[n]), 0.0)
            self._squares[n] += np.where(there, share * (shared**2 - self._squares[n]), 0.0)
        own = np.minimum(seen.rest**2 * seen.weight * self._leaves, MOST)
        part = (own - self._leaves) / min(self.intervals + 1 + OTHERS, MEMORY)
        self._leaves += np.where(seen.weight > 0, part, 0.0)

    def _gauge(self, actual: Numbers, expected: Numbers) -> None:
        """Take in how unusual the most unusual place of each level is in such an interval."""
        self._gauged += 1
        share = 1 / min(self._gauged, MEMORY)
        seen = Unusual(self.levels, self.usual(ALSO), actual, expected)
        peaks = np.log([max(0.1, seen.evidence(level).unusual.max()) for level in self.levels])
        self._peaks += share * (peaks - self._peaks)
        self._peak_squares += share * (peaks**2 - self._peak_squares)

    def moved(self, levels: Levels, leaves: Codes, values: Sequence[Codes]) -> Errors:
        """The same for another table: leaf and value → which one it was, or -1 if it is new."""
        moved = Errors(levels)
        moved.intervals, moved._gauged = self.intervals, self._gauged
        moved._power, moved._log_scale, moved._log_size = self._power, self._log_scale, self._log_size
        moved._leaves = np.where(leaves < 0, 1.0, self._leaves[leaves])
        for n, was in enumerate(values):
            moved._means[n] = np.where(was < 0, 0.0, self._means[n][was])
            moved._squares[n] = np.where(was < 0, _pooled(self._squares[n]), self._squares[n][was])
        moved._peaks, moved._peak_squares = self._peaks, self._peak_squares
        return moved

    def save(self) -> ErrorsState:
        """The state as it is stored."""
        return ErrorsState(
            self.intervals,
            (self._power, self._log_scale, self._log_size),
            Array.of(self._leaves),
            [Array.of(means) for means in self._means],
            [Array.of(squares) for squares in self._squares],
            self._gauged,
            Array.of(self._peaks),
            Array.of(self._peak_squares),
        )

    def load(self, state: ErrorsState) -> None:
        """Go on from a stored state, of a table with the same leaves."""
        self.intervals, self._gauged = state.intervals, state.gauged
        self._power, self._log_scale, self._log_size = state.law
        self._leaves = state.leaves.array()
        self._means = [means.array() for means in state.means]
        self._squares = [squares.array() for squares in state.squares]
        self._peaks, self._peak_squares = state.peaks.array(), state.peak_squares.array()

    def guess(self, actual: Numbers, expected: Numbers) -> None:
        """Take the errors of most for those of all, and what is most unusual as if it were normal errors."""
        self._learn_scale(1.0, actual, expected)
        self._learn_shared(1.0, actual, expected)
        self._leaves = np.ones_like(self._leaves)
        # Where one value of a few is at fault, all others are off as well: by the same.
        around = np.concatenate([(mean - np.median(mean)) ** 2 for mean in self._means])
        square = max(float(np.median(around)) / MEDIAN_SQUARE, GUESSED_LEAST**2)
        for n, mean in enumerate(self._means):
            self._means[n] = np.zeros_like(mean)
            self._squares[n] = np.full_like(mean, square)
        singles = len(self.levels.singles)
        counts = np.array([level.count for level in self.levels.singles])
        self._peaks = np.full(len(self.levels), np.log(NEVER))
        self._peaks[:singles] = np.log(GUESSED * np.sqrt(2 * np.log(counts + 1)))
        self._peak_squares = self._peaks**2
        self._gauged = GUESSED_INTERVALS

    def begin(self, expected: Numbers, scale: Numbers, shared: float) -> None:
        """Without a past, but with standard errors of leaves and of all: as if intervals had shown these."""
        self._learn_scale(1.0, expected + np.sqrt(MEDIAN_SQUARE) * scale, expected)
        size = np.maximum(expected, self.usual(ALSO).least)
        law = np.exp(self._log_scale) * size**self._power
        self._leaves = np.where(expected > 0, scale**2 / law, 1.0)
        self._squares = [np.full_like(squares, max(shared, BEGUN_SHARED) ** 2) for squares in self._squares]
        counts = np.array([level.count for level in self.levels])
        self._peaks = np.log(np.sqrt(2 * np.log(counts + 1)))
        self._peak_squares = self._peaks**2
        self.intervals = self._gauged = ENOUGH

    def usual(self, asked: Asked) -> Usual:
        """What is usual, with limits beyond it."""
        means, shared = [], []
        for n, mean in enumerate(self._means):
            variance = np.maximum(self._squares[n] - mean**2, 0.0)
            # A mean that could be chance is none.
            sure = np.maximum(0.0, 1 - variance / np.maximum(self.intervals * mean**2, 1e-12))
            means.append(sure * mean)
            variance = self._squares[n] - means[-1] ** 2
            pooled = _pooled(variance)
            shrunk = (self.intervals * variance + OTHERS * pooled) / (self.intervals + OTHERS)
            shared.append(np.sqrt(np.maximum(shrunk, LEAST**2)))
        limits = self.limits(asked)
        return Usual(np.exp(self._log_scale), self._power, self._leaves, means, shared, limits)

    def limits(self, asked: Asked) -> Numbers:
        """Level → how unusual a place of it must be, so that it is not thought to be usual."""
        if not self._gauged:
            return self._no_limits
        # Of few intervals, nobody has seen the worst.
        margin = asked.spreads * self._wobbles * self._tails + FITTED / self._gauged
        limits = np.exp(self._peaks + margin)
        for n, level in enumerate(self.levels.singles):
            # Errors that many leaves share are about normal: of these one knows how far they go. Where the
            # most unusual value is commonly further off than that, so is the limit.
            further = max(1.0, np.exp(self._peaks[n]) / _middle(level.count))
            limits[n] = min(limits[n], _farthest(self._gauged, asked.chance, level.count) * further)
        return np.asarray(limits)

    def chance(self, level: int, unusual: float) -> float:
        """How likely a level is to have so unusual a place in an ordinary interval."""
        beyond = (np.log(unusual) - self._peaks[level]) / (self._wobbles[level] * self._tails[level])
        return float(stdtr(self._gauged + WOBBLE_INTERVALS, -beyond))

    @property
    def _wobbles(self) -> Numbers:
        variance = np.maximum(self._peak_squares - self._peaks**2, 0.0)
        shrunk = (self._gauged * variance + WOBBLE_INTERVALS * WOBBLE**2) / (self._gauged + WOBBLE_INTERVALS)
        return np.sqrt(np.maximum(shrunk, LEAST_WOBBLE**2))

    @property
    def _no_limits(self) -> Numbers:
        return np.full(len(self.levels), np.inf)


def learned(levels: Levels, actual: NDArray[np.float64], expected: NDArray[np.float64]) -> Errors:
    """What past intervals teach, the first row being the oldest."""
    errors = Errors(levels)
    for row in range(len(actual)):
        errors.learn(actual[row], expected[row])
    return errors


def guessed(levels: Levels, actual: Numbers, expected: Numbers) -> Errors:
    """Without a past: the errors of most leaves and values are taken for usual, in the interval itself.

    Only single values can be told then, and none is told for sure.
    """
    errors = Errors(levels)
    errors.guess(actual, expected)
    return errors


def _pooled(squares: Numbers) -> float:
    """Their mean, but for what is far too large."""
    return _mean(np.minimum(squares, MOST * _median(squares)))


def _mean(values: Numbers) -> float:
    """Their mean; of few numbers NumPy's takes three times as long."""
    return float(np.add.reduce(values) / len(values))


def _median(values: Numbers) -> float:
    """Their median; of few numbers NumPy's takes ten times as long."""
    ordered = np.sort(values)
    middle = len(ordered) // 2
    return float(ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2)


@cache
def _middle(values: int) -> float:
    """How far off the farthest of so many normal errors commonly is."""
    return float(ndtri((1 + 0.5 ** (1 / values)) / 2))


@lru_cache(4096)
def _farthest(gauged: int, chance: float, values: int) -> float:
    """How far off one of so many is with this chance, where so many intervals have told how far they go."""
    return float(stdtrit(gauged + OTHERS, 1 - chance / (2 * values)))

"""An interval beside what is usual → how unusual each place is in it, apart from errors that places share.

A leaf's relative error is what is left of actual / expected. A forecast that is off for a value is off for
all of its leaves: such shared errors are estimated first, all dimensions together, and taken off, as far
as they are no larger than they ever are. What remains is added up over the leaves of each place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.localisation_levels import Level, Levels, Numbers

TINY = 1e-12
#: Passes over the dimensions until shared errors have settled.
PASSES = 3
NOTHING = np.zeros(0)
#: No shared error takes all of a value.
MOST_SHARED = 0.9


@dataclass(frozen=True)
class Usual:
    """Which errors are usual."""

    #: The variance of a leaf is scale * size ** power * its own factor: power 1 for counts, 2 for shares.
    scale: float
    power: float
    leaves: Numbers
    #: Dimension → value → relative error that its leaves share: what it is on average, and its spread.
    means: list[Numbers]
    spreads: list[Numbers]
    #: Level → how unusual a place of it must be, so that it is not thought to be usual.
    limits: Numbers

    @property
    def least(self) -> float:
        """What is expected of a leaf at least, or there would be no ratio: it would stray by all of that."""
        return float(max(TINY, self.scale ** (1 / (2 - min(self.power, 1.9)))))


class Evidence(NamedTuple):
    """What the places of a level show: the size of a fault is `sums / weights`, relative to the expected."""

    sums: Numbers
    weights: Numbers
    #: In standard deviations.
    unusual: Numbers

    @property
    def gains(self) -> Numbers:
        """How much likelier the interval is with a fault at the place, in nats."""
        return self.sums**2 / (2 * self.weights + TINY)


class Unusual:
    """The leaves of an interval, and what is left of them when shared errors are taken off."""

    def __init__(self, levels: Levels, usual: Usual, actual: Numbers, expected: Numbers) -> None:
        self.levels, self._usual = levels, usual
        floored = size = np.maximum(expected, usual.least)
        # Where no mean is known, there are none.
        for level, mean in zip(levels.singles, usual.means, strict=False):
            size = size * (1 + mean)[level.of_leaf]
        # Where far more came than was expected, the expectation is no measure of the variance.
        variance = usual.scale * np.maximum(size, (size + actual) / 2) ** usual.power * usual.leaves
        self._ratio = 1 + (actual - expected * (size / floored)) / size
        #: How much each leaf says of a relative error.
        self.weight = np.where((actual == 0) & (expected == 0), 0.0, size * size / variance)
        self._take_off_shared()

    def _take_off_shared(self) -> None:
        """Estimate the shared errors of the leaves that are left."""
        usual, singles = self._usual, self.levels.singles
        # What stays as it is from pass to pass: how much is known, and how large an error may be.
        self.weights = [level.sums(self.weight) for level in singles]
        known = [weights + spread**-2 for weights, spread in zip(self.weights, usual.spreads, strict=True)]
        most = [np.minimum(usual.limits[n] * spread, MOST_SHARED) for n, spread in enumerate(usual.spreads)]
        least = [-limit for limit in most]
        self.shared = [NOTHING] * len(singles)
        # By how much the errors of each dimension multiply leaves.
        factors = [NOTHING] * len(singles)
        ratio = self._ratio
        for done in range(PASSES):
            for n, level in enumerate(singles):
                if done:
                    ratio = ratio * factors[n]
                estimate = level.sums(self.weight * (ratio - 1)) / known[n]
                # `np.clip` does the same, and is slow where there are few.
                self.shared[n] = np.minimum(np.maximum(estimate, least[n]), most[n])
                factors[n] = (1 + self.shared[n])[level.of_leaf]
                ratio = ratio / factors[n]
        #: Leaf → its relative error without what it shares.
        self.rest = ratio - 1

    def evidence(self, level: Level) -> Evidence:
        """What a level shows."""
        is_single = len(level.dimensions) == 1
        weights = self.weights[level.dimensions[0]] if is_single else level.sums(self.weight)
        sums = level.sums(self.weight * self.rest)
        if not is_single:
            return Evidence(sums, weights, np.abs(sums) / np.sqrt(weights + TINY))
        # A value may be at fault as well as share an error: it counts beyond the spread of such errors.
        n = level.dimensions[0]
        sums = sums + self.shared[n] * weights
        variance = weights * (1 + self._usual.spreads[n] ** 2 * weights)
        return Evidence(sums, weights, np.abs(sums) / np.sqrt(variance + TINY))

    def rest_without(self, leaves: NDArray[np.bool_]) -> Numbers:
        """What is left of all leaves when these say nothing of shared errors."""
        weight, weights = self.weight, self.weights
        self.leave_out(leaves)
        self.weight, self.weights = weight, weights
        return self.rest

    def leave_out(self, leaves: NDArray[np.bool_]) -> None:
        """Look no more at leaves that are explained."""
        self.weight = np.where(leaves, 0.0, self.weight)
        self._take_off_shared()

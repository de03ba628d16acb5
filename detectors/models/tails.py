"""Tails: how rare a deviation is, in nats, told from what the same series has done before.

Each line of deviations has a threshold that is exceeded once a day, whatever the interval, and the
mean of what it is exceeded by. Tails are taken to be exponential: that far above the threshold is one
nat, and a deviation of s nats is expected e^-s times a day. Nothing is set by hand, so different
kinds of evidence may be compared.

A series of n points cannot know what is exceeded once a day while n is less than a day. Then the
threshold is what one point in n exceeds, and ln(points a day / n) nats are taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from detectors.models.base import Column, Flags
from detectors.models.columns import Columns, Layout, Lines

LINES = 9
#: Memory in exceedances; the weight of the prior, which is half the typical size.
MEMORY, PRIOR = 50.0, 10.0
#: The share of a nat by which thresholds move in the end, and the most nats of excess believed.
RATE, BELIEVED = 0.1, 10.0
#: Typical sizes follow at this rate; beyond this many of them (and a bit) a size is not believed.
TYPICAL_RATE, TYPICAL_BELIEVED = 0.01, 8.0

Nine = Annotated[Lines, Layout(LINES)]


@dataclass(frozen=True, slots=True)
class Rarity:
    """Deviations measured against their tails."""

    deviation: Lines
    #: The mean excess over the threshold.
    nat: Lines
    nats: Lines
    typical: Lines


class Tails(Columns):
    """The tails of nine kinds of deviations, of many series."""

    #: How many deviations were learnt; the same for all lines.
    learnt: Column
    typical: Nine
    threshold: Nine
    excess: Nine
    exceeded: Nine

    def __init__(self, points_a_day: float, least_typical: Lines) -> None:
        super().__init__()
        #: What the prior takes for the typical size of each line at least: series that hardly ever
        #: move would else have no tail at all.
        self._least_typical = least_typical
        #: Share of the points that exceed the threshold: one a day, but no more than 3 %.
        self._share = min(0.03, 1 / points_a_day)

    def measure(self, deviation: Lines, keep: Flags) -> Rarity:
        """Measure deviations; those to keep are about to be learnt."""
        size = np.minimum(np.abs(deviation), self._largest())
        rate = keep * np.maximum(TYPICAL_RATE, 1 / (self.learnt + 1))
        typical = self.typical + rate * (size - self.typical)
        weight = np.minimum(self.exceeded, MEMORY)
        prior = PRIOR * 0.5 * np.maximum(typical, self._least_typical)
        nat = (weight * self.excess + prior) / (weight + PRIOR) + 1e-9
        nats = (deviation - self.threshold) / nat - self._unknown()
        return Rarity(deviation, nat, nats, typical)

    def reach(self, rarity: Rarity, nats: Column) -> Lines:
        """The deviation of so many nats."""
        return self.threshold + (nats + self._unknown()) * rarity.nat

    def _unknown(self) -> Column:
        """Nats between what is exceeded by the share that is known so far, and once a day."""
        return np.log(self._exceeding() / self._share)

    def _exceeding(self) -> Column:
        return np.maximum(self._share, 1 / (self.learnt + 2))

    def _largest(self) -> Lines:
        return np.where(self.learnt < 10, np.inf, TYPICAL_BELIEVED * (self.typical + 0.05))

    def learn(self, rarity: Rarity, keep: Flags) -> None:
        """Move each threshold to where it is exceeded once a day, and average the excess."""
        over = rarity.deviation - self.threshold
        above = (over > 0) & keep
        self.typical = rarity.typical
        rate = above * np.maximum(1 / MEMORY, 1 / (self.exceeded + 1))
        self.excess += rate * (np.minimum(over, BELIEVED * rarity.nat) - self.excess)
        self.exceeded += above
        # Large steps at first, as Robbins and Monro's: a threshold is some nats from where it starts.
        step = rarity.nat * np.minimum(1.0, np.maximum(RATE, 1 / (self._share * (self.learnt + 1))))
        share = self._exceeding()
        self.threshold += keep * step * np.where(above, 1 - share, -share)
        self.learnt += keep

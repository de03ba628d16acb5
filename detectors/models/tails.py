"""Tails: how rare a deviation is, in nats, told from what the same series has done before.

Each line of deviations has a threshold that is exceeded once a day, whatever the interval, and the
mean of what it is exceeded by. Tails are taken to be exponential: that far above the threshold is one
nat, and a deviation of s nats is expected e^-s times a day. Nothing is set by hand, so different
kinds of evidence may be compared.
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
#: The share of a nat by which thresholds move, and the most nats of excess that are believed.
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

    def __init__(self, points_a_day: float) -> None:
        super().__init__()
        #: Share of the points that exceed the threshold: one a day, but no more than 3 %.
        self._share = min(0.03, 1 / points_a_day)

    def measure(self, deviation: Lines, keep: Flags) -> Rarity:
        """Measure deviations; those to keep are about to be learnt."""
        size = np.minimum(np.abs(deviation), self._largest())
        rate = keep * np.maximum(TYPICAL_RATE, 1 / (self.learnt + 1))
        typical = self.typical + rate * (size - self.typical)
        weight = np.minimum(self.exceeded, MEMORY)
        nat = (weight * self.excess + PRIOR * 0.5 * typical) / (weight + PRIOR) + 1e-9
        return Rarity(deviation, nat, (deviation - self.threshold) / nat, typical)

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
        up = np.maximum(RATE, 1 / (self.learnt + 1)) * (1 - self._share)
        self.threshold += keep * rarity.nat * np.where(above, up, -RATE * self._share)
        self.learnt += keep

"""Tails: how rare a deviation is, in nats, told from what the same series has done before.

Each line of deviations has a threshold that is exceeded once a day, whatever the interval, and the
mean of what it is exceeded by. Tails are taken to be exponential: that far above the threshold is one
nat, and a deviation of s nats is expected e^-s times a day. Nothing is set by hand, so different
kinds of evidence may be compared.

A series of n points cannot know what is exceeded once a day while n is less than a day. Then the
threshold is what one point in n exceeds, and once a day is ln(points a day / n) nats above it. Where a day
has few points the threshold is what 3 % of them exceed, and once a day is below it.

What strays goes on straying for a while. Of a series that is known, the points that exceed a threshold
within some hours count as one: so an incident, however long, does not pass for what is usual. A young one
takes in each, for it has to learn at once that it has bursts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from detectors.models.base import Column, Flags
from detectors.models.columns import Columns, Layout, Lines
from detectors.models.trust import confidence

LINES = 9
#: Memory in exceedances; the weight of the prior, which is half the typical size.
MEMORY, PRIOR = 25.0, 5.0
#: The share of a nat by which thresholds move in the end, and the most nats of excess believed.
RATE, BELIEVED = 0.2, 10.0
#: Nats that are taken off because each line is exceeded once a day. It is less than the logarithm of how many
#: there are, for mostly they are exceeded together; measured on streams without faults.
SEVERAL = 0.33
#: Hours after which an exceedance is half forgotten as one that the next belongs to.
TOGETHER_HOURS = 4.0
#: The most points that exceed a threshold.
MOST_EXCEEDING = 0.03
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
    #: Exceedances of the last hours.
    recent: Nine

    def __init__(self, points_a_day: float, least_typical: Lines, single: Lines) -> None:
        super().__init__()
        self._points_a_day = points_a_day
        #: What the prior takes for the typical size of each line at least: series that hardly ever
        #: move would else have no tail at all.
        self._least_typical = least_typical
        #: How much of recent exceedances is left at the next point; nothing but of `single` points, for a
        #: mean of many is above its threshold for as long as what it tells of lasts.
        self._left = single * 0.5 ** (24 / (TOGETHER_HOURS * points_a_day))
        #: Share of the points that exceed the threshold: one a day, but not too many.
        self._share = min(MOST_EXCEEDING, 1 / points_a_day)

    def measure(self, deviation: Lines, keep: Flags) -> Rarity:
        """Measure deviations; those to keep are about to be learnt."""
        size = np.minimum(np.abs(deviation), self._largest())
        rate = keep * np.maximum(TYPICAL_RATE, 1 / (self.learnt + 1))
        typical = self.typical + rate * (size - self.typical)
        weight = np.minimum(self.exceeded, MEMORY)
        prior = PRIOR * 0.5 * np.maximum(typical, self._least_typical)
        nat = (weight * self.excess + prior) / (weight + PRIOR) + 1e-9
        nats = (deviation - self._once_a_day(nat)) / nat - SEVERAL
        return Rarity(deviation, nat, nats, typical)

    def reach(self, rarity: Rarity, nats: Column) -> Lines:
        """The deviation of so many nats."""
        return self._once_a_day(rarity.nat) + (nats + SEVERAL) * rarity.nat

    def _once_a_day(self, nat: Lines) -> Lines:
        """The deviation that is exceeded once a day; what is not off at all is no news, however young."""
        more_often = np.log(self._exceeding() * self._points_a_day)
        return np.maximum(self.threshold + more_often * nat, 0.0)

    def _exceeding(self) -> Column:
        return np.maximum(self._share, 1 / (self.learnt + 2))

    def _largest(self) -> Lines:
        return np.where(self.learnt < 10, np.inf, TYPICAL_BELIEVED * (self.typical + 0.05))

    def learn(self, rarity: Rarity, keep: Flags) -> None:
        """Move each threshold to where it is exceeded once a day, and average the excess."""
        over = rarity.deviation - self.threshold
        above = (over > 0) & keep
        self.typical = rarity.typical
        # Of some that belong together, each counts its share, as far as the series is known.
        weight = above / (1 + confidence(self.learnt, self._points_a_day) * self.recent)
        self.exceeded += weight
        rate = weight * np.maximum(1 / MEMORY, 1 / np.maximum(self.exceeded, 1.0))
        self.excess += rate * (np.minimum(over, BELIEVED * rarity.nat) - self.excess)
        self.recent = self._left * (self.recent + above)
        # Large steps at first, as Robbins and Monro's: a threshold is some nats from where it starts.
        step = rarity.nat * np.minimum(1.0, np.maximum(RATE, 1 / (self._share * (self.learnt + 1))))
        self.threshold += step * (weight - keep * self._exceeding())
        self.learnt += keep

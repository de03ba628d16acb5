"""Tails: how rare a deviation is, in nats, told from what the same series has done before.

Each line of deviations has a threshold that is exceeded once a day, whatever the interval, and the
mean of what it is exceeded by. Tails of points are taken to be exponential: that far above the
threshold is one nat, and a deviation of s nats is expected e^-s times a day. Those of means bend
besides, as a Gauss curve does, for that is what means come to. Nothing is set by hand, so different
kinds of evidence may be compared.

What is exceeded again and again within hours is one event, known by its peak (peaks over a threshold;
Davison and Smith, "Models for Exceedances over High Thresholds", 1990): so one outage of a hundred
points does not teach that outages are usual, and what is promised is a number of events.

A series of n points cannot know what is exceeded once a day while n is less than a day. Then the
threshold is what one point in n exceeds, and once a day is ln(points a day / n) nats above it. Where a day
has few points the threshold is what one in 24 exceeds, and once a day is below it.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated

import numpy as np

from detectors.models.base import Column, Flags
from detectors.models.columns import SIGMA, Columns, Layout, Lines

#: Nats taken off because each line may be surprising by itself, and of means, which are whenever they like;
#: and how much of a Gauss' bend is believed.
SEVERAL, SEVERAL_MEANS, BEND = 1.0, 2.3, 0.7
#: Memory in events; the weight of the prior, which is half the typical size.
MEMORY, PRIOR = 50.0, 10.0
#: The share of a nat by which thresholds move in the end, the most nats of excess believed, and the
#: largest share of points that exceed a threshold.
RATE, BELIEVED, MOST_EXCEEDING = 0.1, 10.0, 1 / 24
#: Typical sizes follow at this rate; beyond this many of them (and a bit) a size is not believed.
TYPICAL_RATE, TYPICAL_BELIEVED, BIT = 0.01, 3.0, 0.4
#: Exceedances less than so many hours apart are one event, for so many hours: of points, and of means,
#: which stay away for as long as they remember. On the first day each is one.
APART_HOURS, EVENT_HOURS, MEANS_EVENT_HOURS = 1.0, 3.0, 24.0
NO_MEANS = slice(0)

#: A line for each kind of deviation.
Kinds = Annotated[Lines, Layout(2)]


@dataclass(frozen=True, slots=True)
class Rarity:
    """Deviations measured against their tails."""

    deviation: Lines
    #: The mean excess over the threshold, and how much of its square a nat is besides.
    nat: Lines
    bend: Lines
    nats: Lines
    typical: Lines


class Tails(Columns):
    """The tails of some kinds of deviations, of many series."""

    #: How many deviations were learnt; the same for all lines.
    learnt: Column
    typical: Kinds
    threshold: Kinds
    excess: Kinds
    #: Events so far.
    events: Kinds
    #: The peak of the last one over the threshold, points since it began, and since it was exceeded last.
    peak: Kinds
    age: Kinds
    quiet: Kinds

    def __init__(self, points_a_day: float, least_typical: Lines, means: slice = NO_MEANS) -> None:
        """No series yet; `least_typical` has a number a line, `means` are lines that are means."""
        lines = len(least_typical)
        super().__init__(**{name: lines for name, layout in self.layouts.items() if layout.lines})
        #: What the prior takes for the typical size of each line at least: series that hardly ever
        #: move would else have no tail at all.
        self._least_typical = least_typical
        #: Share of the points that exceed the threshold: one a day, but no more than one in 24.
        self._share = min(MOST_EXCEEDING, 1 / points_a_day)
        #: Where that threshold is for a Gauss, in standard deviations.
        self._gauss = NormalDist().inv_cdf(1 - self._share)
        self._taken = np.full((lines, 1), SEVERAL)
        self._taken[means] = SEVERAL_MEANS
        self._bend = np.zeros((lines, 1))
        self._bend[means] = 0.5 * BEND
        longest = np.full((lines, 1), EVENT_HOURS)
        longest[means] = MEANS_EVENT_HOURS
        self._points_a_day = points_a_day
        self._apart, self._longest = APART_HOURS * points_a_day / 24, longest * points_a_day / 24

    def measure(self, deviation: Lines, keep: Flags) -> Rarity:
        """Measure deviations; those to keep are about to be learnt."""
        size = np.minimum(np.abs(deviation), self._largest())
        rate = keep * np.maximum(TYPICAL_RATE, 1 / (self.learnt + 1))
        typical = self.typical + rate * (size - self.typical)
        usual = np.maximum(typical, self._least_typical)
        weight = np.minimum(self.events, MEMORY)
        nat = (weight * self.excess + PRIOR * 0.5 * usual) / (weight + PRIOR) + 1e-9
        # The widest of what typical sizes, the threshold and the excess over it say: in a Gauss' tail the
        # mean excess is the square of a standard deviation over the threshold.
        sigma = np.maximum(SIGMA * usual, self.threshold / self._gauss)
        sigma = np.maximum(sigma, np.sqrt(nat * np.maximum(self.threshold, 0.0)))
        bend = self._bend / (sigma * sigma)
        over = deviation - self._once_a_day(nat)
        above = np.maximum(over, 0.0)
        nats = over / nat + bend * above * above - self._taken
        return Rarity(deviation, nat, bend, nats, typical)

    def reach(self, rarity: Rarity, nats: Column) -> Lines:
        """The deviation of so many nats."""
        nats = np.maximum(nats + self._taken, 0.0)
        slope = 1 / rarity.nat
        over = 2 * nats / (slope + np.sqrt(slope * slope + 4 * rarity.bend * nats))
        return self._once_a_day(rarity.nat) + over

    def _once_a_day(self, nat: Lines) -> Lines:
        """The deviation that is exceeded once a day; what is not off at all is no news, however young."""
        more_often = np.log(self._exceeding() * self._points_a_day)
        return np.maximum(self.threshold + more_often * nat, 0.0)

    def _exceeding(self) -> Column:
        return np.maximum(self._share, 1 / (self.learnt + 2))

    def _largest(self) -> Lines:
        return np.where(self.learnt < 10, np.inf, TYPICAL_BELIEVED * self.typical + BIT)

    def learn(self, rarity: Rarity, keep: Flags) -> None:
        """Move each threshold to where an event a day exceeds it, and average the peaks of events."""
        over = rarity.deviation - self.threshold
        above = (over > 0) & keep
        apart = (self.quiet > self._apart) | (self.age > self._longest)
        new = above & (apart | (self.learnt < self._points_a_day))
        before = np.where(new, 0.0, self.peak)
        higher = above & (over > before)
        believed = BELIEVED * rarity.nat
        rate = np.maximum(1 / MEMORY, 1 / (self.events + 1))
        self.excess -= new * rate * self.excess
        self.excess += higher * rate * (np.minimum(over, believed) - np.minimum(before, believed))
        self.events += new
        self.peak = np.where(higher, over, self.peak)
        self.age = np.where(new, 0.0, self.age + keep)
        self.quiet = np.where(above, 0.0, self.quiet + keep)
        self.typical = rarity.typical
        # Large steps at first, as Robbins and Monro's: a threshold is some nats from where it starts.
        step = rarity.nat * np.minimum(1.0, np.maximum(RATE, 1 / (self._share * (self.learnt + 1))))
        share = self._exceeding()
        self.threshold += keep * step * np.where(new, 1 - share, np.where(above, 0.0, -share))
        self.learnt += keep

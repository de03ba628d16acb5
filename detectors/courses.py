"""The course of a measure through a group: when it began, how far off it is, what contributes to that.

All intervals of the group add up, so that a later one makes what is known surer. Only leaves inside of the
group's places count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec
import numpy as np

from detectors.config import ZERO_WITHOUT_EVENTS, Detector
from detectors.leaf_scores import LeafScores, inside, relative
from detectors.onset import UNKNOWN, Onset
from detectors.records import Contribution, Place, Shape

#: How a measure began is told by so many intervals: then its forecast gets used to it.
FIRST = 3
#: What is over after so many intervals was a burst.
BURST = 2
#: Intervals that tell how a measure went.
LONGEST_PATH = 120
#: Values of a dimension that are kept: of more, those that contribute most.
MOST_VALUES = 200


class Course(msgspec.Struct):
    """A measure in a group."""

    #: Start of its first anomalous interval.
    began: datetime
    #: Intervals that tell how it began.
    first: int = 0
    #: Of these: the weights of its leaves, and these times how far off each is, as a share of its forecast.
    weight: float = 0.0
    weighted: float = 0.0
    #: What all its leaves have in common is that much off at times, as a share.
    wobble: float = 0.0
    #: How much is missing or too much.
    away: float = 0.0
    #: 0 to 1: how many of its leaves are in the group; of one leaf alone that says nothing.
    breadth: float = 0.0
    #: How far off it was in each of its intervals, of the first so many.
    path: list[float] = []
    #: Of each dimension, value → how much is missing or too much there.
    values: list[dict[str, float]] = []

    @property
    def shift(self) -> float:
        """How far off it is, as a share of what was expected."""
        return self.weighted / self.weight if self.weight else 0.0

    def shape(self, *, over: bool) -> Shape | None:
        """How it went; None while that is too early to say."""
        sizes = [abs(away) for away in self.path]
        if over and 0 < len(sizes) <= BURST:
            return "burst"
        if len(sizes) <= BURST:
            return None
        top = sizes.index(max(sizes))
        rises = [b - a > 0 for a, b in pairwise(sizes[: top + 1])]
        grew = top >= BURST and sizes[0] <= sizes[top] / 2 and sum(rises) >= 0.75 * len(rises)
        return "slope" if grew else "jump"

    @property
    def clearness(self) -> float:
        """The same in standard errors."""
        return abs(self.shift) / self.error

    @property
    def error(self) -> float:
        """One standard error of that."""
        return float((1 / self.weight + self.wobble**2) ** 0.5) if self.weight else np.inf

    def add(self, other: Course) -> None:
        """Add that of a group which is one with this."""
        self.began = min(self.began, other.began)
        self.weight += other.weight
        self.weighted += other.weighted
        self.away += other.away
        self.breadth = min(1.0, self.breadth + other.breadth)
        self.values = self.values or [{} for _ in other.values]
        for mine, theirs in zip(self.values, other.values, strict=False):
            for value, away in theirs.items():
                mine[value] = mine.get(value, 0.0) + away


class Courses(msgspec.Struct):
    """The measures of a group."""

    of: dict[str, Course] = {}
    onset: Onset = msgspec.field(default_factory=Onset)

    def go_on(
        self,
        start: datetime,
        places: Sequence[Place],
        measures: Collection[str],
        leaves: Mapping[str, LeafScores],
        detector: Detector,
    ) -> None:
        """Add an interval: what these measures are at these places."""
        adds_up = {m.name for m in detector.additive if m.aggregation in ZERO_WITHOUT_EVENTS}
        # How a group begins, measures that are not off tell as well.
        here = {
            measure: of.selected(inside(of.places, places))
            for measure, of in leaves.items()
            if measure in measures or self.onset.is_young
        }
        for measure in sorted(measures):
            course = self.of.setdefault(measure, Course(start, values=[{} for _ in detector.dimensions]))
            if measure in here and here[measure].places:
                _add(course, here[measure], len(leaves[measure].places), adds_up=measure in adds_up)
        if self.onset.is_young:
            self.onset.go_on({measure: _off(of) for measure, of in here.items()})

    def grow(self, start: datetime) -> None:
        """It is much clearer now: where it began long before, what that was says nothing of how this did."""
        if self.onset.is_young:
            return
        self.onset = Onset()
        for course in self.of.values():
            course.began, course.first, course.weight, course.weighted = start, 0, 0.0, 0.0

    def merge(self, others: Courses) -> None:
        """Add those of a group which is one with this."""
        for measure, course in others.of.items():
            if measure in self.of:
                self.of[measure].add(course)
            else:
                self.of[measure] = course

    def breadth(self, detector: Detector) -> float:
        """0 to 1: how much of a detector is in the group."""
        return sum(course.breadth for course in self.of.values()) / len(detector.measures)


def _add(course: Course, leaves: LeafScores, of_all: int, *, adds_up: bool) -> None:
    """Add an interval of the leaves of a measure that are in the group, of so many that there are."""
    value, expected, scale = leaves.arrays()
    away = value - expected
    if course.first < FIRST:
        weight, weighted = _weighted(leaves)
        course.first += 1
        course.weight += weight
        course.weighted += weighted
        course.wobble = leaves.wobble
    if len(course.path) < LONGEST_PATH:
        course.path.append(round(float(away.sum()), 4))
    course.breadth = max(course.breadth, (len(leaves.places) - 1) / max(1, of_all - 1))
    if adds_up:
        course.away += float(away.sum())
    else:
        # Leaves with more volume have smaller errors: so means and ratios weigh as much as they do together.
        away = away / scale**2 / float((1 / scale**2).mean())
    for dimension, known in enumerate(course.values):
        for place, amount in zip(leaves.places, away.tolist(), strict=True):
            named = place[dimension]
            if named is not None:
                known[named] = known.get(named, 0.0) + amount
        if len(known) > MOST_VALUES:
            most = sorted(known, key=lambda named: -abs(known[named]))[:MOST_VALUES]
            course.values[dimension] = {named: known[named] for named in most}


def _weighted(leaves: LeafScores) -> tuple[float, float]:
    """The weights of leaves, and these times how far off each is, as a share of its forecast."""
    off, weight = relative(leaves)
    return float(weight.sum()), float((weight * off).sum())


def _off(leaves: LeafScores) -> tuple[float, float]:
    """How far off some leaves are together in one interval, and one standard error of that, as shares."""
    if not leaves.places:
        return UNKNOWN
    weight, weighted = _weighted(leaves)
    return weighted / weight, (1 / weight + leaves.wobble**2) ** 0.5


def contributions(
    detector: Detector, courses: Mapping[str, Course], members: Collection[tuple[str, Place]]
) -> list[Contribution]:
    """What contributed to a group, by measure in their order."""
    told = []
    for measure in detector.measures:
        mine = [place for name, place in members if name == measure.name]
        if not mine:
            continue
        leaves = sum(None not in place for place in mine)
        values = courses[measure.name].values if measure.name in courses else []
        shares = {
            dimension: percentages(of)
            for dimension, of in zip(detector.dimensions, values, strict=False)
            if of
        }
        told.append(
            Contribution(measure.name, leaves or len(mine), {d: of for d, of in shares.items() if of})
        )
    return told


def percentages(amounts: Mapping[str, float]) -> dict[str, int]:
    """Whole shares of the sum of all amounts, each without its sign: they sum to 100, the largest first.

    >>> percentages({"web": -20.0, "app": 10.0, "tv": 0.0})
    {'web': 67, 'app': 33}
    >>> percentages({"web": 0.0})
    {}
    """
    whole = sum(map(abs, amounts.values()))
    if not whole:
        return {}
    exact = {name: 100 * abs(amount) / whole for name, amount in amounts.items()}
    shares = {name: int(share) for name, share in exact.items()}
    # The largest remainders get what is left.
    left = sorted(exact, key=lambda name: (shares[name] - exact[name], name))[: 100 - sum(shares.values())]
    for name in left:
        shares[name] += 1
    return {name: shares[name] for name in sorted(exact, key=lambda n: (-exact[n], n)) if shares[name]}

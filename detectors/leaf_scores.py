"""What every leaf of a measure was in an interval, and should have been: of this, faults are told apart.

Only leaves with a value and a forecast are here; of a measure at the total also how wrong its forecast
usually is, since what all leaves do together at times is no fault of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from detectors.models.base import Column
from detectors.overlap import level
from detectors.places import roller
from detectors.records import IntervalScores, Place


class LeafScores(msgspec.Struct):
    """The leaves of one measure in one interval, in columns."""

    places: list[Place] = []
    value: list[float] = []
    expected: list[float] = []
    scale: list[float] = []
    #: One standard error of the total, as a share of what is expected of it; 0 where that is not known.
    wobble: float = 0.0

    def selected(self, rows: Sequence[int]) -> LeafScores:
        """Some of the leaves."""
        value, expected, scale = ([of[n] for n in rows] for of in (self.value, self.expected, self.scale))
        return LeafScores([self.places[n] for n in rows], value, expected, scale, self.wobble)

    def arrays(self) -> tuple[Column, Column, Column]:
        """Value, expected and scale."""
        return np.array(self.value), np.array(self.expected), np.array(self.scale)


#: Measure → its leaves.
Leaves = dict[str, LeafScores]


def take(leaves: Leaves, scores: IntervalScores) -> None:
    """Add the leaves of a chunk of scores to those that came before; without dimensions the total is one."""
    for row, place in enumerate(scores.places):
        is_leaf = None not in place
        if not is_leaf and any(value is not None for value in place):
            continue
        value, expected, scale = scores.value[row], scores.expected[row], scores.scale[row]
        if value is None or expected is None or not scale:
            continue
        of = leaves.get(measure := scores.measures[row])
        if of is None:
            of = leaves[measure] = LeafScores()
        if not is_leaf:
            of.wobble = scale / abs(expected) if expected else 0.0
        else:
            of.places.append(place)
            of.value.append(value)
            of.expected.append(expected)
            of.scale.append(scale)


def numerators(ratio: LeafScores, denominator: LeafScores) -> LeafScores:
    """A ratio as its numerator: what came of it, and what was to be expected as the denominator came."""
    came = dict(zip(denominator.places, denominator.value, strict=True))
    told = LeafScores(wobble=ratio.wobble)
    for place, *row in zip(ratio.places, ratio.value, ratio.expected, ratio.scale, strict=True):
        if of := came.get(place):
            told.places.append(place)
            for column, each in zip((told.value, told.expected, told.scale), row, strict=True):
                column.append(each * of)
    return told


def outside(leaves: Leaves, places: Sequence[Place]) -> Leaves:
    """The leaves that are in none of some places."""
    left = {}
    for measure, of in leaves.items():
        within = set(inside(of.places, places))
        left[measure] = of.selected([n for n in range(len(of.places)) if n not in within])
    return left


def inside(leaves: Sequence[Place], places: Sequence[Place]) -> list[int]:
    """Which leaves are in one of the places, of which there may be very many at few levels."""
    at: dict[tuple[bool, ...], set[Place]] = {}
    for place in places:
        at.setdefault(level(place), set()).add(place)
    known = [(roller(kept), those) for kept, those in at.items()]
    return [n for n, leaf in enumerate(leaves) if any(roll(leaf) in those for roll, those in known)]


def relative(leaves: LeafScores) -> tuple[Column, Column]:
    """How far off each leaf is, as a share of its forecast, and how much that weighs."""
    value, expected, scale = leaves.arrays()
    base = np.maximum(np.abs(expected), scale)
    return (value - expected) / base, (base / scale) ** 2


def size(leaves: Mapping[str, LeafScores]) -> int:
    """How many rows there are."""
    return sum(len(of.places) for of in leaves.values())

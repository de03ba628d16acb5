"""What every leaf of a measure was in an interval, and should have been: of this, faults are told apart.

Only leaves with a value and a forecast are here; of a measure at the total also how wrong its forecast
usually is, since what all leaves do together at times is no fault of one.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from detectors.models.base import Column
from detectors.records import IntervalScores, Place


class LeafScores(msgspec.Struct):
    """The leaves of one measure in one interval, in columns."""

    places: list[Place] = []
    value: list[float] = []
    expected: list[float] = []
    scale: list[float] = []
    #: One standard error of the total, as a share of what is expected of it; 0 where that is not known.
    wobble: float = 0.0

    def in_order(self) -> LeafScores:
        """The same in the order of places, however they were spread over shards and chunks."""
        rows = sorted(zip(self.places, self.value, self.expected, self.scale, strict=True))
        return LeafScores(
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3] for row in rows],
            self.wobble,
        )

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


def size(leaves: Mapping[str, LeafScores]) -> int:
    """How many rows there are."""
    return sum(len(of.places) for of in leaves.values())

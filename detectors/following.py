"""Which measure follows which, learnt while nothing is wrong: what the one does, the other does as well.

Where there are more views by chance, there are more orders. So of what a leaf's views are off, all is seen in
its orders; of what its orders are off, which have chance of their own besides, only a part is seen in its
views. That tells the two apart where they are off in the same interval. Where something else moves both,
neither shows all of what the other does; where one is a fixed part of the other, both do: that tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from detectors.leaf_scores import LeafScores, relative
from detectors.models.base import Column

#: What follows shows all of what the other does but for such a share, the other not all by such a share.
ALL, NOT_ALL = 0.1, 0.2
#: That is sure by so many standard errors, and after so many intervals.
SURE, INTERVALS = 3.0, 100
#: What was learnt counts half after so many intervals.
HALF = 1000
#: Leaves of a measure that teach: of more, those that are known best.
MOST_LEAVES = 500
#: What is off by so many of its scales is an anomaly, and teaches nothing.
WELL = 4.0


class Following(msgspec.Struct):
    """What the measures of one detector have to do with each other when all is well."""

    measures: list[str] = []
    intervals: float = 0.0
    #: Of each measure with each other: how much of it there was to be seen, how much of that the other
    #: shows, and the squares and product of both by interval: these tell how sure that is.
    sums: list[list[list[float]]] = []

    def learn(self, leaves: Mapping[str, LeafScores], measures: Sequence[str]) -> None:
        """Take in an interval in which nothing is wrong."""
        if len(leaves) < 2:
            return
        if self.measures != list(measures):
            nothing = np.zeros((5, len(measures), len(measures))).tolist()
            self.measures, self.intervals, self.sums = list(measures), 0.0, nothing
        off, weight = self._together(leaves)
        there = (weight * off**2) @ (weight > 0).T
        shown = (weight * off) @ off.T
        kept = 0.5 ** (1 / HALF)
        new = np.array([there, shown, there**2, there * shown, shown**2])
        self.sums = (kept * np.array(self.sums) + new).tolist()
        self.intervals = kept * self.intervals + 1

    def _together(self, leaves: Mapping[str, LeafScores]) -> tuple[Column, Column]:
        """How far off each measure is at each leaf, as a share, and what that weighs: 0 if unknown."""
        known = [_known(leaves[measure]) if measure in leaves else {} for measure in self.measures]
        places = sorted(set().union(*known))
        both = np.array([[of.get(place, (0.0, 0.0)) for place in places] for of in known])
        off, weight = both.reshape(len(known), len(places), 2).transpose(2, 0, 1)
        return off, weight

    def followed(self) -> dict[str, list[str]]:
        """Measure → those that it follows."""
        if self.intervals < INTERVALS:
            return {}
        there, shown, squares, products, theirs = np.array(self.sums)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = shown / there
            error = np.sqrt(np.maximum(0, theirs - 2 * part * products + part**2 * squares)) / there
            is_all = np.abs(part - 1) + SURE * error <= ALL
            is_part = part + SURE * error <= 1 - NOT_ALL
        follows = is_all & is_part.T
        return {
            measure: [self.measures[cause] for cause in np.flatnonzero(follows[:, n])]
            for n, measure in enumerate(self.measures)
            if follows[:, n].any()
        }


def _known(leaves: LeafScores) -> dict[tuple[str | None, ...], tuple[float, float]]:
    """Place → how far off a measure is there, as a share, and how much that weighs."""
    off, weight = relative(leaves)
    value, expected, scale = leaves.arrays()
    least = np.partition(weight, -MOST_LEAVES)[-MOST_LEAVES] if len(weight) > MOST_LEAVES else 0.0
    rows = np.flatnonzero((weight >= least) & (np.abs(value - expected) < WELL * scale)).tolist()
    return {leaves.places[row]: (float(off[row]), float(weight[row])) for row in rows}

"""Where things go wrong: the places of a measure that are off as a whole, however coarse or fine.

Each leaf says how far it is off its forecast, and how wrong that usually is. A place is off as a whole as
far as its leaves are off alike: all that is known of each adds up. So the place that explains most is found,
taken out, and the next looked for in what remains.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.leaf_scores import LeafScores
from detectors.models.base import Column
from detectors.overlap import holds, level
from detectors.places import roller
from detectors.records import Place

#: How many standard errors off an element is at least, beside what it costs to look at so many places.
CLEAR = 3.5
#: Of a place, part is well if it is off by less than this share of the rest: then the fault is in the rest.
WELL = 0.25
#: So many standard errors of the total may be off together without a fault.
SHAVED = 2.0
#: Elements of a measure at most: of a disaster it is enough to know where it is worst.
MOST_ELEMENTS = 16
#: With more dimensions than this, elements are of two of them at most, or leaves.
FEW_DIMENSIONS = 4

#: So that nothing is divided by zero.
TINY = 1e-12

Level = tuple[bool, ...]
Rows = NDArray[np.intp]


def levels(dimensions: int) -> list[Level]:
    """The levels at which elements are looked for, coarse first.

    >>> levels(2)
    [(False, False), (True, False), (False, True), (True, True)]
    """
    depths = range(dimensions + 1) if dimensions <= FEW_DIMENSIONS else (0, 1, 2, dimensions)
    return [
        tuple(i in kept for i in range(dimensions))
        for depth in depths
        for kept in combinations(range(dimensions), depth)
    ]


class Element(msgspec.Struct, frozen=True):
    """A place that is off as a whole."""

    place: Place
    #: How clearly, in nats, and 0 to 1.
    strength: float
    confidence: float
    #: 0 to 1: how much of the change of the measure is in it.
    share: float


class _Cells:
    """The places of a level, numbered; which of them may be an element."""

    def __init__(
        self, kept: Level, codes: Rows, places: Sequence[Place], off: Collection[Place] | None
    ) -> None:
        self.kept = kept
        number = np.zeros(len(codes), np.intp)
        for dimension, keep in enumerate(kept):
            if keep:
                column = codes[:, dimension]
                _, number = np.unique(number * (int(column.max()) + 1) + column, return_inverse=True)
        _, a_leaf, self.of_leaf = np.unique(number, return_index=True, return_inverse=True)
        roll = roller(kept)
        self.places = [roll(places[leaf]) for leaf in a_leaf.tolist()]
        self.may = np.array([off is None or place in off for place in self.places])
        self.cost = math.log(len(self.places)) + sum(kept)

    def sums(self, of_leaves: Column, rows: Rows | None = None) -> Column:
        """Place → the sum over its leaves, or over some of them."""
        codes = self.of_leaf if rows is None else self.of_leaf[rows]
        sums = np.bincount(codes, of_leaves if rows is None else of_leaves[rows], len(self.places))
        return np.asarray(sums, dtype=np.float64)


class Scan:
    """The elements of one measure in one interval."""

    def __init__(
        self,
        leaves: LeafScores,
        monitored: Collection[Level],
        off: Collection[Place],
        wanted: Iterable[Level],
    ) -> None:
        """Of monitored levels, only places that are `off` may be elements; of the others all."""
        leaves = leaves.in_order()
        value, forecast, scale = leaves.arrays()
        self._base = np.maximum(np.abs(forecast), scale)
        self._weight = (self._base / scale) ** 2
        self._shift = (value - forecast) / self._base
        codes = _codes(leaves.places)
        self._cells = [
            _Cells(kept, codes, leaves.places, off if kept in monitored else None) for kept in wanted
        ]
        self._rest = self._shift - _common(self._shift, self._weight, SHAVED * leaves.wobble)
        #: Each with its leaves: what they are off otherwise than together is no other fault.
        self._found: list[tuple[Element, Rows]] = []
        while len(self._found) < MOST_ELEMENTS and (found := self._best()) is not None:
            self._found.append(found)
            self._weight[found[1]] = 0.0

    @property
    def elements(self) -> list[Element]:
        """The elements, the one that explains most first."""
        return [element for element, _ in self._found]

    def explaining(self, places: Collection[Place]) -> dict[Place, Place]:
        """Of places, the element that explains the most of each; without those that none explains."""
        told: dict[Place, Place] = {}
        asked = {level(place) for place in places}
        for cells in self._cells:
            if cells.kept not in asked or not self._found:
                continue
            away = [np.abs(cells.sums(self._rest * self._base, rows)) for _, rows in self._found]
            most = np.argmax(away, axis=0)
            for cell, place in enumerate(cells.places):
                if place in places and away[most[cell]][cell] > 0:
                    told[place] = self._found[most[cell]][0].place
        return told

    def _best(self) -> tuple[Element, Rows] | None:
        b, c = self._rest * self._weight, self._weight
        most, best, clearly = -np.inf, (self._cells[0], 0), []
        for cells in self._cells:
            of, size = cells.sums(b), cells.sums(c)
            gain = of**2 / (2 * np.maximum(size, TINY))
            clear = cells.may & (gain > CLEAR**2 / 2 + cells.cost)
            clearly.append(np.where(clear, gain, 0.0))
            if clear.any():
                cell = int(np.argmax(np.where(clear, gain - cells.cost, -np.inf)))
                if gain[cell] - cells.cost > most:
                    most, best = gain[cell] - cells.cost, (cells, cell)
        if most == -np.inf:
            return None
        cells, cell = self._narrowed(*best, b)
        row = int(self._left(cells, cell)[0])
        around = zip(self._cells, clearly, strict=True)
        holders = [(sum(of.kept), -gain[of.of_leaf[row]], n) for n, (of, gain) in enumerate(around)]
        # The coarsest place around it of which all is off.
        for _, gain, n in sorted(holders):
            outer, its = self._cells[n], int(self._cells[n].of_leaf[row])
            if gain and holds(outer.kept, cells.kept) and self._part(outer, its, b) is None:
                cells, cell = outer, its
                break
        rows = self._left(cells, cell)
        strength = float(b[rows].sum() ** 2 / (2 * c[rows].sum()))
        # What it is sure by is what is left when the choice between so many is paid for.
        confidence = 1 - math.exp(min(0.0, cells.cost - strength))
        inside = abs(float((self._base * self._rest)[rows].sum()))
        share = inside / max(inside, abs(float((self._base * self._shift).sum())), TINY)
        return Element(cells.places[cell], strength, confidence, share), rows

    def _left(self, cells: _Cells, cell: int) -> Rows:
        """The leaves of a place that are in no element yet."""
        return np.flatnonzero((cells.of_leaf == cell) & (self._weight > 0))

    def _narrowed(self, cells: _Cells, cell: int, b: Column) -> tuple[_Cells, int]:
        """Step from a place to a part of it for as long as other parts are well."""
        part = self._part(cells, cell, b)
        return (cells, cell) if part is None else self._narrowed(*part, b)

    def _part(self, cells: _Cells, cell: int, b: Column) -> tuple[_Cells, int] | None:
        """The part of a place that is off the most, where others are well."""
        rows = self._left(cells, cell)
        best: tuple[float, _Cells, int] | None = None
        for finer in self._cells:
            if finer.kept != cells.kept and holds(cells.kept, finer.kept):
                part = _worse_part(finer, rows, b, self._weight)
                if part is not None and (best is None or part[0] > best[0]):
                    best = part[0], finer, part[1]
        return None if best is None else best[1:]


def _worse_part(cells: _Cells, rows: Rows, b: Column, c: Column) -> tuple[float, int] | None:
    """Where places among some leaves are of two kinds, well and not: how clearly, and the worst of them."""
    of, size = cells.sums(b, rows), cells.sums(c, rows)
    there = np.flatnonzero(size > 0)
    if len(there) < 2:
        return None
    whole = float(np.sign(of.sum()))
    order = there[np.argsort(-whole * of[there] / size[there])]
    worse, all_of = np.cumsum(of[order])[:-1], of[there].sum()
    worse_size, all_size = np.cumsum(size[order])[:-1], size[there].sum()
    gain = worse**2 / (2 * worse_size) + (all_of - worse) ** 2 / (2 * (all_size - worse_size))
    gain -= all_of**2 / (2 * all_size)
    cost = np.arange(1, len(order)) * (math.log(len(there)) + 1)
    shift, rest = worse / worse_size, (all_of - worse) / (all_size - worse_size)
    score = np.where(whole * _far(rest) < WELL * whole * _far(shift), gain - cost, -np.inf)
    cut = int(np.argmax(score))
    if score[cut] <= 0:
        return None
    first = order[: cut + 1]
    return float(score[cut]), int(first[np.argmax(of[first] ** 2 / size[first])])


def _common(shift: Column, weight: Column, most: float) -> float:
    """How far off most of it is, as it may be at times: the weighted median, up to so much."""
    order = np.argsort(shift)
    half = np.searchsorted(np.cumsum(weight[order]), weight.sum() / 2)
    return float(np.clip(shift[order[half]], -most, most))


def _far(shift: Column) -> Column:
    """How far a shift is, so that ten times and a hundred times as much are of one kind."""
    return np.where(shift > 0, np.log1p(np.maximum(shift, 0)), shift)


def _codes(places: Sequence[Place]) -> Rows:
    """Leaves as numbers, one a value."""
    columns = []
    for values in zip(*places, strict=True):
        number: dict[str | None, int] = {}
        columns.append([number.setdefault(value, len(number)) for value in values])
    return np.array(columns, dtype=np.intp).T

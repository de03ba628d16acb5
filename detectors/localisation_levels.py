"""A table of leaves → its levels, and in each the places as numbers: a sum over places is one pass.

Leaves come as codes: a row a leaf, a column a dimension, in it the number of the value, from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Codes = NDArray[np.intp]

#: With more dimensions than these, places have values for no more than so many of them, or are leaves.
MANY, DEEPEST = 6, 3


def combined(dimensions: int) -> Iterator[tuple[int, ...]]:
    """Which dimensions are looked at together, few first.

    >>> list(combined(3))
    [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]
    """
    every = range(dimensions)
    depths = range(1, dimensions + 1) if dimensions <= MANY else (*range(1, DEEPEST + 1), dimensions)
    return (chosen for depth in depths for chosen in combinations(every, depth))


@dataclass(frozen=True)
class Level:
    """The places that have a value for the same dimensions, numbered from 0."""

    dimensions: tuple[int, ...]
    #: Leaf → number of the place that it is in.
    of_leaf: Codes
    count: int

    def sums(self, of_leaves: Numbers) -> Numbers:
        """Place → the sum over its leaves."""
        return np.bincount(self.of_leaf, of_leaves, self.count).astype(float, copy=False)


class Levels:
    """Every level of a table of leaves: first that of each dimension by itself, where a place is its value.

    >>> levels = Levels(np.array([[0, 0], [0, 1], [1, 0]]))
    >>> [(level.dimensions, level.count) for level in levels]
    [((0,), 2), ((1,), 2), ((0, 1), 3)]
    """

    def __init__(self, codes: Codes) -> None:
        self.codes = codes
        dimensions = codes.shape[1]
        self.singles = [
            Level((n,), np.ascontiguousarray(codes[:, n]), int(codes[:, n].max()) + 1)
            for n in range(dimensions)
        ]
        singles = {level.dimensions: level for level in self.singles}
        self._levels = {
            chosen: singles[chosen] if len(chosen) == 1 else self._combined(chosen)
            for chosen in combined(dimensions)
        }

    def __len__(self) -> int:
        return len(self._levels)

    def __iter__(self) -> Iterator[Level]:
        return iter(self._levels.values())

    def __contains__(self, dimensions: tuple[int, ...]) -> bool:
        return dimensions in self._levels

    def number(self, dimensions: tuple[int, ...]) -> int:
        """Which level has these dimensions."""
        return list(self._levels).index(dimensions)

    def places_of(self, number: int) -> Codes:
        """Leaf → number of the place that it is in, at the level of this number."""
        return list(self._levels.values())[number].of_leaf

    def _combined(self, dimensions: tuple[int, ...]) -> Level:
        number = np.zeros(len(self.codes), np.intp)
        room = 1
        for n in dimensions:
            number = number * self.singles[n].count + self.singles[n].of_leaf
            room *= self.singles[n].count
        if room <= 8 * len(self.codes):
            # Cheaper than to sort, where hardly any combination is missing.
            renumbered = np.cumsum(np.bincount(number, minlength=room) > 0) - 1
            return Level(dimensions, renumbered[number], int(renumbered[-1]) + 1)
        values, of_leaf = np.unique(number, return_inverse=True)
        return Level(dimensions, of_leaf, len(values))

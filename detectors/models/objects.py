"""One object a series: River's models, which know one series each, beside models in columns.

They are stored as what they remember, lists of numbers, in arrays with series along the last axis: so
that nothing of them is pickled, and their state has a size that is known beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

T = TypeVar("T")

#: What an object remembers: name → numbers.
Memory = Mapping[str, Sequence[float]]


class Objects(Generic[T]):
    """The objects of all series, in order."""

    def __init__(
        self,
        new: Callable[[], T],
        most: Mapping[str, int],
        read: Callable[[T], Memory],
        write: Callable[[T, Memory], None],
        dtype: DTypeLike = np.float64,
    ) -> None:
        """`most` says how many numbers of each name an object remembers at most.

        `read` gives the memory of an object, `write` puts it into a new one; an empty one is not written.
        """
        self._new, self._most, self._read, self._write, self._dtype = new, most, read, write, dtype
        self._all: list[T] = []

    def __iter__(self) -> Iterator[T]:
        return iter(self._all)

    def __getitem__(self, number: int) -> T:
        return self._all[number]

    def __setitem__(self, number: int, one: T) -> None:
        self._all[number] = one

    def grow(self, series: int) -> None:
        """Add objects without history."""
        self._all += [self._new() for _ in range(series)]

    def reset(self, series: NDArray[np.intp]) -> None:
        """Replace objects by some without history."""
        for number in series.tolist():
            self._all[number] = self._new()

    def save(self) -> dict[str, NDArray[np.generic]]:
        """All memories, and how long each list is; zeros fill the rest."""
        series = len(self._all)
        tables = {name: np.zeros((lines, series), self._dtype) for name, lines in self._most.items()}
        lengths = np.zeros((len(tables), series), np.uint32)
        for number, memory in enumerate(map(self._read, self._all)):
            for length, (name, table) in zip(lengths, tables.items(), strict=True):
                length[number] = len(memory[name])
                table[: len(memory[name]), number] = list(memory[name])
        return {**tables, "lengths": lengths}

    def load(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what was saved."""
        lengths = state["lengths"].T.tolist()
        self._all = [self._new() for _ in lengths]
        tables = [state[name].T for name in self._most]
        for number, (one, lists) in enumerate(zip(self._all, lengths, strict=True)):
            memory = {
                name: table[number, :length].tolist()
                for name, table, length in zip(self._most, tables, lists, strict=True)
            }
            if any(lists):
                self._write(one, memory)

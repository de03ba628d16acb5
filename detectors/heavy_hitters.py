"""Heavy hitters: the keys that weigh most in a stream of any number of them, in bounded space.

Space-Saving, by Metwally, Agrawal and El Abbadi, "Efficient computation of frequent and top-k elements
in data streams" (2005). Of n keys that are kept, none that weighs more than 1/n of all is missed, and
each is known with an error that is known too. What is kept depends on the keys and their order alone.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappush, heapreplace
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K", bound=Hashable)


class Hitter(NamedTuple, Generic[K]):
    """A key that is kept; it weighs at most `weight`, and at least `weight - error`."""

    key: K
    weight: int
    error: int


class SpaceSaving(Generic[K]):
    """The heaviest keys; where there is no room, the lightest gives way to a new one.

    The new one may have come before, unnoticed: it takes over the weight of the one that gave way, as
    its error. Of equal weights the key that was taken up first gives way.

    >>> addresses: SpaceSaving[str] = SpaceSaving(capacity=2)
    >>> for address in ("::1", "::2", "::1", "::3", "::1"):
    ...     gave_way = addresses.add(address)
    >>> addresses.items()
    [Hitter(key='::1', weight=3, error=0), Hitter(key='::3', weight=2, error=1)]
    >>> addresses.guaranteed("::3"), addresses.guaranteed("::2")
    (1, 0)
    """

    __slots__ = ("_entries", "_lightest_first", "_taken_up", "capacity")

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            message = f"a sketch of {capacity} keys can keep none; give it room for at least one"
            raise ValueError(message)
        self.capacity = capacity
        self._entries: dict[K, _Entry] = {}
        #: A heap of weight, order and key. Weights in it may lag behind, and are put right at the top alone.
        self._lightest_first: list[tuple[int, int, K]] = []
        self._taken_up = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def add(self, key: K, weight: int = 1) -> K | None:
        """Take in a key, and tell which one gave way to it, if any."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.weight += weight
            return None
        self._taken_up += 1
        if len(self._entries) < self.capacity:
            self._entries[key] = _Entry(weight, 0, self._taken_up)
            heappush(self._lightest_first, (weight, self._taken_up, key))
            return None
        least, gone = self._lightest()
        del self._entries[gone]
        self._entries[key] = _Entry(least + weight, least, self._taken_up)
        heapreplace(self._lightest_first, (least + weight, self._taken_up, key))
        return gone

    def _lightest(self) -> tuple[int, K]:
        while True:
            told, order, key = self._lightest_first[0]
            weight = self._entries[key].weight
            if told == weight:
                return weight, key
            heapreplace(self._lightest_first, (weight, order, key))

    def guaranteed(self, key: K) -> int:
        """What a key weighs at least; 0 where it is not kept."""
        entry = self._entries.get(key)
        return entry.weight - entry.error if entry is not None else 0

    def items(self) -> list[Hitter[K]]:
        """The keys that are kept, heaviest first; of equal weights the one that was taken up first."""
        return sorted(self.save(), key=lambda hitter: -hitter.weight)

    def update(self, other: SpaceSaving[K]) -> None:
        """Take in what another has kept, with the error that both have together.

        What one of them does not keep may have come there as often as the lightest that it does: Agarwal,
        Cormode, Huang, Phillips, Wei and Yi, "Mergeable summaries" (2012).
        """
        mine, theirs = self._at_most(), other._at_most()
        merged = {key: (entry.weight + theirs, entry.error + theirs) for key, entry in self._entries.items()}
        for key, entry in other._entries.items():
            known = self._entries.get(key)
            weight, error = (mine, mine) if known is None else (known.weight, known.error)
            merged[key] = weight + entry.weight, error + entry.error
        kept = sorted(merged.items(), key=lambda pair: -pair[1][0])[: self.capacity]
        self.load([(key, weight, error) for key, (weight, error) in kept])

    def _at_most(self) -> int:
        """What a key may weigh that is not kept."""
        return self._lightest()[0] if len(self._entries) >= self.capacity else 0

    def discard(self, keys: Collection[K]) -> None:
        """Drop keys; costs as much for one as for many."""
        self.load([hitter for hitter in self.save() if hitter.key not in keys])

    def save(self) -> list[Hitter[K]]:
        """The keys in the order in which they were taken up: all there is to know."""
        return [Hitter(key, entry.weight, entry.error) for key, entry in self._entries.items()]

    def load(self, hitters: Iterable[tuple[K, int, int]]) -> None:
        """Go on from what was saved."""
        self._entries = {key: _Entry(weight, error, n) for n, (key, weight, error) in enumerate(hitters)}
        self._lightest_first = [(entry.weight, entry.order, key) for key, entry in self._entries.items()]
        heapify(self._lightest_first)
        self._taken_up = len(self._entries)


@dataclass(slots=True)
class _Entry:
    weight: int
    error: int
    #: The when-th key it was that was taken up.
    order: int

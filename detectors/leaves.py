"""Which leaves of a detector are counted by themselves in a source partition, and which as `(other)`.

While there is room, every leaf is. After that a new one waits in a sketch of heavy hitters, where the
many that come once pass through, until it is found to weigh more than one that has room. It all depends
on the events and their order, so that a replay counts the same leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import msgspec

from detectors.heavy_hitters import Hitter, SpaceSaving
from detectors.places import OTHER, roller
from detectors.records import Place

#: Leaves that wait at most.
MOST_WAITING = 1024
#: What remains of a leaf's weight after an interval, and at what weight it is forgotten.
DECAY, FORGOTTEN = 0.9, 0.05
#: A leaf gives way to one that had so many times its weight in the last interval.
CLEARLY = 2.0


class LeavesState(msgspec.Struct):
    """Leaves as they are stored: each with its weight, and the waiting ones."""

    counted: list[tuple[Place, float]]
    waiting: list[Hitter[Place]]


class Leaves:
    """The leaves that are counted by themselves, at most so many."""

    def __init__(self, most: int, subsets: Sequence[tuple[bool, ...]]) -> None:
        #: Events that were counted as `(other)`.
        self.turned_away = 0
        self._most = most
        #: For each roll-up, how it is made and what it is called where it is not counted by itself.
        self._roll_ups = [(roller(kept), roller(kept)((OTHER,) * len(kept))) for kept in subsets]
        #: Leaf → about how many events an interval it has, known only once room is short.
        self._counted: dict[Place, float] = {}
        self._waiting: SpaceSaving[Place] = SpaceSaving(min(most, MOST_WAITING))
        #: Every roll-up of a leaf that is counted; made when it is needed.
        self._rolled_up: set[Place] | None = None

    @property
    def waiting(self) -> int:
        """How many leaves wait."""
        return len(self._waiting)

    def admits(self, leaf: Place) -> bool:
        """Whether a leaf is counted by itself; one that is not waits from now on."""
        if leaf in self._counted:
            return True
        if len(self._counted) < self._most:
            self._counted[leaf] = 0.0
            self._rolled_up = None
            return True
        self._waiting.add(leaf)
        self.turned_away += 1
        return False

    def instead(self, leaf: Place) -> list[Place]:
        """Where an event of another leaf is counted: the roll-ups that counted leaves have, or `(other)`."""
        if self._rolled_up is None:
            self._rolled_up = {roll_up(known) for known in self._counted for roll_up, _ in self._roll_ups}
        known = self._rolled_up
        return [place if (place := roll_up(leaf)) in known else other for roll_up, other in self._roll_ups]

    def review(self, volumes: Mapping[Place, int]) -> None:
        """Let those that wait take the room of those that weigh less; `volumes` are of the last interval."""
        if not self._waiting:
            return
        weights = {
            leaf: weight
            for leaf, before in self._counted.items()
            if (weight := max(volumes.get(leaf, 0), DECAY * before)) > FORGOTTEN
        }
        lightest = iter(sorted(weights.items(), key=itemgetter(1)))
        for leaf, weight, error in sorted(self._waiting.items(), key=_surely, reverse=True):
            volume = weight - error
            if len(weights) >= self._most:
                gives_way, its_weight = next(lightest, (leaf, volume))
                if volume <= max(1.0, CLEARLY * its_weight):
                    break
                del weights[gives_way]
            weights[leaf] = volume
        self._counted = weights
        self._waiting.load([])
        self._rolled_up = None

    def save(self) -> LeavesState:
        """The state as it is stored."""
        return LeavesState(list(self._counted.items()), self._waiting.save())

    def load(self, state: LeavesState) -> None:
        """Go on from a stored state."""
        self._counted = dict(state.counted)
        self._waiting.load(state.waiting)
        self._rolled_up = None


def _surely(hitter: Hitter[Place]) -> int:
    return hitter.weight - hitter.error

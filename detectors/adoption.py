"""Adoption: levels that people call the new normal, and what was known of their series before.

So that it can be undone: a series is put back to what it was, and learns anew from what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec

from detectors.blocks import Block
from detectors.feedback import Feedback, Verdict
from detectors.state import Array

#: The block and the seat of a series of a verdict; None where it has none.
Find = Callable[[Verdict], tuple[Block, int] | None]


class Adopted(msgspec.Struct):
    """A level that was adopted."""

    verdict: Verdict
    #: All that was known of the series.
    before: dict[str, Array]


class Adoption:
    """The levels that one shard has adopted."""

    def __init__(self, feedback: Feedback) -> None:
        self._feedback = feedback
        self._adopted: dict[str, Adopted] = {}

    def waits(self, start: datetime) -> list[Verdict]:
        """What is to be adopted with an interval that begins then."""
        new = ((key, verdict) for key, verdict in self._feedback.adopted() if key not in self._adopted)
        return [verdict for _, verdict in new if verdict.end <= start]

    def adopt(self, verdict: Verdict, block: Block, seat: int) -> None:
        """Let the next value of a series be its level from then on."""
        self._adopted[verdict.id] = Adopted(verdict, block.adopt_next(verdict.measure, seat))

    def take_back(self, find: Find) -> None:
        """Put back what does not hold any more."""
        held = dict(self._feedback.adopted())
        for key in [key for key, adopted in self._adopted.items() if held.get(key) != adopted.verdict]:
            adopted = self._adopted.pop(key)
            found = find(adopted.verdict)
            if found is not None:
                block, seat = found
                block.put_back(adopted.verdict.measure, seat, adopted.before)

    def save(self) -> dict[str, Adopted]:
        """The state as it is stored."""
        return self._adopted

    def load(self, adopted: Mapping[str, Adopted]) -> None:
        """Go on from a stored state."""
        self._adopted = dict(adopted)

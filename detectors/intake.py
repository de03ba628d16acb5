"""What an open interval has taken in beside the values of its measures → an Intake, and Intakes → their sum.

Apart from folding, since all of it is about the events that lack something, are late or cannot be used: the
loop over events has a few counters for them, and what places say of dimensions is asked when they are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from detectors.places import MISSING, OTHER
from detectors.records import Intake, Place


class Counters(NamedTuple):
    """Which counters of the loop are those of a measure."""

    #: Events that its condition lets through; None where it has none, and so takes all that are measured.
    asked: int | None
    #: How many of them have no value in its field.
    without: int


class Lack(NamedTuple):
    """The same numbers of one measure, counted elsewhere."""

    asked: int
    without: int


NOTHING = Lack(0, 0)


class Taken(msgspec.Struct):
    """What an open interval has taken in, and what is stored of that."""

    #: The counters of the loop; none where an earlier version has stored it.
    counts: list[int] = []
    #: Of the events of leaves without room: how many there are, then by dimension how many have no value.
    away: list[int] = []
    #: Events that were late, and records that could not be used, while the interval was the newest.
    late: int = 0
    invalid: int = 0

    def count(self, counts: Sequence[int]) -> None:
        """Add what the counters are of an event that the loop has not counted itself."""
        self.counts = _sum(self.counts, counts)

    def count_many(self, lacks: Sequence[Lack], counters: Sequence[Counters | None]) -> None:
        """Add what many events lack for each measure."""
        counts = [0] * len(self.counts)
        for lack, of in zip(lacks, counters, strict=True):
            if of is not None:
                # Measures may share a counter, and then agree.
                counts[of.without] = lack.without
                if of.asked is not None:
                    counts[of.asked] = lack.asked
        self.count(counts)

    def turn_away(self, place: Place, events: int) -> None:
        """Add events of a leaf that is not counted by itself: their values will be forgotten."""
        self.away = _sum(self.away, [events, *(events * (value == MISSING) for value in place)])

    def intake(
        self, cells: Mapping[Place, Sequence[Any]], counters: Sequence[Counters | None], dimensions: int
    ) -> Intake:
        """All of it, with what the leaves say that were counted by themselves."""
        measured, *missing = self.away or [0] * (1 + dimensions)
        for place, cell in cells.items():
            if None not in place and OTHER not in place:
                measured += cell[0]
                if MISSING in place:
                    missing = _sum(missing, [cell[0] * (value == MISSING) for value in place])
        lacks = [self._lack(of, measured) for of in counters]
        return Intake(
            measured, missing, [lack.asked for lack in lacks], [lack.without for lack in lacks],
            self.late, self.invalid,
        )  # fmt: skip

    def _lack(self, of: Counters | None, measured: int) -> Lack:
        if of is None:
            return NOTHING
        return Lack(measured if of.asked is None else self.counts[of.asked], self.counts[of.without])


def together(intakes: Iterable[Intake | None]) -> Intake | None:
    """What several came to; None where none is known."""
    total: Intake | None = None
    for intake in intakes:
        if intake is not None:
            total = intake if total is None else _both(total, intake)
    return total


def _both(one: Intake, other: Intake) -> Intake:
    return Intake(
        one.measured + other.measured,
        _sum(one.missing, other.missing),
        _sum(one.asked, other.asked),
        _sum(one.without, other.without),
        one.late + other.late,
        one.invalid + other.invalid,
    )


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Number by number; one of them may be unknown."""
    return [a + b for a, b in zip(one, other, strict=True)] if one and other else list(one or other)

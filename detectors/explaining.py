"""Surprising scores → why, in words: how unusual, from what that was expected, and what holds it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from detectors.locales import Reading
from detectors.records import HeldBy

STOPPED = "the whole source is silent, which it hardly ever is"
TOGETHER = "unusual together, whatever each measure is by itself"

_HELD: Mapping[HeldBy, str] = {
    "direction": "only the other side is told of",
    "minimum_change": "too small a change to be told of",
    "minimum_volume": "too few to be told of",
    "missing": "a missing value is ignored",
    "calendar": "nothing is told of on this occasion",
    "feedback": "someone has said that it is expected",
}


def explained(
    rarity: str, held_by: HeldBy | None, reading: Reading, *, stopped: bool, together: bool
) -> tuple[str, ...]:
    """Why a score is what it is.

    `rarity` says how unusual it is; `reading` is what the locale of the series says of the interval,
    `together` that it is about all measures of a place.
    """
    return tuple(_lines(rarity, held_by, reading, STOPPED if stopped else TOGETHER if together else None))


def _lines(rarity: str, held_by: HeldBy | None, reading: Reading, kind: str | None) -> Iterator[str]:
    yield rarity
    if kind is not None:
        yield kind
    if reading.occasions:
        known = "a time unlike others" if reading.moment.special else "on the calendar"
        yield f"{known}: {', '.join(reading.occasions)}"
    if held_by is not None:
        yield f"held back by {held_by}: {_HELD[held_by]}"

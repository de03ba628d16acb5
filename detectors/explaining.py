"""Surprising scores → why, in words: how unusual, from what that was expected, and what holds it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detectors.locales import Reading
from detectors.records import HeldBy

STOPPED = ("the whole source is silent, which it hardly ever is",)
TOGETHER = ("unusual together, whatever each measure is by itself",)

_HELD: Mapping[HeldBy, str] = {
    "direction": "only the other side is told of",
    "minimum_change": "too small a change to be told of",
    "minimum_volume": "too few to be told of",
    "missing": "a missing value is ignored",
    "calendar": "nothing is told of on this occasion",
}


def explained(
    rarity: str, grounds: Sequence[str], reading: Reading, held_by: HeldBy | None
) -> tuple[str, ...]:
    """Why a score is what it is.

    `rarity` says how unusual it is, `grounds` what its model knows of it, `reading` is what the locale of
    the series says of the interval.
    """
    said = [rarity, *grounds]
    if reading.occasions:
        known = "a time unlike others" if reading.moment.special else "on the calendar"
        said.append(f"{known}: {', '.join(reading.occasions)}")
    if held_by is not None:
        said.append(f"held back by {held_by}: {_HELD[held_by]}")
    return tuple(said)

"""Numbers by field, place and interval become records: one a place and interval, with all of its fields.

Apart from those who ask for them, since all of these ask for one field at a time, while a detector compares
its measures in rows that have them all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import msgspec

from detectors.sources import TIMESTAMP
from detectors.words import plain
from streams.sources.reading import Unavailable

#: Dimensions with their values, by name; of what is absent nothing.
Place = tuple[tuple[str, str], ...]


def place_of(values: Mapping[str, str]) -> Place:
    """Dimension values as one place, in whatever order they come."""
    return tuple(sorted(values.items()))


def place_in_words(place: Place) -> str:
    """A place for people, though strangers chose its values."""
    return ", ".join(f"{name}={plain(value)!r}" for name, value in place) or "what has no dimensions"


class Numbers:
    """What is known of the intervals that are read.

    >>> numbers = Numbers()
    >>> numbers.add(0, place_of({"shop": "DE"}), "orders", 7.0)
    >>> numbers.add(0, place_of({"shop": "DE"}), "errors", 1.0)
    >>> list(numbers.records())
    [b'{"timestamp":0,"shop":"DE","orders":7.0,"errors":1.0}']
    """

    def __init__(self) -> None:
        self._rows: dict[tuple[int, Place], dict[str, float]] = {}

    def add(self, start: int, place: Place, field: str, value: float) -> None:
        """A value of the interval that begins at a time in milliseconds; what is no number is left out.

        Raises:
            Unavailable: there is one already.
        """
        if not math.isfinite(value):
            return
        row = self._rows.setdefault((start, place), {})
        if field in row:
            message = f"field {field!r} has two values for {place_in_words(place)}: which one is not known"
            raise Unavailable(message)
        row[field] = value

    def records(self) -> Iterator[bytes]:
        """All of it as JSON."""
        for (start, place), values in self._rows.items():
            yield msgspec.json.encode({TIMESTAMP: start, **dict(place), **values})

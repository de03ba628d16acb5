"""Rows of a query → records of JSON, by the names of their columns.

Numbers stay exact, times get the time zone of the source where they name none, and what JSON has no word
for becomes text, or null where it is no number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from detectors.config import Detector
from detectors.sources import Rows
from detectors.words import plain
from streams.sources.reading import Unavailable
from streams.zones import in_zone

#: So many columns are named to who looks for another one.
_MOST_NAMED = 20

Converter = Callable[[Any], Any]


class RowEncoder:
    """Encodes the rows of one result."""

    def __init__(self, source: Rows, detector: Detector, columns: Iterable[str]) -> None:
        """`columns` are the names that the result has.

        Raises:
            Unavailable: it has not the columns that are read, or two of one name.
        """
        self._names = list(columns)
        self._check(source, detector)
        zone = ZoneInfo(source.timezone)
        self._of_type = _converters(zone)
        self._time = self._names.index(source.time)
        self._times: dict[type, Converter] = {
            **self._of_type,
            date: lambda day: in_zone(datetime.combine(day, time.min), zone),
            str: lambda text: _time_in(text, zone),
        }
        self._encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode

    def encode(self, row: Sequence[Any]) -> bytes:
        """A row as a JSON object."""
        of_type = self._of_type
        values = [value if (convert := of_type.get(type(value))) is None else convert(value) for value in row]
        found = row[self._time]
        if (convert := self._times.get(type(found))) is not None:
            values[self._time] = convert(found)
        return self._encode(dict(zip(self._names, values, strict=True)))

    def _check(self, source: Rows, detector: Detector) -> None:
        for name in self._names:
            if self._names.count(name) > 1:
                message = f"the query gives two columns named {plain(name)!r}: name one otherwise, with AS"
                raise Unavailable(message)
        for column in (source.time, *(_column_of(name, source) for name in _fields(detector))):
            if column not in self._names:
                known = ", ".join(map(plain, self._names[:_MOST_NAMED]))
                message = f"the query gives no column {column!r}; there are {known}"
                raise Unavailable(message)


def _fields(detector: Detector) -> list[str]:
    """The fields that a detector reads."""
    of_measures = {name for m in detector.measures for name in (*m.where, *([m.field] if m.field else []))}
    return sorted({*detector.dimensions, *detector.where, *of_measures})


def _column_of(field: str, source: Rows) -> str:
    """The column of a field; what follows a dot is inside a column of JSON."""
    return source.fields.get(field, field).partition(".")[0]


def _converters(zone: ZoneInfo) -> dict[type, Converter]:
    """What becomes of values that are not in JSON what they are here; all others stay."""
    of_type: dict[type, Converter] = {
        bytes: _text,
        bytearray: _text,
        memoryview: _text,
        datetime: lambda value: in_zone(value, zone),
        timedelta: timedelta.total_seconds,
        Decimal: lambda value: value if value.is_finite() else None,
    }

    def each(values: Iterable[Any]) -> list[Any]:
        return [value if (f := of_type.get(type(value))) is None else f(value) for value in values]

    of_type |= {list: each, tuple: each, set: each}
    return of_type


def _text(value: bytes | bytearray | memoryview) -> str:
    """Bytes are text, or else are shown in hex."""
    raw = bytes(value)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.hex()


def _time_in(text: str, zone: ZoneInfo) -> datetime | str:
    """A time that is text, in the zone if it names none; what is no time stays, to be refused as such."""
    try:
        return in_zone(datetime.fromisoformat(text.strip()), zone) if "-" in text else text
    except ValueError:
        return text

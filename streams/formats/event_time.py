"""Event times: what records call a time becomes milliseconds since 1970, or a BadEvent.

Apart, since every format has a time, and every feed another unit for it.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.formats.decoding import bad_time
from streams.zones import in_zone

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "iso"]

#: The last millisecond of the year 9999.
LATEST = 253_402_300_799_999
#: A time that needs no conversion.
MILLISECONDS = Annotated[int, Meta(ge=0, le=LATEST)]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
PER_MILLISECOND = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def read_time(value: float | str | datetime | None, unit: TimeUnit, path: str, zone: tzinfo = UTC) -> int:
    """The event time of a record, which has `value` at `path`; text that names no time zone is of `zone`.

    With `auto` a number tells its unit by its magnitude: up to 1e11 they are seconds (until the year
    5138), then milliseconds (from 1973), microseconds, nanoseconds. Text is taken with `auto` and `iso`.

    >>> read_time(1_700_000_000, "auto", "ts"), read_time("2023-11-14T22:13:20Z", "auto", "ts")
    (1700000000000, 1700000000000)

    Raises:
        BadEvent: there is no time, or none from 1970 to 9999.
    """
    if isinstance(value, str):
        if unit not in {"auto", "iso"}:
            raise bad_time(path, value, f"a number of {unit} since 1970")
        return read_text(value, path, zone)
    if value is None:
        raise bad_time(path, value)
    if isinstance(value, datetime):
        return read_datetime(value, path, zone)
    if unit == "iso":
        raise bad_time(path, value, "a time such as 2030-01-31T12:00:00Z")
    milliseconds = _milliseconds(value, unit_of(value) if unit == "auto" else unit)
    if not 0 <= milliseconds <= LATEST:
        raise bad_time(path, value)
    return milliseconds


def read_text(value: str, path: str, zone: tzinfo = UTC) -> int:
    """The event time that a text is: RFC 3339, and of the time zone where it does not say."""
    try:
        time = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        raise bad_time(path, value, "a time such as 2030-01-31T12:00:00Z") from None
    return read_datetime(time, path, zone)


def read_datetime(time: datetime, path: str, zone: tzinfo = UTC) -> int:
    """The event time that a date and time is; of the time zone where it does not say."""
    milliseconds = (in_zone(time, zone) - EPOCH) // MILLISECOND
    if not 0 <= milliseconds <= LATEST:
        raise bad_time(path, time.isoformat())
    return milliseconds


def unit_of(value: float) -> TimeUnit:
    """The unit that a number of time since 1970 has, by its magnitude."""
    size = abs(value)
    if size < 1e11:
        return "s"
    if size < 1e14:
        return "ms"
    return "us" if size < 1e17 else "ns"


def _milliseconds(value: float, unit: TimeUnit) -> int:
    if unit == "s":
        # A float of seconds is some tenths of a microsecond off: 0.589 s must not become 588 ms.
        return value * 1000 if isinstance(value, int) else math.floor(value * 1000 + 0.001)
    return math.floor(value // PER_MILLISECOND[unit])

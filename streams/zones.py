"""Times that name no zone, of databases and files: what they are in a time zone, and how to ask for them.

Of a local time that comes twice, when clocks are set back, the second is meant; one that never comes is
read as if clocks had not been set. PostgreSQL does the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo


def in_zone(time: datetime, zone: tzinfo) -> datetime:
    """A time, in a zone if it names none.

    >>> from zoneinfo import ZoneInfo
    >>> in_zone(datetime(2026, 10, 25, 2, 30), ZoneInfo("Europe/Berlin")).isoformat()
    '2026-10-25T02:30:00+01:00'
    """
    if time.tzinfo is not None:
        return time
    first = time.replace(tzinfo=zone)
    second = first.replace(fold=1)
    return second if _offset(second) < _offset(first) else first


def bounds(start: datetime, end: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """The same two times, so that no local time of a moment between them lies outside of what they show.

    When clocks are set back in between, the first shows an hour less and the second an hour more.

    >>> from zoneinfo import ZoneInfo
    >>> half_past = [datetime.fromisoformat(f"2026-10-25T{hour}:30Z") for hour in ("00", "01")]
    >>> [time.isoformat() for time in bounds(*half_past, ZoneInfo("Europe/Berlin"))]
    ['2026-10-25T01:30:00+01:00', '2026-10-25T03:30:00+02:00']
    """
    offsets = _offset(start.astimezone(zone)), _offset(end.astimezone(zone))
    return start.astimezone(timezone(min(offsets))), end.astimezone(timezone(max(offsets)))


def _offset(time: datetime) -> timedelta:
    offset = time.utcoffset()
    assert offset is not None, time  # noqa: S101
    return offset

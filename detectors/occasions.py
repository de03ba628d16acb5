"""Occasions of one's own: when they are, once or by a recurrence rule, on the clocks of any time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import NamedTuple

from dateutil.rrule import rruleset, rrulestr

from detectors.config import DAY, Occasion

#: The most that clocks on the wall are ahead of or behind those of UTC, and a change of them.
FARTHEST = timedelta(hours=27)

REPEATS = {word: f"FREQ={word.upper()}" for word in ("daily", "weekly", "monthly", "yearly")}
#: What comes more often is no occasion.
OFTEN_ENOUGH = re.compile("(^|;)FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;|$)", re.IGNORECASE)
#: What lasts longer is no occasion.
LONGEST = timedelta(days=3_660)


class Span(NamedTuple):
    """A stretch of time, in milliseconds since the epoch: from its start up to before its end."""

    start: int
    end: int
    name: str

    def touches(self, after: datetime, before: datetime) -> bool:
        """Whether some of it lies between two instants; of nothing, which clocks may skip, none does."""
        start, end = max(self.start, after.timestamp() * 1000), min(self.end, before.timestamp() * 1000)
        return start < end


@dataclass(frozen=True, slots=True)
class Recurrence:
    """An occasion, as often as it comes."""

    name: str
    #: When it begins, on clocks on the wall.
    begins: rruleset
    length: timedelta
    #: Where these clocks are; None: wherever it is asked for.
    zone: tzinfo | None = None

    def __post_init__(self) -> None:
        if self.length > LONGEST:
            message = f"lasts {self.length.days} days; an occasion lasts ten years at most"
            raise ValueError(message)

    def spans(self, zone: tzinfo, after: datetime, before: datetime) -> Iterator[Span]:
        """Each time that touches the time between two instants, given in UTC."""
        earliest = (after - self.length - FARTHEST).replace(tzinfo=None)
        latest = (before + FARTHEST).replace(tzinfo=None)
        for begin in self.begins.between(earliest, latest, inc=True):
            span = local_span(begin, begin + self.length, self.zone or zone, self.name)
            if span.touches(after, before):
                yield span


def local_span(begin: datetime, end: datetime, zone: tzinfo, name: str) -> Span:
    """The span between two times on the clocks of a zone.

    >>> from zoneinfo import ZoneInfo
    >>> day = datetime(2026, 3, 29)
    >>> hours = [local_span(day, day + DAY, ZoneInfo(zone), "") for zone in ("UTC", "Europe/Berlin")]
    >>> [(span.end - span.start) // 3_600_000 for span in hours]
    [24, 23]
    """
    start, stop = (round(wall.replace(tzinfo=zone).timestamp() * 1000) for wall in (begin, end))
    return Span(start, stop, name)


def own(occasion: Occasion) -> Recurrence:
    """An occasion as the configuration gives it.

    Raises:
        ValueError: it makes no sense; the message says what.
    """
    first, whole_day = _time(occasion.start, "start")
    if occasion.end is not None and occasion.duration is not None:
        raise ValueError("give either an end or a duration")
    if occasion.end is not None:
        end, _ = _time(occasion.end, "end")
        if (first.tzinfo is None) != (end.tzinfo is None):
            raise ValueError("start and end need both an offset from UTC, or neither")
        length = end - first
    elif occasion.duration is not None:
        length = occasion.duration
    elif whole_day:
        length = DAY
    else:
        raise ValueError("needs an end or a duration, since start is no whole day")
    if length <= timedelta(0):
        raise ValueError("is over before it begins; of dates, end is the first day after the last")
    begins = rruleset()
    wall = first.replace(tzinfo=None)
    if occasion.repeat is None:
        begins.rdate(wall)
    else:
        begins.rrule(rule(REPEATS.get(occasion.repeat, occasion.repeat), wall))
    return Recurrence(occasion.name, begins, length, first.tzinfo)


def rule(text: str, first: datetime) -> rruleset:
    """A recurrence rule from its text and its first time.

    Raises:
        ValueError: it is none.
    """
    if not OFTEN_ENOUGH.search(text):
        message = f"repeat = {text!r}: use {', '.join(REPEATS)}, or a rule such as FREQ=MONTHLY;BYDAY=-1FR"
        raise ValueError(message)
    try:
        times = rrulestr(text, dtstart=first)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"repeat = {text!r} is no recurrence rule of iCalendar: {error}"
        raise ValueError(message) from error
    if next(iter(times), None) is None:
        message = f"repeat = {text!r} never comes"
        raise ValueError(message)
    return times


def _time(text: str, key: str) -> tuple[datetime, bool]:
    """A date or a date and time, and which of them."""
    try:
        if len(text) == len("2026-11-27"):
            return datetime.combine(date.fromisoformat(text), time()), True
        return datetime.fromisoformat(text), False
    except ValueError:
        message = f"{key} = {text!r} is no date such as 2026-11-27, and no time such as 2026-11-27T18:00"
        raise ValueError(message) from None

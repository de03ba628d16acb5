"""iCalendar files (RFC 5545): their events as occasions, with rules, dates left out and dates moved."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from dateutil.rrule import rruleset
from icalendar import Calendar, Event

from detectors.occasions import Recurrence, rule

UNNAMED = "(unnamed)"


def occasions(text: str) -> list[Recurrence]:
    """The occasions in the text of a file.

    Raises:
        ValueError: it is no calendar, or has an event that cannot be read; the message says which.
    """
    calendars = Calendar.from_ical(text, multiple=True)
    if not calendars:
        message = "there is no calendar in it"
        raise ValueError(message)
    events = [
        event for calendar in calendars for event in calendar.walk("VEVENT") if isinstance(event, Event)
    ]
    #: Times of a repeated event that an event of their own stands for.
    moved: defaultdict[str, list[Any]] = defaultdict(list)
    for event in events:
        if "RECURRENCE-ID" in event:
            moved[str(event.get("UID"))].append(event["RECURRENCE-ID"])
    found: list[Recurrence] = []
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        try:
            found += _read(event, moved[str(event.get("UID"))])
        except (ValueError, TypeError, OverflowError, AttributeError) as error:
            message = f"event {_title(event)!r}: {error}"
            raise ValueError(message) from error
    return found


def _title(event: Event) -> str:
    return str(event.get("SUMMARY", UNNAMED))


def _read(event: Event, moved: Iterable[Any]) -> Iterator[Recurrence]:
    if event.errors:
        name, problem = event.errors[0]
        message = f"{name}: {problem}"
        raise ValueError(message)
    zone = _zone(event)
    first, length = _wall(event.start, zone), event.end - event.start
    if length <= timedelta(0):
        message = "is over as soon as it begins; give it a DTEND or a DURATION"
        raise ValueError(message)
    begins = rruleset()
    if "RECURRENCE-ID" in event or not event.rrules:
        begins.rdate(first)
    for recurrence in event.rrules if "RECURRENCE-ID" not in event else ():
        until = [_wall(time_, zone) for time_ in recurrence.get("UNTIL", ())]
        here = type(recurrence)({**recurrence, "UNTIL": until} if until else recurrence)
        begins.rrule(rule(here.to_ical().decode(), first))
    for begin, end in event.rdates:
        if end is None:
            begins.rdate(_wall(begin, zone, first))
        else:
            alone = rruleset()
            alone.rdate(_wall(begin, zone))
            yield Recurrence(_title(event), alone, end if isinstance(end, timedelta) else end - begin, zone)
    for gone in event.exdates:
        begins.exdate(_wall(gone, zone, first))
    if "RECURRENCE-ID" not in event:
        for original in moved:
            if original.params.get("RANGE"):
                message = "RECURRENCE-ID with a RANGE is not read; give what comes later a rule of its own"
                raise ValueError(message)
            begins.exdate(_wall(original.dt, zone, first))
    yield Recurrence(_title(event), begins, length, zone)


def _zone(event: Event) -> tzinfo | None:
    """The zone of an event's clocks; none where it is local time, wherever one is."""
    start = event.start
    zone = start.tzinfo if isinstance(start, datetime) else None
    named = event["DTSTART"].params.get("TZID")
    if zone is None and named is not None:
        message = f"no time zone {named!r}; use a name such as Europe/Berlin"
        raise ValueError(message)
    return zone


def _wall(when: date, zone: tzinfo | None, first: datetime | None = None) -> datetime:
    """A date or time on the event's clocks; a date alone is at the time of the first."""
    if not isinstance(when, datetime):
        return datetime.combine(when, time() if first is None else first.time())
    return (when if when.tzinfo is None or zone is None else when.astimezone(zone)).replace(tzinfo=None)

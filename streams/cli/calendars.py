"""What the calendars of a configuration know: for `lookalive check`, before the days come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from zoneinfo import ZoneInfo

import msgspec

from detectors.calendars import Almanac
from detectors.config import Calendar, Config, Detector

#: Occasions that are named.
MOST = 5


class Coming(msgspec.Struct, frozen=True):
    """An occasion, margins included, on the clocks of the calendar's time zone."""

    name: str
    start: datetime
    end: datetime

    def __str__(self) -> str:
        first, last = self.start, self.end - timedelta(minutes=1)
        if (first.hour, first.minute, last.hour, last.minute) != (0, 0, 23, 59):
            return f"{first:%a %Y-%m-%d %H:%M} to {self.end:%a %Y-%m-%d %H:%M} {self.name}"
        days = "" if first.date() == last.date() else f" to {last:%a %Y-%m-%d}"
        return f"{first:%a %Y-%m-%d}{days} {self.name}"


class CalendarWatched(msgspec.Struct, frozen=True):
    """A calendar where a detector names it."""

    name: str
    detector: str
    timezone: str
    knows: str
    modes: list[str]
    #: Dimensions by whose values it holds.
    where: list[str]
    next: list[Coming]


def coming(configuration: Config, now: datetime) -> Iterator[CalendarWatched]:
    """The calendars of each detector, with the occasions that are on or come next."""
    for detector in configuration.detectors:
        for name in detector.calendars:
            calendar = configuration.calendars[name]
            timezone = _timezone(detector, calendar)
            spans = Almanac(calendar, timezone).after(round(now.timestamp() * 1000), MOST)
            yield CalendarWatched(
                name=name,
                detector=detector.name,
                timezone=timezone,
                knows=_knows(calendar),
                modes=sorted(calendar.modes),
                where=list(calendar.where),
                next=[Coming(span.name, *(_local(time, timezone) for time in span[:2])) for span in spans],
            )


def lines(watched: CalendarWatched) -> Iterator[str]:
    """A calendar as text."""
    where = f", where {', '.join(watched.where)} matches" if watched.where else ""
    yield (
        f"calendar {watched.name} for detector {watched.detector}: {watched.knows}; "
        f"{' and '.join(watched.modes)}{where}; {watched.timezone}"
    )
    yield from (f"  {occasion}" for occasion in watched.next)
    if not watched.next:
        yield "  nothing in the next two years"


def _timezone(detector: Detector, calendar: Calendar) -> str:
    """That of the places that the calendar is about, where the two are scoped alike."""
    own = (local.timezone for local in detector.timezones if local.where == calendar.where)
    return next(own, detector.timezone)


def _knows(calendar: Calendar) -> str:
    known = []
    if calendar.country is not None:
        part = (
            calendar.country if calendar.subdivision is None else f"{calendar.country}-{calendar.subdivision}"
        )
        known.append(f"{', '.join(calendar.categories)} holidays of {part} (holidays {version('holidays')})")
    if calendar.commercial:
        known.append("days of trade")
    if calendar.occasions:
        known.append(f"{len(calendar.occasions)} of its own")
    known += [file.path for file in calendar.files]
    return ", ".join(known)


def _local(time: int, timezone: str) -> datetime:
    return datetime.fromtimestamp(time / 1000, UTC).astimezone(ZoneInfo(timezone))

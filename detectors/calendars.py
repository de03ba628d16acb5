"""Calendars: the occasions that make an interval unlike others at its hour of the week.

In go public holidays by country, days of trade, own occasions and iCalendar files; out come, for any
interval, the names of those it touches. What is then done is the scorer's: see `locales`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from detectors import icalendar_files
from detectors.commerce import days_of_trade
from detectors.config import DAY, Calendar, CalendarFile
from detectors.intervals import MILLISECOND
from detectors.occasions import Recurrence, Span, local_span, own

DAY_MS = DAY // MILLISECOND
#: Years of which the occasions are kept in mind.
YEARS = 8
#: Years in which there are any: in others a margin may leave what a date can be.
FIRST_YEAR, LAST_YEAR = 1971, 9000


class Almanac:
    """The occasions of a calendar on the clocks of one time zone.

    >>> noon = round(datetime(2026, 10, 3, 12, tzinfo=UTC).timestamp() * 1000)
    >>> Almanac(Calendar(country="DE"), "Europe/Berlin").during(noon, noon + 1)
    ['German Unity Day']
    """

    def __init__(self, calendar: Calendar, timezone: str) -> None:
        self.modes = calendar.modes
        self._calendar = calendar
        self._zone = ZoneInfo(timezone)
        self._recurrences = recurrences(calendar)
        #: Day since the epoch, in UTC → what touches it; and which years are in there.
        self._days: dict[int, list[Span]] = {}
        self._years: set[int] = set()

    def during(self, start: int, end: int) -> list[str]:
        """The names of the occasions that a stretch of time touches, in order."""
        touched = {
            span: None
            for day in range(start // DAY_MS, (end - 1) // DAY_MS + 1)
            for span in self._on(day)
            if span.start < end and start < span.end
        }
        return list(dict.fromkeys(span.name for span in touched))

    def after(self, time: int, most: int) -> list[Span]:
        """The next occasions that end after a time, in the following three years; margins are in them."""
        year = datetime.fromtimestamp(time / 1000, UTC).year
        later = {span for y in range(year, year + 3) for span in self._of(y) if span.end > time}
        return sorted(later)[:most]

    def _on(self, day: int) -> list[Span]:
        year = datetime.fromtimestamp(day * DAY_MS / 1000, UTC).year
        if year not in self._years and FIRST_YEAR <= year <= LAST_YEAR:
            if len(self._years) >= YEARS:
                self._days, self._years = {}, set()
            self._remember(year)
            self._years.add(year)
        return self._days.get(day, [])

    def _remember(self, year: int) -> None:
        first, last = (
            round(datetime(y, 1, 1, tzinfo=UTC).timestamp()) * 1000 // DAY_MS for y in (year, year + 1)
        )
        for span in sorted(self._of(year)):
            for day in range(max(first, span.start // DAY_MS), min(last, (span.end - 1) // DAY_MS + 1)):
                self._days.setdefault(day, []).append(span)

    def _of(self, year: int) -> Iterator[Span]:
        """What touches a year in UTC, margins included."""
        calendar = self._calendar
        after = datetime(year, 1, 1, tzinfo=UTC) - calendar.margin_after
        before = datetime(year + 1, 1, 1, tzinfo=UTC) + calendar.margin_before
        margins = calendar.margin_before, calendar.margin_after
        ahead, behind = (margin // MILLISECOND for margin in margins)
        for span in (*self._given(after, before), *self._known(after, before)):
            yield Span(span.start - ahead, span.end + behind, span.name)

    def _given(self, after: datetime, before: datetime) -> Iterator[Span]:
        for recurrence in self._recurrences:
            yield from recurrence.spans(self._zone, after, before)

    def _known(self, after: datetime, before: datetime) -> Iterator[Span]:
        """Public holidays and days of trade: whole days of the zone."""
        calendar = self._calendar
        for year in range((after - DAY).year, (before + DAY).year + 1):
            days = days_of_trade(year, calendar.country) if calendar.commercial else {}
            if calendar.country is not None:
                days = days | public_holidays(calendar, year)
            for day, name in days.items():
                begin = datetime(day.year, day.month, day.day)  # noqa: DTZ001  (on clocks on the wall)
                span = local_span(begin, begin + DAY, self._zone, name)
                if span.touches(after, before):
                    yield span


def public_holidays(calendar: Calendar, year: int) -> dict[date, str]:
    """The public holidays of a calendar in a year, in order, by their English names where there are any.

    Raises:
        ValueError: there is no such part of the country, or category; the message says which there are.
    """
    country = getattr(holidays, calendar.country or "")
    language = next((name for name in sorted(country.supported_languages) if name.startswith("en")), None)
    if calendar.subdivision not in {None, *country.subdivisions}:
        message = (
            f"{calendar.country} has no subdivision {calendar.subdivision!r}; "
            f"known: {', '.join(country.subdivisions) or 'none'}"
        )
        raise ValueError(message)
    for category in calendar.categories:
        if category not in country.supported_categories:
            known = ", ".join(sorted(country.supported_categories))
            message = f"{calendar.country} has no holidays of category {category!r}; known: {known}"
            raise ValueError(message)
    found = country(
        subdiv=calendar.subdivision,
        years=year,
        expand=False,
        language=language,
        categories=calendar.categories,
    )
    return dict(sorted(found.items()))


def countries() -> list[str]:
    """The countries whose public holidays are known."""
    return sorted(holidays.list_supported_countries(include_aliases=False))


def recurrences(calendar: Calendar) -> list[Recurrence]:
    """The own occasions of a calendar, and those of its files.

    Raises:
        ValueError: one makes no sense; the message says which and why.
    """
    found = []
    for occasion in calendar.occasions:
        try:
            found.append(own(occasion))
        except ValueError as error:
            message = f"occasion {occasion.name!r}: {error}"
            raise ValueError(message) from error
    for file in calendar.files:
        try:
            found += _of_file(file)
        except ValueError as error:
            message = f"file {file.path}: {error}"
            raise ValueError(message) from error
    return found


@lru_cache(maxsize=64)
def _of_file(file: CalendarFile) -> list[Recurrence]:
    """One calendar is asked for many time zones and shards, and a long file takes a second to read."""
    return icalendar_files.occasions(file.text)

"""Locales: what an interval is where a series is: local time, and the occasions of its calendars.

A place goes by the locale of its dimension values: its own time zone, the calendars that hold for it.
There are few locales, however many places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from detectors.calendars import Almanac
from detectors.config import Calendar, Calendars, Detector, Where
from detectors.filters import matches_dimensions
from detectors.intervals import MILLISECOND
from detectors.models.base import Moment
from detectors.places import named
from detectors.records import Interval, Place

#: The occasion of an interval that is longer or shorter than others, since clocks are changed in it.
CLOCK_CHANGE = "the clocks change"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a locale says of an interval."""

    moment: Moment
    #: What the calendars know of it, in words.
    occasions: tuple[str, ...] = ()
    #: Whether models learn from it.
    learns: bool = True
    #: The occasion on which there are no alerts.
    held_by: str | None = None


class Locale:
    """Local time and calendars, the same for many places."""

    def __init__(self, timezone: str, almanacs: list[Almanac], length: timedelta) -> None:
        self.timezone = timezone
        self.almanacs = almanacs
        self._zone = ZoneInfo(timezone)
        self._ms = length // MILLISECOND

    def read(self, interval: Interval) -> Reading:
        """What is to be known of an interval beside its values."""
        local = datetime.fromtimestamp(interval.start / 1000, self._zone)
        occasions: list[str] = []
        special, learns, held_by = False, True, None
        for almanac in self.almanacs:
            names = almanac.during(interval.start, interval.end)
            if names:
                occasions += names
                special |= "expect" in almanac.modes
                learns &= "do-not-learn" not in almanac.modes
                if held_by is None and "do-not-alert" in almanac.modes:
                    held_by = names[0]
        if interval.end - interval.start != self._ms:
            # A count of 23 hours is no count of a day.
            special = True
            occasions.append(CLOCK_CHANGE)
        return Reading(Moment.at(local, special=special), tuple(dict.fromkeys(occasions)), learns, held_by)


class Locales:
    """The locales of a detector, and which one each place goes by."""

    def __init__(self, detector: Detector, calendars: Calendars) -> None:
        self._detector = detector
        self._zones = [(matches_dimensions(local.where), local.timezone) for local in detector.timezones]
        self._calendars = [(name, calendars[name], _holds(calendars[name])) for name in detector.calendars]
        self._almanacs: dict[tuple[str, str], Almanac] = {}
        self._locales: dict[tuple[str, tuple[str, ...]], Locale] = {}
        #: That of the roll-up of everything, and of the source itself.
        self.total = self.of((None,) * len(detector.dimensions))

    def of(self, place: Place) -> Locale:
        """The locale of a place: the same object for all that go by it."""
        values = named(self._detector.dimensions, place)
        local = (timezone for matches, timezone in self._zones if matches(values))
        timezone = next(local, self._detector.timezone)
        names = tuple(name for name, _, holds in self._calendars if holds(values))
        key = timezone, names
        if key not in self._locales:
            almanacs = [self._almanac(name, timezone) for name in names]
            self._locales[key] = Locale(timezone, almanacs, self._detector.interval)
        return self._locales[key]

    def _almanac(self, name: str, timezone: str) -> Almanac:
        key = name, timezone
        if key not in self._almanacs:
            calendar = next(calendar for known, calendar, _ in self._calendars if known == name)
            self._almanacs[key] = Almanac(calendar, timezone)
        return self._almanacs[key]


def _holds(calendar: Calendar) -> Callable[[Mapping[str, str]], bool]:
    """Whether a calendar holds for a place, as dimension → value.

    With `rollups`, a place that is rolled up in a dimension has all its values, and so the wanted one.
    """
    if not calendar.rollups:
        return matches_dimensions(calendar.where)
    tests: list[tuple[str, Callable[[Mapping[str, str]], bool]]] = [
        (field, matches_dimensions(_only(calendar.where, field))) for field in calendar.where
    ]
    return lambda values: all(field not in values or test(values) for field, test in tests)


def _only(where: Where, field: str) -> Where:
    return {field: where[field]}

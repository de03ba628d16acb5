"""Each place goes by one locale: the local time and the calendars of its dimension values."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detectors.config import Calendar, Calendars, LocalTime, Matcher, Occasion
from detectors.intervals import Intervals
from detectors.locales import Locale, Locales
from detectors.records import Interval, Place
from tests.detectors.builders import detector

GERMANY = Calendar(country="DE", where={"marketplace": "DE"})
SALE = Calendar(occasions=[Occasion(name="Sale", start="2026-10-03", end="2026-10-05")])
US = LocalTime(where={"marketplace": "US"}, timezone="America/New_York")
TOTAL: Place = (None, None)


def locales(calendars: Calendars | None = None, **changes: Any) -> Locales:
    known = calendars or {}
    settings = {
        "dimensions": ("platform", "marketplace"),
        "interval": timedelta(hours=1),
        "calendars": list(known),
    }
    return Locales(detector(**{**settings, **changes}), known)


def hour(*local: int, zone: str = "UTC", length: timedelta = timedelta(hours=1)) -> Interval:
    """The interval of a time on the clocks of a zone, with borders of that zone."""
    year, month, day, its_hour = [*local, 0][:4]
    intervals = Intervals(length, zone)
    start = intervals.start(
        round(datetime(year, month, day, its_hour, tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    )
    return Interval("shop", start, intervals.end(start), 1, [], [], {})


def holds(locale: Locale, *local: int, zone: str = "UTC") -> list[str]:
    return list(locale.read(hour(*local, zone=zone)).occasions)


def test_the_moment_is_local_time_since_monday() -> None:
    assert locales().total.read(hour(2026, 3, 2, 12)).moment.second_of_week == 12 * 3600
    kolkata = locales(timezone="Asia/Kolkata").total
    assert kolkata.read(hour(2026, 3, 2, 20)).moment.second_of_week == 86_400 + 90 * 60


def test_summer_moves_no_hour() -> None:
    berlin = locales(timezone="Europe/Berlin").total

    for month, day in ((1, 5), (7, 6)):
        moment = berlin.read(hour(2026, month, day, 8, zone="Europe/Berlin")).moment
        assert moment.second_of_week == 8 * 3600


def test_a_place_has_the_time_zone_of_its_value_and_a_roll_up_that_of_the_detector() -> None:
    some = locales(timezone="Europe/Berlin", timezones=[US])

    places = [("web", "US"), (None, "US"), ("web", "DE"), ("web", None), TOTAL]

    assert [some.of(place).timezone for place in places] == ["America/New_York"] * 2 + ["Europe/Berlin"] * 3
    assert some.of(("web", "US")) is some.of(("app", "US"))


def test_the_first_time_zone_that_matches_is_the_one() -> None:
    rest = LocalTime(where={"marketplace": Matcher(excluded="DE")}, timezone="Europe/London")
    some = locales(timezones=[US, rest])

    zones = [some.of((None, value)).timezone for value in ("US", "FR", "DE")]

    assert zones == ["America/New_York", "Europe/London", "UTC"]


def test_a_calendar_holds_where_it_says() -> None:
    some = locales({"germany": GERMANY, "sale": SALE}, timezone="Europe/Berlin")
    noon = (2026, 10, 3, 12)

    assert holds(some.of(("web", "DE")), *noon) == ["German Unity Day", "Sale"]
    assert holds(some.of(("web", "FR")), *noon) == holds(some.total, *noon) == ["Sale"]


def test_with_rollups_it_holds_for_what_contains_such_places() -> None:
    wide = Calendar(country="DE", where={"marketplace": "DE", "platform": "web"}, rollups=True)
    some = locales({"germany": wide})

    places = [TOTAL, ("web", None), (None, "DE"), ("web", "DE"), ("app", None), (None, "FR"), ("app", "DE")]

    assert [bool(some.of(place).almanacs) for place in places] == [True] * 4 + [False] * 3


def test_a_holiday_is_a_day_of_the_place() -> None:
    thanksgiving = Calendar(country="US")
    some = locales({"us": thanksgiving}, timezone="Europe/Berlin", timezones=[US])
    there, here = some.of(("web", "US")), some.total

    # 2 o'clock in the morning in UTC is still Wednesday in New York, and Thursday in Berlin.
    assert (holds(there, 2026, 11, 26, 2), holds(here, 2026, 11, 26, 2)) == ([], ["Thanksgiving Day"])
    assert (holds(there, 2026, 11, 27, 2), holds(here, 2026, 11, 27, 2)) == (["Thanksgiving Day"], [])


@pytest.mark.parametrize(
    ("mode", "special", "learns", "held"),
    [
        ("expect", True, True, None),
        ("do-not-learn", False, False, None),
        ("do-not-alert", False, True, "Sale"),
        (["do-not-learn", "do-not-alert"], False, False, "Sale"),
    ],
)
def test_a_mode_says_what_is_done(mode: Any, special: bool, learns: bool, held: str | None) -> None:
    calendar = Calendar(occasions=SALE.occasions, mode=mode)

    reading = locales({"sale": calendar}).total.read(hour(2026, 10, 4))

    assert (reading.moment.special, reading.learns, reading.held_by) == (special, learns, held)
    plain = locales({"sale": calendar}).total.read(hour(2026, 10, 5))
    assert (plain.moment.special, plain.learns, plain.held_by) == (False, True, None)


def test_half_an_hour_is_no_hour() -> None:
    zone = "Australia/Lord_Howe"
    summer_ends = hour(2026, 4, 5, 1, zone=zone)
    next_one = Interval("shop", summer_ends.end, summer_ends.end + 30 * 60_000, 1, [], [], {})
    locale = locales(timezone=zone).total

    assert Intervals(timedelta(hours=1), zone).end(next_one.start) == next_one.end
    assert [locale.read(one).moment.special for one in (summer_ends, next_one)] == [False, True]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
def test_an_interval_of_another_length_is_special(zone: str) -> None:
    months = {"Europe/Berlin": ((3, 29), (10, 25)), "America/New_York": ((3, 8), (11, 1))}[zone]
    for length, special in ((timedelta(days=1), True), (timedelta(hours=1), False)):
        locale = locales(timezone=zone, interval=length).total
        for month, day in months:
            readings = [
                locale.read(hour(2026, month, d, 4, zone=zone, length=length)) for d in (day + 1, day)
            ]
            assert [reading.moment.special for reading in readings] == [False, special]
            assert ("the clocks change" in readings[1].occasions) == special

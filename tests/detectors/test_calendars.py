"""A calendar knows the days of its country, of trade, and one's own: wherever it is asked, in any year."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.calendars import Almanac, countries, public_holidays
from detectors.config import Calendar, CalendarFile, Occasion

HOUR = 3_600_000


def at(zone: str, *local: int) -> int:
    year, month, day, hour = [*local, 0][:4]
    return round(datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def on(calendar: Calendar, *local: int, zone: str = "Europe/Berlin") -> list[str]:
    """What is on in the hour that begins at a local time."""
    start = at(zone, *local)
    return Almanac(calendar, zone).during(start, start + HOUR)


def sale(start: str, **more: object) -> Occasion:
    return Occasion(name="Sale", start=start, **more)  # type: ignore[arg-type]


def test_public_holidays_are_those_of_the_country_and_its_part() -> None:
    assert on(Calendar(country="DE"), 2026, 10, 3) == ["German Unity Day"]
    assert on(Calendar(country="US"), 2026, 11, 26) == ["Thanksgiving Day"]
    assert on(Calendar(country="DE"), 2026, 3, 8) == []
    assert on(Calendar(country="DE", subdivision="BE"), 2026, 3, 8) == ["Women's Day"]
    assert on(Calendar(country="DE", subdivision="BY"), 2026, 3, 8) == []


def test_a_day_begins_and_ends_with_the_clocks_of_the_place() -> None:
    germany = Calendar(country="DE")

    for zone in ("Europe/Berlin", "America/New_York", "Pacific/Kiritimati"):
        hours = [
            on(germany, *day, zone=zone)
            for day in [(2026, 10, 2, 23), (2026, 10, 3, 0), (2026, 10, 3, 23), (2026, 10, 4)]
        ]
        assert hours == [[], ["German Unity Day"], ["German Unity Day"], []]


def test_margins_reach_over_midnight_and_new_year() -> None:
    careful = Calendar(country="DE", margin_before=timedelta(hours=6), margin_after=timedelta(hours=2))

    assert on(careful, 2025, 12, 31, 17) == []
    assert on(careful, 2025, 12, 31, 18) == on(careful, 2026, 1, 2, 1) == ["New Year's Day"]
    assert on(careful, 2026, 1, 2, 2) == []


def test_all_that_meets_is_told() -> None:
    calendar = Calendar(country="DE", commercial=True, occasions=[sale("2026-12-24", end="2026-12-27")])

    assert on(calendar, 2026, 12, 24) == ["Christmas Eve", "Sale"]
    assert on(calendar, 2026, 12, 25) == ["Sale", "Christmas Day"]
    almanac = Almanac(calendar, "UTC")
    assert almanac.during(at("UTC", 2026, 11, 27), at("UTC", 2026, 12, 1)) == [
        "Black Friday", "Black Friday weekend", "Cyber Monday",
    ]  # fmt: skip


def test_what_lasts_for_years_is_on_in_each() -> None:
    renovation = Calendar(occasions=[sale("2024-05-01", end="2027-02-01")])

    assert [on(renovation, year, 1, 15) for year in (2024, 2025, 2026, 2027, 2028)] == [
        [], ["Sale"], ["Sale"], ["Sale"], [],
    ]  # fmt: skip


def test_no_time_is_beyond_it() -> None:
    holidays = Calendar(country="DE", margin_after=timedelta(days=2))

    # Asked twice: what failed once must not be remembered as nothing.
    for _ in range(2):
        assert on(holidays, 9998, 12, 31, 23) == []
        assert on(holidays, 1970, 1, 2) == []
    assert on(holidays, 2026, 10, 3) == ["German Unity Day"]


def test_files_are_read_like_own_occasions() -> None:
    text = "\n".join(
        ["BEGIN:VCALENDAR", "BEGIN:VEVENT", "UID:1", "SUMMARY:Fair", "DTSTART;VALUE=DATE:20200704",
         "RRULE:FREQ=YEARLY", "END:VEVENT", "END:VCALENDAR", ""]
    )  # fmt: skip

    assert on(Calendar(files=[CalendarFile("fair.ics", text)]), 2026, 7, 4, 12) == ["Fair"]


def test_the_order_of_questions_changes_no_answer() -> None:
    calendar = Calendar(country="DE", commercial=True, occasions=[sale("2015-06-06", repeat="yearly")])
    days = [at("Europe/Berlin", year, 6, 6) for year in range(2010, 2032)]
    asked_in_order = Almanac(calendar, "Europe/Berlin")

    answers = {day: asked_in_order.during(day, day + HOUR) for day in days}

    asked_backwards = Almanac(calendar, "Europe/Berlin")
    assert {day: asked_backwards.during(day, day + HOUR) for day in reversed(days)} == answers
    assert ["Sale" in answers[day] for day in days] == [year >= 2015 for year in range(2010, 2032)]


@given(st.integers(0, 20 * 365 * 24), st.integers(1, 40))
def test_an_interval_touches_what_its_hours_touch(first: int, hours: int) -> None:
    start = at("UTC", 2015, 1, 1) + first * HOUR

    together = ALMANAC.during(start, start + hours * HOUR)

    apart = {name for n in range(hours) for name in ALMANAC.during(start + n * HOUR, start + (n + 1) * HOUR)}
    assert set(together) == apart
    assert len(together) == len(apart)


ALMANAC = Almanac(
    Calendar(
        country="US",
        commercial=True,
        occasions=[sale("2014-12-30T22:00", duration=timedelta(hours=50), repeat="FREQ=WEEKLY;INTERVAL=3")],
        margin_before=timedelta(hours=30),
    ),
    "America/New_York",
)


def test_the_next_occasions_come_in_order_and_over_new_year() -> None:
    germany = Almanac(Calendar(country="DE", commercial=True), "Europe/Berlin")

    coming = germany.after(at("Europe/Berlin", 2026, 12, 25, 12), most=4)

    assert [span.name for span in coming] == [
        "Christmas Day",
        "Second Day of Christmas",
        "New Year's Eve",
        "New Year's Day",
    ]
    assert coming[0].start == at("Europe/Berlin", 2026, 12, 25)


@pytest.mark.parametrize(
    "country", ["AR", "BR", "CN", "EG", "ES", "FR", "GB", "IN", "IT", "JP", "PL", "TR", "US"]
)
def test_countries_have_their_holidays(country: str) -> None:
    days = public_holidays(Calendar(country=country), 2026)

    assert len(days) >= 7
    assert {day.year for day in days} == {2026}


def test_every_known_country_can_be_asked() -> None:
    assert len(countries()) > 150
    for country in countries():
        public_holidays(Calendar(country=country, categories=()), 2026)


@pytest.mark.parametrize(
    ("calendar", "said"),
    [
        (Calendar(country="DE", subdivision="XX"), "DE has no subdivision 'XX'; known: BB, BE"),
        (
            Calendar(country="DE", categories=("bank",)),
            "DE has no holidays of category 'bank'; known: catholic",
        ),
    ],
)
def test_what_a_country_does_not_have_is_refused(calendar: Calendar, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        public_holidays(calendar, 2026)

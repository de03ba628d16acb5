"""Own occasions come when their start and rule say, on the clocks of the place that asks."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detectors.config import Occasion
from detectors.occasions import Recurrence, own

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def occasion(start: str, **more: Any) -> Recurrence:
    return own(Occasion(name="sale", start=start, **more))


def times(
    recurrence: Recurrence, zone: ZoneInfo = BERLIN, year: int = 2026, years: int = 1
) -> list[tuple[str, str]]:
    """Begin and end of each time in some years, on the clocks of the zone."""
    after, before = (datetime(y, 1, 1, tzinfo=UTC) for y in (year, year + years))
    return [
        (local(span.start, zone), local(span.end, zone)) for span in recurrence.spans(zone, after, before)
    ]


def local(time: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(time / 1000, zone).strftime("%Y-%m-%d %H:%M")


def test_a_date_is_a_whole_day_wherever_one_is() -> None:
    day = occasion("2026-07-01")

    assert times(day, BERLIN) == times(day, NEW_YORK) == [("2026-07-01 00:00", "2026-07-02 00:00")]


def test_dates_end_before_the_end() -> None:
    assert times(occasion("2026-07-01", end="2026-07-08")) == [("2026-07-01 00:00", "2026-07-08 00:00")]


def test_a_time_with_an_offset_is_the_same_instant_everywhere() -> None:
    launch = occasion("2026-07-01T18:00:00+00:00", duration=timedelta(hours=2))

    assert times(launch, BERLIN) == [("2026-07-01 20:00", "2026-07-01 22:00")]
    assert times(launch, NEW_YORK) == [("2026-07-01 14:00", "2026-07-01 16:00")]


def test_a_yearly_occasion_was_there_before_and_comes_again() -> None:
    week = occasion("2026-12-28", end="2027-01-03", repeat="yearly")

    assert times(week, year=2028) == [
        ("2027-12-28 00:00", "2028-01-03 00:00"),
        ("2028-12-28 00:00", "2029-01-03 00:00"),
    ]


def test_a_weekly_occasion_keeps_its_hour_when_clocks_change() -> None:
    begins = {
        begin[-5:]
        for begin, _ in times(occasion("2026-01-04T03:30", duration=timedelta(hours=1), repeat="weekly"))
    }

    assert begins == {"03:30"}


def test_any_rule_of_icalendar_will_do() -> None:
    fridays = occasion("2026-01-30", repeat="FREQ=MONTHLY;BYDAY=-1FR;COUNT=3")

    assert [begin[:10] for begin, _ in times(fridays)] == ["2026-01-30", "2026-02-27", "2026-03-27"]


def test_a_night_that_clocks_skip_is_no_time_at_all() -> None:
    assert times(occasion("2026-03-29T02:00", end="2026-03-29T03:00")) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"start": "1 July"}, "start = '1 July' is no date such as 2026-11-27"),
        (
            {"start": "2026-07-01", "end": "2026-07-08", "duration": timedelta(days=1)},
            "either an end or a duration",
        ),
        ({"start": "2026-07-01T18:00"}, "needs an end or a duration"),
        ({"start": "2026-07-08", "end": "2026-07-01"}, "over before it begins"),
        ({"start": "2026-07-01", "end": "2026-07-01"}, "end is the first day after the last"),
        ({"start": "2026-07-01T18:00+02:00", "end": "2026-07-02"}, "both an offset from UTC, or neither"),
        ({"start": "2026-07-01", "repeat": "fortnightly"}, "use daily, weekly, monthly, yearly, or a rule"),
        ({"start": "2026-07-01", "repeat": "FREQ=HOURLY"}, "use daily"),
        ({"start": "2026-07-01", "repeat": "INTERVAL=2;FREQ=SECONDLY"}, "use daily"),
        ({"start": "2026-07-01", "repeat": "FREQ=WEEKLY;BYDAY=XX"}, "is no recurrence rule of iCalendar"),
        ({"start": "2026-07-01", "repeat": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}, "never comes"),
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        own(Occasion(name="sale", **wrong))

"""Every time lies in one interval, the next begins where it ends, and days follow the time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from detectors.intervals import Intervals
from tests.detectors.builders import ms

HOUR = 3_600_000
#: With clock changes by half an hour, by two hours, at midnight, at one minute past, of a whole day.
ZONES = [
    "UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "Antarctica/Troll",
    "America/Havana", "America/Santiago", "America/Sao_Paulo", "America/St_Johns", "Atlantic/Azores",
    "Pacific/Apia", "Asia/Pyongyang", "Africa/Casablanca", "America/New_York",
]  # fmt: skip
#: All lengths that the configuration allows: whole seconds that divide a day.
LENGTHS = [seconds for seconds in range(1, 86_401) if 86_400 % seconds == 0]
TIMES = st.integers(
    int(datetime(1981, 1, 1, tzinfo=UTC).timestamp() * 1000),
    int(datetime(2036, 1, 1, tzinfo=UTC).timestamp() * 1000),
)


def instant(zone: str, *local: int) -> int:
    year, month, day, *clock = local
    hour, minute = [*clock, 0, 0][:2]
    return round(datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    minutes = Intervals(timedelta(minutes=1))

    assert minutes.start(ms("12:05")) == ms("12:05")
    assert minutes.start(ms("12:06") - 1) == ms("12:05")
    assert minutes.end(ms("12:05")) == ms("12:06")
    assert minutes.start(ms("12:06")) == ms("12:06")


@given(st.sampled_from(ZONES), st.sampled_from(LENGTHS), TIMES)
@example("Europe/Berlin", 2400, instant("Europe/Berlin", 2026, 3, 29, 3, 10))
@example("Europe/Berlin", 4800, instant("Europe/Berlin", 2026, 3, 29, 3, 10))
@example("Europe/Berlin", 4800, instant("Europe/Berlin", 2026, 10, 25, 2, 10) + HOUR)
@example("Australia/Lord_Howe", 3600, instant("Australia/Lord_Howe", 2026, 4, 5, 1, 45))
@example("Antarctica/Troll", 7200, instant("Antarctica/Troll", 2026, 3, 29, 3, 30))
def test_intervals_follow_each_other_without_gap_or_overlap(zone: str, seconds: int, time: int) -> None:
    intervals = Intervals(timedelta(seconds=seconds), zone)
    start = intervals.start(time)
    end = intervals.end(start)

    assert start <= time < end
    assert intervals.start(start) == intervals.start(end - 1) == start
    assert intervals.start(end) == end
    assert intervals.end(intervals.start(start - 1)) == start


def clock_changes(zone: str) -> list[int]:
    """The days of the years from 2010 on in which a zone changes its clocks."""
    noons = [datetime(2010, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(365 * 17)]
    offsets = [noon.astimezone(ZoneInfo(zone)).utcoffset() for noon in noons]
    changed = [noon for noon, a, b in zip(noons[1:], offsets, offsets[1:], strict=False) if a != b]
    return [round(noon.timestamp() * 1000) - 12 * HOUR for noon in changed]


CHANGES = [(zone, midnight) for zone in ZONES for midnight in clock_changes(zone)]


@given(st.sampled_from(CHANGES), st.sampled_from([n for n in LENGTHS if n >= 600]))
def test_clock_changes_leave_no_gap(change: tuple[str, int], seconds: int) -> None:
    zone, midnight = change
    intervals = Intervals(timedelta(seconds=seconds), zone)
    start = intervals.start(midnight - 24 * HOUR)
    while start < midnight + 36 * HOUR:
        end = intervals.end(start)
        assert start < end <= start + seconds * 1000 + 24 * HOUR
        assert Intervals(timedelta(seconds=seconds), zone).start(end) == end
        assert Intervals(timedelta(seconds=seconds), zone).start(end - 1) == start
        start = end


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", (2026, 3, 29), 23),
        ("Europe/Berlin", (2026, 10, 25), 25),
        ("Europe/Berlin", (2026, 7, 1), 24),
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        # Where the change is at midnight, so that the day has none, or two.
        ("America/Santiago", (2026, 9, 6), 23),
        ("America/Santiago", (2026, 4, 4), 25),
        ("America/Havana", (2026, 11, 1), 25),
    ],
)
def test_a_day_is_as_long_as_the_zone_says(zone: str, day: tuple[int, int, int], hours: float) -> None:
    days = Intervals(timedelta(days=1), zone)
    noon = instant(zone, *day, 12)

    assert days.end(days.start(noon)) - days.start(noon) == hours * HOUR
    assert days.start(noon) == instant(zone, *day)


def test_a_day_that_was_skipped_leaves_no_hole() -> None:
    days = Intervals(timedelta(days=1), "Pacific/Apia")
    thursday = days.start(instant("Pacific/Apia", 2011, 12, 29, 12))

    assert days.end(thursday) == instant("Pacific/Apia", 2011, 12, 31)
    assert days.end(thursday) - thursday == 24 * HOUR


def test_the_hour_that_a_clock_change_repeats_is_two_intervals() -> None:
    hours = Intervals(timedelta(hours=1), "Europe/Berlin")
    first = instant("Europe/Berlin", 2026, 10, 25, 2)

    assert hours.start(first + HOUR // 2) == first
    assert hours.start(first + HOUR + HOUR // 2) == first + HOUR


def test_half_days_meet_at_noon_of_the_zone() -> None:
    halves = Intervals(timedelta(hours=12), "Europe/Berlin")
    noon = instant("Europe/Berlin", 2026, 3, 29, 12)

    assert halves.start(noon + HOUR) == noon
    assert halves.end(halves.start(noon - 1)) == noon
    assert noon - halves.start(noon - 1) == 11 * HOUR


def test_intervals_begin_at_local_midnight() -> None:
    days = Intervals(timedelta(days=1), "Asia/Kolkata")

    assert days.start(ms("12:00")) == ms("00:00") - HOUR * 11 // 2
    assert days.start(ms("18:30")) == ms("18:30")

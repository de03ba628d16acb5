"""Rows become points of one series, in the order of time: whatever the file, or one sentence says why not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.csv_files.numbers import read_numbers
from streams.csv_files.reading import TableError, read_table
from streams.csv_files.series import LONGEST_GAP, MONTH, SeriesFile, points, read_series
from streams.csv_files.times import read_times

START = datetime(2026, 3, 2, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(folder: Path, rows: Sequence[str], interval: timedelta | None = None) -> SeriesFile:
    (folder / "file.csv").write_text("time,value\n" + "\n".join(rows) + "\n")
    return read_series(read_table(folder / "file.csv"), None, None, interval, None)


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat()


@pytest.mark.parametrize(
    ("minutes", "interval"),
    [
        ([0, 5, 10, 15, 20], "0:05:00"),
        ([0, 5, 10, 25, 30, 35], "0:05:00"),
        ([0, 4.98, 10.03, 15, 20.01], "0:05:00"),
        ([0, 60 * 24, 60 * 48, 60 * 24 * 5, 60 * 24 * 6], "1 day, 0:00:00"),
        ([0, 7, 14, 21], "0:07:00"),
        ([20, 15, 10, 5, 0], "0:05:00"),
        ([0, 60 * 24 * 31, 60 * 24 * 59, 60 * 24 * 90], "30 days, 10:29:06"),
        ([60 * 24 * 28 * n for n in range(5)], "28 days, 0:00:00"),
    ],
    ids=["even", "a gap", "not quite even", "no weekends", "unusual", "newest first", "months", "four weeks"],
)
def test_the_interval_is_what_most_rows_are_apart(
    tmp_path: Path, minutes: list[float], interval: str
) -> None:
    series = read(tmp_path, [f"{at(minute)},1" for minute in minutes])

    assert str(series.interval) == interval
    assert series.regular


def test_where_rows_are_missing_there_are_points_without_a_value(tmp_path: Path) -> None:
    series = read(tmp_path, [f"{at(5 * n)},{n}" for n in (0, 1, 2, 5, 6)])

    found = list(points(series, "mean"))

    assert [point.time.ms // 300_000 - found[0].time.ms // 300_000 for point in found] == list(range(7))
    assert [n for n, point in enumerate(found) if math.isnan(point.value)] == [3, 4]
    assert [list(point.samples) for point in found if point.samples] == [[0], [1], [2], [3], [4]]


def test_a_time_that_cannot_be_true_costs_no_million_points(tmp_path: Path) -> None:
    series = read(tmp_path, ["1970-01-01T00:00:00+00:00,1", *(f"{at(5 * n)},{n}" for n in range(20))])

    assert len(list(points(series, "mean"))) == 21 + LONGEST_GAP


def test_rows_closer_than_half_an_interval_are_one_point(tmp_path: Path) -> None:
    series = read(tmp_path, [f"{at(minute)},{minute}" for minute in (0, 5, 10, 10, 12, 15, 20)])

    found = list(points(series, "mean"))

    assert [list(point.samples) for point in found] == [[0], [1], [2, 3, 4], [5], [6]]
    assert found[2].value == pytest.approx(32 / 3)


def test_intervals_that_are_asked_for_are_those_of_the_clock(tmp_path: Path) -> None:
    series = read(tmp_path, [f"{at(minute)},{minute}" for minute in range(17, 180, 10)], timedelta(hours=1))

    found = list(points(series, "sum"))

    assert [
        (EPOCH + timedelta(milliseconds=point.time.ms) - START) / timedelta(hours=1) for point in found
    ] == [
        0,
        1,
        2,
    ]
    assert [point.value for point in found] == [17 + 27 + 37 + 47 + 57, 67 * 6 + 150, 127 * 6 + 150]


@pytest.mark.parametrize(
    ("interval", "begins"),
    [(timedelta(weeks=1), [(3, 2), (3, 9), (3, 16)]), (MONTH, [(3, 1), (4, 1), (5, 1)])],
    ids=["weeks", "months"],
)
def test_weeks_begin_on_monday_and_months_on_their_first_day(
    tmp_path: Path, interval: timedelta, begins: list[tuple[int, int]]
) -> None:
    series = read(tmp_path, [f"{at(60 * 24 * day + 90)},1" for day in range(90)], interval)

    found = [EPOCH + timedelta(milliseconds=point.time.ms) for point in points(series, "sum")]

    assert [(time.month, time.day) for time in found][:3] == begins
    assert {(time.hour, time.minute) for time in found} == {(0, 0)}


def test_of_months_that_are_missing_there_is_one_point_each(tmp_path: Path) -> None:
    months = [f"{2020 + n // 12}-{n % 12 + 1:02}-01,{n}" for n in range(120) if not 30 <= n < 70]
    series = read(tmp_path, months)

    assert len(list(points(series, "mean"))) == 120


@pytest.mark.parametrize("change", ["2026-03-29", "2026-10-25"])
def test_days_that_are_missing_while_clocks_change_are_days_of_the_week(tmp_path: Path, change: str) -> None:
    berlin, day = ZoneInfo("Europe/Berlin"), datetime.fromisoformat(change)
    days = [day + timedelta(days=n) for n in (-3, -2, -1, 6, 7, 8)]
    (tmp_path / "file.csv").write_text("day,value\n" + "".join(f"{d:%Y-%m-%d},1\n" for d in days))
    series = read_series(read_table(tmp_path / "file.csv"), None, None, None, berlin)

    found = [point.second_of_week / 86_400 for point in points(series, "mean")]

    assert found == [3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0]


def test_orders_at_any_time_are_no_regular_series(tmp_path: Path) -> None:
    minutes = [0, 1, 5, 6.2, 11, 12.7, 13.1, 19, 30, 31.4, 33, 41, 55, 56.3]
    series = read(tmp_path, [f"{at(minute)},1" for minute in minutes])

    assert not series.regular
    assert len(list(points(series, "mean"))) == len(minutes)


def test_a_week_begins_on_monday_where_the_clock_hangs() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # Monday 00:30 in Berlin is still Sunday in UTC.
    (time,) = read_times(["2026-03-01T23:30:00Z"], berlin) or [None]

    assert time is not None
    assert time.clock // 1000 % 86_400 == 30 * 60


def test_an_hour_that_comes_twice_is_two_hours() -> None:
    cells = [
        "2025-10-26 01:30",
        "2025-10-26 02:00",
        "2025-10-26 02:30",
        "2025-10-26 02:00",
        "2025-10-26 02:30",
    ]

    times = read_times([*cells, "2025-10-26 03:00"], ZoneInfo("Europe/Berlin")) or []

    known = [time.ms for time in times if time is not None]
    assert [later - earlier for earlier, later in pairwise(known)] == [1_800_000] * 5


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["03/04/2026", "04/04/2026", "13/04/2026"], [(4, 3), (4, 4), (4, 13)]),
        (["03/04/2026", "03/13/2026", "04/01/2026"], [(3, 4), (3, 13), (4, 1)]),
        # Both would do; only one of them leaves days in order.
        (
            [f"{day:02}/05/2026" for day in range(1, 13)] + ["01/06/2026"],
            [(5, day) for day in range(1, 13)] + [(6, 1)],
        ),
    ],
)
def test_days_and_months_are_told_apart_by_the_whole_column(
    cells: list[str], expected: list[tuple[int, int]]
) -> None:
    times = read_times(cells, None) or []

    known = [EPOCH + timedelta(milliseconds=time.ms) for time in times if time is not None]
    assert [(time.month, time.day) for time in known] == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1767225600", 1_767_225_600_000),
        ("1767225600.25", 1_767_225_600_250),
        ("1767225600000", 1_767_225_600_000),
        ("1767225600000000", 1_767_225_600_000),
        ("1767225600000000000", 1_767_225_600_000),
        ("20260101", 1_767_225_600_000),
        ("2026-01-01", 1_767_225_600_000),
        ("2026-01-01T02:00:00+02:00", 1_767_225_600_000),
        ("Thu, 01 Jan 2026 00:00:00 +0000", 1_767_225_600_000),
        ("01-Jan-2026 00:00", 1_767_225_600_000),
        ("Jan 1, 2026 12:00 AM", 1_767_225_600_000),
    ],
)
def test_times_are_read_in_many_forms(cell: str, expected: int) -> None:
    (time,) = read_times([cell], None) or [None]

    assert time is not None
    assert time.ms == expected


def test_numbers_keep_the_meaning_of_their_column() -> None:
    assert read_numbers(["1.234", "0.5"]) == [1.234, 0.5]
    assert read_numbers(["1.234,50", "2,5"]) == [1234.5, 2.5]
    assert read_numbers(["1,234.5", "12"]) == [1234.5, 12]
    assert read_numbers(["-3e-2", "+7", ".5", "1 234", "inf", "0x1F", "--"]) == [
        -0.03,
        7,
        0.5,
        1234,
        None,
        None,
        None,
    ]


@settings(max_examples=200)
@given(
    text=st.lists(
        st.sampled_from(
            ["2026-03-02", " 10:00", ",", ";", "\t", "\n", "\r\n", '"', "'", "1", "-7.5", "1e999", "nan",
             "\x00", "é", "1767225600", "99999999999999999999", "9999-12-31", "01/02/03", "#", "time",
             "sep=;\n"]
        ),
        max_size=60,
    ).map("".join),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
    interval=st.sampled_from([None, timedelta(hours=1), timedelta(milliseconds=1)]),
    zone=st.sampled_from([None, ZoneInfo("America/New_York")]),
)  # fmt: skip
def test_no_file_does_worse_than_be_refused(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    encoding: str,
    interval: timedelta | None,
    zone: ZoneInfo | None,
) -> None:
    path = tmp_path_factory.getbasetemp() / "strange.csv"
    path.write_bytes(text.encode(encoding, "replace"))
    try:
        series = read_series(read_table(path), None, None, interval, zone)
    except TableError:
        return
    known = [n for point in points(series, "mean") for n in point.samples]
    assert sorted(known) == list(range(len(series.samples)))

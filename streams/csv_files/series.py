"""A table → one series: which columns, which interval, and the points in the order of time.

As it comes, each row is a point at its own time: files of measurements are hardly ever exactly on a grid.
Rows closer than half an interval are one point, their mean; where rows are missing, points without a
value are put in. Only when an interval is asked for that is longer than the rows are apart are rows
joined in intervals of the clock and the calendar: weeks begin on Monday, months on their first day.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby, pairwise
from statistics import fmean, median
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from detectors.intervals import MILLISECOND
from detectors.models.base import LARGEST
from streams.csv_files import columns
from streams.csv_files.numbers import is_number
from streams.csv_files.reading import Table, TableError
from streams.csv_files.times import EPOCH, Time
from streams.formats.decoding import excerpt

Aggregation = Literal["mean", "sum"]

#: Intervals that people choose, in seconds: one that is about right is meant.
USUAL = (
    1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600,
    28_800, 43_200, 86_400, 604_800,
)  # fmt: skip
ABOUT = 0.1
HOUR = timedelta(hours=1)
#: How long a month is in the mean. What is this far apart is monthly, whatever its months have of days.
MONTH = timedelta(days=365.2425) / 12
DAYS_OF_MONTHS = range(28, 32)
#: Rows are regular if so many of them are about an interval apart, or several.
REGULAR, OFF_BY = 0.6, 0.25
#: In a longer gap no more points are put in: a model knows by then.
LONGEST_GAP = 200
DAY_MS, WEEK_MS, MONTH_MS = 86_400_000, 604_800_000, MONTH // MILLISECOND
#: 1970 began on a Thursday.
THURSDAY = 3 * DAY_MS


class Sample(NamedTuple):
    """A row that could be read."""

    timestamp: str
    time: Time
    #: NaN where there is no value.
    value: float


class Point(NamedTuple):
    """What a model is asked about: the samples of an interval, or none."""

    time: Time
    value: float
    #: Positions of its samples.
    samples: Sequence[int]

    @property
    def second_of_week(self) -> int:
        """Seconds since Monday on the clock on the wall."""
        return (self.time.clock + THURSDAY) % WEEK_MS // 1000


@dataclass(frozen=True)
class Refused:
    """A row that could not be read."""

    line: int
    why: str


@dataclass
class SeriesFile:
    """One series of a file."""

    name: str
    time_column: str
    value_column: str
    samples: list[Sample]
    interval: timedelta = HOUR
    #: Whether rows come about every interval.
    regular: bool = True
    #: Whether several rows make an interval.
    joined: bool = False
    #: Whether times only count rows.
    counted: bool = False
    refused: list[Refused] = field(default_factory=list)


def read_series(
    table: Table,
    time_column: str | None,
    value_column: str | None,
    interval: timedelta | None,
    zone: ZoneInfo | None,
) -> SeriesFile:
    """Find the columns and the interval of a table; what is given is taken.

    Raises:
        TableError: no column is a time or a number, or several could be the value.
    """
    if time_column is None:
        table = columns.with_clock(table)
    time_at, times = columns.time_column(table, time_column, zone)
    value_at, values = columns.value_column(table, value_column, time_at)
    series = SeriesFile(
        name=table.name,
        time_column="" if time_at is None else table.columns[time_at],
        value_column=table.columns[value_at],
        samples=[],
    )
    if times is None:
        series.counted = True
        step = (interval or HOUR) // MILLISECOND
        times = [Time(n * step, 0) for n in range(len(table.rows))]
    for n, (row, time, value) in enumerate(zip(table.rows, times, values, strict=True)):
        if time is None or value is None:
            series.refused.append(Refused(row.line, _why(series, row.cells, time_at, value_at, time)))
        else:
            text = str(n + 1) if time_at is None else row.cells[time_at]
            series.samples.append(Sample(text, time, value))
    _find_interval(series, interval)
    return series


def _why(
    series: SeriesFile, cells: Sequence[str], time_at: int | None, value_at: int, time: Time | None
) -> str:
    column, at, expected = series.value_column, value_at, "a number, or nothing where there is no value"
    if at < len(cells) and is_number(cells[at]):
        expected = f"a number of at most {LARGEST:g}"
    if time is None and time_at is not None:
        column, at, expected = series.time_column, time_at, "a time like those of the other rows"
    found = excerpt(cells[at]) if at < len(cells) and cells[at] else "nothing"
    return f"{column}: expected {expected}, got {found}"


def _find_interval(series: SeriesFile, asked: timedelta | None) -> None:
    times = sorted({sample.time.ms for sample in series.samples})
    apart = [later - time for time, later in pairwise(times)]
    if series.counted or not apart:
        series.interval = asked or HOUR
        return
    usual = _usual(apart)
    repeated = 2 * len(times) < len(series.samples)
    if repeated and asked is None:
        message = (
            f"{series.name}: most times are there more than once ({len(series.samples):,} rows, "
            f"{len(times):,} times): several series in one file? Give one, join them by --interval and "
            "--aggregation, or take lookalive backtest, which has dimensions"
        )
        raise TableError(message)
    series.interval = asked or timedelta(milliseconds=usual)
    length = series.interval // MILLISECOND
    series.joined = asked is not None and (length > 1.5 * usual or repeated)
    near = sum(_is_about(step, length) for step in apart)
    series.regular = series.joined or near >= REGULAR * len(apart)


def _is_about(step: int, length: int) -> bool:
    return abs(step / length - max(1, round(step / length))) <= OFF_BY


def _usual(apart: Sequence[int]) -> int:
    """The distance that is meant: the most frequent one, or that in the middle if none is frequent."""
    months = [days for step in apart if (days := round(step / DAY_MS)) in DAYS_OF_MONTHS]
    if len(months) >= REGULAR * len(apart) and len(set(months)) > 1:
        return MONTH_MS
    [(mode, times)] = Counter(apart).most_common(1)
    middle = mode if times >= 0.3 * len(apart) else median(apart)
    meant = [seconds * 1000 for seconds in USUAL if abs(seconds * 1000 - middle) <= ABOUT * seconds * 1000]
    return min(meant, key=lambda ms: abs(ms - middle), default=max(1, round(middle)))


def points(series: SeriesFile, aggregation: Aggregation) -> Iterator[Point]:
    """The points of a series, oldest first."""
    order = sorted(range(len(series.samples)), key=lambda n: series.samples[n].time.ms)
    length = series.interval // MILLISECOND
    last: Time | None = None
    for members in _joined(series, order, length) if series.joined else _single(series, order, length):
        values = [v for n in members if not math.isnan(v := series.samples[n].value)]
        add = math.fsum if series.joined and aggregation == "sum" else fmean
        time = series.samples[members[0]].time
        if series.joined:
            time = Time(_start(time.clock, length) - time.ahead, time.ahead)
        if last is not None and series.regular:
            yield from _between(last, time, length)
        yield Point(time, add(values) if values else math.nan, members)
        last = time


def _between(last: Time, coming: Time, length: int) -> Iterator[Point]:
    """The points of a gap, evenly by the clock on the wall as well: it may have been changed meanwhile."""
    steps = round((coming.ms - last.ms) / length)
    for step in range(1, min(steps, LONGEST_GAP + 1)):
        ms = last.ms + (coming.ms - last.ms) * step // steps
        clock = last.clock + (coming.clock - last.clock) * step // steps
        yield Point(Time(ms, clock - ms), math.nan, ())


def _start(clock: int, length: int) -> int:
    """When the interval of a time begins, both as the clock on the wall shows them."""
    if length == MONTH_MS:
        day = EPOCH + clock // DAY_MS * timedelta(days=1)
        return (day.replace(day=1) - EPOCH) // MILLISECOND
    since = clock + THURSDAY if length % WEEK_MS == 0 else clock
    return clock - since % length


def _joined(series: SeriesFile, order: Sequence[int], length: int) -> Iterator[list[int]]:
    def interval(n: int) -> int:
        time = series.samples[n].time
        return _start(time.clock, length) - time.ahead

    for _, members in groupby(order, key=interval):
        yield list(members)


def _single(series: SeriesFile, order: Sequence[int], length: int) -> Iterator[list[int]]:
    closest = length / 2 if series.regular else 1
    members: list[int] = []
    for n in order:
        if members and series.samples[n].time.ms - series.samples[members[0]].time.ms >= closest:
            yield members
            members = []
        members.append(n)
    if members:
        yield members

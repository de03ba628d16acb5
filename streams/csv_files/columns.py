"""Which column of a table holds times, and which values: by their names, or by what can be read in them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from zoneinfo import ZoneInfo

from streams.csv_files.numbers import read_numbers
from streams.csv_files.reading import Row, Table, TableError
from streams.csv_files.times import Time, read_times
from streams.formats.decoding import excerpt

TIME_NAMES = (
    "timestamp", "time", "datetime", "date_time", "date", "ts", "ds", "t", "@timestamp", "event_time", "day",
    "hour", "month", "time_stamp", "interval_start", "start", "created_at", "_time", "epoch",
    "unix_timestamp",
)  # fmt: skip
DAY_NAMES, CLOCK_NAMES = ("date", "day"), ("time", "hour", "clock")
VALUE_NAMES = (
    "value", "values", "count", "y", "val", "v", "metric", "measure", "total", "amount", "sum", "mean", "avg",
    "data",
)  # fmt: skip
#: Numbers that are not measured.
NO_VALUES = frozenset({
    "", "id", "index", "unnamed: 0", "row", "label", "labels", "is_anomaly", "anomaly", "is_anomalous",
})  # fmt: skip
#: Digits of a number of a row.
LONGEST_NUMBER = 18
_CLOCK = re.compile(r"\d{1,2}:\d{2}")


def time_column(
    table: Table, name: str | None, zone: ZoneInfo | None
) -> tuple[int | None, list[Time | None] | None]:
    """The column of times, if there is one, and its times, unless it only counts rows."""
    if name is not None:
        column = table.number_of(name, "--time-column")
        times = read_times(table.column(column), zone)
        if times is None and not _counts(table.column(column)):
            raise _no_times(table, column)
        return column, times
    named = _by_name(table, TIME_NAMES)
    for column in [*named, *(n for n in range(len(table.columns)) if n not in named)]:
        times = read_times(table.column(column), zone)
        if times is not None:
            return column, times
    for column in named:
        if _counts(table.column(column)):
            return column, None
    if named:
        raise _no_times(table, named[0])
    return next((n for n in range(len(table.columns) - 1) if _counts(table.column(n))), None), None


def with_clock(table: Table) -> Table:
    """The table with a column of times, where day and clock stand in two."""
    days, clocks = _by_name(table, DAY_NAMES), _by_name(table, CLOCK_NAMES)
    if not days or not clocks or not all(_CLOCK.match(cell) for cell in table.column(clocks[0])[:100]):
        return table
    cells = zip(table.column(days[0]), table.column(clocks[0]), strict=True)
    rows = [
        Row(row.line, [f"{day} {clock}", *row.cells])
        for row, (day, clock) in zip(table.rows, cells, strict=True)
    ]
    return Table(table.name, ["timestamp", *table.columns], table.has_header, rows)


def _no_times(table: Table, column: int) -> TableError:
    first = next((cell for cell in table.column(column) if cell), "")
    return TableError(
        f"{table.name}: column {table.columns[column]!r} has no times that can be read, such as "
        f"{excerpt(first)}; expected 2030-01-31 12:00:00, 2030-01-31T12:00:00Z, 31/01/2030 12:00 or seconds "
        "since 1970"
    )


def _counts(cells: Sequence[str]) -> bool:
    """Whether a column numbers the rows."""
    known = [cell for cell in cells if cell.isdecimal() and len(cell) <= LONGEST_NUMBER]
    return len(known) >= 0.99 * len(cells) > 0 and all(int(a) < int(b) for a, b in pairwise(known))


def value_column(table: Table, name: str | None, time_at: int | None) -> tuple[int, list[float | None]]:
    """The column of values, beside that of times, and its values."""
    if name is not None:
        column = table.number_of(name, "--value-column")
        values = read_numbers(table.column(column))
        if not _is_numeric(values):
            message = (
                f"{table.name}: column {name!r} has no numbers; --value-column is one of {table.names()}"
            )
            raise TableError(message)
        return column, values
    others = [n for n, column in enumerate(table.columns) if column.lower() not in NO_VALUES and n != time_at]
    read = {n: read_numbers(table.column(n)) for n in others}
    numeric = {n: values for n, values in read.items() if _is_numeric(values)}
    named = [n for n in _by_name(table, VALUE_NAMES) if n in numeric]
    if named:
        return named[0], numeric[named[0]]
    if len(numeric) == 1:
        return next(iter(numeric.items()))
    if not numeric:
        message = f"{table.name}: no column has numbers beside the times; columns are {table.names()}"
    else:
        which = ", ".join(repr(table.columns[n]) for n in numeric)
        message = f"{table.name}: several columns have numbers; name one: --value-column {which}"
    raise TableError(message)


def _is_numeric(values: Sequence[float | None]) -> bool:
    numbers = sum(value is not None and not math.isnan(value) for value in values)
    return numbers > 0 and numbers >= sum(value is None for value in values)


def _by_name(table: Table, names: Sequence[str]) -> list[int]:
    known = {column.strip().lower(): n for n, column in reversed(list(enumerate(table.columns)))}
    return [known[name] for name in names if name in known]

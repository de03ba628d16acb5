"""Rows of CSV files → the JSON records that a source would have had, oldest first.

The columns are the fields, by their names. So files of measurements that were added up elsewhere can be
looked at as if each row were an event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.csv_files.numbers import read_numbers
from streams.csv_files.reading import Table, TableError
from streams.csv_files.times import read_moments

_encode = msgspec.json.Encoder().encode

SUFFIXES = frozenset({".csv", ".tsv"})


class Record(NamedTuple):
    """A record and where it stands."""

    file: str
    line: int
    raw: bytes


def is_csv(path: Path) -> bool:
    """Whether a file holds rows, by its name."""
    return (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower() in SUFFIXES


def records(tables: Sequence[Table], time: str, numbers: Collection[str], zone: ZoneInfo) -> list[Record]:
    """The rows of some files by the time of the column `time`, which is of `zone` where it names none.

    Columns in `numbers` are read as such.

    What cannot be read stays text, for the format to refuse.
    """
    timed = [row for table in tables for row in _records(table, time, numbers, zone)]
    timed.sort(key=lambda row: row[0])
    return [record for _, record in timed]


def check_header(table: Table) -> None:
    """Refuse a file whose columns have no names.

    Raises:
        TableError: it has none.
    """
    if not table.has_header:
        message = f"{table.name}: the first line must name the columns: they are the fields of events"
        raise TableError(message)


def _records(
    table: Table, time: str, numbers: Collection[str], zone: ZoneInfo
) -> Iterator[tuple[int, Record]]:
    check_header(table)
    columns: list[Sequence[Any]] = [table.column(n) for n in range(len(table.columns))]
    moments: Sequence[int] = [0] * len(table.rows)
    for n, name in enumerate(table.columns):
        if name == time:
            times = read_moments(table.column(n), zone) or [None] * len(table.rows)
            moments = [-(1 << 62) if at is None else at.ms for at in times]
            columns[n] = [cell if at is None else at.ms for cell, at in zip(columns[n], times, strict=True)]
        elif name in numbers:
            read = read_numbers(table.column(n))
            columns[n] = [cell if v is None else v for cell, v in zip(columns[n], read, strict=True)]
    nested = any("." in name for name in table.columns)
    for row, moment, *cells in zip(table.rows, moments, *columns, strict=True):
        # Not a number, or nothing at all, is no value.
        record: dict[str, Any] = {
            name: cell
            for name, cell in zip(table.columns, cells, strict=True)
            if cell == cell and cell != ""  # noqa: PLR0124
        }
        yield moment, Record(table.name, row.line, _encode(_nested(record) if nested else record))


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for path, value in flat.items():
        _put(record, path, value)
    return record


def _put(record: dict[str, Any], path: str, value: object) -> None:
    """Put a value where its path says: in a JSON record, `geo.country` is the country of geo."""
    *outer, last = path.split(".")
    for step in outer:
        inner = record.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        record = inner
    record[last] = value

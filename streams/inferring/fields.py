"""A sample → its fields as columns, whatever the nesting: which values each has, and in which rows.

What cannot be named in a configuration is left out here, and so are the fields beyond a bound: a record that
has ids for keys has new fields for ever.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from detectors.places import MISSING, text
from detectors.records import Value, attribute
from streams.csv_files.numbers import NOTHING, read_numbers
from streams.csv_files.reading import Table
from streams.formats import FAILURES, BadEvent, Format, parse_all
from streams.formats.decoding import BYTE_ORDER_MARK, excerpt, explain
from streams.formats.paths import UNNAMEABLE
from streams.inferring.chosen import LeftOut
from streams.inferring.sampling import Sample, Sampled

MOST_FIELDS = 400
DEEPEST, LONGEST_PATH = 6, 200
#: A number with a zero before it is a code, and stays text.
_CODE = re.compile(r"0\d")


@dataclass
class Column:
    """The values of a field, where there are any."""

    path: str
    rows: list[int] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    #: In how many rows it is an object or a list, and in how many of these a list.
    nested: int = 0
    lists: int = 0

    @cached_property
    def known(self) -> Counter[str]:
        """How often each value occurs, as a dimension shows it."""
        return Counter(map(text, self.values))

    @cached_property
    def numbers(self) -> list[float] | None:
        """The values as numbers; None unless all of them are."""
        if self.nested or not self.values:
            return None
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values):
            return None
        try:
            return [float(value) for value in self.values if value is not None and not isinstance(value, str)]
        except OverflowError:
            return None

    @cached_property
    def is_whole(self) -> bool:
        """Whether all values are whole numbers."""
        return self.numbers is not None and all(math.isfinite(n) and n.is_integer() for n in self.numbers)

    def texts(self, rows: int) -> list[str]:
        """The value in each row, as a dimension shows it."""
        filled = [MISSING] * rows
        for row, value in zip(self.rows, self.values, strict=True):
            filled[row] = text(value)
        return filled


@dataclass
class Fields:
    """The fields of a sample, by their paths."""

    columns: dict[str, Column]
    #: How many rows there are, and the partition of each.
    parts: Sequence[int]
    #: When the broker had each.
    arrived: Sequence[int | None] = ()
    #: The record of each, by its position in the sample.
    of_record: Sequence[int] = ()
    #: Records that cannot be read, and what is wrong with the first.
    refused: int = 0
    first_refused: str | None = None
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.parts)


def fields_of_records(sample: Sample) -> Fields:
    """The fields of JSON records, nested ones by their dotted paths."""
    found = Fields({}, [])
    parts: list[int] = []
    arrived: list[int | None] = []
    of_record: list[int] = []
    unusable: dict[str, str] = {}
    for number, one in enumerate(sample.records):
        try:
            record = _object(one.raw)
        except BadEvent as error:
            found.refused += 1
            found.first_refused = found.first_refused or f"{one.at}: {error}"
            continue
        for path, value in _flat(record, "", 0, unusable):
            column = found.columns.get(path)
            if column is None:
                if len(found.columns) >= MOST_FIELDS:
                    unusable[path] = ""
                    continue
                column = found.columns[path] = Column(path)
            if isinstance(value, dict | list):
                column.nested += 1
                column.lists += isinstance(value, list)
            else:
                column.rows.append(len(parts))
                column.values.append(value)
        parts.append(one.part)
        arrived.append(one.arrived)
        of_record.append(number)
        if len(unusable) > MOST_FIELDS:
            # Their number grows with the records: a few show what kind they are.
            for path in [path for path, why in unusable.items() if not why][MOST_FIELDS // 2 :]:
                del unusable[path]
    found.parts, found.arrived, found.of_record = parts, arrived, of_record
    broken = {path: outer for path in found.columns if (outer := _not_always_an_object(path, found.columns))}
    for path in broken:
        del found.columns[path]
    unusable |= {
        path: f"{outer} is no object in some records, which would be refused"
        for path, outer in broken.items()
    }
    found.left_out = [
        LeftOut(path, why or f"there are more than {MOST_FIELDS} fields; their names are values, it seems")
        for path, why in unusable.items()
    ]
    return found


def _object(raw: bytes) -> dict[str, Any]:
    raw = raw.removeprefix(BYTE_ORDER_MARK)
    try:
        record = msgspec.json.decode(raw)
    except FAILURES as error:
        raise explain(error, raw, time="") from error
    if not isinstance(record, dict):
        message = f"expected a JSON object, got {excerpt(record)}"
        raise BadEvent("not_an_object", message)
    return record


def _flat(
    record: Mapping[str, Any], outer: str, depth: int, unusable: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    """Paths and values; an object is told of besides what is in it, so that it is known to be one."""
    for key, value in record.items():
        path = outer + key
        if value is None:
            continue
        if not _is_nameable(key) or len(path) > LONGEST_PATH:
            if len(unusable) <= MOST_FIELDS:
                unusable[path] = _why_not(key)
            continue
        if isinstance(value, dict):
            yield path, value
            if depth < DEEPEST:
                yield from _flat(value, f"{path}.", depth + 1, unusable)
        else:
            yield path, value


def _not_always_an_object(path: str, columns: Mapping[str, Column]) -> str | None:
    """What a field is in, if that is something else than an object somewhere."""
    outer = path.rpartition(".")[0]
    while outer:
        column = columns[outer]
        if column.values or column.lists:
            return outer
        outer = outer.rpartition(".")[0]
    return None


def _is_nameable(key: str) -> bool:
    return (
        bool(key)
        and "." not in key
        and not key.isdecimal()
        and key.isprintable()
        and not UNNAMEABLE & set(key)
    )


def _why_not(key: str) -> str:
    if not key.isprintable():
        return "its name has characters that cannot be shown"
    return 'no path can name it: it is empty, long, of digits alone, or has a dot, " or \\ in it'


def fields_of_events(
    format_: Format, known: Sequence[str], records: Sequence[Sampled]
) -> tuple[Fields, list[int]]:
    """The fields of events of a format whose fields have fixed names, and the times of the events."""
    parsed = parse_all(format_, [one.raw for one in records])
    columns = {name: Column(name) for name in known}
    for row, event in enumerate(parsed.events):
        for name, column in columns.items():
            value = getattr(event, attribute(name))
            if value is not None:
                column.rows.append(row)
                column.values.append(value)
    of_events = [records[row] for row in parsed.rows]
    found = Fields(columns, [one.part for one in of_events], [one.arrived for one in of_events])
    found.refused = len(parsed.bad)
    for row, error in parsed.bad[:1]:
        found.first_refused = f"{records[row].at}: {error}"
    return found, [event.event_time for event in parsed.events]


def fields_of_rows(table: Table) -> Fields:
    """The fields of rows: the columns, numbers where all of their cells are some."""
    found = Fields({}, [0] * len(table.rows))
    for n, name in enumerate(table.columns):
        unusable = next((key for key in name.split(".") if not _is_nameable(key)), None)
        if unusable is not None or len(name) > LONGEST_PATH:
            found.left_out.append(LeftOut(name, _why_not(unusable or name)))
            continue
        cells = table.column(n)
        values: Sequence[Value] = [cell or None for cell in cells]
        if not any(_CODE.match(cell) for cell in cells):
            numbers = read_numbers(cells)
            if None not in numbers and any(cell.lower() not in NOTHING for cell in cells):
                values = [None if number is None or math.isnan(number) else number for number in numbers]
        column = found.columns[name] = Column(name)
        for row, value in enumerate(values):
            if value is not None:
                column.rows.append(row)
                column.values.append(value)
    return found

"""Files → a sample of their records: stretches of consecutive ones, evenly spread over all of it.

Consecutive, for only neighbours show how far times are out of order, and spread, for a file may be sorted by
a field. Files are read once, whatever their size, so that a pipe will do.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar, cast

from streams.csv_files.reading import Row, Table, TableError, read_table
from streams.csv_files.records import check_header, is_csv
from streams.errors import OperatorError
from streams.names import LARGEST_MESSAGE_BYTES

T = TypeVar("T")

#: Records that stand beside each other.
STRETCH = 200
#: A sample is held in memory, and records may be long.
MOST_BYTES = 64 * 1024 * 1024


class SampleError(OperatorError):
    """Nothing can be proposed of these records; the message says why, and what to do."""


class Sampled(NamedTuple):
    """A record and where it was."""

    place: str
    number: int
    raw: bytes
    #: The partition that it is of.
    part: int = 0
    #: When the broker had it, in milliseconds.
    arrived: int | None = None

    @property
    def at(self) -> str:
        """Where it was, in words."""
        return f"{self.place} {self.number}"


@dataclass(frozen=True)
class Sample:
    """Some records of files or of a topic; or rows."""

    name: str
    #: What the source is to be called after.
    stem: str
    records: Sequence[Sampled]
    table: Table | None
    #: How many records each partition has where the sample was taken.
    totals: Sequence[int]
    #: Whether it is of a topic.
    is_topic: bool = False


def sample_files(paths: Sequence[Path], most: int) -> Sample:
    """A sample of at most so many records of files: all of them rows, or all of them JSON lines.

    Raises:
        SampleError: they are not alike, or there is no record in them.
        TableError: a file of rows cannot be read.
    """
    of_rows = [path for path in paths if is_csv(path)]
    name = ", ".join(path.name for path in paths)
    stem = paths[0].name.split(".")[0]
    if of_rows and len(of_rows) < len(paths):
        message = f"{name}: give files of rows, or of JSON lines, but not both at once"
        raise SampleError(message)
    if of_rows:
        tables = [read_table(path) for path in paths]
        table, total = _joined(name, tables, most)
        return Sample(name, stem, (), table, (total,))
    records, total = spread((line for path in paths for line in _lines(path)), most, lambda one: len(one.raw))
    if not records:
        message = f"{name}: there is no record in it"
        raise SampleError(message)
    return Sample(name, stem, records, None, (total,))


def spread(
    items: Iterable[T], most: int, size: Callable[[T], int] = lambda _: 0, most_size: int = MOST_BYTES
) -> tuple[list[T], int]:
    """Stretches of items, evenly spread, at most so many items of at most so much; and how many there were.

    >>> spread(range(100), 8)
    ([0, 1, 32, 33, 64, 65, 96, 97], 100)
    """
    longest = max(1, min(STRETCH, most // 4))
    kept: list[list[T]] = []
    every, total, count, held = 1, 0, 0, 0
    for number, item in enumerate(items):
        total += 1
        at, within = divmod(number, longest)
        if at % every or (held > most_size and len(kept) == 1):
            continue
        if not within:
            kept.append([])
        kept[-1].append(item)
        count, held = count + 1, held + size(item)
        while len(kept) > 1 and (count > most or held > most_size):
            # Every second stretch goes, and of those to come too.
            kept, every = kept[::2], 2 * every
            count, held = sum(map(len, kept)), sum(size(one) for part in kept for one in part)
    return [item for part in kept for item in part][:most], total


def _lines(path: Path) -> Iterator[Sampled]:
    with path.open("rb") as packed, ExitStack() as unpacked:
        lines: BinaryIO = packed
        if path.suffix == ".gz":
            lines = cast(BinaryIO, unpacked.enter_context(gzip.open(packed)))
        number = 0
        try:
            while line := lines.readline(LARGEST_MESSAGE_BYTES + 1):
                number += 1
                if len(line) > LARGEST_MESSAGE_BYTES:
                    message = f"{path.name}: line {number} is longer than 8 MiB, which is no record"
                    raise SampleError(message)
                if stripped := line.strip():
                    yield Sampled(f"{path.name}: line", number, stripped)
        except (EOFError, zlib.error) as error:
            message = f"{path.name}: cannot be unpacked: {error}"
            raise SampleError(message) from error


def _joined(name: str, tables: Sequence[Table], most: int) -> tuple[Table, int]:
    """Some rows of all tables, by the names of their columns, and how many rows there are."""
    for table in tables:
        check_header(table)
        twice = sorted({column for column in table.columns if table.columns.count(column) > 1})
        if twice:
            message = f"{table.name}: several columns are called {twice[0]!r}; give each a name of its own"
            raise TableError(message)
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    rows, total = spread((row for table in tables for row in _rows(table, columns)), most)
    return Table(name, columns, True, rows), total


def _rows(table: Table, columns: Sequence[str]) -> Iterator[Row]:
    if table.columns == columns:
        yield from table.rows
        return
    order = [table.columns.index(column) if column in table.columns else -1 for column in columns]
    for row in table.rows:
        yield Row(row.line, [row.cells[n] if 0 <= n < len(row.cells) else "" for n in order])

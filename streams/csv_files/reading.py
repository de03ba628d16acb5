"""A CSV file → its rows as texts, and the names of its columns: separator, header and encoding are found.

Read line by line: a quotation mark that is never closed spoils one row, and not the rest of the file.
"""

from __future__ import annotations

import csv
import gzip
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.csv_files.numbers import is_number
from streams.csv_files.times import looks_like_time
from streams.errors import OperatorError

#: In the order of preference where several would do: a comma may also be a decimal mark.
SEPARATORS = "\t;|,"
#: Lines from which the separator is told.
SAMPLE = 50
GZIP = b"\x1f\x8b"
BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class TableError(OperatorError):
    """A file of rows cannot be used; the message says what is missing and what to do."""


class NoRows(TableError):
    """There is nothing in a file, or nothing but a header."""


@dataclass(frozen=True)
class Row:
    """The cells of a line."""

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """The rows of a file."""

    name: str
    columns: list[str]
    has_header: bool
    rows: list[Row]

    def column(self, column: int) -> list[str]:
        """All cells of a column; empty where a row is too short."""
        return [row.cells[column] if column < len(row.cells) else "" for row in self.rows]

    def number_of(self, name: str, option: str) -> int:
        """Which column has this name, or is the column of this number, counted from 1.

        Raises:
            TableError: none, or several.
        """
        known = [n for n, column in enumerate(self.columns) if column == name]
        if not known:
            known = [n for n, column in enumerate(self.columns) if column.lower() == name.strip().lower()]
        if not known and name.isdecimal() and 1 <= int(name) <= len(self.columns):
            known = [int(name) - 1]
        if len(known) != 1:
            what = "no column" if not known else "several columns"
            message = f"{self.name}: {what} {name!r}; {option} is one of {self.names()}, or its number from 1"
            raise TableError(message)
        return known[0]

    def names(self) -> str:
        """The columns, to be listed in a message."""
        return ", ".join(map(repr, self.columns[:20])) + (", …" if len(self.columns) > 20 else "")


def read_table(path: Path) -> Table:
    """Read a file, unpacked if it is gzip; `-` is standard input.

    Raises:
        TableError: there is no row in it, or it is cut off.
    """
    name = "standard input" if str(path) == "-" else path.name
    raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    lines = text_of(name, raw).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    separator = None
    first = next((line for line in lines if line.strip()), "")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        # What Excel is told.
        separator = first.strip()[4]
        lines[lines.index(first)] = ""
    separator = separator or separator_of([line for line in lines if is_row(line)][:SAMPLE])
    everything = list(_rows(lines, separator))
    names = everything[0].cells if everything and is_header(everything[0]) else []
    rows = everything[1:] if names else everything
    if not rows:
        message = f"{name}: there are no rows in it"
        raise NoRows(message)
    width = max(len(row.cells) for row in rows[:SAMPLE])
    columns = [*names, *(f"column {n}" for n in range(len(names) + 1, width + 1))]
    return Table(name, columns, bool(names), rows)


def is_header(row: Row) -> bool:
    """Whether the cells of a first row are names."""
    return not any(is_number(cell) or looks_like_time(cell) for cell in row.cells)


def text_of(name: str, raw: bytes) -> str:
    """The text of a file, unpacked, in whatever encoding it is.

    Raises:
        TableError: it cannot be unpacked.
    """
    if raw.startswith(GZIP):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            message = f"{name}: cannot be unpacked: {error}"
            raise TableError(message) from error
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        # Every byte is a letter there; times and numbers are the same in both.
        return raw.decode("latin-1")


def is_row(line: str) -> bool:
    """Whether a line is neither empty nor a remark."""
    stripped = line.strip()
    return bool(stripped) and not stripped.startswith("#")


def _rows(lines: list[str], separator: str) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if is_row(line):
            cells = _quoted(line, separator) if '"' in line else line.split(separator)
            yield Row(number, [cell.strip() for cell in cells])


def _quoted(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True))
    except csv.Error:
        # Longer than any cell should be.
        return line.split(separator)


def separator_of(sample: list[str]) -> str:
    """What splits most lines into equally many cells."""
    best, most = ",", 0
    for separator in SEPARATORS:
        (width, lines), *_ = Counter(len(_quoted(line, separator)) for line in sample).most_common(1) or [
            (1, 0)
        ]
        if width > 1 and lines > most:
            best, most = separator, lines
    return best

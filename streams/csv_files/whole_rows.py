"""A CSV file as programs write it → its rows, and beside them what is none.

Apart from `reading`, which takes what people have: here every row is an event, so that a cell may have lines
and begin with any sign, and nothing is passed over that is not counted. A quotation mark that is never closed
spoils its own row, and no other.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from streams.csv_files.reading import (
    SAMPLE,
    NoRows,
    Row,
    Table,
    TableError,
    is_header,
    is_row,
    separator_of,
    text_of,
)


class WholeRows(NamedTuple):
    """What is in a file."""

    table: Table
    #: Rows that are longer or shorter than the names, or are quoted as nothing can be: as they stand there.
    refused: Sequence[str]


def read_whole_rows(path: Path) -> WholeRows:
    """Read a file, unpacked if it is gzip, whose first line has the names of its columns.

    Raises:
        NoRows: there is nothing in it but names.
        TableError: there are no names, or one twice, or it is cut off.
    """
    text = text_of(path.name, path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    lines = [f"{line}\n" for line in text.split("\n")]
    # What is said of a file stands before the names; behind them a `#` is a sign like others.
    first = next((n for n, line in enumerate(lines) if is_row(line)), len(lines))
    separator = separator_of([line for line in lines[first:] if line.strip()][:SAMPLE])
    rows, refused = _rows(lines, first, separator)
    if not rows:
        if refused:
            message = f"{path.name}: the line of names cannot be read"
            raise TableError(message)
        message = f"{path.name}: there are no rows in it"
        raise NoRows(message)
    names, rows = rows[0], rows[1:]
    if not is_header(names):
        message = f"{path.name}: the first line must name the columns: they are the fields of events"
        raise TableError(message)
    if twice := [name for name in names.cells if names.cells.count(name) > 1]:
        message = f"{path.name}: two columns are called {twice[0]!r}: name one otherwise"
        raise TableError(message)
    width = len(names.cells)
    refused += ["".join(lines[row.line - 1]).rstrip("\n") for row in rows if len(row.cells) != width]
    whole = [row for row in rows if len(row.cells) == width]
    return WholeRows(Table(path.name, names.cells, has_header=True, rows=whole), refused)


def _rows(lines: Sequence[str], first: int, separator: str) -> tuple[list[Row], list[str]]:
    """The rows from a line on, each with the number of its own first line."""
    rows: list[Row] = []
    refused: list[str] = []
    at = first
    while at < len(lines):
        before, left = at, (lines[n] for n in range(at, len(lines)))
        reader = csv.reader(left, delimiter=separator, skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                if any(map(str.strip, cells)) or len(cells) > 1:
                    rows.append(Row(at + 1, [cell.strip() for cell in cells]))
                at = before + reader.line_num
        except csv.Error:
            # The mark that opens it may be none: only this line is given up, and the next begins a row.
            refused.append(lines[at].rstrip("\n"))
            at += 1
    return rows, refused

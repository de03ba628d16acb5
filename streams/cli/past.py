"""Files of past records through the core, batch by batch, with a bar that shows how far they are read."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

import click
from rich.progress import Progress, TaskID

from detectors.config import Config, FieldKind
from detectors.detection import Detection, Outcome
from detectors.sources import Source
from streams.cli.terminal import bar
from streams.csv_files.reading import Table, TableError, read_table
from streams.csv_files.records import Record, is_csv, records
from streams.formats import BadEvent, make_format, parse_all

#: Records that are read and folded at once.
BATCH = 5_000


def replay(
    what: Config,
    name: str,
    detection: Detection,
    inputs: Sequence[Path],
    refuse: Callable[[Record, BadEvent], None],
    *,
    until: int | None = None,
) -> Iterator[Iterable[Outcome]]:
    """Feed the records of a source to its detectors; what comes of each batch is to be taken before the next.

    `refuse` is told of the records that are no events. What happened at `until` or later, in milliseconds, is
    left out.
    """
    source, fields = what.records_of(name), what.fields_of(name)
    format_, offset = make_format(name, source, fields), 0
    for batch in _batches(inputs, source, fields):
        events, rows, bad = parse_all(format_, [record.raw for record in batch])
        for row, error in bad:
            refuse(batch[row], error)
        if until is not None:
            early = [n for n, event in enumerate(events) if event.event_time < until]
            events, rows = [events[n] for n in early], [rows[n] for n in early]
        yield detection.feed(name, 0, [offset + row for row in rows], events)
        offset += len(batch)
    yield detection.finish()


def _batches(
    inputs: Sequence[Path], source: Source, fields: Mapping[str, FieldKind]
) -> Iterator[list[Record]]:
    """The records of files in order; rows of CSV files first, all of them by their time."""
    everything = _read(inputs, source, fields)
    while batch := list(islice(everything, BATCH)):
        yield batch


def _read(inputs: Sequence[Path], source: Source, fields: Mapping[str, FieldKind]) -> Iterator[Record]:
    with bar() as progress:
        task = progress.add_task("reading", total=sum(path.stat().st_size for path in inputs))
        of_rows = [path for path in inputs if is_csv(path)]
        if of_rows:
            tables = [read_table(path) for path in of_rows]
            if source.format == "json":
                _check_columns(tables, source, fields)
            numbers = {source.fields.get(name, name) for name, kind in fields.items() if kind == "number"}
            # Without a time of its own, the format is one whose time has a name of its own.
            rows = records(tables, source.time or "ts", numbers, ZoneInfo(source.timezone))
            size = sum(path.stat().st_size for path in of_rows) / max(1, len(rows))
            for number, row in enumerate(rows):
                if number % 1_000 == 0:
                    progress.update(task, completed=int(number * size))
                yield row
        for path in inputs:
            if path not in of_rows:
                yield from _lines(path, progress, task)


def _check_columns(tables: Sequence[Table], source: Source, fields: Iterable[str]) -> None:
    """Say which fields of events no file has.

    Raises:
        TableError: a file has no times.
    """
    for table in tables:
        if table.has_header and source.time is not None and source.time not in table.columns:
            message = (
                f"{table.name}: no column {source.time!r}, which is the time of the source; columns are "
                f"{table.names()}"
            )
            raise TableError(message)
    columns = {column for table in tables for column in table.columns}
    absent = [name for name in fields if source.fields.get(name, name) not in columns]
    if absent:
        files = ", ".join(table.name for table in tables)
        click.echo(f"{files}: no column for {', '.join(absent)}: events have none", err=True)


def _lines(path: Path, progress: Progress, task: TaskID) -> Iterator[Record]:
    with path.open("rb") as packed, ExitStack() as unpacked:
        lines: BinaryIO = packed
        if path.suffix == ".gz":
            lines = cast(BinaryIO, unpacked.enter_context(gzip.open(packed)))
        before = 0
        for number, line in enumerate(lines, 1):
            # Of a pipe nobody knows how long it is.
            if number % 1_000 == 0 and packed.seekable():
                progress.advance(task, packed.tell() - before)
                before = packed.tell()
            if stripped := line.strip():
                yield Record(path.name, number, stripped)

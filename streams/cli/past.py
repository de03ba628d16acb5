"""Files of past records, batch by batch, with a bar that shows how far they are read."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from detectors.config import FieldKind, Source
from streams.csv.records import Record, is_csv, records

#: Records that are read and folded at once.
BATCH = 5_000


def batches(
    inputs: Sequence[Path], source: Source, fields: Mapping[str, FieldKind]
) -> Iterator[list[Record]]:
    """The records of files in order; rows of CSV files first, all of them by their time."""
    everything = _read(inputs, source, fields)
    while batch := list(islice(everything, BATCH)):
        yield batch


def _read(inputs: Sequence[Path], source: Source, fields: Mapping[str, FieldKind]) -> Iterator[Record]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=sum(path.stat().st_size for path in inputs))
        tables = [path for path in inputs if is_csv(path)]
        if tables:
            numbers = {source.fields.get(name, name) for name, kind in fields.items() if kind == "number"}
            # Without a time of its own, the format is one whose time has a name of its own.
            rows = records(tables, source.time or "ts", numbers)
            size = sum(path.stat().st_size for path in tables) / max(1, len(rows))
            for number, row in enumerate(rows):
                if number % 1_000 == 0:
                    bar.update(task, completed=int(number * size))
                yield row
        for path in inputs:
            if path not in tables:
                yield from _lines(path, bar, task)


def _lines(path: Path, bar: Progress, task: TaskID) -> Iterator[Record]:
    with path.open("rb") as packed, ExitStack() as unpacked:
        lines: BinaryIO = packed
        if path.suffix == ".gz":
            lines = cast(BinaryIO, unpacked.enter_context(gzip.open(packed)))
        before = 0
        for number, line in enumerate(lines, 1):
            # Of a pipe nobody knows how long it is.
            if number % 1_000 == 0 and packed.seekable():
                bar.advance(task, packed.tell() - before)
                before = packed.tell()
            if stripped := line.strip():
                yield Record(path.name, number, stripped)

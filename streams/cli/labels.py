"""Files of labels: what is known to have happened, in the shapes in which people have it.

    start,end                        stretches of time; both ends, or only the start of one interval
    start,end,platform,measure,kind  at a place, of a measure, of a kind, where they say so
    timestamp,platform,label         a row an interval, 1 where something was wrong (also views_label for
                                     the measure views); rows that follow each other are one label
    [["2026-03-01 10:00", "…"]]      JSON: stretches, or objects with these names
    {"file.csv": [["…", "…"]]}       JSON by the name of the input, as NAB has them; also single times

Times without a zone are UTC, as in records.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from detectors.config import Config
from detectors.episodes import Label
from detectors.records import utc
from streams.csv_files.reading import Table, TableError, read_table
from streams.csv_files.times import read_times
from streams.formats.decoding import excerpt

STARTS = ("start", "begin", "from", "start_time", "window_start")
ENDS = ("end", "stop", "to", "end_time", "window_end")
TIMES = ("timestamp", "time", "datetime", "date", "ts")
FLAGS = ("label", "is_anomaly", "anomaly", "labels", "is_anomalous")
OF_MEASURE = "_label"
WRONG = frozenset({"1", "1.0", "true", "yes", "anomaly", "t"})


def read_labels(path: Path, what: Config, inputs: Sequence[Path]) -> list[Label]:
    """The labels of a file.

    Raises:
        TableError: it is in none of the shapes above.
    """
    dimensions = {name for detector in what.detectors for name in detector.dimensions}
    if path.suffix.lower() == ".json":
        return list(_of_json(path, dimensions, inputs))
    table = read_table(path)
    columns = {name.strip().lower(): n for n, name in enumerate(table.columns)}
    start = next((columns[name] for name in STARTS if name in columns), None)
    if start is not None:
        end = next((columns[name] for name in ENDS if name in columns), start)
        return list(_stretches(table, start, end, dimensions))
    time = next((columns[name] for name in TIMES if name in columns), None)
    flags = _flags(table)
    if time is None or not flags:
        message = (
            f"{path.name}: expected columns start, end, or timestamp and label; columns are {table.names()}"
        )
        raise TableError(message)
    interval = min(detector.interval for detector in what.detectors)
    return list(_rows(table, time, flags, dimensions, interval))


def _flags(table: Table) -> dict[int, str | None]:
    """The columns that say whether something was wrong, each with the measure that it is about."""
    flags: dict[int, str | None] = {
        n: None for n, c in enumerate(table.columns) if c.strip().lower() in FLAGS
    }
    if not flags:
        of_measure = [(n, name) for n, name in enumerate(table.columns) if name.endswith(OF_MEASURE)]
        flags = {n: name.removesuffix(OF_MEASURE) for n, name in of_measure}
    return flags


def _stretches(table: Table, start: int, end: int, dimensions: Collection[str]) -> Iterator[Label]:
    starts, ends = _times(table, start), _times(table, end)
    for row, begun, over in zip(table.rows, starts, ends, strict=True):
        cells = dict(zip(table.columns, row.cells, strict=False))
        yield _label(f"{table.name}: line {row.line}", begun, over, cells, dimensions)


def _rows(
    table: Table,
    time: int,
    flags: Mapping[int, str | None],
    dimensions: Collection[str],
    interval: timedelta,
) -> Iterator[Label]:
    at = _times(table, time)
    named = [(n, name) for n, name in enumerate(table.columns) if name in dimensions]
    for flag, measure in flags.items():
        marked: dict[tuple[tuple[str, str], ...], list[datetime]] = {}
        for row, moment in zip(table.rows, at, strict=True):
            if flag < len(row.cells) and row.cells[flag].lower() in WRONG:
                marked.setdefault(tuple((name, row.cells[n]) for n, name in named), []).append(moment)
        for place, moments in marked.items():
            for start, end in _merged(sorted(moments), interval):
                yield Label(start, end, dict(place), measure)


def _merged(moments: Sequence[datetime], interval: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Stretches of times that follow each other."""
    numbered = groupby(enumerate(moments), key=lambda pair: pair[1] - pair[0] * interval)
    for _, together in numbered:
        times = [moment for _, moment in together]
        yield times[0], times[-1] + interval


def _times(table: Table, column: int) -> list[datetime]:
    read = read_times(table.column(column), None) or [None] * len(table.rows)
    for row, at in zip(table.rows, read, strict=True):
        if at is None:
            found = excerpt(row.cells[column] if column < len(row.cells) else "")
            message = f"{table.name}: line {row.line}: {table.columns[column]}: expected a time, got {found}"
            raise TableError(message)
    return [utc(at.ms) for at in read if at is not None]


def _of_json(path: Path, dimensions: Collection[str], inputs: Sequence[Path]) -> Iterator[Label]:
    try:
        content: Any = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        message = f"{path.name}: {error}"
        raise TableError(message) from error
    if isinstance(content, dict):
        names = {given.name.removesuffix(".gz") for given in inputs}
        known = {name: labels for name, labels in content.items() if name.rpartition("/")[2] in names}
        if not known:
            message = (
                f"{path.name}: nothing for {', '.join(sorted(names))}; it has labels of "
                f"{', '.join(sorted(content)[:5])}{', …' if len(content) > 5 else ''}"
            )
            raise TableError(message)
        content = [label for labels in known.values() for label in labels]
    if not isinstance(content, list):
        message = f"{path.name}: expected a list of labels"
        raise TableError(message)
    for n, label in enumerate(content, 1):
        where = f"{path.name}: label {n}"
        if isinstance(label, dict):
            yield _label(where, *_ends(where, label.get("start"), label.get("end")), label, dimensions)
        elif isinstance(label, list) and len(label) == 2:
            yield _label(where, *_ends(where, *label), {}, dimensions)
        else:
            yield _label(where, *_ends(where, label, None), {}, dimensions)


def _ends(where: str, start: object, end: object) -> tuple[datetime, datetime]:
    cells = [str(start), str(start if end is None else end)]
    read = [(read_times([cell], None) or [None])[0] for cell in cells]
    if read[0] is None or read[1] is None:
        message = f"{where}: expected a start and an end, got {excerpt(cells[0])}, {excerpt(cells[1])}"
        raise TableError(message)
    return utc(read[0].ms), utc(read[1].ms)


def _label(
    where: str, start: datetime, end: datetime, cells: Mapping[str, Any], dimensions: Collection[str]
) -> Label:
    if end < start:
        message = f"{where}: it ends before it starts"
        raise TableError(message)
    place = {name: str(cell) for name, cell in cells.items() if name in dimensions and cell}
    return Label(start, end, place, cells.get("measure") or None, cells.get("kind") or None)

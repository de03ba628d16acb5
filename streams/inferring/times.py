"""Which field of a sample is the event time, in which unit: the one that is there, is plausible, and goes on.

By name, by how many records have a time there that is one, and by whether it grows from record to record. A
name alone is never enough, and a number alone neither: order numbers grow too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from detectors.words import plain
from streams.csv_files import columns
from streams.csv_files.reading import Table, TableError
from streams.csv_files.times import read_times
from streams.formats import BadEvent
from streams.formats.event_time import TimeUnit, read_time, unit_of
from streams.inferring.chosen import FEW, Chosen, LeftOut, Sure, words
from streams.inferring.fields import Column, Fields

#: Outside of this, in milliseconds, a time is none that is recorded today.
EARLIEST, LATEST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (1990, 2100))
#: A field is a time where so many of its values are, and so many records have it.
MOST_OF, PRESENT = 0.9, 0.5
#: Records that follow each other are in order so often, where a number grows with time.
IN_ORDER = 0.9
#: Words of other times than that of the event.
OTHER_TIMES = frozenset({
    "update", "updated", "modified", "expire", "expires", "expiry", "until", "end", "ended", "stop", "due",
    "processed", "ingest", "ingested", "ingestion", "received", "birth", "birthday", "valid", "delivered",
    "finished", "closed", "last", "next", "stored", "published", "arrival", "loaded", "deleted",
})  # fmt: skip
TIME_WORDS = frozenset(
    {"time", "timestamp", "date", "datetime", "ts", "at", "on", "epoch", "when", "created"}
)
EXACT = frozenset(
    {*columns.TIME_NAMES, "eventtime", "event_timestamp", "occurred_at", "created", "createdat", "when"}
)

UNITS: dict[TimeUnit, str] = {
    "s": "seconds since 1970",
    "ms": "milliseconds since 1970",
    "us": "microseconds since 1970",
    "ns": "nanoseconds since 1970",
    "iso": "ISO text",
    "auto": "numbers of several units, or numbers and text",
}


@dataclass(frozen=True)
class TimeField:
    """The field of the event time, and the time of each row; the path is empty where there is none."""

    path: Chosen[str]
    unit: Chosen[TimeUnit]
    #: Milliseconds since 1970.
    times: Sequence[int | None]
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True)
class _Candidate:
    path: str
    times: list[int | None]
    unit: TimeUnit
    #: Shares: of all records, and of the steps from one to the next.
    present: float
    in_order: float
    named: float

    @property
    def rank(self) -> float:
        text = 0.3 if self.unit == "iso" else 0.0
        return 2 * self.present + self.named + 0.5 * self.in_order + text


def time_of_records(fields: Fields) -> TimeField:
    """The event time of JSON records."""
    candidates, left_out = [], []
    for column in fields.columns.values():
        times = _read(column, fields.count)
        found = sum(time is not None for time in times)
        if not column.nested and found >= MOST_OF * len(column.values) and found >= PRESENT * fields.count:
            candidates.append(_candidate(column, times, found / fields.count))
        elif _looks_written(column):
            why = "it has times in a form that records cannot have; send RFC 3339, or a number since 1970"
            left_out.append(LeftOut(column.path, why))
    if not candidates:
        why = "no field has times from 1990 to 2100 in most records; put the path of the event time here"
        return TimeField(_nothing(why), _no_unit(), [None] * fields.count, left_out)
    candidates.sort(key=lambda one: -one.rank)
    best, *others = candidates
    sure, why = _how_sure(best, others, fields.count)
    first = next(time for time in best.times if time is not None)
    unit_why = f"the first is {_shown(first)}, and all are plausible so"
    return TimeField(Chosen(best.path, sure, why), Chosen(best.unit, sure, unit_why), best.times, left_out)


def time_of_rows(table: Table, fields: Fields) -> TimeField:
    """The event time of rows: the column that `lookalive score` would take."""
    if columns.with_clock(table) is not table:
        why = "day and clock stand in two columns; join them into one, and put its name here"
        return TimeField(_nothing(why), _no_unit(), [None] * fields.count)
    try:
        at, read = columns.time_column(table, None, None)
    except TableError as error:
        return TimeField(_nothing(str(error)), _no_unit(), [None] * fields.count)
    if at is None or read is None or table.columns[at] not in fields.columns:
        why = "no column has times; put the name of the one that has the event time here"
        return TimeField(_nothing(why), _no_unit(), [None] * fields.count)
    times = [None if time is None else time.ms for time in read]
    column = fields.columns[table.columns[at]]
    found = sum(time is not None and EARLIEST <= time < LATEST for time in times)
    # Rows may be in any order, but then it takes more than numbers that are large enough to be times.
    in_order = 1.0 if column.numbers is None else _in_order(times)
    best = _Candidate(column.path, times, "auto", found / max(1, fields.count), in_order, _named(column.path))
    sure, why = _how_sure(best, (), fields.count)
    # A row's time becomes milliseconds, which `auto` would take for seconds until 1973.
    early = any(time is not None and abs(time) < 1e11 for time in times)
    unit: Chosen[TimeUnit] = Chosen("ms" if early else "auto", sure, "times of rows are read in any form")
    return TimeField(Chosen(column.path, sure, why), unit, times)


def time_of_format(path: str, times: Sequence[int | None]) -> TimeField:
    """The event time of a format that has its own."""
    why = "the format says so"
    return TimeField(Chosen(path, "high", why), Chosen("auto", "high", why), times)


def _read(column: Column, rows: int) -> list[int | None]:
    """The plausible times of a field, by row."""
    times: list[int | None] = [None] * rows
    bad = 0
    for row, value in zip(column.rows, column.values, strict=True):
        if isinstance(value, bool) or value is None:
            bad += 1
        else:
            with suppress(BadEvent, OverflowError):
                time = read_time(value, "auto", column.path)
                if EARLIEST <= time < LATEST:
                    times[row] = time
                    continue
            bad += 1
        if bad > 100 and bad > (row + 1) * (1 - MOST_OF):
            # Most fields are no times, and need not be read to their end.
            return [None] * rows
    return times


def _candidate(column: Column, times: list[int | None], present: float) -> _Candidate:
    units: set[TimeUnit] = {
        "iso" if isinstance(value, str) else unit_of(value)
        for value in column.values
        if isinstance(value, str | int | float)
    }
    unit = units.pop() if len(units) == 1 else "auto"
    return _Candidate(column.path, times, unit, present, _in_order(times), _named(column.path))


def _in_order(times: Sequence[int | None]) -> float:
    """How often the next time is not before one."""
    known = [time for time in times if time is not None]
    return sum(a <= b for a, b in pairwise(known)) / (len(known) - 1) if len(known) > 1 else 1.0


def _named(path: str) -> float:
    """How much of an event time a name is, from -0.4 to 1."""
    last = path.rpartition(".")[2]
    said = words(last)
    if OTHER_TIMES & set(said):
        return -0.4
    if last.lower() in EXACT:
        return 1.0
    return 0.7 if TIME_WORDS & set(said) else 0.0


def _how_sure(best: _Candidate, others: Sequence[_Candidate], rows: int) -> tuple[Sure, str]:
    share = f"{100 * best.present:.4g} % of the records have a plausible time there"
    order = "in order" if best.in_order == 1 else f"{100 * best.in_order:.3g} % of them in order"
    why = f"{share}, {order}" if best.unit != "auto" or best.in_order != 1 else share
    rivals = [one for one in others if one.rank > best.rank - 0.25]
    if others:
        why += f"; also times: {', '.join(plain(one.path, 40) for one in others[:3])}"
    if best.present < MOST_OF or (best.named <= 0 and best.unit != "iso" and best.in_order < IN_ORDER):
        return "low", why
    if best.present < 0.999 or best.named <= 0 or rivals or rows < FEW:
        return "medium", why
    return "high", why


def _looks_written(column: Column) -> bool:
    """Whether most values are times, as people write them and records may not."""
    sample = [value for value in column.values[:100] if isinstance(value, str) and value]
    if len(sample) < len(column.values[:100]) or not sample or not any(c.isdecimal() for c in sample[0]):
        return False
    if not (_named(column.path) > 0 or ":" in sample[0] or "/" in sample[0]):
        return False
    times = read_times(sample, None)
    return times is not None and sum(time is not None for time in times) >= MOST_OF * len(sample)


def _nothing(why: str) -> Chosen[str]:
    return Chosen("", "low", why)


def _no_unit() -> Chosen[TimeUnit]:
    return Chosen("auto", "low", "there is no time")


def _shown(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")

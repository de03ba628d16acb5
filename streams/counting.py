"""Tables of events → what is alike in them, counted by DuckDB: Parquet, CSV, JSON lines.

Events of the same interval and the same values, in the fields that a detector splits by or asks about,
become one group with its exact sums: so a table of a hundred million rows is some thousand groups. What the
groups mean is decided here in Python, by the same conditions and aggregations as for single events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from detectors.aggregation import InSteps, Many
from detectors.config import Detector, Measure, Where
from detectors.filters import NoneOf, Test, event_test
from detectors.intake import NOTHING, Lack
from detectors.loop import Cell
from detectors.places import text
from detectors.records import Value
from detectors.sources import Source
from streams.counting_query import Fields, Query
from streams.errors import HistoryError, SettingsError
from streams.history_files import HistoryFiles, quoted

ROWS = 10_000


class Group(NamedTuple):
    """Events of one leaf and about one time."""

    #: A time within their interval, in milliseconds.
    time: int
    leaf: list[Value]
    events: int
    #: None where the detector's filter leaves them out.
    cell: Cell | None
    #: What they lack, by additive measure.
    lacks: Sequence[Lack] = ()


class _Kind(NamedTuple):
    """What groups of the same keys have in common."""

    leaf: list[Value]
    #: By additive measure, whether it counts them; None where the detector's filter leaves them out.
    counts: list[bool] | None


class Counted(NamedTuple):
    """What there is in the files."""

    events: int
    #: Rows without a time, or with text where a number is asked for.
    invalid: int
    #: A time in the interval of the first event, and that of the last; None where there is none.
    first: int | None
    last: int | None


class Table:
    """Files of one kind, for one detector. A context manager, which holds a database in memory."""

    def __init__(self, files: Sequence[Path], source: Source, detector: Detector) -> None:
        """Raises HistoryError: the files are of no kind that is known, or of several."""
        try:
            import duckdb  # noqa: PLC0415  (an extra: a worker needs none of it)
        except ImportError as error:
            message = "files of history are counted by DuckDB: pip install 'lookalive[history]'"
            raise SettingsError(message) from error
        self._error = duckdb.Error
        self._database = duckdb.connect()
        # Times that name no zone are of that of the source.
        self._database.execute(f"SET TimeZone = {quoted(source.timezone)}")
        self._source, self._detector = source, detector
        self._files = HistoryFiles(files)
        self._fields = Fields(detector)
        self._measures = self._fields.measures

    def count(self, since: int | None, until: int | None) -> Counted:
        """Count the events from one time up to before another, in milliseconds.

        Raises:
            HistoryError: a file cannot be read, or lacks the time.
        """
        try:
            described = self._run(f"DESCRIBE FROM {self._files.relation}")
            columns = {name: kind for name, kind, *_ in described}
            query = Query(self._files, self._source, self._detector, columns, self._has)
            self._run(f"CREATE TEMP TABLE counted AS {query.text(since, until)}")
            events, invalid, first, last = self._run(
                "SELECT sum(n) FILTER (bucket IS NOT NULL), sum(n) FILTER (bucket IS NULL), "
                "min(bucket), max(newest) FILTER (bucket IS NOT NULL) FROM counted"
            )[0]
        except self._error as error:
            message = f"{', '.join(self._files.paths[:3])}: {_why(error)}"
            raise HistoryError(message) from error
        return Counted(int(events or 0), int(invalid or 0), first, last)

    def events(self, until: int) -> int:
        """How many of the counted events are before a border of intervals."""
        return int(self._run(f"SELECT sum(n) FILTER (bucket < {until:d}) FROM counted")[0][0] or 0)  # noqa: S608

    def progress(self) -> float:
        """How much of the files is read, 0 to 1."""
        return max(0.0, float(self._database.query_progress())) / 100

    def groups(self) -> Iterator[Group]:
        """What was counted, in the order of time; of one time the largest first."""
        keys = [f"key_{n}" for n in range(len(self._fields.keys))]
        order = ", ".join(["bucket", "n DESC", *keys])
        found = self._database.execute(f"SELECT * FROM counted WHERE bucket IS NOT NULL ORDER BY {order}")  # noqa: S608
        at = {name: n for n, (name, *_) in enumerate(found.description)}
        many = [self._reader(measure, aggregate, at) for measure, aggregate in self._measures]
        events = at["n"]
        # By their keys as text: a column may hold lists.
        kinds: dict[str, _Kind] = {}
        while rows := found.fetchmany(ROWS):
            for row in rows:
                values = row[1:events]
                kind = kinds.get(key := str(values))
                if kind is None:
                    if len(kinds) >= ROWS:
                        kinds.clear()
                    kind = kinds[key] = self._kind_of(values)
                if kind.counts is None:
                    yield Group(row[0], kind.leaf, row[events], None)
                    continue
                cell: Cell = [row[events]]
                lacks: list[Lack] = []
                for (_, aggregate), counts, read in zip(self._measures, kind.counts, many, strict=True):
                    summed, lack = read(row) if counts else (None, NOTHING)
                    cell.append(aggregate.start() if summed is None else aggregate.of(summed))
                    lacks.append(lack)
                yield Group(row[0], kind.leaf, row[events], cell, lacks)

    def _kind_of(self, keys: tuple[Any, ...]) -> _Kind:
        """What the values of keys mean: looked at once, since very many groups have the same."""
        values = dict(zip(self._fields.keys, map(self._value, keys), strict=True))
        texts = {field: text(value) for field, value in values.items()}
        leaf = [values[field] for field in self._detector.dimensions]
        if not _pass(_tests(self._detector.where), texts):
            return _Kind(leaf, None)
        return _Kind(leaf, [_pass(_tests(measure.where), texts) for measure, _ in self._measures])

    def _reader(
        self, measure: Measure, aggregate: object, at: Mapping[str, int]
    ) -> Callable[[tuple[Any, ...]], tuple[Many, Lack]]:
        """Reads of a row what an aggregation is made of, and what the events lack."""
        events, field = at["n"], measure.field
        if field is None:
            return lambda row: (Many(row[events]), NOTHING)
        if field not in self._fields.numbers:
            n = self._fields.distinct.index(field)
            unlike, has = at[f"distinct_{n}"], at[f"has_{n}"]
            return lambda row: (
                Many(row[events], distinct=[self._value(value) for value in row[unlike] or ()]),
                Lack(row[events], row[events] - row[has]),
            )
        n = self._fields.numbers.index(field)
        values, least, most = (at[f"{what}_{n}"] for what in ("values", "least", "most"))
        times = at.get(f"times_{n}")
        steps: int | None = None
        differ: int | None = None
        if isinstance(aggregate, InSteps):
            steps = at[f"steps_{self._fields.factors.index((field, aggregate.factor))}"]
        if field in self._fields.distinct:
            differ = at[f"distinct_{self._fields.distinct.index(field)}"]
        return lambda row: (
            Many(
                row[events],
                row[values],
                0 if steps is None else int(row[steps] or 0),
                row[least],
                row[most],
                () if differ is None else row[differ] or (),
                {} if times is None else row[times] or {},
            ),
            Lack(row[events], row[events] - row[values]),
        )

    def _value(self, value: Any) -> Value:
        if self._files.kind == "json" and isinstance(value, str):
            value = msgspec.json.decode(value)
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        return value if value is None or isinstance(value, str | int | float | bool) else str(value)

    def _run(self, query: str) -> list[Any]:
        return list(self._database.execute(query).fetchall())

    def _has(self, column: str) -> bool:
        try:
            self._run(f"DESCRIBE SELECT {column} FROM {self._files.relation}")  # noqa: S608
        except self._error:
            return False
        return True

    def close(self) -> None:
        """Forget what was counted."""
        self._database.close()


_Tests = Sequence[tuple[str, Test]]


def _tests(where: Where) -> _Tests:
    return [(field, event_test(condition)) for field, condition in where.items()]


def _pass(tests: _Tests, texts: dict[str, str]) -> bool:
    return all(_passes(test, texts[field]) for field, test in tests)


def _passes(test: Test, said: str) -> bool:
    if callable(test):
        return test(said)
    return said not in test if isinstance(test, NoneOf) else said in test


def _why(error: Exception) -> str:
    """What DuckDB says, without what could be done in SQL."""
    lines = takewhile(lambda line: not line.startswith(("Possible", "LINE ")), str(error).splitlines())
    return "; ".join(line.strip() for line in islice(lines, 4) if line.strip())

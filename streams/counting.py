"""Tables of events → what is alike in them, counted by DuckDB: Parquet, CSV, JSON lines.

Events of the same interval and the same values, in the fields that a detector splits by or asks about,
become one group with its exact sums: so a table of a hundred million rows is some thousand groups. What the
groups mean is decided here in Python, by the same conditions and aggregations as for single events.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from detectors.aggregation import InSteps, Many, aggregator
from detectors.config import Detector, Where
from detectors.filters import NoneOf, Test, event_test
from detectors.intake import NOTHING, Lack
from detectors.intervals import MILLISECOND, QUARTER
from detectors.loop import Cell
from detectors.places import text
from detectors.records import Value
from detectors.sources import Source
from streams.errors import HistoryError, SettingsError
from streams.formats.event_time import LATEST, PER_MILLISECOND

#: Beyond this a value is refused, as in a record.
LARGEST = 1e15
ROWS = 10_000
#: How a name ends → what the file is.
KINDS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}


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


class Counted(NamedTuple):
    """What there is in the files."""

    events: int
    #: Rows without a time, or with text where a number is asked for.
    invalid: int
    #: Times of the first and of the last group; None where there is none.
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
        if source.format != "json":
            message = f'history is read from tables of events: format "json", not {source.format!r}'
            raise HistoryError(message)
        self._database = duckdb.connect()
        self._database.execute("SET TimeZone = 'UTC'")
        self._source, self._detector = source, detector
        self._kind = _kind(files)
        self._files = [str(file) for file in files]
        self._measures = [(m, aggregator(m, detector.interval)) for m in detector.additive]
        conditions = [detector.where, *(measure.where for measure in detector.additive)]
        asked = [*detector.dimensions, *(field for where in conditions for field in where)]
        #: Fields whose values make a group, and fields that are added up.
        self._keys = list(dict.fromkeys(asked))
        self._numbers = sorted(
            {m.field for m, _ in self._measures if m.field and m.aggregation != "distinct"}
        )
        self._distinct = sorted(
            {m.field for m, _ in self._measures if m.field and m.aggregation == "distinct"}
        )
        self._factors = sorted(
            {(m.field, a.factor) for m, a in self._measures if m.field and isinstance(a, InSteps)}
        )
        length = detector.interval // MILLISECOND
        #: What divides an interval wherever it begins.
        self._bucket = length if detector.timezone == "UTC" else math.gcd(length, QUARTER)

    def count(self, since: int | None, until: int | None) -> Counted:
        """Count the events from one time up to before another, in milliseconds.

        Raises:
            HistoryError: a file cannot be read, or lacks the time.
        """
        try:
            described = self._run(f"DESCRIBE FROM {self._relation()}")
            columns = {name: kind for name, kind, *_ in described}
            self._run(f"CREATE TEMP TABLE counted AS {self._query(columns, since, until)}")
            events, invalid, first, last = self._run(
                "SELECT sum(n) FILTER (bucket IS NOT NULL), sum(n) FILTER (bucket IS NULL), "
                "min(bucket), max(bucket) FROM counted"
            )[0]
        except self._error as error:
            message = f"{', '.join(self._files[:3])}: {_why(error)}"
            raise HistoryError(message) from error
        return Counted(int(events or 0), int(invalid or 0), first, last)

    def progress(self) -> float:
        """How much of the files is read, 0 to 1."""
        return max(0.0, float(self._database.query_progress())) / 100

    def groups(self) -> Iterator[Group]:
        """What was counted, in the order of time; of one time the largest first."""
        order = ", ".join(["bucket", "n DESC", *(f"key_{n}" for n in range(len(self._keys)))])
        found = self._database.execute(f"SELECT * FROM counted WHERE bucket IS NOT NULL ORDER BY {order}")  # noqa: S608
        names = [column[0] for column in found.description]
        tests = _tests(self._detector.where), [_tests(m.where) for m, _ in self._measures]
        while rows := found.fetchmany(ROWS):
            for row in rows:
                yield self._group(dict(zip(names, row, strict=True)), *tests)

    def _group(self, row: dict[str, Any], wanted: _Tests, of_measures: Sequence[_Tests]) -> Group:
        values = {field: self._value(row[f"key_{n}"]) for n, field in enumerate(self._keys)}
        texts = {field: text(value) for field, value in values.items()}
        leaf = [values[field] for field in self._detector.dimensions]
        if not _pass(wanted, texts):
            return Group(row["bucket"], leaf, row["n"], None)
        cell: Cell = [row["n"]]
        lacks: list[Lack] = []
        for (measure, aggregate), tests in zip(self._measures, of_measures, strict=True):
            if _pass(tests, texts):
                cell.append(aggregate.of(self._many(row, measure.field, aggregate)))
                lacks.append(self._lack(row, measure.field))
            else:
                cell.append(aggregate.start())
                lacks.append(NOTHING)
        return Group(row["bucket"], leaf, row["n"], cell, lacks)

    def _lack(self, row: dict[str, Any], field: str | None) -> Lack:
        if field is None:
            return NOTHING
        numbers = field in self._numbers
        values = f"values_{self._numbers.index(field)}" if numbers else f"has_{self._distinct.index(field)}"
        return Lack(row["n"], row["n"] - row[values])

    def _many(self, row: dict[str, Any], field: str | None, aggregate: object) -> Many:
        many = Many(row["n"])
        if field in self._distinct:
            differ = row[f"distinct_{self._distinct.index(field)}"] or ()
            as_is = field in self._numbers
            many = many._replace(distinct=[value if as_is else self._value(value) for value in differ])
        if field in self._numbers:
            n = self._numbers.index(field)
            many = many._replace(
                values=row[f"values_{n}"], least=row[f"least_{n}"], greatest=row[f"most_{n}"],
                times=row.get(f"times_{n}") or {},
            )  # fmt: skip
        if field is not None and isinstance(aggregate, InSteps):
            many = many._replace(
                steps=int(row[f"steps_{self._factors.index((field, aggregate.factor))}"] or 0)
            )
        return many

    def _value(self, value: Any) -> Value:
        if self._kind == "json" and isinstance(value, str):
            value = msgspec.json.decode(value)
        if isinstance(value, bytes):
            return value.decode("utf-8", "backslashreplace")
        return value if value is None or isinstance(value, str | int | float | bool) else str(value)

    def _relation(self) -> str:
        files = "[" + ", ".join(_quoted(_as_it_is(file)) for file in self._files) + "]"
        return {
            "parquet": f"read_parquet({files}, union_by_name = true)",
            # What quotes is said: else an apostrophe at the beginning of a cell might be found to.
            "csv": f"read_csv({files}, all_varchar = true, header = true, union_by_name = true, "
            "quote = '\"', escape = '\"', comment = '')",
            "json": f"read_ndjson_objects({files}, ignore_errors = true)",
        }[self._kind]

    def _query(self, columns: dict[str, str], since: int | None, until: int | None) -> str:
        """Rows → groups; those that cannot be used are one group without a time."""
        inner = [f"{self._time(columns)} AS t"]
        inner += [f"{self._raw(field, columns)} AS key_{n}" for n, field in enumerate(self._keys)]
        inner += [f"{self._raw(field, columns)} AS raw_{n}" for n, field in enumerate(self._numbers)]
        inner += [f"{self._number(field, columns)} AS number_{n}" for n, field in enumerate(self._numbers)]
        for n, field in enumerate(self._distinct):
            read = self._number if field in self._numbers else self._raw
            inner.append(f"{read(field, columns)} AS value_{n}")
        sound = [f"t BETWEEN 0 AND {LATEST}"]
        sound += [
            f"(raw_{n} IS NULL OR coalesce(abs(number_{n}) <= {LARGEST!r}, false))"
            for n in range(len(self._numbers))
        ]
        outer = [f"CASE WHEN sound THEN t - t % {self._bucket} END AS bucket"]
        outer += [f"CASE WHEN sound THEN key_{n} END AS key_{n}" for n in range(len(self._keys))]
        outer.append("count(*) AS n")
        of_field = {
            field: [m.aggregation for m, _ in self._measures if m.field == field] for field in self._numbers
        }
        for n, field in enumerate(self._numbers):
            outer += [f"count(number_{n}) AS values_{n}", f"min(number_{n}) AS least_{n}"]
            outer.append(f"max(number_{n}) AS most_{n}")
            if any(str(how).startswith("p") for how in of_field[field]):
                outer.append(f"histogram(number_{n}) FILTER (sound) AS times_{n}")
        for n, (field, factor) in enumerate(self._factors):
            steps = f"round_even(number_{self._numbers.index(field)} * {factor!r}, 0)"
            # Not a filter, which comes after the cast: what is not sound may be too large for it.
            outer.append(f"sum(CASE WHEN sound THEN {steps}::HUGEINT END) AS steps_{n}")
        for n in range(len(self._distinct)):
            outer.append(f"list(DISTINCT value_{n}) FILTER (sound AND value_{n} IS NOT NULL) AS distinct_{n}")
            outer.append(f"count(value_{n}) AS has_{n}")
        within = "".join(
            f" AND (NOT sound OR t {sign} {border})"
            for sign, border in ((">=", since), ("<", until))
            if border is not None
        )
        return (
            f"SELECT {', '.join(outer)} FROM (SELECT *, coalesce({' AND '.join(sound)}, false) AS sound "  # noqa: S608
            f"FROM (SELECT {', '.join(inner)} FROM {self._relation()})) WHERE true{within} GROUP BY ALL"
        )

    def _path(self, field: str) -> str:
        return self._source.fields.get(field, field)

    def _raw(self, field: str, columns: dict[str, str]) -> str:
        return self._at(self._path(field), columns)

    def _at(self, path: str, columns: dict[str, str]) -> str:
        """What is at a path: a column, or a part of one; NULL where there is none."""
        if self._kind == "json":
            steps = (f"[{step}]" if step.isdigit() else f'."{step}"' for step in path.split("."))
            found = f"(json -> {_quoted('$' + ''.join(steps))})"
            return f"CASE WHEN json_type({found}) = 'NULL' THEN NULL ELSE {found}::VARCHAR END"
        name, *rest = [path] if path in columns else path.split(".")
        if name not in columns:
            return "NULL"
        column = ".".join(['"' + part.replace('"', '""') + '"' for part in (name, *rest)])
        if self._kind == "csv":
            return f"nullif(trim({column}), '')"
        if rest and not self._is_there(column):
            return "NULL"
        # Not a number is how some that write Parquet say that there is none.
        is_float = columns[name] in {"FLOAT", "DOUBLE"} and not rest
        return f"nullif({column}, 'NaN'::{columns[name]})" if is_float else column

    def _is_there(self, column: str) -> bool:
        try:
            self._run(f"DESCRIBE SELECT {column} FROM {self._relation()}")  # noqa: S608
        except self._error:
            return False
        return True

    def _number(self, field: str, columns: dict[str, str]) -> str:
        found = self._raw(field, columns)
        if self._kind == "json":
            # A number in quotes is text, as in a record.
            return f"CASE WHEN {found} NOT LIKE '\"%' THEN TRY_CAST({found} AS DOUBLE) END"
        return f"TRY_CAST({found} AS DOUBLE)"

    def _time(self, columns: dict[str, str]) -> str:
        """Milliseconds since 1970, NULL where there is no time."""
        path, unit = str(self._source.time), self._source.time_unit
        if self._kind != "json" and path.partition(".")[0] not in columns and path not in columns:
            message = (
                f"{self._files[0]}: no column {path!r}, which is the time; there are {', '.join(columns)}"
            )
            if len(columns) == 1 and path in next(iter(columns)):
                message += ". Are its rows all as long as its first line?"
            raise HistoryError(message)
        found = self._at(path, columns)
        kind = columns.get(path, "VARCHAR")
        if kind == "TIMESTAMP_NS":
            found = f"{found}::TIMESTAMP"
        if kind.startswith(("TIMESTAMP", "DATE")):
            return f"epoch_ms({found})"
        if self._kind == "json":
            found = f"trim({found}, '\"')"
        number = f"TRY_CAST({found} AS DOUBLE)"
        whole = f"TRY_CAST({found} AS BIGINT)"
        if unit == "auto":
            size = f"abs({number})"
            as_number = (
                f"CASE WHEN {size} < 1e11 THEN {_milliseconds(found, 's')} "
                f"WHEN {size} < 1e14 THEN {_milliseconds(found, 'ms')} "
                f"WHEN {size} < 1e17 THEN {_milliseconds(found, 'us')} "
                f"WHEN {whole} IS NOT NULL THEN {_milliseconds(found, 'ns')} END"
            )
        elif unit == "iso":
            as_number = "NULL"
        else:
            return _milliseconds(found, unit)
        if kind != "VARCHAR":
            return as_number
        as_text = f"epoch_ms(TRY_CAST({found} AS TIMESTAMPTZ))"
        return f"CASE WHEN {number} IS NULL THEN {as_text} ELSE {as_number} END"

    def _run(self, query: str) -> list[Any]:
        return list(self._database.execute(query).fetchall())

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


def _milliseconds(found: str, unit: str) -> str:
    """A number as milliseconds, rounded down; a whole one stays whole: a float holds no nanoseconds."""
    whole, number = f"TRY_CAST({found} AS BIGINT)", f"TRY_CAST({found} AS DOUBLE)"
    if unit == "s":
        return (
            f"CASE WHEN {number} = {whole} THEN {whole} * 1000 "
            f"ELSE floor({number} * 1000 + 0.001)::BIGINT END"
        )
    per = PER_MILLISECOND[unit]
    return f"CASE WHEN {number} = {whole} THEN {whole} // {per} ELSE floor({number} / {per})::BIGINT END"


def _quoted(said: str) -> str:
    return "'" + said.replace("'", "''") + "'"


def _as_it_is(file: str) -> str:
    """A name of which DuckDB makes no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in file)


def _why(error: Exception) -> str:
    """What DuckDB says, without what could be done in SQL."""
    lines = takewhile(lambda line: not line.startswith(("Possible", "LINE ")), str(error).splitlines())
    return "; ".join(line.strip() for line in islice(lines, 4) if line.strip())


def _kind(files: Sequence[Path]) -> str:
    kinds = {_kind_of(file) for file in files}
    if len(kinds) != 1:
        message = f"files of one kind at a time, not {' and '.join(sorted(kinds))}"
        raise HistoryError(message)
    return kinds.pop()


def _kind_of(file: Path) -> str:
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() not in {".gz", ".zst"}]
    kind = KINDS.get(suffixes[-1] if suffixes else "")
    if kind is None:
        message = f"{file}: what is it? Its name should end in .parquet, .csv, .tsv, .json, .jsonl or .ndjson"
        raise HistoryError(message)
    return kind

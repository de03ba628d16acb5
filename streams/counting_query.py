"""The query that counts the events of files in DuckDB: what is alike in them becomes one group with its sums.

Nothing of a configuration or a file becomes SQL but names in quotes, and numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from detectors.aggregation import InSteps, aggregator
from detectors.config import Detector
from detectors.intervals import MILLISECOND, QUARTER
from detectors.sources import Source
from streams.errors import HistoryError
from streams.formats.event_time import LATEST, PER_MILLISECOND
from streams.history_files import HistoryFiles, quoted

#: Beyond this a value is refused, as in a record.
LARGEST = 1e15
#: Numbers below this, in magnitude, are times in that unit; beyond all of them in nanoseconds.
MAGNITUDES = (("1e11", "s"), ("1e14", "ms"), ("1e17", "us"))


class Fields:
    """Which fields of a detector a query looks at, each by its number there."""

    def __init__(self, detector: Detector) -> None:
        self.measures = [(m, aggregator(m, detector.interval)) for m in detector.additive]
        conditions = [detector.where, *(measure.where for measure in detector.additive)]
        asked = [*detector.dimensions, *(field for where in conditions for field in where)]
        #: Fields whose values make a group.
        self.keys = list(dict.fromkeys(asked))
        of_measures = [(m.field, m.aggregation) for m in detector.additive if m.field is not None]
        #: Fields that are added up, and those of which different values are counted.
        self.numbers = sorted({field for field, how in of_measures if how != "distinct"})
        self.distinct = sorted({field for field, how in of_measures if how == "distinct"})
        #: Fields of which it matters how often each value comes.
        self.spread = {field for field, how in of_measures if str(how).startswith("p")}
        #: In which steps a field is added up.
        self.factors = sorted(
            {(m.field, a.factor) for m, a in self.measures if m.field and isinstance(a, InSteps)}
        )


class Query:
    """Rows of files → groups, for one detector.

    `columns` are those of the files with their types in DuckDB; `has` says whether there is a part of one.
    """

    def __init__(
        self,
        files: HistoryFiles,
        source: Source,
        detector: Detector,
        columns: Mapping[str, str],
        has: Callable[[str], bool],
    ) -> None:
        self._files, self._source, self._columns, self._has = files, source, columns, has
        self._fields = Fields(detector)
        length = detector.interval // MILLISECOND
        #: What divides an interval wherever it begins.
        self._bucket = length if detector.timezone == "UTC" else math.gcd(length, QUARTER)

    def text(self, since: int | None, until: int | None) -> str:
        """The query of what is from one time up to before another, in milliseconds.

        It gives a row a group; rows that cannot be used have no time. In layers, so that each cell is read
        once: cells, numbers, the time, whether the row is sound.
        """
        cells = [f"{self._time_cell()} AS cell_t"]
        cells += [f"{self._raw(field)} AS key_{n}" for n, field in enumerate(self._fields.keys)]
        cells += [f"{self._raw(field)} AS raw_{n}" for n, field in enumerate(self._fields.numbers)]
        cells += [
            f"{self._raw(field)} AS value_{n}"
            for n, field in enumerate(self._fields.distinct)
            if field not in self._fields.numbers
        ]
        numbers = [f"{self._number(f'raw_{n}')} AS number_{n}" for n in range(len(self._fields.numbers))]
        numbers += [
            f"{self._number(f'raw_{self._fields.numbers.index(field)}')} AS value_{n}"
            for n, field in enumerate(self._fields.distinct)
            if field in self._fields.numbers
        ]
        numbers += ["TRY_CAST(cell_t AS DOUBLE) AS number_t", "TRY_CAST(cell_t AS BIGINT) AS whole_t"]
        if self._is_time():
            numbers = numbers[:-2]
        sound = [f"t BETWEEN 0 AND {LATEST}"]
        sound += [
            f"(raw_{n} IS NULL OR coalesce(abs(number_{n}) <= {LARGEST!r}, false))"
            for n in range(len(self._fields.numbers))
        ]
        within = "".join(
            f" AND (NOT sound OR t {sign} {border})"
            for sign, border in ((">=", since), ("<", until))
            if border is not None
        )
        layers = self._files.relation
        for layer in (
            ", ".join(cells),
            ", ".join(["*", *numbers]),
            f"*, {self._time()} AS t",
            f"*, coalesce({' AND '.join(sound)}, false) AS sound",
        ):
            layers = f"(SELECT {layer} FROM {layers})"  # noqa: S608
        return f"SELECT {', '.join(self._sums())} FROM {layers} WHERE true{within} GROUP BY ALL"  # noqa: S608

    def _sums(self) -> Iterator[str]:
        """What a group is, and what there is to say of its rows."""
        yield f"CASE WHEN sound THEN t - t % {self._bucket} END AS bucket"
        yield from (f"key_{n}" for n in range(len(self._fields.keys)))
        yield "count(*) AS n"
        yield "max(t) AS newest"
        for n, field in enumerate(self._fields.numbers):
            yield f"count(number_{n}) AS values_{n}"
            yield f"min(number_{n}) AS least_{n}"
            yield f"max(number_{n}) AS most_{n}"
            if field in self._fields.spread:
                yield f"histogram(number_{n}) FILTER (sound) AS times_{n}"
        for n, (field, factor) in enumerate(self._fields.factors):
            steps = f"round_even(number_{self._fields.numbers.index(field)} * {factor!r}, 0)"
            # Not a filter, which comes after the cast: what is not sound may be too large for it.
            yield f"sum(CASE WHEN sound THEN {steps}::HUGEINT END) AS steps_{n}"
        for n in range(len(self._fields.distinct)):
            yield f"list(DISTINCT value_{n}) FILTER (sound AND value_{n} IS NOT NULL) AS distinct_{n}"
            yield f"count(value_{n}) AS has_{n}"

    def _path(self, field: str) -> str:
        return self._source.fields.get(field, field)

    def _raw(self, field: str) -> str:
        return self._at(self._path(field))

    def _at(self, path: str) -> str:
        """What is at a path: a column, or a part of one; NULL where there is none."""
        if self._files.kind == "json":
            steps = (f"[{step}]" if step.isdigit() else f'."{step}"' for step in path.split("."))
            found = f"(json -> {quoted('$' + ''.join(steps))})"
            return f"CASE WHEN json_type({found}) = 'NULL' THEN NULL ELSE {found}::VARCHAR END"
        name, *rest = [path] if path in self._columns else path.split(".")
        if name not in self._columns:
            return "NULL"
        column = ".".join(['"' + part.replace('"', '""') + '"' for part in (name, *rest)])
        if self._files.kind == "csv":
            return f"nullif(trim({column}), '')"
        if rest and not self._has(column):
            return "NULL"
        # Not a number is how some that write Parquet say that there is none.
        is_float = self._columns[name] in {"FLOAT", "DOUBLE"} and not rest
        return f"nullif({column}, 'NaN'::{self._columns[name]})" if is_float else column

    def _number(self, cell: str) -> str:
        if self._files.kind == "json":
            # A number in quotes is text, as in a record.
            return f"CASE WHEN {cell} NOT LIKE '\"%' THEN TRY_CAST({cell} AS DOUBLE) END"
        return f"TRY_CAST({cell} AS DOUBLE)"

    def _time_cell(self) -> str:
        path = str(self._source.time)
        known = {path, path.partition(".")[0]} & self._columns.keys()
        if self._files.kind != "json" and not known:
            columns = ", ".join(self._columns)
            message = f"{self._files.paths[0]}: no column {path!r}, which is the time; there are {columns}"
            if len(self._columns) == 1 and path in columns:
                message += ". Are its rows all as long as its first line?"
            raise HistoryError(message)
        found = self._at(path)
        return f"trim({found}, '\"')" if self._files.kind == "json" else found

    def _is_time(self) -> bool:
        """Whether the column of the time is one of times, and no number or text."""
        return self._columns.get(str(self._source.time), "VARCHAR").startswith(("TIMESTAMP", "DATE"))

    def _time(self) -> str:
        """Milliseconds since 1970, NULL where there is no time."""
        unit, kind = self._source.time_unit, self._columns.get(str(self._source.time), "VARCHAR")
        if self._is_time():
            return "epoch_ms(cell_t)" if "ZONE" in kind else "epoch_ms(cell_t::TIMESTAMP::TIMESTAMPTZ)"
        if unit == "auto":
            as_number = " ".join(
                [
                    "CASE",
                    *(f"WHEN abs(number_t) < {below} THEN {_milliseconds(of)}" for below, of in MAGNITUDES),
                ]
            )
            as_number += f" WHEN whole_t IS NOT NULL THEN {_milliseconds('ns')} END"
        elif unit == "iso":
            as_number = "NULL"
        else:
            return _milliseconds(unit)
        if kind != "VARCHAR":
            return as_number
        return (
            f"CASE WHEN number_t IS NULL THEN epoch_ms(TRY_CAST(cell_t AS TIMESTAMPTZ)) ELSE {as_number} END"
        )


def _milliseconds(unit: str) -> str:
    """A number as milliseconds, rounded down; a whole one stays whole: a float holds no nanoseconds."""
    if unit == "s":
        return (
            "CASE WHEN number_t = whole_t THEN whole_t * 1000 ELSE floor(number_t * 1000 + 0.001)::BIGINT END"
        )
    per = PER_MILLISECOND[unit]
    return f"CASE WHEN number_t = whole_t THEN whole_t // {per} ELSE floor(number_t / {per})::BIGINT END"

"""Blocks: some thousand series that advance together, each block with a model of its own.

What an interval costs beside its series is then paid once a block, what is computed on the way stays
in a processor's cache, and a new place touches one block, not all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.bars import FLOOR
from detectors.config import Detector
from detectors.locales import Locale, Reading
from detectors.models import model_of
from detectors.models.base import HIGHEST, Adopter, Assessment, Column, Flags, Lender, Model
from detectors.severity import surprise
from detectors.state import Array

#: Series of a full block.
BLOCK_SERIES = 4096

#: The surprise from which on there is something to say, in nats.
TOLD = surprise(FLOOR)

_FILL = {"zero": 0.0}
#: In an array, so that it is put into each row as a whole.
_ALWAYS_THERE = np.empty(1, dtype=np.object_)
_ALWAYS_THERE[0] = ("a value of this measure must never be missing",)

Seats = NDArray[np.intp]


class ModelledState(msgspec.Struct):
    """The series of one model in a block, place by place, as they are stored."""

    measures: list[str]
    arrays: dict[str, Array]


class BlockState(msgspec.Struct):
    """A block as it is stored."""

    #: The last value of the measures that keep it, one a place.
    previous: dict[str, Array]
    #: Name of each model → its series.
    models: dict[str, ModelledState]
    #: The row of each place, -1 where the seat is free; and their time zone.
    rows: list[int]
    timezone: str


@dataclass(frozen=True, slots=True)
class Table:
    """What all models say of an interval, one row a place and one column a measure."""

    value: Column
    expected: Column
    lower: Column
    upper: Column
    scale: Column
    surprise: Column
    confidence: Column
    lasting: Column
    from_season: Column
    learning: Flags
    #: What the model says of those that are surprising, in words.
    grounds: NDArray[np.object_]

    @classmethod
    def of(cls, places: int, measures: int) -> Table:
        """A table that says nothing yet."""
        shape = places, measures
        nothing = np.full((len(fields(cls)) - 2, *shape), np.nan)
        return cls(*nothing, np.ones(shape, dtype=np.bool_), np.full(shape, None))  # type: ignore[call-arg]  # an array unpacks

    def put(self, columns: Sequence[int], assessment: Assessment) -> None:
        """Take in what one model says of its measures."""
        for field in fields(self)[:-1]:
            column: Any = getattr(assessment, field.name)
            getattr(self, field.name)[:, columns] = column.reshape(-1, len(columns))
        for series in np.flatnonzero(assessment.surprise >= TOLD).tolist():
            row, m = divmod(series, len(columns))
            self.grounds[row, columns[m]] = assessment.grounds(series)

    def seat(self, rows: Seats, table: Table) -> None:
        """Take in the table of a block whose places have these rows."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(table, field.name)

    def rows(self, rows: Seats) -> Table:
        """Some of the rows."""
        return Table(*(getattr(self, field.name)[rows] for field in fields(self)))

    def residuals(self, rows: Seats) -> Column:
        """Distance of each value in some rows from its forecast, in standard errors of the forecast."""
        few = self.rows(rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(few.scale > 0, (few.value - few.expected) / few.scale, np.nan)


class Block:
    """The series of some places that go by one locale, without history at first."""

    def __init__(self, detector: Detector, locale: Locale) -> None:
        self.locale = locale
        #: The row of each place; -1 where the seat is free.
        self.rows = np.empty(0, dtype=np.intp)
        self._measures = [measure.name for measure in detector.measures]
        self._modelled = [_Modelled(name, detector) for name in sorted({m.model for m in detector.measures})]
        self._fills = np.array([_FILL.get(m.fill, np.nan) for m in detector.measures])
        self._keeps = np.array([m.fill == "previous" for m in detector.measures])
        self._alarms = np.array([m.fill == "alarm" for m in detector.measures])
        self._previous = np.empty((0, len(detector.measures)))
        #: Series whose next value is their level from then on: measure and seat.
        self._adopting: list[tuple[str, int]] = []
        #: Of all columns.
        self.state_bytes = 0

    def __len__(self) -> int:
        return len(self._previous)

    def grow(self, places: int) -> Seats:
        """Add places without history after those there are, and tell where they are."""
        for part in self._modelled:
            part.model.grow(places * len(part.columns))
        blank = np.full((places, self._previous.shape[1]), np.nan)
        self._previous = np.concatenate([self._previous, blank])
        columns = (column for part in self._modelled for column in part.model.save().values())
        self.state_bytes = self._previous.nbytes + sum(column.nbytes for column in columns)
        self.rows = np.concatenate([self.rows, np.full(places, -1, dtype=np.intp)])
        return np.arange(len(self) - places, len(self))

    def reset(self, rows: Seats) -> None:
        """Let rows be without history again: they are other places' now."""
        self._previous[rows] = np.nan
        for part in self._modelled:
            part.model.reset(part.series(rows))

    def lend(self, rows: Seats, other: Block, lenders: Seats) -> None:
        """Let rows without history begin in the shape of rows of another block, or of this one."""
        for part, theirs in zip(self._modelled, other._modelled, strict=True):
            if isinstance(part.model, Lender):
                part.model.lend(part.series(rows), theirs.model, theirs.series(lenders))

    def adopt_next(self, measure: str, seat: int) -> dict[str, Array]:
        """Let the next value of a series be its level from then on; what is known of it by now comes back."""
        self._adopting.append((measure, seat))
        part, series = self._part_of(measure, seat)
        return {name: Array.of(array[..., series]) for name, array in part.model.save().items()}

    def put_back(self, measure: str, seat: int, known: Mapping[str, Array]) -> None:
        """Let all that is known of a series be what it was; nothing is done where that is of another kind."""
        part, series = self._part_of(measure, seat)
        arrays = {name: array.copy() for name, array in part.model.save().items()}
        if known.keys() == arrays.keys():
            for name, array in arrays.items():
                array[..., series] = known[name].array()
            part.model.load(arrays)

    def filled(self, came: Column) -> Column:
        """The value of every series of an interval, where NaN came for some: what its measure says then."""
        missing = np.where(self._keeps, self._previous, self._fills)
        # A mean of no event is no value even where the place had other events.
        self._previous = np.where(np.isnan(came), missing, came)
        return self._previous

    def assess(self, reading: Reading, value: Column) -> Table:
        """Score values, and learn nothing from them."""
        return _table(self._assessed(reading, value), value)

    def score(self, reading: Reading, value: Column) -> Table:
        """Score the values of an interval, then learn from them."""
        assessed = self._assessed(reading, value)
        table = _table(assessed, value)
        if reading.learns:
            for part, assessment in assessed:
                part.model.learn(assessment)
                self._adopt(part, assessment)
        else:
            table.from_season[:] = np.nan
        alarmed = np.isnan(value) & self._alarms & ~table.learning
        table.surprise[alarmed] = HIGHEST
        table.grounds[alarmed] = _ALWAYS_THERE
        return table

    def _adopt(self, part: _Modelled, assessment: Assessment) -> None:
        mine = [(measure, seat) for measure, seat in self._adopting if measure in part.measures]
        if not mine:
            return
        series = np.array([self._part_of(measure, seat)[1] for measure, seat in mine], dtype=np.intp)
        if isinstance(part.model, Adopter):
            adopts = np.zeros(len(assessment.value), dtype=np.bool_)
            adopts[series] = True
            part.model.adopt(assessment, adopts)
        else:
            # It knows levels by all their past alone.
            part.model.reset(series)
        self._adopting = [each for each in self._adopting if each not in mine]

    def _assessed(self, reading: Reading, value: Column) -> list[tuple[_Modelled, Assessment]]:
        """What each model says of its measures."""
        mine = (np.ascontiguousarray(value[:, part.columns]).ravel() for part in self._modelled)
        return [
            (part, part.model.assess(reading.moment, values))
            for part, values in zip(self._modelled, mine, strict=True)
        ]

    def model_of(self, measure: str, seat: int) -> tuple[Model, int]:
        """The model of a measure, and which of its series is that of a seat."""
        part, series = self._part_of(measure, seat)
        return part.model, series

    def _part_of(self, measure: str, seat: int) -> tuple[_Modelled, int]:
        part = next(part for part in self._modelled if measure in part.measures)
        return part, seat * len(part.measures) + part.measures.index(measure)

    def save(self) -> BlockState:
        """The state as it is stored."""
        previous = {self._measures[m]: Array.of(self._previous[:, m]) for m in np.flatnonzero(self._keeps)}
        models = {part.name: part.save() for part in self._modelled}
        return BlockState(previous, models, self.rows.tolist(), self.locale.timezone)

    def take(self, state: BlockState, source: Seats, target: Seats, kept: Collection[str]) -> Counter[str]:
        """Take over some seats of a stored block, of the measures that are kept.

        Tells how many series of which models begin anew: what is stored of them is not as it is now.
        """
        anew: Counter[str] = Counter()
        for name in state.previous.keys() & set(kept):
            self._previous[target, self._measures.index(name)] = state.previous[name].array()[source]
        for part in self._modelled:
            measures = set(kept).intersection(part.measures)
            if not part.take(state.models.get(part.name), source, target, measures):
                anew[part.name] += len(source) * len(measures)
        return +anew


class _Modelled:
    """The measures that share a model, and the model: its series go place by place."""

    def __init__(self, name: str, detector: Detector) -> None:
        self.name = name
        self.columns = [m for m, measure in enumerate(detector.measures) if measure.model == name]
        measures = [detector.measures[m] for m in self.columns]
        self.model = model_of(measures, detector.interval.total_seconds())
        self.measures = [measure.name for measure in measures]

    def series(self, rows: Seats) -> Seats:
        """The series of rows, place by place."""
        width = len(self.columns)
        return (rows[:, np.newaxis] * width + np.arange(width)).ravel()

    def save(self) -> ModelledState:
        arrays = {name: Array.of(array) for name, array in self.model.save().items()}
        return ModelledState(self.measures, arrays)

    def take(
        self, state: ModelledState | None, source: Seats, target: Seats, measures: Collection[str]
    ) -> bool:
        """Take over seats of some measures; False if what is stored does not fit, and nothing is taken over.

        A column that is not stored is as the series begins.
        """
        if state is None:
            return False
        arrays = {name: array.copy() for name, array in self.model.save().items()}
        stored = {name: state.arrays[name].array() for name in arrays.keys() & state.arrays.keys()}
        if not all(_fits(old, arrays[name]) for name, old in stored.items()):
            return False
        for name, old in stored.items():
            of = old.reshape(*old.shape[:-1], -1, len(state.measures))
            to = arrays[name].reshape(*old.shape[:-1], -1, len(self.measures))
            for measure in set(measures).intersection(state.measures):
                here, there = self.measures.index(measure), state.measures.index(measure)
                to[..., target, here] = of[..., source, there]
        self.model.load(arrays)
        return True


def _fits(stored: NDArray[Any], column: NDArray[Any]) -> bool:
    """Whether a stored column has as many lines, of numbers of this kind."""
    return stored.shape[:-1] == column.shape[:-1] and np.can_cast(stored.dtype, column.dtype, "same_kind")


def _table(assessed: Sequence[tuple[_Modelled, Assessment]], value: Column) -> Table:
    table = Table.of(*value.shape)
    for part, assessment in assessed:
        table.put(part.columns, assessment)
    return table

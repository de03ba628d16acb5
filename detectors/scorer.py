"""Intervals → scores: every series of a detector scored by its model, which then learns.

Rows never move: a place that appears gets the next rows, one a measure. Intervals without events
are points too: zero, nothing, or the value before, as each measure says.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from detectors.config import Detector, Measure
from detectors.intervals import Intervals
from detectors.joints import Joints, JointState
from detectors.models import MODELS
from detectors.models.base import Assessment, Column, Flags
from detectors.places import shard_of
from detectors.records import JOINT, Interval, IntervalScores, Phase, Place, utc
from detectors.severity import severity
from detectors.silence import Silence
from detectors.state import Array

#: Series that are saved as one block.
BLOCK_ROWS = 256


class ScorerState(msgspec.Struct):
    """What a Scorer knows besides the rows of its models."""

    #: Start of the last interval that was learnt.
    learnt: int | None
    silence: Silence
    places: list[Place]
    #: Name of each measure → hash of what it means.
    measures: dict[str, str]
    #: Name of each model → the measures it forecasts, in the order of its rows.
    lanes: dict[str, list[str]]
    previous: Array
    joints: list[JointState]


class Block(msgspec.Struct):
    """Some rows of one model: a name → array with one row a series."""

    model: str
    first: int
    arrays: dict[str, Array]


class Scorer:
    """The series of one shard of a detector, and the models that know them."""

    def __init__(self, detector: Detector, shard: int = 0) -> None:
        self.detector = detector
        self.shard = shard
        #: Places that did not fit under `max_series`, counted each time they come.
        self.rejected = 0
        self.learnt: int | None = None
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._places: dict[Place, int] = {}
        self._lanes = [_Lane(name, detector) for name in sorted({m.model for m in detector.measures})]
        self._fills = np.array([_FILL.get(m.fill, np.nan) for m in detector.measures])
        self._keeps = np.array([m.fill == "previous" for m in detector.measures])
        self._previous = np.empty((0, len(detector.measures)))
        self._silence = Silence()
        self._joints = Joints(detector)

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self._places) * len(self.detector.measures)

    @property
    def learning(self) -> int:
        """How many of them have seen too little to be asked."""
        return sum(lane.learning for lane in self._lanes)

    def score(self, interval: Interval) -> IntervalScores:
        """Score an interval, then learn from it."""
        self._admit(interval.places)
        moment = self._intervals.moment(interval.start)
        stopped = self._silence.hear(interval.events, moment)
        value = np.full_like(self._previous, np.nan) if stopped else self._table(interval)
        table = _Table(len(self._places), len(self.detector.measures))
        for lane in self._lanes:
            assessment = lane.model.assess(moment, np.ascontiguousarray(value[:, lane.columns]).ravel())
            table.put(lane.columns, assessment)
            lane.model.learn(assessment)
            lane.learning = int(assessment.learning.sum())
        together = self._joints.score(self._places, table.residuals())
        self.learnt = interval.start
        return self._scores(interval, table, together)

    def _admit(self, places: Sequence[Place]) -> None:
        new = [place for place in places if place not in self._places]
        room = self.detector.most_places - len(self._places)
        admitted = new[: max(0, room)]
        self.rejected += len(new) - len(admitted)
        for place in admitted:
            self._places[place] = len(self._places)
        self._grow()

    def _grow(self) -> None:
        more = len(self._places) - len(self._previous)
        if more:
            for lane in self._lanes:
                lane.model.grow(more * len(lane.columns))
            blank = np.full((more, len(self.detector.measures)), np.nan)
            self._previous = np.concatenate([self._previous, blank])

    def _table(self, interval: Interval) -> Column:
        """The value of every series, one row a place and one column a measure; NaN for none."""
        value = np.where(self._keeps, self._previous, self._fills)
        known = [(i, row) for i, p in enumerate(interval.places) if (row := self._places.get(p)) is not None]
        if known:
            there, rows = (list(column) for column in zip(*known, strict=True))
            for m, measure in enumerate(self.detector.measures):
                column = np.array(interval.values[measure.name], dtype=np.float64)[there]
                # A mean of no event is no value even where the place had other events.
                value[rows, m] = np.where(np.isnan(column), value[rows, m], column)
        self._previous = value
        return value

    def _scores(self, interval: Interval, table: _Table, together: dict[Place, float]) -> IntervalScores:
        measures = [measure.name for measure in self.detector.measures]
        confidence = table.confidence[[self._places[place] for place in together]].min(axis=1, initial=1.0)
        nothing: list[float | None] = [None] * len(together)
        return IntervalScores(
            detector=self.detector.name,
            shard=self.shard,
            shards=self.detector.shards,
            chunk=0,
            chunks=1,
            interval_start=utc(interval.start),
            interval_end=utc(interval.end),
            dimensions=self.detector.dimensions,
            measures=measures * len(self._places) + [JOINT] * len(together),
            places=[*(place for place in self._places for _ in measures), *together],
            value=_optional(table.value) + nothing,
            expected=_optional(table.expected) + nothing,
            lower=_optional(table.lower) + nothing,
            upper=_optional(table.upper) + nothing,
            scale=_optional(table.scale) + nothing,
            severity=_rounded(severity(np.append(table.surprise, list(together.values()))), 1),
            confidence=_rounded(np.append(table.confidence, confidence), 3),
            phase=_phases(table.learning) + ["active"] * len(together),
        )

    def save(self) -> tuple[ScorerState, list[Block]]:
        """The state as it is stored: what is small, and the rows of the models in blocks."""
        measures = {m.name: _definition(self.detector, m) for m in self.detector.measures}
        lanes = {lane.name: lane.measures for lane in self._lanes}
        state = ScorerState(
            self.learnt,
            self._silence,
            list(self._places),
            measures,
            lanes,
            Array.of(self._previous),
            self._joints.save(),
        )
        return state, [block for lane in self._lanes for block in lane.save()]

    def load(self, state: ScorerState, blocks: Sequence[Block]) -> None:
        """Go on from a stored state.

        Measures whose definition has changed start anew; places that are no longer computed, or belong
        to another shard by now, go.
        """
        self.learnt = state.learnt
        self._silence = state.silence
        definitions = {m.name: _definition(self.detector, m) for m in self.detector.measures}
        kept = {name for name, definition in definitions.items() if state.measures.get(name) == definition}
        rows = [i for i, place in enumerate(state.places) if kept and self._is_computed(place)]
        self._places = {state.places[i]: row for row, i in enumerate(rows)}
        self._grow()
        previous = state.previous.array()[rows]
        for m, measure in enumerate(self.detector.measures):
            if measure.name in kept:
                self._previous[:, m] = previous[:, list(state.measures).index(measure.name)]
        for lane in self._lanes:
            lane.load(blocks, state.lanes.get(lane.name, []), kept, rows)
        if kept == set(state.measures) == set(definitions):
            self._joints.load(state.joints)

    def _is_computed(self, place: Place) -> bool:
        mask = tuple(value is not None for value in place)
        mine = shard_of(self.detector.name, place, self.detector.shards) == self.shard
        return mine and mask in self.detector.subsets


class _Lane:
    """The measures that share a model, and the model: its rows go place by place."""

    def __init__(self, name: str, detector: Detector) -> None:
        self.name = name
        self.model = MODELS[name](detector.interval.total_seconds())
        self.columns = [m for m, measure in enumerate(detector.measures) if measure.model == name]
        self.measures = [detector.measures[m].name for m in self.columns]
        self.learning = 0

    def save(self) -> list[Block]:
        arrays = self.model.save()
        rows = len(next(iter(arrays.values())))
        return [
            Block(self.name, first, {n: Array.of(a[first : first + BLOCK_ROWS]) for n, a in arrays.items()})
            for first in range(0, rows, BLOCK_ROWS)
        ]

    def load(
        self, blocks: Sequence[Block], stored: Sequence[str], kept: set[str], rows: Sequence[int]
    ) -> None:
        """Fill the rows of the measures that are kept; the model has a row for every series by now."""
        mine = sorted((b for b in blocks if b.model == self.name), key=lambda block: block.first)
        if not mine:
            return
        arrays = self.model.save()
        for name, fresh in arrays.items():
            old = np.concatenate([block.arrays[name].array() for block in mine])
            to = fresh.reshape(-1, len(self.measures), *fresh.shape[1:])
            of = old.reshape(-1, len(stored), *old.shape[1:])[rows]
            for measure in kept & set(self.measures) & set(stored):
                to[:, self.measures.index(measure)] = of[:, stored.index(measure)]
        self.model.load(arrays)


class _Table:
    """The assessments of all models side by side: one row a place, one column a measure."""

    def __init__(self, places: int, measures: int) -> None:
        def nothing() -> Column:
            return np.full((places, measures), np.nan)

        self.value, self.expected, self.lower, self.upper = nothing(), nothing(), nothing(), nothing()
        self.scale, self.surprise, self.confidence = nothing(), nothing(), nothing()
        self.learning = np.ones((places, measures), dtype=np.bool_)

    def put(self, columns: Sequence[int], assessment: Assessment) -> None:
        for name in ("value", "expected", "lower", "upper", "scale", "surprise", "confidence", "learning"):
            column: Any = getattr(assessment, name)
            getattr(self, name)[:, columns] = column.reshape(-1, len(columns))

    def residuals(self) -> Column:
        """Distance of each value from its forecast, in standard errors of the forecast."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.scale > 0, (self.value - self.expected) / self.scale, np.nan)


_FILL = {"zero": 0.0}


def _optional(table: Column) -> list[float | None]:
    return [None if math.isnan(value) else value for value in table.ravel().tolist()]


def _rounded(column: Column, digits: int) -> list[float]:
    rounded: list[float] = np.round(column, digits).tolist()
    return rounded


def _phases(learning: Flags) -> list[Phase]:
    return ["learning" if young else "active" for young in learning.ravel().tolist()]


def _definition(detector: Detector, measure: Measure) -> str:
    """A hash of all that gives the numbers of a measure their meaning."""
    parts = (detector.interval, detector.timezone, detector.dimensions, detector.where, measure)
    ratio = [m for m in detector.additive if measure.ratio is not None and m.name in measure.ratio]
    text = msgspec.json.encode((*parts, ratio), order="deterministic")
    return hashlib.sha256(text).hexdigest()[:16]

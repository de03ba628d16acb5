"""Intervals → scores: every series of a detector scored by its model, which then learns.

Every place that is admitted has a row, and each measure a series there. Intervals without events are
points too: zero, nothing, or the value before, as each measure says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from detectors.admission import Admission, AdmissionState, Rows
from detectors.adoption import Adopted, Adoption
from detectors.bars import FLOOR
from detectors.blocks import Block, BlockState, Table
from detectors.chunks import selected
from detectors.config import GROWING, Calendars, Detector, Measure, digest
from detectors.evidence import evidence, lines
from detectors.explaining import STOPPED, TOGETHER, explained
from detectors.feedback import Feedback, Verdict
from detectors.holding import Holds
from detectors.joints import Joints, JointState
from detectors.level_changes import LevelChanges, LevelsState, RowAndMeasure
from detectors.locales import Locale, Locales, Reading
from detectors.models.base import Column, Flags, Model
from detectors.overlap import level
from detectors.places import shard_of
from detectors.quality import quality
from detectors.records import JOINT, Interval, IntervalScores, LevelChange, Phase, Place, Side, utc
from detectors.relatives import Relatives
from detectors.seating import Seating
from detectors.severity import severity
from detectors.silence import Silence
from detectors.words import rarity_in_words

NONE: Calendars = {}

#: Standard errors from what the last days would have brought.
CLEARLY_OFF = 1.5


class ScorerState(msgspec.Struct):
    """What a Scorer knows besides its blocks."""

    silence: Silence
    #: Name of each measure → hash of what it means.
    measures: dict[str, str]
    joints: list[JointState]
    admission: AdmissionState
    verdicts: dict[str, Verdict] = {}
    adopted: dict[str, Adopted] = {}
    levels: list[LevelsState] = []


class Scorer:
    """The series of one shard of a detector, and the models that know them."""

    def __init__(self, detector: Detector, shard: int = 0, calendars: Calendars = NONE) -> None:
        self.detector = detector
        self.shard = shard
        self.admission = Admission(detector)
        #: How many series have seen too little to be asked.
        self.learning = 0
        self._computed = set(detector.subsets)
        self._measures = [measure.name for measure in detector.measures]
        self._locales = Locales(detector, calendars)
        self._seating = Seating(detector, self._locales)
        self._relatives = Relatives(detector, self._locales)
        self._silence = Silence()
        self._holds = Holds(detector)
        self._joints = Joints(detector)
        self._level_changes = LevelChanges(detector)
        self._feedback = Feedback(detector)
        self._adoption = Adoption(self._feedback)

    @property
    def series(self) -> int:
        """How many series there are."""
        return len(self.admission.rows) * len(self.detector.measures)

    @property
    def state_bytes(self) -> int:
        """The bytes of what is known of them, without the joint models."""
        return self._seating.state_bytes

    def take(self, verdict: Verdict) -> None:
        """Take in what someone has said: it holds from the next interval on."""
        self._feedback.take(verdict)

    def score(self, interval: Interval) -> IntervalScores:
        """Score an interval, then learn from it."""
        self._feedback.expire(utc(interval.start))
        total = self._locales.total.read(interval)
        late = None if interval.first is None else 2 * interval.first >= interval.start + interval.end
        stopped = self._silence.hear(interval.events, total.moment, late=late, learns=total.learns)
        value = self._nothing() if stopped else self._values(interval)
        readings = self._readings(interval)
        zeros = self._seating.assess(readings, self._zeros()) if stopped else None
        adopted = self._adopt(interval, value, readings)
        table = self._seating.score(readings, value)
        if zeros is not None:
            # Nothing at all is no less surprising than the zeros that it would be read as.
            np.fmax(table.surprise, zeros.surprise, out=table.surprise)
        together = self._together(table, readings)
        changes = {} if stopped else self._level_changes.hear(interval, self.admission, table)
        scores = self._scores(interval, table, together, readings, changes, stopped=stopped)
        scores = self._feedback.apply(scores, adopted)
        if self.shard == 0:
            told = quality(self.detector, interval, stopped=stopped)
            scores = msgspec.structs.replace(scores, quality=told)
        self.learning = scores.phase.count("learning")
        return scores

    def _adopt(self, interval: Interval, value: Column, readings: Mapping[Locale, Reading]) -> list[Verdict]:
        """Let levels be adopted that people call the new normal, once there is a plain value of them."""
        self._adoption.take_back(self._seat_of)
        adopted = []
        for verdict in self._adoption.waits(utc(interval.start)):
            seated = self._seat_of(verdict)
            if seated is None:
                continue
            block, seat = seated
            reading = readings[block.locale]
            came = value[block.rows[seat], self._measures.index(verdict.measure)]
            if reading.learns and not reading.moment.special and not np.isnan(came):
                self._adoption.adopt(verdict, block, seat)
                self._level_changes.forget(
                    self._feedback.place_of(verdict), self._measures.index(verdict.measure)
                )
                adopted.append(verdict)
        return adopted

    def _seat_of(self, verdict: Verdict) -> tuple[Block, int] | None:
        row = self.admission.rows.get(self._feedback.place_of(verdict))
        known = row is not None and verdict.measure in self._measures
        return self._seating.seat_of(row) if row is not None and known else None

    def foresee(self, interval: Interval) -> IntervalScores:
        """The scores of an open interval that its close can hardly change; nothing is learnt.

        Those are of values that can only grow and are too large already. An interval without events is
        scored as one in which the source has stopped.
        """
        readings = self._readings(interval)
        if interval.events:
            # Of the measures that can only grow, what there is by now.
            growing = [measure for measure in self.detector.measures if measure.aggregation in GROWING]
            value = self._came(interval, self.admission.rows_of(interval.places), growing)
            table = self._seating.assess(readings, value)
            with np.errstate(invalid="ignore"):
                table.surprise[~(value > table.upper)] = np.nan
        else:
            table = self._seating.assess(readings, self._zeros())
            table.value[:] = np.nan
        scores = self._scores(interval, table, {}, readings, {}, stopped=not interval.events)
        told = [row for row, severity in enumerate(scores.severity) if severity >= FLOOR]
        early = msgspec.structs.replace(selected(scores, told), provisional=True)
        return self._feedback.apply(early)

    def has_stopped(self, interval: Interval) -> bool:
        """Whether the source has stopped if an interval that is half over ends as it is."""
        return not interval.events and self._silence.foresee(self._locales.total.read(interval).moment)

    def _readings(self, interval: Interval) -> dict[Locale, Reading]:
        """What each locale says of an interval."""
        return {locale: locale.read(interval) for locale in self._seating.locales}

    def _came(self, interval: Interval, rows: Rows, measures: Sequence[Measure]) -> Column:
        """What came of some measures, for the places of an interval that have a row."""
        came, there = self._nothing(), rows >= 0
        if there.any():
            for m, measure in enumerate(self.detector.measures):
                if measure in measures:
                    came[rows[there], m] = np.array(interval.values[measure.name], dtype=np.float64)[there]
        return came

    def _nothing(self) -> Column:
        """No value for any row, and a line more for the seats that no one has."""
        return np.full((len(self.admission.places) + 1, len(self.detector.measures)), np.nan)

    def _zeros(self) -> Column:
        """What measures say of no events that take it for zero."""
        zero = [0.0 if measure.fill == "zero" else np.nan for measure in self.detector.measures]
        return np.tile(zero, (len(self.admission.places) + 1, 1))

    def _values(self, interval: Interval) -> Column:
        """The values of an interval by row and measure, after it was decided who has a row."""
        rows, begun = self.admission.admit(interval)
        places = self.admission.places
        new = [place for row in begun.tolist() if (place := places[row]) is not None]
        self._seating.begin(begun, new)
        self._seating.lend(begun, self._relatives.of(new, self.admission))
        return self._seating.filled(self._came(interval, rows, self.detector.measures))

    def _together(self, table: Table, readings: Mapping[Locale, Reading]) -> dict[Place, float]:
        self._joints.watch(self.admission)
        places = self._joints.places
        rows = self.admission.rows_of(places)
        residuals = table.residuals(rows)
        for i, locale in enumerate(self._seating.locale_of(rows.tolist())):
            if readings[locale].moment.special or not readings[locale].learns:
                # Measures may well stray from each other then: nothing is asked of their trees.
                residuals[i] = np.nan
        return self._joints.score(dict(zip(places, residuals.tolist(), strict=True)))

    def _scores(
        self,
        interval: Interval,
        table: Table,
        together: dict[Place, float],
        readings: Mapping[Locale, Reading],
        changes: Mapping[RowAndMeasure, LevelChange],
        *,
        stopped: bool,
    ) -> IntervalScores:
        measures = self._measures
        places = [place for place in self.admission.places if place is not None]
        rows, joint = self.admission.taken(), self.admission.rows_of(list(together))
        told = table.rows(rows)
        level_changes = {
            int(np.searchsorted(rows, row)) * len(measures) + m: change
            for (row, m), change in changes.items()
        }
        confidence = table.confidence[joint].min(axis=1, initial=1.0)
        nothing: list[float | None] = [None] * len(together)
        severities = _rounded(severity(np.append(told.surprise, list(together.values()))), 1)
        surprising = [n for n, severity in enumerate(severities) if severity >= FLOOR]
        locales = self._seating.locale_of(np.append(rows.repeat(len(measures)), joint)[surprising].tolist())
        series = [
            (n, measures[n % len(measures)], places[n // len(measures)])
            for n in surprising
            if n < told.value.size
        ]
        days = {n: readings[locale] for n, locale in zip(surprising, locales, strict=True)}
        grounds = told.grounds.ravel().tolist()
        # That a source has stopped is no matter of its measures.
        held_by = {} if stopped else self._holds.of(told, surprising, level_changes)
        held_by |= {n: "calendar" for n, reading in days.items() if reading.held_by is not None}
        return IntervalScores(
            detector=self.detector.name,
            shard=self.shard,
            shards=self.detector.shards,
            chunk=0,
            chunks=1,
            interval_start=utc(interval.start),
            interval_end=utc(interval.end),
            dimensions=self.detector.dimensions,
            measures=measures * len(places) + [JOINT] * len(together),
            places=[*(place for place in places for _ in measures), *together],
            value=_optional(told.value) + nothing,
            expected=_optional(told.expected) + nothing,
            lower=_optional(told.lower) + nothing,
            upper=_optional(told.upper) + nothing,
            scale=_optional(told.scale) + nothing,
            severity=severities,
            confidence=_rounded(np.append(told.confidence, confidence), 3),
            phase=_phases(told.learning) + ["active"] * len(together),
            stopped=stopped,
            held_by=held_by,
            off=sides(told.lasting),
            level_changes=level_changes,
            evidence=evidence(self.detector, interval, series),
            lines=lines(self.detector, interval, series),
            why={
                n: explained(
                    rarity_in_words(severities[n], self.detector.interval),
                    STOPPED if stopped else TOGETHER if n >= told.value.size else grounds[n] or (),
                    reading,
                    held_by.get(n),
                )
                for n, reading in days.items()
            },
        )

    def model_of(self, measure: str, place: Place) -> tuple[Model, int] | None:
        """The model of a series, and which of its series that is; None where it has no row."""
        row = self.admission.rows.get(place)
        if row is None:
            return None
        block, seat = self._seating.seat_of(row)
        return block.model_of(measure, seat)

    def save(self) -> tuple[ScorerState, Iterator[BlockState]]:
        """The state as it is stored: one block at a time, for together they may be large."""
        measures = {m.name: _definition(self.detector, m) for m in self.detector.measures}
        state = ScorerState(
            self._silence, measures, self._joints.save(), self.admission.save(),
            self._feedback.save(), self._adoption.save(), self._level_changes.save(),
        )  # fmt: skip
        return state, self._seating.save()

    def load(self, state: ScorerState, blocks: Iterable[BlockState]) -> Mapping[str, int]:
        """Go on from a stored state.

        Measures whose definition has changed start anew; places that are no longer computed, or belong
        to another shard by now, go. Tells how many series of which models start anew for no such reason:
        an earlier version stored of them what they cannot go on from.
        """
        self._silence = state.silence
        self._feedback.load(state.verdicts)
        definitions = {m.name: _definition(self.detector, m) for m in self.detector.measures}
        kept = {name for name, definition in definitions.items() if state.measures.get(name) == definition}
        if not kept:
            return {}
        self.admission.load(state.admission, self._is_computed)
        self._adoption.load(state.adopted)
        anew = self._seating.load(self.admission.places, blocks, kept)
        if kept == set(state.measures) == set(definitions):
            anew["joint"] += self._joints.load(state.joints)
            anew["levels"] += self._level_changes.load(state.levels)
        return +anew

    def _is_computed(self, place: Place) -> bool:
        mine = shard_of(self.detector.name, place, self.detector.shards) == self.shard
        return mine and level(place) in self._computed


def _optional(table: Column) -> list[float | None]:
    told: list[Any] = table.ravel().tolist()
    for i in np.flatnonzero(np.isnan(table)).tolist():
        told[i] = None
    return told


def _rounded(column: Column, digits: int) -> list[float]:
    rounded: list[float] = np.round(column, digits).tolist()
    return rounded


def sides(lasting: Column) -> dict[int, Side]:
    """Of which series the value is clearly on one side of what the last days would have brought."""
    away = lasting.ravel()
    return {
        n: "above" if away[n] > 0 else "below" for n in np.flatnonzero(np.abs(away) > CLEARLY_OFF).tolist()
    }


def _phases(learning: Flags) -> list[Phase]:
    phases: list[Phase] = ["active"] * learning.size
    for i in np.flatnonzero(learning).tolist():
        phases[i] = "learning"
    return phases


def _definition(detector: Detector, measure: Measure) -> str:
    """A hash of all that gives what was learnt of a measure its meaning."""
    ratio = [m.measured for m in detector.additive if measure.ratio is not None and m.name in measure.ratio]
    return digest(
        detector.interval, detector.timezone, detector.dimensions, detector.where,
        measure.measured, measure.missing, measure.model, ratio,
    )  # fmt: skip

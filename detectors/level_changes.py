"""Levels of the places that matter most: one that has changed for good, or drifts, is a finding by itself.

River's ADWIN costs more than a column, and asks for a long past: so it hears few places, the total and the
single values of most volume, each measure by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from detectors.admission import Admission
from detectors.blocks import Table
from detectors.config import Detector
from detectors.intervals import MILLISECOND
from detectors.models.base import SEVENTY
from detectors.models.levels import Found, Levels
from detectors.models.roots import root, slope, square
from detectors.records import Interval, LevelChange, Place, utc
from detectors.state import Array
from detectors.words import duration_in_words, number

#: Places that are heard at most.
MOST_PLACES = 64
HOUR = 3_600_000

RowAndMeasure = tuple[int, int]
Changes = dict[RowAndMeasure, LevelChange]


class LevelsState(msgspec.Struct):
    """The levels of one place as they are stored."""

    place: Place
    arrays: dict[str, Array]


class LevelChanges:
    """The levels of a detector."""

    def __init__(self, detector: Detector) -> None:
        self._measures = len(detector.measures)
        self._ms = detector.interval // MILLISECOND
        self._levels: dict[Place, Levels] = {}

    def hear(self, interval: Interval, admission: Admission, table: Table) -> Changes:
        """What has changed by row and measure, more surprising than what the table says; it says so then.

        Where the table says something by itself, people are told of that and not of its level.
        """
        self._watch(admission)
        rows = admission.rows_of(list(self._levels))
        away = table.from_season[rows].tolist()
        told = (table.surprise[rows] >= SEVENTY).tolist()
        hour_ends = interval.start // HOUR != interval.end // HOUR
        changes: Changes = {}
        for row, levels, *heard in zip(rows.tolist(), self._levels.values(), away, told, strict=True):
            for found in levels.hear(*heard, hour_ends=hour_ends):
                at = row, found.measure
                if not table.surprise[at] >= found.surprise:
                    changes[at] = change = self._change(found, table, at, interval)
                    table.surprise[at] = found.surprise
                    table.grounds[at] = (self._in_words(change, interval),)
        return changes

    def _change(self, found: Found, table: Table, at: RowAndMeasure, interval: Interval) -> LevelChange:
        """A change in the unit of the value, at this time of day."""
        sigma = table.scale[at] / slope(root(table.expected[at]))
        season = root(table.value[at]) - table.from_season[at] * sigma
        levels = square(season + np.array([found.before, found.now]) * sigma)
        if table.value[at] >= 0 and table.expected[at] >= 0:
            levels = np.maximum(levels, 0.0)
        before, now = np.round(levels, 4).tolist()
        return LevelChange(before, now, utc(interval.end - found.hours * max(HOUR, self._ms)))

    @staticmethod
    def _in_words(change: LevelChange, interval: Interval) -> str:
        before, now = number(change.before), number(change.now)
        since = duration_in_words(utc(interval.end) - change.since)
        return f"the level has changed: about {now} for {since} now, {before} before"

    def _watch(self, admission: Admission) -> None:
        """Let places go that have no row any more, and take up the largest of the others."""
        self._levels = {place: levels for place, levels in self._levels.items() if place in admission.rows}
        if len(self._levels) < MOST_PLACES:
            for place in admission.largest(level=1, most=MOST_PLACES):
                if place not in self._levels and len(self._levels) < MOST_PLACES:
                    self._levels[place] = Levels(self._measures)

    def forget(self, place: Place, measure: int) -> None:
        """Let the level of a series be whatever comes next: people call it the new normal."""
        if place in self._levels:
            self._levels[place].forget(measure)

    def save(self) -> list[LevelsState]:
        """The state as it is stored."""
        return list(self._states())

    def _states(self) -> Iterator[LevelsState]:
        for place, levels in self._levels.items():
            yield LevelsState(place, {name: Array.of(array) for name, array in levels.save().items()})

    def load(self, states: list[LevelsState]) -> int:
        """Go on from a stored state; tells how many places begin anew, for it is damaged."""
        anew = 0
        for state in states:
            levels = Levels(self._measures)
            if levels.load({name: array.array() for name, array in state.arrays.items()}):
                self._levels[state.place] = levels
            else:
                anew += 1
        return anew

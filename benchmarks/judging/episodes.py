"""Scores of a stream → when alerts open, and whether they are right.

An alert opens and closes as the group of a single series does (`detectors.grouping`): it opens at the
threshold with a value outside its band, stays open above a lower one or while the value is where it was at
its worst, and closes after some quiet intervals. A labelled episode is found by an alert that opens in it,
or just after its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np

from benchmarks.judging.streams import WEEK, Stream
from detectors.bars import FLOOR, HYSTERESIS
from detectors.breaches import is_still_off
from detectors.grouping import BAND_HOLDS_FOR, CLOSE_AFTER, HELD_FOR
from detectors.models.base import Column, Flags
from detectors.records import Direction
from detectors.scorer import CLEARLY_OFF

#: The default of an alert rule.
DEFAULT = 70.0
#: An alert that opens so many points after the end of an episode has still found it.
TOLERANCE = 2
#: For so many hours after its end an alert is no new one: what has happened is wearing off.
AFTERMATH = 12


@dataclass(frozen=True)
class Scored:
    """What a contestant says of a stream, a number a point; it may have no band."""

    severity: Column
    expected: Column | None = None
    lower: Column | None = None
    upper: Column | None = None
    #: How far values are from what the last days would have brought; a contestant may not know.
    lasting: Column | None = None


def openings(value: Column, scored: Scored, threshold: float, interval_seconds: float) -> list[int]:
    """The points at which an alert opens."""
    opens = max(FLOOR, threshold)
    joins = max(FLOOR, opens - HYSTERESIS)
    severity = np.where(_is_outside(value, scored), scored.severity, 0.0)
    band = BAND_HOLDS_FOR.total_seconds() // interval_seconds
    found, until = list[int](), 0
    for point in np.flatnonzero(severity >= opens).tolist():
        if point >= until:
            found.append(point)
            until = _closes(value, severity, scored, point, joins, band)
    return found


def _is_outside(value: Column, scored: Scored) -> Flags:
    """Whether each value is outside its band: one that is as it should be is no anomaly."""
    if scored.lower is None or scored.upper is None:
        return np.ones(len(value), dtype=np.bool_)
    return ~((scored.lower <= value) & (value <= scored.upper))


def _closes(value: Column, severity: Column, scored: Scored, opened: int, joins: float, band: float) -> int:
    """The first point at which another alert may open."""
    worst, quiet, held = opened, 0, 0
    for point in range(opened + 1, len(value)):
        if severity[point] >= joins:
            quiet = held = 0
            if severity[point] > severity[worst]:
                worst = point
        elif held < HELD_FOR and _is_still_off(value, scored, point, worst, by_band=held < band):
            quiet, held = 0, held + 1
        else:
            quiet += 1
            if quiet == CLOSE_AFTER:
                return point + 1
    return len(value)


def _is_still_off(value: Column, scored: Scored, point: int, worst: int, *, by_band: bool) -> bool:
    """Whether a value is still where the worst one was."""
    if scored.expected is None or scored.lower is None or scored.upper is None:
        return False
    side: Direction = "below" if value[worst] < scored.expected[worst] else "above"
    if scored.lasting is not None and not by_band and not np.isnan(value[worst]):
        away = scored.lasting[point] * (1 if side == "above" else -1)
        # One that does not know (NaN) goes by the band alone.
        if away <= CLEARLY_OFF:
            return False
    return is_still_off(
        "missing" if np.isnan(value[worst]) else side,
        float(scored.lower[worst]),
        float(scored.upper[worst]),
        None if np.isnan(value[point]) else float(value[point]),
    )


@dataclass
class Tally:
    """What was found of what was there, over some streams."""

    found: int = 0
    missed: int = 0
    false: int = 0
    weeks: float = 0.0
    #: Kind of fault → points until the alert; None where there was none.
    delays: dict[str, list[int | None]] = field(default_factory=dict)

    @property
    def precision(self) -> float:
        """Share of alerts that are right; those of one episode count once."""
        return self.found / max(1, self.found + self.false)

    @property
    def recall(self) -> float:
        """Share of episodes that are found."""
        return self.found / max(1, self.found + self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.found / max(1, 2 * self.found + self.false + self.missed)

    @property
    def false_a_week(self) -> float:
        """False episodes a series and week."""
        return self.false / self.weeks if self.weeks else 0.0

    def delay(self, kind: str) -> float | None:
        """Median points until the alert, of those that were found."""
        known = [delay for delay in self.delays.get(kind, []) if delay is not None]
        return median(known) if known else None

    def recall_of(self, kind: str) -> tuple[int, int]:
        """How many of a kind were found, of how many."""
        delays = self.delays.get(kind, [])
        return sum(delay is not None for delay in delays), len(delays)

    def add(self, other: Tally) -> None:
        """Take in what was found elsewhere."""
        self.found += other.found
        self.missed += other.missed
        self.false += other.false
        self.weeks += other.weeks
        for kind, delays in other.delays.items():
            self.delays.setdefault(kind, []).extend(delays)


def together(tallies: Iterable[Tally]) -> Tally:
    """The sum of some tallies."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def judge(stream: Stream, opened: Sequence[int]) -> Tally:
    """Hold alerts that open at these points against what was put into the stream."""
    tally = Tally()
    judged = [episode for episode in stream.episodes if episode.start >= stream.judged_from]
    for episode in judged:
        delays = [at - episode.start for at in opened if episode.start <= at < episode.stop + TOLERANCE]
        tally.delays.setdefault(episode.kind, []).append(delays[0] if delays else None)
        tally.found += bool(delays)
    tally.missed = len(judged) - tally.found
    free = unlabelled(stream)
    tally.false = sum(bool(free[at]) for at in opened)
    tally.weeks = float(free.sum()) * stream.interval_seconds / WEEK
    return tally


def unlabelled(stream: Stream) -> Flags:
    """Points at which an alert would be false."""
    free = np.ones(len(stream), dtype=np.bool_)
    free[: stream.judged_from] = False
    after = max(TOLERANCE, AFTERMATH * 3600 // stream.interval_seconds)
    spans: Iterator[tuple[int, int]] = ((e.start, e.stop) for e in stream.episodes)
    for start, stop in (*spans, *stream.excused):
        free[start : stop + after] = False
    return free

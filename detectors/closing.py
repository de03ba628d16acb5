"""Partials → Intervals: an interval closes once, when every partition of the source has passed it.

Partials of a partition replace each other; then partitions are merged. What has closed stays as it
is: a Partial that comes after is counted and left out. All of it depends on the records and their
order in the log alone, so that a replay closes the same intervals with the same values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from detectors.aggregation import aggregator
from detectors.config import Detector
from detectors.intervals import Intervals
from detectors.records import Interval, Partial, Place, Watermark


class Progress(msgspec.Struct):
    """How far one source partition is."""

    time: int | None
    idle: bool
    #: For an idle partition: how far the others were when it last said that it is idle, and when it
    #: said so the time before.
    heard: int | None = None
    vouched: int | None = None


class CloserState(msgspec.Struct):
    """A Closer as it is stored."""

    fingerprint: str
    closed_through: int | None
    watermark: int | None
    partitions: int
    progress: dict[int, Progress]
    open: list[Partial]


class Closer:
    """The open intervals of one detector, by source partition."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        #: End of the last closed interval; None until the first one.
        self.closed_through: int | None = None
        #: No event before it is expected from any partition; never moves back.
        self.watermark: int | None = None
        #: Events that came after their interval had closed.
        self.late = 0
        self._partitions = 0
        self._progress: dict[int, Progress] = {}
        self._open: dict[int, dict[tuple[int, int], Partial]] = {}
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._aggregators = [aggregator(m, detector.interval) for m in detector.additive]

    def add(self, record: Partial | Watermark) -> Iterator[Interval]:
        """Take in a record; yields the intervals that it closes, in order, empty ones included."""
        if isinstance(record, Partial):
            self._add_partial(record)
            return
        self._add_watermark(record)
        yield from self._close()

    def _add_partial(self, partial: Partial) -> None:
        if self.closed_through is not None and partial.end <= self.closed_through:
            # Roll-ups repeat the events of the leaves; each block counts them once.
            self.late += partial.events if partial.block == 0 else 0
            return
        self._open.setdefault(partial.start, {})[partial.partition, partial.block] = partial

    def _add_watermark(self, news: Watermark) -> None:
        self._partitions = news.partitions
        progress = self._progress.setdefault(news.partition, Progress(None, idle=True))
        progress.time, progress.idle = news.time, news.idle
        if news.idle:
            progress.vouched, progress.heard = progress.heard, self._slowest_active()
        else:
            progress.vouched = progress.heard = None
        if len(self._progress) < self._partitions:
            return
        reached = self._reached()
        if reached is not None and (self.watermark is None or reached > self.watermark):
            self.watermark = reached

    def _slowest_active(self) -> int | None:
        return min(
            (p.time for p in self._progress.values() if not p.idle and p.time is not None), default=None
        )

    def _reached(self) -> int | None:
        """The time that all partitions have passed.

        An idle partition does not hold the others back, but it vouches only for what they had
        reached one message of it ago: its next events may be on their way together with the ones
        that have just moved the others.
        """
        slowest = self._slowest_active()
        if slowest is None:
            return max((p.time for p in self._progress.values() if p.time is not None), default=None)
        vouched = [p.vouched for p in self._progress.values() if p.idle]
        if None in vouched:
            return None
        return min([slowest, *(v for v in vouched if v is not None)])

    def _close(self) -> Iterator[Interval]:
        if self.watermark is None:
            return
        if self.closed_through is None:
            if not self._open:
                return
            self.closed_through = min(self._open)
        while (end := self._intervals.end(self.closed_through)) <= self.watermark:
            start = self.closed_through
            interval = self._merge(start, end, self._open.pop(start, {}))
            self.closed_through = end
            yield interval

    def _merge(self, start: int, end: int, partials: dict[tuple[int, int], Partial]) -> Interval:
        rows: dict[Place, list[Any]] = {}
        for key in sorted(partials):
            partial = partials[key]
            for i, place in enumerate(partial.places):
                row = rows.get(place)
                if row is None:
                    row = rows[place] = [a.start() for a in self._aggregators]
                for m, aggregate in enumerate(self._aggregators):
                    row[m] = aggregate.merge(row[m], aggregate.unpack(partial.columns[m][i]))
        values = {
            measure.name: [aggregate.value(row[m]) for row in rows.values()]
            for m, (measure, aggregate) in enumerate(
                zip(self.detector.additive, self._aggregators, strict=True)
            )
        }
        for measure in self.detector.measures:
            if measure.ratio is not None:
                numerator, denominator = (values[name] for name in measure.ratio)
                values[measure.name] = [_ratio(a, b) for a, b in zip(numerator, denominator, strict=True)]
        events = sum(p.events for (_, block), p in partials.items() if block == 0)
        return Interval(self.detector.name, start, end, events, list(rows), values)

    def save(self) -> CloserState:
        """The state as it is stored."""
        partials = [partial for blocks in self._open.values() for partial in blocks.values()]
        return CloserState(
            self.detector.fingerprint, self.closed_through, self.watermark, self._partitions,
            self._progress, partials,
        )  # fmt: skip

    def load(self, state: CloserState) -> None:
        """Go on from a stored state; a changed detector keeps the time but not what is half measured."""
        self.closed_through, self.watermark = state.closed_through, state.watermark
        self._partitions, self._progress = state.partitions, state.progress
        if state.fingerprint != self.detector.fingerprint:
            if self.closed_through is not None:
                self.closed_through = self._intervals.start(self.closed_through)
            return
        for partial in state.open:
            self._open.setdefault(partial.start, {})[partial.partition, partial.block] = partial


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan

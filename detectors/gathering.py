"""Chunks of scores → intervals that are whole: of each only what grouping needs to know.

The shards of a detector score an interval each in its own time, and tell it in one chunk or several.
Of a chunk nothing stays but its anomalies, whether the source had stopped, the values of series that may
be what a group is called after, and of leaves, up to so many, what they were: there may be a million others.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec

from detectors.bars import FLOOR, Bars
from detectors.config import Detector
from detectors.leaf_scores import Leaves, size, take
from detectors.overlap import level
from detectors.quality import with_series
from detectors.records import JOINT, DataQuality, IntervalScores, Place, Score, Side

#: Anomalies of an interval that are looked at; of more, the severest. When all is down at once, more of
#: them say nothing new.
MOST_ANOMALIES = 20_000

#: Anomalies and values that are kept of all intervals that are not whole, and as many leaves. Where a shard
#: is so far behind that there would be more, each interval keeps its share.
MOST_KEPT = 200_000

#: A measure at a place.
SeriesKey = tuple[str, Place]


class Gathered(msgspec.Struct):
    """An interval, as far as its chunks have come."""

    start: datetime
    end: datetime
    #: Shard → its chunks that have not come yet; a shard of which none has come is not there.
    awaited: dict[int, set[int]]
    #: Whether the source says nothing any more.
    stopped: bool
    anomalies: list[Score]
    #: Of the series that were asked for.
    values: dict[SeriesKey, float | None]
    #: Those of them that are not where the last days would have them.
    off: dict[SeriesKey, Side] = {}
    #: What leaves were: there it is seen which of the anomalies are one fault.
    #: None where there are too many.
    leaves: Leaves | None = {}
    #: What the first shard says of the feed, and how many series of all shards there are, and learn.
    quality: DataQuality | None = None
    series: int = 0
    learning: int = 0


class GathererState(msgspec.Struct):
    """A Gatherer as it is stored."""

    passed: datetime | None
    shards: int
    newest: dict[int, datetime]
    pending: list[Gathered]


class Gatherer:
    """The intervals of one detector that are not whole yet."""

    def __init__(self, detector: Detector, bars: Bars) -> None:
        self._joins = {name: bars.joins(name) for name in (*(m.name for m in detector.measures), JOINT)}
        self._monitored = set(detector.monitored)
        self._coarsest = detector.monitored[0]
        self._positions = {measure.name: n for n, measure in enumerate(detector.measures)}
        #: Start of the last interval that was whole: chunks of it that are sent again change nothing.
        self.passed: datetime | None = None
        self._shards = detector.shards
        #: Shard → start of the newest interval that it has told of.
        self._newest: dict[int, datetime] = {}
        self._pending: dict[datetime, Gathered] = {}

    def add(self, scores: IntervalScores, asked: Set[SeriesKey]) -> Iterator[Gathered]:
        """Take in a chunk; yields the intervals that are whole with it, in order.

        The values of series that are `asked` for are kept, and of those that were anomalous in an
        interval that is not whole yet, since a group may be called after them.
        """
        if self.passed is not None and scores.interval_start <= self.passed:
            return
        if scores.shards != self._shards:
            # The configuration has changed, and with it who tells what: the rest will not come.
            yield from [self._pass(start) for start in sorted(self._pending)]
            self._shards, self._newest = scores.shards, {}
        self._take(scores, asked)
        while self._pending and self._is_whole(start := min(self._pending)):
            yield self._pass(start)

    def _take(self, scores: IntervalScores, asked: Set[SeriesKey]) -> None:
        start, shard = scores.interval_start, scores.shard
        self._newest[shard] = max(start, self._newest.get(shard, start))
        interval = self._pending.get(start)
        if interval is None:
            interval = self._pending[start] = Gathered(start, scores.interval_end, {}, False, [], {})
        awaited = interval.awaited.setdefault(shard, set(range(scores.chunks)))
        if scores.chunk not in awaited:
            return
        awaited.remove(scores.chunk)
        interval.stopped = scores.stopped
        interval.quality = scores.quality or interval.quality
        interval.series += len(scores.measures) - scores.measures.count(JOINT)
        interval.learning += scores.phase.count("learning")
        before = {
            (score.measure, score.place)
            for pending in self._pending.values()
            if pending.start < start
            for score in pending.anomalies
        }
        wanted = asked | before
        interval.values.update(_values(scores, wanted))
        keys = ((scores.measures[row], scores.places[row], side) for row, side in scores.off.items())
        interval.off |= {(m, place): side for m, place, side in keys if (m, place) in wanted}
        interval.anomalies += self.anomalies(scores)
        if interval.leaves is not None:
            take(interval.leaves, scores)
            if sum(size(kept.leaves) for kept in self._pending.values() if kept.leaves) > MOST_KEPT:
                interval.leaves = None
        if len(interval.anomalies) > 2 * MOST_ANOMALIES:
            interval.anomalies = self._foremost(interval.anomalies, MOST_ANOMALIES)
        if sum(len(kept.anomalies) + len(kept.values) for kept in self._pending.values()) > MOST_KEPT:
            self._lighten()

    def anomalies(self, scores: IntervalScores) -> Iterator[Score]:
        """What counts of a chunk."""
        for row, severity in enumerate(scores.severity):
            if severity < FLOOR or scores.phase[row] != "active" or row in scores.held_by:
                continue
            relief = scores.relief.get(row, 0.0)
            if severity + relief >= self._joins.get(scores.measures[row], self._joins[JOINT]):
                score = scores.row(row)
                if level(score.place) in self._monitored and (relief or is_outside(score)):
                    yield score

    def _lighten(self) -> None:
        share = max(1, MOST_KEPT // (4 * len(self._pending)))
        for interval in self._pending.values():
            interval.anomalies = self._foremost(interval.anomalies, share)
            interval.values = dict(islice(interval.values.items(), share))

    def _foremost(self, anomalies: list[Score], most: int) -> list[Score]:
        """The severest in one order, however they were spread over shards.

        The coarsest places are among them in any case: they tell of a feed that has stopped.
        """
        kept, coarsest = [], 0
        for n, score in enumerate(sorted(anomalies, key=self._order)):
            is_coarsest = level(score.place) == self._coarsest
            if n < most or (is_coarsest and coarsest < most):
                kept.append(score)
            coarsest += is_coarsest
        return kept

    def _order(self, score: Score) -> tuple[Any, ...]:
        """The severest first; then coarse places, and measures as they are configured."""
        place = [(value is not None, value) for value in score.place]
        position = self._positions.get(score.measure, len(self._positions))
        return -score.severity, sum(level(score.place)), place, position

    def _is_whole(self, start: datetime) -> bool:
        """Whether every shard has told all of an interval, or has gone on: each tells them in order."""
        awaited = self._pending[start].awaited
        return all(
            (shard in awaited and not awaited[shard]) or self._newest.get(shard, start) > start
            for shard in range(self._shards)
        )

    def _pass(self, start: datetime) -> Gathered:
        self.passed = start
        interval = self._pending.pop(start)
        interval.anomalies = self._foremost(interval.anomalies, MOST_ANOMALIES)
        if interval.quality is not None:
            interval.quality = with_series(interval.quality, interval.series, interval.learning)
        return interval

    def save(self) -> GathererState:
        """The state as it is stored."""
        return GathererState(self.passed, self._shards, self._newest, list(self._pending.values()))

    def load(self, state: GathererState) -> None:
        """Go on from a stored state."""
        self.passed, self._shards, self._newest = state.passed, state.shards, state.newest
        self._pending = {interval.start: interval for interval in state.pending}

    def dismiss(self) -> None:
        """Forget the intervals that are not whole: their series mean nothing any more."""
        self._pending = {}


def _values(scores: IntervalScores, asked: Set[SeriesKey]) -> Iterator[tuple[SeriesKey, float | None]]:
    if asked:
        for key, value in zip(zip(scores.measures, scores.places, strict=True), scores.value, strict=True):
            if key in asked:
                yield key, value


def is_outside(score: Score) -> bool:
    """Whether a value is outside its band; true where there is no value or no band, or the level has changed.

    Severity also remembers what was off a while ago. A value that is as it should be is no anomaly, and
    does not keep a group open.
    """
    if score.level_change is not None or score.value is None or score.lower is None or score.upper is None:
        return True
    return not score.lower <= score.value <= score.upper

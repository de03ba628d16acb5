"""Whole stretches of a crawled source → Partials: nothing comes late, for what was asked for is all there is.

A stretch that is asked for again gives the same Partials, and the receiver replaces one by the other: so
whoever crawls may do it twice, and never must remember more than how far it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

import numpy as np

from detectors.clock import Judged
from detectors.config import Detector
from detectors.detector_fold import DetectorFold, DetectorFoldState
from detectors.intake import Lack
from detectors.intervals import MILLISECOND
from detectors.loop import Cell
from detectors.records import Event, Partial, Value, Watermark


class CrawledFold:
    """The events of one stretch, for one detector; a stretch begins and ends with an interval.

    `state` is what was saved after the stretch before it.
    """

    def __init__(
        self,
        detector: Detector,
        start: int,
        end: int,
        state: DetectorFoldState | None,
        partition: int = 0,
    ) -> None:
        self._start, self._end = start, end
        self._lateness = detector.lateness // MILLISECOND
        self._fold = DetectorFold(detector, partition, partitions=1)
        self._fold.load(state, newest=None)
        #: Events of another time, which are left out.
        self.outside = 0

    def add(self, events: Sequence[Event]) -> None:
        """Take in events, in any order."""
        times = np.array([event.event_time for event in events], dtype=np.int64)
        inside = (self._start <= times) & (times < self._end)
        kept = list(compress(events, inside.tolist()))
        self.outside += len(events) - len(kept)
        if kept:
            times = times[inside]
            self._fold.add(Judged(kept, times, times))

    def add_many(
        self, time: int, leaf: Sequence[Value], events: int, cell: Cell | None, lacks: Sequence[Lack]
    ) -> None:
        """Take in events that were counted elsewhere: see `DetectorFold.add_many`."""
        self._fold.add_many(time, leaf, events, cell, lacks)

    def refuse(self, records: int) -> None:
        """Take note of records that cannot be used: they count in the first interval of the stretch."""
        if records:
            self._fold.refuse(self._start, records)

    def close(self) -> tuple[list[Partial | Watermark], DetectorFoldState]:
        """The Partials of all its intervals, then the news that they are over; and what is to be saved."""
        # Of a stretch that is whole nothing is waited for.
        records = list(self._fold.ready(self._end + self._lateness))
        return records, self._fold.save()

"""Events → Partials: what one source partition holds of each interval, exact under replay.

Everything here depends on the records of the partition in offset order and on nothing else: not on
batches, clocks or restarts. So events folded again after a crash give the same Partials, and the
receiver replaces one by the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import msgspec

from detectors.clock import Clock, Refused
from detectors.config import Config
from detectors.detector_fold import DetectorFold, DetectorFoldState
from detectors.records import Event, Partial, Watermark


class FoldState(msgspec.Struct):
    """A source partition as it is stored; `offset` is the last record it contains."""

    offset: int
    arrived: int | None
    newest: int | None
    ahead: list[tuple[int, int, list[bytes]]]
    detectors: dict[str, DetectorFoldState]
    #: Records that could not be used, before the first that could.
    refused: int = 0


class Fold:
    """The open intervals of one source partition, for all detectors of the source."""

    def __init__(self, config: Config, source: str, partition: int, partitions: int) -> None:
        self.partition = partition
        self.offset = -1
        #: Kafka's timestamp of the last record, in milliseconds.
        self.arrived: int | None = None
        #: Events read, and late ones as (detector, milliseconds late).
        self.events = 0
        self.late: list[tuple[str, int]] = []
        self.detectors = [
            DetectorFold(d, partition, partitions, early=config.foresees(d.name))
            for d in config.detectors_of(source)
        ]
        self._clock = Clock(config.records_of(source), config.detectors_of(source))
        self._refused = 0

    @property
    def live(self) -> bool:
        """Whether events are about now, so that the timestamps of records matter."""
        return self._clock.live

    @property
    def newest(self) -> int | None:
        """The partition's event time: the greatest seen and believed; None before the first event."""
        return self._clock.newest

    @property
    def filtered(self) -> Counter[str]:
        """How many events each detector's own filter has left out."""
        return Counter({fold.name: fold.filtered for fold in self.detectors if fold.filtered})

    def fold(self, offset: int, timestamp: int, events: Sequence[Event]) -> Sequence[Refused]:
        """Fold the events of one record: see `fold_all`."""
        return self.fold_all([offset] * len(events), [timestamp] * len(events), events, offset, timestamp)

    def fold_all(
        self,
        offsets: Sequence[int],
        timestamps: Sequence[int],
        events: Sequence[Event],
        offset: int,
        arrived: int | None,
    ) -> Sequence[Refused]:
        """Fold the events of records, in offset order; those at or below the last offset change nothing.

        `offsets` and `timestamps` (in milliseconds, below zero where there is none) are of the record of
        each event; `offset` and `arrived` those of the last record, which may have no event. Returns the
        records that are refused because their event time cannot be believed, which may be earlier ones.
        """
        known = bisect_right(offsets, self.offset)
        if known:
            offsets, timestamps, events = offsets[known:], timestamps[known:], events[known:]
        if offset > self.offset:
            self.offset, self.arrived = offset, arrived
        if not events:
            return ()
        judged = self._clock.judge(offsets, timestamps, events)
        self.events += len(judged.events)
        if judged.events:
            for fold in self.detectors:
                self.late += [(fold.name, milliseconds) for milliseconds in fold.add(judged)]
        self.refuse(len(judged.refused))
        return judged.refused

    def refuse(self, records: int) -> None:
        """Take note of records that cannot be used: they have no time, and count where the partition is."""
        self._refused += records
        if self._refused and self._clock.newest is not None:
            for fold in self.detectors:
                fold.refuse(self._clock.newest, self._refused)
            self._refused = 0

    def ready(self) -> list[Partial | Watermark]:
        """The Partials of the intervals that this partition has finished, then how far it is."""
        newest = self._clock.newest
        if newest is None:
            return []
        return [record for fold in self.detectors for record in fold.ready(newest)]

    def idle(self, carried: int) -> list[Partial | Watermark]:
        """What is held so far, for a partition that is read to its end and silent.

        `carried`: milliseconds since the last event. A live source's time goes on with them, a replay's not.
        """
        carried = carried if self._clock.live else 0
        return [record for fold in self.detectors for record in fold.idle(self._clock.newest, carried)]

    def end(self) -> tuple[Sequence[Refused], list[Partial | Watermark]]:
        """What is still set aside, and what is open, of a partition that has no more events."""
        return self._clock.dismiss(), [
            record for fold in self.detectors for record in fold.end(self._clock.newest)
        ]

    def save(self) -> FoldState:
        """The state as it is stored."""
        return FoldState(
            self.offset,
            self.arrived,
            self._clock.newest,
            self._clock.save(),
            {fold.name: fold.save() for fold in self.detectors},
            self._refused,
        )

    def load(self, state: FoldState, event_type: type[Event]) -> None:
        """Go on from a stored state. A detector that is new or changed starts with the next interval."""
        self.offset, self.arrived, self._refused = state.offset, state.arrived, state.refused
        self._clock.load(state.newest, state.ahead, event_type)
        for fold in self.detectors:
            fold.load(state.detectors.get(fold.name), state.newest)

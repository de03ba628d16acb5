"""The event time of a source partition: how far it is, and which events are too far ahead to be believed.

Rows go in, one an event, in the order of the log; out come the events to fold, each with the newest
event time as of then, by which it is judged whether it is late. Apart from folding, since all
detectors of a source share one clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import compress, groupby
from operator import itemgetter
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.config import Detector
from detectors.intervals import MILLISECOND
from detectors.records import Event
from detectors.sources import Source

Times = NDArray[np.int64]

#: So many events in a row that are ahead of their partition are no outliers: time has moved.
JUMP_AFTER = 16
#: How far events may be ahead if nothing is said: of a live record, and of the newest in a replay.
FIVE_MINUTES, A_DAY = timedelta(minutes=5), timedelta(days=1)

#: Of a record that has no time of its own beside that of its events.
NO_TIMESTAMP = -1

#: Before any event.
LONG_AGO = -(1 << 62)


class Refused(NamedTuple):
    """A record that was read but not folded."""

    offset: int
    reason: str
    detail: str


class Judged(NamedTuple):
    """Events to fold, the time of each, the partition's newest as of each, and what was refused."""

    events: Sequence[Event]
    times: Times
    newest: Times
    refused: Sequence[Refused] = ()


class Clock:
    """The event time of a partition.

    A live source's event cannot be later than its Kafka record, give or take `max_ahead`, and never
    moves the time beyond its record. A replay has no such measure: there, an event far beyond the
    newest is set aside, until so many follow that time must really have moved.
    """

    def __init__(self, source: Source, detectors: Sequence[Detector]) -> None:
        #: The greatest time seen and believed.
        self.newest: int | None = None
        self.live = source.clock == "wall"
        longest = max((d.interval for d in detectors), default=timedelta(0))
        asked = source.max_ahead
        self._max_ahead = (FIVE_MINUTES if asked is None else asked) // MILLISECOND
        self._max_step = (max(A_DAY, JUMP_AFTER * longest) if asked is None else asked) // MILLISECOND
        self._ahead: list[tuple[int, int, Sequence[Event]]] = []

    def judge(self, offsets: Sequence[int], timestamps: Sequence[int], events: Sequence[Event]) -> Judged:
        """The events to fold now, which may be some that were set aside, and the refused records.

        One row an event; the events of one record are next to each other and of one time. Timestamps
        are those of the records, in milliseconds; NO_TIMESTAMP where a record has none.
        """
        times = np.array([event.event_time for event in events], dtype=np.int64)
        if self.live and min(timestamps) >= 0:
            return self._judge_live(offsets, np.array(timestamps, dtype=np.int64), events, times)
        newest = np.maximum.accumulate(times)
        if self.newest is not None:
            np.maximum(newest, self.newest, out=newest)
        before = np.append(newest[0] if self.newest is None else self.newest, newest[:-1])
        mixed = self.live and max(timestamps) >= 0
        if mixed or self._ahead or (times > before + self._max_step).any():
            return self._judge_each(offsets, timestamps, events)
        self.newest = int(newest[-1])
        return Judged(events, times, newest)

    def _judge_live(
        self, offsets: Sequence[int], stamps: Times, events: Sequence[Event], times: Times
    ) -> Judged:
        believed = times <= stamps + self._max_ahead
        refused: dict[int, Refused] = {}
        if not believed.all():
            for i in np.flatnonzero(~believed).tolist():
                refused[offsets[i]] = _ahead(offsets[i], int(times[i] - stamps[i]), "its Kafka record")
            events = list(compress(events, believed.tolist()))
            times, stamps = times[believed], stamps[believed]
        reached = np.minimum(times, stamps)
        newest = np.maximum(np.maximum.accumulate(reached), LONG_AGO if self.newest is None else self.newest)
        if len(newest):
            self.newest = int(newest[-1])
        return Judged(events, times, newest, list(refused.values()))

    def _judge_each(
        self, offsets: Sequence[int], timestamps: Sequence[int], events: Sequence[Event]
    ) -> Judged:
        """The same record by record, where what becomes of one depends on those before it."""
        folded: list[Event] = []
        newest: list[int] = []
        refused: list[Refused] = []
        for offset, rows in groupby(zip(offsets, timestamps, events, strict=True), key=itemgetter(0)):
            _, stamps, of_record = zip(*rows, strict=True)
            accepted, rejected = self._judge_one(offset, stamps[0], of_record)
            folded += accepted
            newest += [self.newest or 0] * len(accepted)
            refused += rejected
        times = np.array([event.event_time for event in folded], dtype=np.int64)
        return Judged(folded, times, np.array(newest, dtype=np.int64), refused)

    def _judge_one(
        self, offset: int, timestamp: int, events: Sequence[Event]
    ) -> tuple[Sequence[Event], Sequence[Refused]]:
        time = events[0].event_time
        if self.live and timestamp >= 0:
            if time > timestamp + self._max_ahead:
                return (), (_ahead(offset, time - timestamp, "its Kafka record"),)
            self._advance(min(time, timestamp))
            return events, ()
        if self.newest is not None and time > self.newest + self._max_step:
            self._ahead.append((offset, time, events))
            if len(self._ahead) < JUMP_AFTER:
                return (), ()
            accepted = [event for _, _, aside in self._ahead for event in aside]
            self._ahead.clear()
            # All of them at once: among themselves they are in whatever order they came.
            self._advance(min(event.event_time for event in accepted))
            return accepted, ()
        refused: Sequence[Refused] = ()
        if self._ahead and self.newest is not None and time >= self.newest - self._max_step:
            refused = self.dismiss()
        self._advance(time)
        return events, refused

    def _advance(self, time: int) -> None:
        if self.newest is None or time > self.newest:
            self.newest = time

    def dismiss(self) -> Sequence[Refused]:
        """Refuse what is set aside: time has not moved."""
        newest = self.newest or 0
        refused = [_ahead(offset, time - newest, "its partition") for offset, time, _ in self._ahead]
        self._ahead.clear()
        return refused

    def save(self) -> list[tuple[int, int, list[bytes]]]:
        """What is set aside: offset, time, and events as JSON: only there can a number have any length.

        By the names of attributes: those of the feed, which an event may be decoded by, are the format's.
        """
        return [
            (offset, time, [msgspec.json.encode(msgspec.structs.asdict(event)) for event in events])
            for offset, time, events in self._ahead
        ]

    def load(self, newest: int | None, ahead: list[tuple[int, int, list[bytes]]], kind: type[Event]) -> None:
        """Go on from what was saved."""
        self.newest = newest
        decode = msgspec.json.Decoder(kind).decode
        self._ahead = [(offset, time, [decode(event) for event in events]) for offset, time, events in ahead]


def _ahead(offset: int, milliseconds: int, of: str) -> Refused:
    detail = f"event time is {timedelta(milliseconds=milliseconds)} ahead of {of}"
    return Refused(offset, "ahead", detail)

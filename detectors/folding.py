"""Events → Partials: what one source partition holds of each interval, exact under replay.

Everything here depends on the records of the partition in offset order and on nothing else: not on
batches, clocks or restarts. So events folded again after a crash give the same Partials, and the
receiver replaces one by the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from detectors.aggregation import aggregator
from detectors.config import Config, Detector, Source
from detectors.filters import matches_event
from detectors.intervals import MILLISECOND, Intervals
from detectors.places import OTHER, rolled_up, text
from detectors.records import Event, Partial, Place, Watermark, attribute

#: So many events in a row that are ahead of their partition are no outliers: time has moved.
JUMP_AFTER = 16
#: How far events may be ahead if nothing is said: of a live record, and of the newest in a replay.
AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
#: About the size of a Partial that is sent in one message, in bytes.
BLOCK_BYTES = 512 * 1024


class Refused(NamedTuple):
    """A record that was read but not folded."""

    offset: int
    reason: str
    detail: str


class OpenInterval(msgspec.Struct):
    """What an open interval holds so far: an accumulator for each leaf and additive measure."""

    end: int
    events: int
    leaves: dict[Place, list[Any]]
    #: Events that the last Partial sent for this interval had counted.
    sent: int = 0


class DetectorFoldState(msgspec.Struct):
    """An open detector as it is stored: accumulators in wire form."""

    fingerprint: str
    announced: int
    #: No interval that begins before this is measured.
    since: int
    open: list[tuple[int, int, int, list[tuple[Place, list[Any]]]]]


class FoldState(msgspec.Struct):
    """A source partition as it is stored; `offset` is the last record it contains."""

    offset: int
    arrived: int | None
    newest: int | None
    ahead: list[tuple[int, int, list[bytes]]]
    detectors: dict[str, DetectorFoldState]


class Fold:
    """The open intervals of one source partition, for all detectors of the source."""

    def __init__(self, config: Config, source: str, partition: int, partitions: int) -> None:
        self.partition = partition
        self.offset = -1
        #: Kafka's timestamp of the last record, in milliseconds.
        self.arrived: int | None = None
        #: Events read, late events as (detector, milliseconds late), and what filters left out.
        self.events = 0
        self.late: list[tuple[str, int]] = []
        self.filtered: Counter[str] = Counter()
        self._clock = _Clock(config.sources[source], config.detectors_of(source))
        self._folds = [_DetectorFold(d, partition, partitions) for d in config.detectors_of(source)]

    @property
    def newest(self) -> int | None:
        """The partition's event time: the greatest seen and believed; None before the first event."""
        return self._clock.newest

    def fold(self, offset: int, timestamp: int, events: Sequence[Event]) -> Sequence[Refused]:
        """Fold the events of one Kafka record; a record at or below the last offset changes nothing.

        `timestamp` is the record's own, in milliseconds. Returns the records that are refused
        because their event time cannot be believed, which may be earlier ones.
        """
        if offset <= self.offset:
            return ()
        self.offset, self.arrived = offset, timestamp
        if not events:
            return ()
        accepted, refused = self._clock.judge(offset, timestamp, events)
        for event in accepted:
            self._add(event)
        return refused

    def _add(self, event: Event) -> None:
        self.events += 1
        newest = self._clock.newest
        for fold in self._folds:
            outcome = fold.add(event, newest)
            if outcome is None:
                continue
            if outcome < 0:
                self.filtered[fold.name] += 1
            else:
                self.late.append((fold.name, outcome))

    def ready(self) -> list[Partial | Watermark]:
        """The Partials of the intervals that this partition has finished, then how far it is."""
        newest = self._clock.newest
        if newest is None:
            return []
        return [record for fold in self._folds for record in fold.ready(newest)]

    def idle(self, carried: int) -> list[Partial | Watermark]:
        """What is held so far, for a partition that is read to its end and silent.

        `carried`: milliseconds since the last event. A live source's time goes on with them, a replay's not.
        """
        carried = carried if self._clock.live else 0
        return [record for fold in self._folds for record in fold.idle(self._clock.newest, carried)]

    def end(self) -> tuple[Sequence[Refused], list[Partial | Watermark]]:
        """What is still set aside, and what is open, of a partition that has no more events."""
        return self._clock.dismiss(), [
            record for fold in self._folds for record in fold.end(self._clock.newest)
        ]

    def save(self) -> FoldState:
        """The state as it is stored."""
        return FoldState(
            self.offset,
            self.arrived,
            self._clock.newest,
            self._clock.save(),
            {fold.name: fold.save() for fold in self._folds},
        )

    def load(self, state: FoldState, event_type: type[Event]) -> None:
        """Go on from a stored state. A detector that is new or changed starts with the next interval."""
        self.offset, self.arrived = state.offset, state.arrived
        self._clock.load(state.newest, state.ahead, event_type)
        for fold in self._folds:
            fold.load(state.detectors.get(fold.name), state.newest)


class _Clock:
    """The event time of a partition, and which events are too far ahead to be believed.

    A live source's event cannot be later than its Kafka record, give or take `max_ahead`, and never
    moves the time beyond its record. A replay has no such measure: there, an event far beyond the
    newest is set aside, until so many follow that time must really have moved.
    """

    def __init__(self, source: Source, detectors: Sequence[Detector]) -> None:
        self.newest: int | None = None
        self.live = source.clock == "wall"
        longest = max((d.interval for d in detectors), default=timedelta(0))
        asked = source.max_ahead
        self._max_ahead = (AN_HOUR if asked is None else asked) // MILLISECOND
        self._max_step = (max(A_DAY, JUMP_AFTER * longest) if asked is None else asked) // MILLISECOND
        self._ahead: list[tuple[int, int, Sequence[Event]]] = []

    def judge(
        self, offset: int, timestamp: int, events: Sequence[Event]
    ) -> tuple[Sequence[Event], Sequence[Refused]]:
        """The events to fold now, which may be some that were set aside, and the refused records."""
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

    def dismiss(self) -> Sequence[Refused]:
        """Refuse what is set aside: time has not moved."""
        newest = self.newest or 0
        refused = [_ahead(offset, time - newest, "its partition") for offset, time, _ in self._ahead]
        self._ahead.clear()
        return refused

    def _advance(self, time: int) -> None:
        if self.newest is None or time > self.newest:
            self.newest = time

    def save(self) -> list[tuple[int, int, list[bytes]]]:
        # As JSON: only there can a number have any number of digits.
        encode = msgspec.json.encode
        return [(offset, time, [encode(event) for event in events]) for offset, time, events in self._ahead]

    def load(self, newest: int | None, ahead: list[tuple[int, int, list[bytes]]], kind: type[Event]) -> None:
        self.newest = newest
        decode = msgspec.json.Decoder(kind).decode
        self._ahead = [(offset, time, [decode(event) for event in events]) for offset, time, events in ahead]


def _ahead(offset: int, milliseconds: int, of: str) -> Refused:
    detail = f"event time is {timedelta(milliseconds=milliseconds)} ahead of {of}"
    return Refused(offset, "ahead", detail)


class _DetectorFold:
    """The open intervals of one detector in one partition."""

    def __init__(self, detector: Detector, partition: int, partitions: int) -> None:
        self.name = detector.name
        self._detector = detector
        self._fingerprint = detector.fingerprint
        self._partition = partition
        self._partitions = partitions
        self._lateness = detector.lateness // MILLISECOND
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._keeps = matches_event(detector.where) if detector.where else None
        self._dimensions = [attrgetter(attribute(name)) for name in detector.dimensions]
        self._other: Place = (OTHER,) * len(detector.dimensions)
        self._aggregators = [aggregator(m, detector.interval) for m in detector.additive]
        self._measures: list[tuple[int, Callable[[Event], bool] | None, Callable[[Event], Any] | None]] = [
            (
                i,
                matches_event(measure.where) if measure.where else None,
                attrgetter(attribute(measure.field)) if measure.field is not None else None,
            )
            for i, measure in enumerate(detector.additive)
        ]
        self._open: dict[int, OpenInterval] = {}
        #: No interval that begins before this is measured: the detector came or changed within it.
        self._since = -(1 << 62)
        self._announced = -(1 << 62)
        self._was_idle = False

    def add(self, event: Event, newest: int | None) -> int | None:
        """Fold one event. None: folded; -1: filtered out; otherwise milliseconds that it is late."""
        time = event.event_time
        start = self._intervals.start(time)
        interval = self._open.get(start)
        end = self._intervals.end(start) if interval is None else interval.end
        watermark = time if newest is None else newest - self._lateness
        if end <= watermark:
            return watermark - end
        if start < self._since:
            return -1
        if interval is None:
            interval = self._open[start] = OpenInterval(end, 0, {})
        interval.events += 1
        if self._keeps is not None and not self._keeps(event):
            return -1
        place: Place = tuple(text(value(event)) for value in self._dimensions)
        leaf = interval.leaves.get(place)
        if leaf is None:
            if len(interval.leaves) >= self._detector.max_series:
                place = self._other
            leaf = interval.leaves.setdefault(place, [*(a.start() for a in self._aggregators), 0])
        leaf[-1] += 1
        for i, matches, field in self._measures:
            if matches is not None and not matches(event):
                continue
            value = None
            if field is not None and (value := field(event)) is None:
                continue
            leaf[i] = self._aggregators[i].add(leaf[i], value)
        return None

    def ready(self, newest: int) -> Iterator[Partial | Watermark]:
        watermark = newest - self._lateness
        border = self._intervals.start(watermark)
        if border <= self._announced and not self._was_idle:
            return
        for start in sorted(self._open):
            if self._open[start].end <= watermark:
                yield from self._partials(start, self._open.pop(start))
        yield self._watermark(watermark, idle=False)
        self._announced = border
        self._was_idle = False

    def idle(self, newest: int | None, carried: int) -> Iterator[Partial | Watermark]:
        for start in sorted(self._open):
            interval = self._open[start]
            if interval.events > interval.sent:
                interval.sent = interval.events
                yield from self._partials(start, interval)
        time = None if newest is None else newest - self._lateness + carried
        yield self._watermark(time, idle=True)
        self._was_idle = True

    def end(self, newest: int | None) -> Iterator[Partial | Watermark]:
        time = max((interval.end for interval in self._open.values()), default=newest)
        for start in sorted(self._open):
            yield from self._partials(start, self._open.pop(start))
        yield self._watermark(time, idle=True)

    def _watermark(self, time: int | None, *, idle: bool) -> Watermark:
        return Watermark(self.name, self._fingerprint, self._partition, 0, self._partitions, time, idle)

    def _partials(self, start: int, interval: OpenInterval) -> Iterator[Partial]:
        places, volumes, columns = self._roll_up(interval.leaves)
        for block, rows in enumerate(_cuts(places, columns)):
            yield Partial(
                self.name, self._fingerprint, self._partition, 0, block, start, interval.end,
                interval.events, places[rows], volumes[rows], [column[rows] for column in columns],
            )  # fmt: skip

    def _roll_up(self, leaves: dict[Place, list[Any]]) -> tuple[list[Place], list[int], list[list[Any]]]:
        """Every monitored roll-up of the leaves, and the leaves, in wire form."""
        rows: dict[Place, list[Any]] = {}
        for kept in self._detector.subsets:
            for leaf, accumulators in leaves.items():
                row = rows.get(place := rolled_up(leaf, kept))
                if row is None:
                    row = rows[place] = [*(a.start() for a in self._aggregators), 0]
                row[-1] += accumulators[-1]
                for i, aggregate in enumerate(self._aggregators):
                    row[i] = aggregate.merge(row[i], accumulators[i])
        packed = [[a.pack(row[i]) for row in rows.values()] for i, a in enumerate(self._aggregators)]
        return list(rows), [row[-1] for row in rows.values()], packed

    def save(self) -> DetectorFoldState:
        stored = [
            (start, o.end, o.events, [(place, self._pack(leaf)) for place, leaf in o.leaves.items()])
            for start, o in self._open.items()
        ]
        return DetectorFoldState(self._fingerprint, self._announced, self._since, stored)

    def load(self, state: DetectorFoldState | None, newest: int | None) -> None:
        if state is None or state.fingerprint != self._fingerprint:
            if newest is not None:
                self._since = self._intervals.end(self._intervals.start(newest))
            return
        self._announced, self._since = state.announced, state.since
        # That the partition is idle may have been said after this state was stored.
        self._was_idle = True
        self._open = {
            start: OpenInterval(end, events, {place: self._unpack(leaf) for place, leaf in leaves})
            for start, end, events, leaves in state.open
        }

    def _pack(self, leaf: list[Any]) -> list[Any]:
        return [*(a.pack(leaf[i]) for i, a in enumerate(self._aggregators)), leaf[-1]]

    def _unpack(self, wire: list[Any]) -> list[Any]:
        return [*(a.unpack(wire[i]) for i, a in enumerate(self._aggregators)), wire[-1]]


def _cuts(places: Sequence[Place], columns: Sequence[Sequence[Any]]) -> Iterator[slice]:
    """Rows in pieces of about the same size; one piece where there are no rows."""
    first, size = 0, 0
    for row, place in enumerate(places):
        size += sum(_size(value) for value in place) + sum(_size(column[row]) for column in columns)
        if size >= BLOCK_BYTES:
            yield slice(first, row + 1)
            first, size = row + 1, 0
    if first < len(places) or not places:
        yield slice(first, len(places))


def _size(packed: Any) -> int:
    """About how many bytes a value takes on the wire."""
    match packed:
        case bytes() | str():
            return len(packed) + 5
        case list() | tuple():
            return 5 + sum(map(_size, packed))
        case dict():
            return 5 + sum(_size(key) + _size(value) for key, value in packed.items())
        case _:
            return 9

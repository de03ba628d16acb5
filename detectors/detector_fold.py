"""Events of one source partition → the open intervals of one detector, and their Partials.

An interval is open until the watermark, the partition's newest time less the detector's lateness, is past
its end. Its Partials are told then; before, where the partition is idle or a rule asks for early news.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.aggregation import columns
from detectors.clock import LONG_AGO, Judged
from detectors.config import Detector
from detectors.intake import Lack, Taken
from detectors.intervals import MILLISECOND, Intervals
from detectors.leaves import Leaves, LeavesState
from detectors.loop import Cell, Loop
from detectors.places import LONGEST, OTHER, roller, shard_of, text
from detectors.records import Event, Partial, Place, Value, Watermark

#: No Partial is sent in one message that is larger, in bytes.
BLOCK_BYTES = 512 * 1024
#: How many times an open interval is told of where a rule asks for early news.
LOOKS = 10


class OpenInterval(msgspec.Struct):
    """What an open interval holds so far."""

    start: int
    end: int
    events: int
    #: Leaves, and in the place of those for which there is no room, roll-ups.
    cells: dict[Place, Cell]
    #: What had been heard when Partials were last sent for this interval.
    sent: int = 0
    #: The earliest event time, where somebody asks for early news.
    first: int | None = None
    #: The cells of leaves by their values as events have them: what the loop looks up.
    leaves: dict[Place, Cell] = {}
    #: What else came, and what it lacks.
    taken: Taken = msgspec.field(default_factory=Taken)

    @property
    def heard(self) -> int:
        """All that came, used or not: with more of it, there is more to tell."""
        return self.events + self.taken.late + self.taken.invalid


class StoredInterval(msgspec.Struct):
    """An open interval as it is stored: accumulators in wire form."""

    start: int
    end: int
    events: int
    cells: list[tuple[Place, list[Any]]]
    first: int | None = None
    taken: Taken = msgspec.field(default_factory=Taken)


class DetectorFoldState(msgspec.Struct):
    """A detector as it is stored."""

    fingerprint: str
    announced: int
    #: No interval that begins before this is measured.
    since: int
    #: Start of the newest interval that was ever open.
    latest: int
    open: list[StoredInterval]
    leaves: LeavesState


class DetectorFold:
    """The open intervals of one detector in one partition."""

    def __init__(self, detector: Detector, partition: int, partitions: int, *, early: bool = False) -> None:
        self.name = detector.name
        #: After so many milliseconds more of an open interval is told; None where nobody asks for that.
        self._look = detector.interval // LOOKS // MILLISECOND if early else None
        #: Events that the detector's own filter left out.
        self.filtered = 0
        self._detector = detector
        self._fingerprint = detector.fingerprint
        self._partition = partition
        self._partitions = partitions
        self._lateness = detector.lateness // MILLISECOND
        self._intervals = Intervals(detector.interval, detector.timezone)
        measures = columns(detector)
        self._aggregators = [aggregate for _, aggregate in measures]
        self._loop = Loop(detector, measures)
        self._roll_ups = [roller(kept) for kept in detector.subsets]
        self._open: dict[int, OpenInterval] = {}
        self._latest = LONG_AGO
        self.leaves = Leaves(detector.most_places * detector.shards, detector.subsets)
        #: No interval that begins before this is measured: the detector came or changed within it.
        self._since = LONG_AGO
        self._announced = LONG_AGO
        self._was_idle = False

    def add(self, judged: Judged) -> Sequence[int]:
        """Add events; returns by how many milliseconds those are late that are."""
        events, late, newest = judged.events, [], []
        keep = judged.times >= self._since
        self.filtered += len(events) - int(np.count_nonzero(keep))
        # Only what is behind by more than the lateness can have missed its interval.
        behind = judged.newest - judged.times > self._lateness
        for i in np.flatnonzero(behind & keep).tolist():
            end = self._intervals.end(self._intervals.start(int(judged.times[i])))
            watermark = int(judged.newest[i]) - self._lateness
            if end <= watermark:
                keep[i] = False
                late.append(watermark - end)
                newest.append(int(judged.newest[i]))
        if not keep.all():
            events = list(compress(events, keep.tolist()))
        self.filtered += self._loop.add_all(events, self._enter, self._meet)
        # When all events are in, so that intervals open in the order of events.
        for time in newest:
            self._enter(time).taken.late += 1
        if self._look is not None:
            self._note_first(judged.times[keep])
        return late

    def refuse(self, time: int, records: int) -> None:
        """Take note of records that cannot be used, read when this was the newest time."""
        if time >= self._since:
            self._enter(time).taken.invalid += records

    def _note_first(self, times: NDArray[np.int64]) -> None:
        """When the source was first heard in each interval: its filter leaves no event out here either."""
        for interval in self._open.values():
            mine = times[(times >= interval.start) & (times < interval.end)]
            if len(mine):
                first = int(mine.min())
                interval.first = first if interval.first is None else min(first, interval.first)

    def _enter(self, time: int) -> OpenInterval:
        start = self._intervals.start(time)
        interval = self._open.get(start)
        if interval is None:
            if start > self._latest:
                latest = self._open.get(self._latest)
                if latest is not None:
                    self.leaves.review({place: cell[0] for place, cell in latest.cells.items()})
                self._latest = start
            taken = Taken([0] * self._loop.counters)
            interval = self._open[start] = OpenInterval(start, self._intervals.end(start), 0, {}, taken=taken)
        return interval

    def _meet(self, interval: OpenInterval, leaf: Place, event: Event) -> Cell | None:
        """The cell of a leaf that the loop does not find; None if its event is counted elsewhere."""
        place = tuple(map(text, leaf))
        cell = interval.cells.get(place)
        if cell is None:
            if not self.leaves.admits(place):
                counts: Sequence[int] = ()
                for instead in self.leaves.instead(place):
                    counts = self._loop.add_one(event, self._cell(interval.cells, instead))
                interval.taken.count(counts)
                interval.taken.turn_away(place, 1)
                return None
            cell = self._cell(interval.cells, place)
        # Not by values that a stranger has made long, however many there are of them.
        if all(value is None or len(value) <= LONGEST for value in leaf):
            interval.leaves[leaf] = cell
        return cell

    def add_many(
        self, time: int, leaf: Sequence[Value], events: int, cell: Cell | None, lacks: Sequence[Lack]
    ) -> None:
        """Add events of one leaf and interval, counted elsewhere; no cell: the filter leaves them out.

        `lacks` says what they lack, by additive measure. A cell that comes from elsewhere has no evidence.
        """
        interval = self._enter(time)
        interval.events += events
        if cell is None:
            self.filtered += events
            return
        cell = [*cell, *(a.start() for a in self._aggregators[len(cell) - 1 :])]
        place: Place = tuple(map(text, leaf))
        if place in interval.cells or self.leaves.admits(place):
            into = [place]
        else:
            into = self.leaves.instead(place)
            interval.taken.turn_away(place, events)
        for each in into:
            self._merge(self._cell(interval.cells, each), cell)
        interval.taken.count_many(lacks, self._loop.counters_of)

    def _cell(self, cells: dict[Place, Cell], place: Place) -> Cell:
        cell = cells.get(place)
        if cell is None:
            cell = cells[place] = [0, *(a.start() for a in self._aggregators)]
        return cell

    def ready(self, newest: int) -> Iterator[Partial | Watermark]:
        """The intervals that end before the watermark, then the watermark, if it passed a border."""
        watermark = newest - self._lateness
        border = self._intervals.start(watermark)
        if self._look is not None:
            border += (watermark - border) // self._look * self._look
        if border <= self._announced and not self._was_idle:
            return
        for start in sorted(self._open):
            if self._open[start].end <= watermark:
                yield from self._partials(self._open.pop(start))
        if self._look is not None:
            yield from self._so_far()
        yield from self._watermarks(watermark, idle=False)
        self._announced = border
        self._was_idle = False

    def idle(self, newest: int | None, carried: int) -> Iterator[Partial | Watermark]:
        """All that is open and has changed since it was said, and that there is nothing to read."""
        yield from self._so_far()
        yield from self._watermarks(None if newest is None else newest - self._lateness + carried, idle=True)
        self._was_idle = True

    def _so_far(self) -> Iterator[Partial]:
        for start in sorted(self._open):
            interval = self._open[start]
            if interval.heard > interval.sent:
                interval.sent = interval.heard
                yield from self._partials(interval)

    def end(self, newest: int | None) -> Iterator[Partial | Watermark]:
        """All that is open, and that there is no more to come."""
        time = max((interval.end for interval in self._open.values()), default=newest)
        for start in sorted(self._open):
            yield from self._partials(self._open.pop(start))
        yield from self._watermarks(time, idle=True)

    def _watermarks(self, time: int | None, *, idle: bool) -> Iterator[Watermark]:
        for shard in range(self._detector.shards):
            yield Watermark(
                self.name, self._fingerprint, self._partition, shard, self._partitions, time, idle
            )

    def _partials(self, interval: OpenInterval) -> Iterator[Partial]:
        shards = self._detector.shards
        rows: list[list[tuple[Place, Cell]]] = [[] for _ in range(shards)]
        for row in self._roll_up(interval.cells).items():
            rows[shard_of(self.name, row[0], shards) if shards > 1 else 0].append(row)
        dimensions = len(self._detector.dimensions)
        for shard, mine in enumerate(rows):
            places = [place for place, _ in mine]
            volumes = [cell[0] for _, cell in mine]
            packed = [[a.pack(cell[i]) for _, cell in mine] for i, a in enumerate(self._aggregators, 1)]
            for block, cut in enumerate(_cuts(places, packed, slice(0, len(places)))):
                intake = None
                if shard == block == 0:
                    intake = interval.taken.intake(interval.cells, self._loop.counters_of, dimensions)
                yield Partial(
                    self.name, self._fingerprint, self._partition, shard, block, interval.start, interval.end,
                    interval.events, places[cut], volumes[cut], [column[cut] for column in packed],
                    interval.first, intake,
                )  # fmt: skip

    def _roll_up(self, cells: dict[Place, Cell]) -> dict[Place, Cell]:
        """Every monitored roll-up of the leaves, and the leaves."""
        rows: dict[Place, Cell] = {}
        for roll_up in self._roll_ups:
            for place, cell in cells.items():
                if None not in place and OTHER not in place:
                    self._merge(self._cell(rows, roll_up(place)), cell)
        for place, cell in cells.items():
            if None in place or OTHER in place:
                self._merge(self._cell(rows, place), cell)
        return rows

    def _merge(self, into: Cell, cell: Cell) -> None:
        into[0] += cell[0]
        for i, aggregate in enumerate(self._aggregators, 1):
            into[i] = aggregate.merge(into[i], cell[i])

    def save(self) -> DetectorFoldState:
        """The state as it is stored."""
        stored = [
            StoredInterval(
                o.start,
                o.end,
                o.events,
                [(p, self._pack(cell)) for p, cell in o.cells.items()],
                o.first,
                o.taken,
            )
            for o in self._open.values()
        ]
        return DetectorFoldState(
            self._fingerprint, self._announced, self._since, self._latest, stored, self.leaves.save()
        )

    def load(self, state: DetectorFoldState | None, newest: int | None) -> None:
        """Go on from a stored state; with the next interval if it is of another configuration."""
        if state is None or state.fingerprint != self._fingerprint:
            # Nor one of which events were already measured as it was configured before.
            measured = [interval.end - 1 for interval in state.open] if state is not None else []
            latest = max([newest, *measured] if newest is not None else measured, default=None)
            if latest is not None:
                self._since = self._intervals.end(self._intervals.start(latest))
            return
        self._announced, self._since, self._latest = state.announced, state.since, state.latest
        # That the partition is idle may have been said after this state was stored.
        self._was_idle = True
        self._open = {
            o.start: OpenInterval(
                o.start,
                o.end,
                o.events,
                {p: self._unpack(wire) for p, wire in o.cells},
                first=o.first,
                taken=self._known(o.taken),
            )
            for o in state.open
        }
        self.leaves.load(state.leaves)

    def _known(self, taken: Taken) -> Taken:
        """What was stored, with counters also where an earlier version had none."""
        return msgspec.structs.replace(taken, counts=list(taken.counts) or [0] * self._loop.counters)

    def _pack(self, cell: Cell) -> list[Any]:
        return [cell[0], *(a.pack(cell[i]) for i, a in enumerate(self._aggregators, 1))]

    def _unpack(self, wire: list[Any]) -> Cell:
        return [wire[0], *(a.unpack(wire[i]) for i, a in enumerate(self._aggregators, 1))]


def _cuts(places: Sequence[Place], columns: Sequence[Sequence[Any]], rows: slice) -> Iterator[slice]:
    """Rows in pieces that are small enough to send; one piece where there are no rows."""
    half = (rows.start + rows.stop) // 2
    size = len(msgspec.msgpack.encode((places[rows], [column[rows] for column in columns])))
    if size <= BLOCK_BYTES or half == rows.start:
        yield rows
    else:
        yield from _cuts(places, columns, slice(rows.start, half))
        yield from _cuts(places, columns, slice(half, rows.stop))

"""Partials → Intervals: an interval closes once, when every partition of the source has passed it.

What a partition says of an interval replaces what it said before, as a whole; then partitions are
merged. What has closed stays as it is: a Partial that comes after is counted and left out. All of it
depends on the records and their order in the log alone, so that a replay closes the same intervals
with the same values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from detectors.aggregation import columns
from detectors.config import Detector
from detectors.intake import together
from detectors.intervals import MILLISECOND, Intervals
from detectors.merging import Merger
from detectors.records import HISTORY, Intake, Interval, LiveFrom, Partial, Watermark

#: What a partition says of an interval: its Partials by block, all of which have counted the same events.
Account = dict[int, Partial]

#: Empty intervals in a row that are told. A longer gap is no silence but a leap: of a source that was
#: off for weeks, or of one wrong event in the distant past.
MOST_EMPTY = 3_000


class Progress(msgspec.Struct):
    """How far one source partition is."""

    time: int | None
    idle: bool
    #: For an idle partition: how far the others were when it last said that it is idle, and when it
    #: said so the time before.
    heard: int | None = None
    vouched: int | None = None
    #: The greatest time that it has reached by events: its Partials up to then are final.
    passed: int | None = None
    #: Start of each interval that closed before → the events of this partition that are in it.
    closed: dict[int, int] = {}
    #: Of the same, where there are any: its late events, and its records that could not be used.
    unused: dict[int, tuple[int, int]] = {}


class CloserState(msgspec.Struct):
    """A Closer as it is stored."""

    fingerprint: str
    closed_through: int | None
    watermark: int | None
    begins: bool
    partitions: int
    progress: dict[int, Progress]
    open: list[Partial]
    told: list[Partial]
    live_from: int | None = None
    history: int | None = None
    since: Intake | None = None

    @classmethod
    def begun(cls, fingerprint: str) -> CloserState:
        """That of a Closer that has heard nothing."""
        return cls(fingerprint, None, None, False, 0, {}, [], [])


class BadPartial(ValueError):
    """A Partial that is not made as those of its detector are."""


class Closer:
    """The open intervals of one shard of a detector, by source partition."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        #: End of the last closed interval; None until the first one.
        self.closed_through: int | None = None
        #: No event before it is expected from any partition; never moves back.
        self.watermark: int | None = None
        #: Events that came after their interval had closed.
        self.late = 0
        #: What came of closed intervals, and is told with the next one.
        self._since: Intake | None = None
        #: The configuration has changed: partitions begin to measure it at borders of their own.
        self._begins = False
        #: Before this, history says what was; up to there it has come.
        self._live_from: int | None = None
        self._history: int | None = None
        self._partitions = 0
        self._progress: dict[int, Progress] = {}
        #: Start of the interval → partition → its account, of which all blocks are there.
        self._open: dict[int, dict[int, Account]] = {}
        #: Partition → start → what it has said since its last Watermark.
        self._told: dict[int, dict[int, Account]] = {}
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._merger = Merger(detector)
        #: The types of the columns of a Partial.
        self._columns = [aggregate.column for _, aggregate in columns(detector)]

    def add(self, record: Partial | Watermark | LiveFrom) -> Iterator[Interval]:
        """Take in a record; yields the intervals that it closes, in order, empty ones included.

        Raises:
            BadPartial: it cannot be merged with others, and is left out.
        """
        if isinstance(record, LiveFrom):
            self._await_history(record.time)
            return
        if isinstance(record, Partial):
            self._add_partial(record)
            return
        self._confirm(record.partition)
        self._add_watermark(record)
        yield from self._close()

    def _await_history(self, live_from: int) -> None:
        """Let history say what was before a time; said again after a crash, that changes nothing."""
        if self.closed_through is not None and self.closed_through >= live_from:
            return
        self._live_from, self._begins = live_from, False
        for start in [start for start in self._open if start < live_from]:
            accounts = self._open.pop(start)
            if HISTORY in accounts:
                self._open[start] = {HISTORY: accounts[HISTORY]}

    def _add_partial(self, partial: Partial) -> None:
        self._check(partial)
        if self._has_closed(partial):
            # Every block tells of all events.
            if partial.block == 0:
                self._count_late(partial)
            return
        account = self._told.setdefault(partial.partition, {}).setdefault(partial.start, {})
        if account and _events(account) < partial.events:
            account.clear()
        # A partition only ever counts more: with fewer events it is one that was overtaken.
        if not account or _events(account) == partial.events:
            account[partial.block] = partial

    def _is_history(self, start: int) -> bool:
        return self._live_from is not None and start < self._live_from

    def _check(self, partial: Partial) -> None:
        rows, additive = len(partial.places), len(self.detector.additive)
        asked = len(self._columns)
        lengths = {len(partial.volumes), *map(len, partial.columns)}
        if lengths != {rows} or len(partial.columns) != asked:
            message = f"a Partial of {rows} places needs as many volumes, and {asked} columns as long"
            raise BadPartial(message)
        try:
            for column, kind in zip(partial.columns, self._columns, strict=True):
                msgspec.convert(column, kind, builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            message = f"the columns of a Partial are not as its measures have them: {error}"
            raise BadPartial(message) from error
        if not {len(self.detector.dimensions)}.issuperset(map(len, partial.places)):
            message = f"a place of {self.detector.name!r} has {len(self.detector.dimensions)} values"
            raise BadPartial(message)
        intake = partial.intake
        if intake is not None:
            counts = len(intake.missing), len(intake.asked), len(intake.without)
            if counts != (len(self.detector.dimensions), additive, additive):
                message = "an Intake says something of each dimension, and of each additive measure"
                raise BadPartial(message)

    def _has_closed(self, partial: Partial) -> bool:
        return self.closed_through is not None and partial.end <= self.closed_through

    def _confirm(self, partition: int) -> None:
        """Believe what a partition has told: its Watermark comes after the last block."""
        for start, account in self._told.pop(partition, {}).items():
            if partition != HISTORY and self._is_history(start):
                continue
            first = account[min(account)]
            if self._has_closed(first):
                self._count_late(first)
                continue
            known = self._open.setdefault(start, {}).setdefault(partition, account)
            if _events(known) == first.events:
                known.update(account)
            elif _events(known) < first.events:
                self._open[start][partition] = account

    def _count_late(self, partial: Partial) -> None:
        if partial.partition == HISTORY or self._is_history(partial.start):
            return  # It is sent again after a crash, or counts for nothing.
        progress = self._progress.get(partial.partition)
        if progress is None:
            self._add_late(partial.events, *_unused(partial))
            return
        if progress.passed is not None and partial.end <= progress.passed:
            return  # What was final is sent again after a crash.
        counted = progress.closed.get(partial.start, 0)
        late, invalid = progress.unused.get(partial.start, (0, 0))
        now_late, now_invalid = (max(pair) for pair in zip(_unused(partial), (late, invalid), strict=True))
        self._add_late(max(0, partial.events - counted), now_late - late, now_invalid - invalid)
        progress.closed[partial.start] = max(partial.events, counted)
        if now_late or now_invalid:
            progress.unused[partial.start] = now_late, now_invalid

    def _add_late(self, events: int, late: int, invalid: int) -> None:
        """Take note of what has come of a closed interval; of `late` events the partition itself knows."""
        self.late += events
        if events or late or invalid:
            self._since = together([self._since, Intake(late=events + late, invalid=invalid)])

    def _add_watermark(self, news: Watermark) -> None:
        if news.partition == HISTORY:
            self._history = news.time
        else:
            self._hear(news)
        reached = self._reached()
        if reached is not None and (self.watermark is None or reached > self.watermark):
            self.watermark = reached

    def _hear(self, news: Watermark) -> None:
        self._partitions = news.partitions
        progress = self._progress.setdefault(news.partition, Progress(None, idle=True))
        progress.time, progress.idle = news.time, news.idle
        if news.idle:
            progress.vouched, progress.heard = progress.heard, self._slowest_active()
        else:
            progress.vouched = progress.heard = None
            self._pass(progress)

    def _pass(self, progress: Progress) -> None:
        if progress.time is None or (progress.passed is not None and progress.time <= progress.passed):
            return
        progress.passed = progress.time
        passed = [start for start in progress.closed if self._intervals.end(start) <= progress.time]
        for start in passed:
            del progress.closed[start]
            progress.unused.pop(start, None)

    def _slowest_active(self) -> int | None:
        return min(
            (p.time for p in self._progress.values() if not p.idle and p.time is not None), default=None
        )

    def _reached(self) -> int | None:
        """The time that all have passed: the history up to where the source is live, then its partitions."""
        if self._live_from is None:
            return self._reached_live()
        if self._history is None or self._history < self._live_from:
            return self._history
        return max(self._live_from, self._reached_live() or 0)

    def _reached_live(self) -> int | None:
        """The time that all partitions have passed.

        An idle partition does not hold the others back, but it vouches only for what they had
        reached one message of it ago: its next events may be on their way together with the ones
        that have just moved the others.
        """
        if len(self._progress) < self._partitions:
            return None
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
        if self._begins:
            self.closed_through = max(self._first_whole(), self.closed_through or 0)
            self._begins = False
        if self.closed_through is None:
            # An earlier interval may still come, until all partitions have passed the end of the first.
            if not self._open or self._intervals.end(first := min(self._open)) > self.watermark:
                return
            self.closed_through = first
        empty = 0
        while (end := self._intervals.end(self.closed_through)) <= self.watermark:
            start = self.closed_through
            empty = 0 if start in self._open else empty + 1
            if empty > MOST_EMPTY:
                self.closed_through = min([*self._open, self._intervals.start(self.watermark)])
                continue
            accounts = self._open.pop(start, {})
            self._remember(start, end, accounts)
            self.closed_through = end
            interval = self._merger.merge(start, end, _in_order(accounts))
            since, self._since = self._since, None
            if since is not None:
                interval = msgspec.structs.replace(interval, intake=together([interval.intake, since]))
            yield interval

    def so_far(self, start: int) -> Interval:
        """What partitions have told of an interval that is still open."""
        return self._merger.merge(start, self._intervals.end(start), _in_order(self._open.get(start, {})))

    def _remember(self, start: int, end: int, accounts: Mapping[int, Account]) -> None:
        for partition, account in accounts.items():
            progress = self._progress.get(partition)
            if progress is not None and (progress.passed is None or progress.passed < end):
                progress.closed[start] = _events(account)
                if any(unused := _unused(account[min(account)])):
                    progress.unused[start] = unused

    def _first_whole(self) -> int:
        """Start of the first interval that every partition has measured from its beginning."""
        newest = max(p.time for p in self._progress.values() if p.time is not None)
        return self._intervals.end(self._intervals.start(newest + self.detector.lateness // MILLISECOND))

    def save(self) -> CloserState:
        """The state as it is stored."""
        return CloserState(
            self.detector.fingerprint, self.closed_through, self.watermark, self._begins, self._partitions,
            self._progress,
            [partial for accounts in self._open.values() for partial in _in_order(accounts)],
            [partial for accounts in self._told.values() for partial in _in_order(accounts)],
            self._live_from, self._history, self._since,
        )  # fmt: skip

    def load(self, state: CloserState) -> None:
        """Go on from a stored state; a changed detector begins with the first interval it has whole."""
        if state.fingerprint != self.detector.fingerprint:
            self._begins = True
            if state.closed_through is not None:
                # What has closed stays closed, also where the new borders are others.
                self.closed_through = self._intervals.end(self._intervals.start(state.closed_through - 1))
            return
        self.closed_through, self.watermark = state.closed_through, state.watermark
        self._begins, self._partitions, self._progress = state.begins, state.partitions, state.progress
        self._live_from, self._history, self._since = state.live_from, state.history, state.since
        for partial in state.open:
            accounts = self._open.setdefault(partial.start, {})
            accounts.setdefault(partial.partition, {})[partial.block] = partial
        for partial in state.told:
            accounts = self._told.setdefault(partial.partition, {})
            accounts.setdefault(partial.start, {})[partial.block] = partial


def _events(account: Account) -> int:
    return next(iter(account.values())).events


def _unused(partial: Partial) -> tuple[int, int]:
    """Its late events, and its records that could not be used."""
    return (0, 0) if partial.intake is None else (partial.intake.late, partial.intake.invalid)


def _in_order(accounts: Mapping[int, Account]) -> list[Partial]:
    return [account[block] for _, account in sorted(accounts.items()) for block in sorted(account)]

"""First hop: source records → Partials, on the partition where the events arrived."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter

from faust.types import TP

from detectors import state
from detectors.clock import NO_TIMESTAMP, Refused
from detectors.folding import Fold, FoldState
from detectors.records import Partial, Watermark, event_type
from streams.dead_letters import DeadLetter, of_record
from streams.formats import Format, make_format, parse_all
from streams.hop import Hop, Message, Wiring
from streams.metrics import remove
from streams.partials import partial_messages
from streams.tables import Snapshot, SnapshotTable
from streams.transport import Record


class FoldStep:
    """One source partition."""

    def __init__(self, fold: Fold, format_: Format, source: str, wiring: Wiring) -> None:
        self.fold = fold
        self._format = format_
        self._source = source
        self._tp = TP(wiring.config.streamed[source].topic, fold.partition)
        self._names = wiring.names
        self._metrics = wiring.metrics
        self._partitions = wiring.partials
        #: The last record that an earlier run took, until it is known how long ago that was.
        self._from_before: int | None = None if fold.arrived is None else fold.offset
        # From the start there is a count of what was read, even if all of it is refused.
        wiring.metrics.events.labels(source)

    @property
    def offset(self) -> int:
        """The last record folded."""
        return self.fold.offset

    def take(self, records: Sequence[Record]) -> Iterable[Message]:
        """Fold records; what cannot be folded becomes a dead letter that says why."""
        events, rows, bad = parse_all(self._format, [record.value or b"" for record in records])
        letters = [
            self._dead(of_record(self._source, self._tp, records[row], error.reason, str(error)))
            for row, error in bad
        ]
        # What a replay's records were stamped with says nothing.
        timestamps = _timestamps(records, rows) if self.fold.live else [NO_TIMESTAMP] * len(rows)
        last = records[-1]
        refused = self.fold.fold_all(_offsets(records, rows), timestamps, events, last.offset, last.timestamp)
        self.fold.refuse(len(bad))
        return [*letters, *(self._dead(self._letter(records, refusal)) for refusal in refused)]

    def _letter(self, records: Sequence[Record], refused: Refused) -> DeadLetter:
        at = bisect_left(records, refused.offset, key=attrgetter("offset"))
        if records[at].offset == refused.offset:
            return of_record(self._source, self._tp, records[at], refused.reason, refused.detail)
        # One that was set aside earlier: its bytes are in the source topic, at these coordinates.
        return DeadLetter(self._source, *self._tp, refused.offset, refused.reason, refused.detail)

    def _dead(self, letter: DeadLetter) -> Message:
        self._metrics.events_invalid.labels(self._source, letter.reason).inc()
        self._metrics.dead_letters.labels(self._source).inc()
        return letter.message(self._names.dead_letters)

    def settle(self) -> Iterable[Message]:
        """The Partials that are finished; counts into the metrics."""
        self._count()
        return self._messages(self.fold.ready())

    def tick(self, silent_seconds: float) -> Iterable[Message]:
        """What is held so far, for a partition that is read to its end and silent."""
        return self._messages(self.fold.idle(int(silent_seconds * 1000)))

    def _messages(self, records: Iterable[Partial | Watermark]) -> list[Message]:
        return partial_messages(records, self._names.partials, self._partitions)

    def _count(self) -> None:
        fold, metrics = self.fold, self._metrics
        metrics.events.labels(self._source).inc(fold.events)
        fold.events = 0
        for detector, milliseconds in fold.late:
            metrics.events_late.labels(detector).inc()
            metrics.event_lateness.labels(detector).observe(milliseconds / 1000)
        fold.late.clear()
        for part in fold.detectors:
            metrics.events_filtered.labels(part.name).inc(part.filtered)
            metrics.events_other.labels(part.name).inc(part.leaves.turned_away)
            part.filtered = part.leaves.turned_away = 0
        if fold.newest is not None:
            metrics.last_event.labels(self._source, str(fold.partition)).set(fold.newest / 1000)

    def silence_at_start(self, now: int) -> float | None:
        """How long ago the last record came, in seconds; None if it came in this run, or that was said."""
        before, self._from_before = self._from_before, None
        if before != self.offset or self.fold.arrived is None:
            return None
        return max(0.0, (now - self.fold.arrived) / 1000)

    def save(self) -> Snapshot:
        """The open intervals, which are all there is."""
        return Snapshot(self.offset, state.encode(self.fold.save()))

    def referred(self) -> frozenset[bytes]:
        """No blocks: what is large is cut where it is stored."""
        return frozenset()

    def retire(self) -> None:
        """Take back how far the partition is."""
        remove(self._metrics.last_event, self._source, str(self.fold.partition))


def _offsets(records: Sequence[Record], rows: Sequence[int]) -> Sequence[int]:
    first, last = records[0].offset, records[-1].offset
    if isinstance(rows, range) and last - first + 1 == len(records):
        # One event a record, and no record missing.
        return range(first, last + 1)
    return [records[row].offset for row in rows]


def _timestamps(records: Sequence[Record], rows: Sequence[int]) -> list[int]:
    stamps = (records[row].timestamp for row in rows)
    return [NO_TIMESTAMP if stamp is None else stamp for stamp in stamps]


class FoldHop(Hop[FoldStep]):
    """Folds one source."""

    stride = 5_000

    def __init__(self, wiring: Wiring, source: str, table: SnapshotTable, partitions: int) -> None:
        super().__init__(wiring, wiring.config.streamed[source].topic, table)
        self.source = source
        self.partitions = partitions
        self._fields = wiring.config.fields_of(source)
        self._format = make_format(source, wiring.config.streamed[source], self._fields)

    def hear_time(self, partition: int, now: int) -> None:
        """Count a silence from the last record on, though the worker was started again since.

        By the clock of the broker, in milliseconds: that of the host may have jumped.
        """
        step = self._steps.get(partition)
        silence = None if step is None else step.silence_at_start(now)
        if silence is not None:
            self.was_silent(partition, silence)

    def load(self, partition: int, head: bytes | None) -> FoldStep:
        """Make the step of a source partition."""
        fold = Fold(self.wiring.config, self.source, partition, self.partitions)
        if head is not None:
            fold.load(state.decode(head, FoldState), event_type(self._fields))
        return FoldStep(fold, self._format, self.source, self.wiring)

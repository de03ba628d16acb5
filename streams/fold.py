"""First hop: source records → Partials, on the partition where the events arrived."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
from aiokafka import ConsumerRecord

from detectors import state
from detectors.folding import Fold, FoldState, Refused
from detectors.records import Partial, Watermark, event_type
from streams.dead_letters import DeadLetter, of_record
from streams.formats import BadEvent, Format, make_format
from streams.hop import Hop, Message, Wiring
from streams.metrics import Metrics, remove
from streams.names import Names
from streams.tables import Snapshot, SnapshotTable

_encode = msgspec.msgpack.Encoder().encode


class FoldStep:
    """One source partition."""

    def __init__(self, fold: Fold, format_: Format, source: str, names: Names, metrics: Metrics) -> None:
        self.fold = fold
        self._parse = format_.parse
        self._source = source
        self._names = names
        self._metrics = metrics
        # From the start there is a count of what was read, even if all of it is refused.
        metrics.events.labels(source)

    @property
    def offset(self) -> int:
        """The last record folded."""
        return self.fold.offset

    def take(self, records: Sequence[ConsumerRecord]) -> Iterable[Message]:
        """Fold records; what cannot be folded becomes a dead letter that says why."""
        for record in records:
            yield from self._take(record)

    def _take(self, record: ConsumerRecord) -> Iterable[Message]:
        try:
            events = self._parse(record.value or b"")
        except BadEvent as error:
            self.fold.fold(record.offset, record.timestamp, ())
            return [self._dead(of_record(self._source, record, error.reason, str(error)))]
        refused = self.fold.fold(record.offset, record.timestamp, events)
        return [self._dead(self._letter(record, refusal)) for refusal in refused]

    def _letter(self, record: ConsumerRecord, refused: Refused) -> DeadLetter:
        if refused.offset == record.offset:
            return of_record(self._source, record, refused.reason, refused.detail)
        # One that was set aside earlier: its bytes are in the source topic, at these coordinates.
        return DeadLetter(
            self._source, record.topic, record.partition, refused.offset, refused.reason, refused.detail
        )

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
        return [Message(self._names.partials, r.detector.encode(), _encode(r)) for r in records]

    def _count(self) -> None:
        fold, metrics = self.fold, self._metrics
        metrics.events.labels(self._source).inc(fold.events)
        fold.events = 0
        for detector, milliseconds in fold.late:
            metrics.events_late.labels(detector).inc()
            metrics.event_lateness.labels(detector).observe(milliseconds / 1000)
        fold.late.clear()
        for detector, events in fold.filtered.items():
            metrics.events_filtered.labels(detector).inc(events)
        fold.filtered.clear()
        if fold.newest is not None:
            metrics.last_event.labels(self._source, str(fold.partition)).set(fold.newest / 1000)

    def save(self) -> Snapshot:
        """The open intervals, which are all there is."""
        return Snapshot(self.offset, state.encode(self.fold.save()))

    def referred(self) -> frozenset[bytes]:
        """No blocks: what is large is cut where it is stored."""
        return frozenset()

    def retire(self) -> None:
        """Take back how far the partition is."""
        remove(self._metrics.last_event, self._source, str(self.fold.partition))


class FoldHop(Hop[FoldStep]):
    """Folds one source."""

    stride = 5_000

    def __init__(self, wiring: Wiring, source: str, table: SnapshotTable, partitions: int) -> None:
        super().__init__(wiring, wiring.config.sources[source].topic, table)
        self.source = source
        self.partitions = partitions
        self._fields = wiring.config.fields_of(source)
        self._format = make_format(source, wiring.config.sources[source], self._fields)

    def away(self, step: FoldStep) -> float:
        """A silence has lasted since the last record came, not since the worker was started again."""
        arrived = step.fold.arrived
        return 0.0 if arrived is None else max(0.0, time.time() - arrived / 1000)

    def load(self, partition: int, head: bytes | None) -> FoldStep:
        """Make the step of a source partition."""
        fold = Fold(self.wiring.config, self.source, partition, self.partitions)
        if head is not None:
            fold.load(state.decode(head, FoldState), event_type(self._fields))
        return FoldStep(fold, self._format, self.source, self.wiring.names, self.wiring.metrics)

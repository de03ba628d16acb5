"""Second hop: Partials → scores; merges the source partitions, closes intervals, scores and learns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
from aiokafka import ConsumerRecord

from detectors import state
from detectors.closing import Closer, CloserState
from detectors.config import Detector
from detectors.records import Interval, Partial, Watermark
from detectors.scorer import Block, Scorer, ScorerState
from streams.hop import Hop, Message, Wiring
from streams.metrics import remove
from streams.tables import Snapshot, SnapshotTable, block_key, blocks

_decode = msgspec.msgpack.Decoder(Partial | Watermark).decode
_encode = msgspec.json.Encoder().encode


class DetectorHead(msgspec.Struct):
    """One detector in the head of a snapshot."""

    closer: CloserState
    scorer: ScorerState
    #: The last record taken when the blocks were written, which names them.
    offset: int
    blocks: int

    def keys(self, partition: int, detector: str) -> list[bytes]:
        """The keys of the blocks."""
        return [block_key(partition, detector, self.offset, number) for number in range(self.blocks)]


class ScoreHead(msgspec.Struct):
    """The head of a snapshot."""

    offset: int
    detectors: dict[str, DetectorHead]


class _Lane:
    """One detector in this partition."""

    def __init__(self, detector: Detector) -> None:
        self.closer = Closer(detector)
        self.scorer = Scorer(detector)
        self.fingerprint = detector.fingerprint
        #: What was saved last, and whether something has changed since.
        self.saved: DetectorHead | None = None
        self.changed = True
        self.counted_late = 0
        self.counted_rejected = 0


class ScoreStep:
    """One partition of the partials: the detectors whose names hash to it."""

    def __init__(self, partition: int, wiring: Wiring) -> None:
        self.offset = -1
        self.lanes: dict[str, _Lane] = {}
        self._partition = partition
        self._config = {detector.name: detector for detector in wiring.config.detectors}
        self._names = wiring.names
        self._metrics = wiring.metrics
        #: Delays are those of what ends while the worker runs, not those of history.
        self._since = time.time()

    def lane(self, detector: str) -> _Lane | None:
        """The lane of a detector; None where the configuration knows it no more."""
        if detector not in self.lanes and detector in self._config:
            self.lanes[detector] = _Lane(self._config[detector])
            self._metrics.close_delay.labels(detector)
        return self.lanes.get(detector)

    def take(self, records: Sequence[ConsumerRecord]) -> Iterable[Message]:
        """Take in Partials and Watermarks, and score the intervals that they close."""
        for record in records:
            yield from self._take(record)

    def _take(self, record: ConsumerRecord) -> Iterable[Message]:
        self.offset = record.offset
        news = _decode(record.value)
        lane = self.lane(news.detector)
        # What was folded under another configuration measures something else.
        if lane is None or news.fingerprint != lane.fingerprint:
            return
        lane.changed = True
        for interval in lane.closer.add(news):
            yield self._score(lane, interval)

    def _score(self, lane: _Lane, interval: Interval) -> Message:
        started = time.perf_counter()
        scores = lane.scorer.score(interval)
        message = Message(self._names.scores, interval.detector.encode(), _encode(scores))
        metrics, detector = self._metrics, interval.detector
        metrics.score_seconds.labels(detector).observe(time.perf_counter() - started)
        metrics.intervals.labels(detector).inc()
        if interval.end / 1000 >= self._since:
            metrics.close_delay.labels(detector).observe(max(0.0, time.time() - interval.end / 1000))
        return message

    def settle(self) -> Iterable[Message]:
        """Nothing more to publish; brings the metrics up to date."""
        for name, lane in self.lanes.items():
            metrics = self._metrics
            if lane.closer.watermark is not None:
                metrics.watermark.labels(name).set(lane.closer.watermark / 1000)
            metrics.series.labels(name).set(lane.scorer.series)
            metrics.learning.labels(name).set(lane.scorer.learning)
            metrics.events_late.labels(name).inc(lane.closer.late - lane.counted_late)
            lane.counted_late = lane.closer.late
            metrics.rejected.labels(name).inc(lane.scorer.rejected - lane.counted_rejected)
            lane.counted_rejected = lane.scorer.rejected
        return ()

    def save(self) -> Snapshot:
        """Heads of all detectors, and the blocks of those that have changed."""
        written: dict[bytes, bytes] = {}
        heads: dict[str, DetectorHead] = {}
        for name, lane in self.lanes.items():
            if lane.saved is None or lane.changed:
                scorer, rows = lane.scorer.save()
                lane.saved = DetectorHead(lane.closer.save(), scorer, self.offset, len(rows))
                lane.changed = False
                keys = lane.saved.keys(self._partition, name)
                written.update(zip(keys, map(state.encode, rows), strict=True))
            heads[name] = lane.saved
        return Snapshot(self.offset, state.encode(ScoreHead(self.offset, heads)), written, self.referred())

    def referred(self) -> frozenset[bytes]:
        """The keys of all blocks."""
        saved = [(name, lane.saved) for name, lane in self.lanes.items() if lane.saved is not None]
        return frozenset(key for name, head in saved for key in head.keys(self._partition, name))

    def retire(self) -> None:
        """Take back what is told of the detectors."""
        for name in self.lanes:
            for gauge in (self._metrics.watermark, self._metrics.series, self._metrics.learning):
                remove(gauge, name)


class ScoreHop(Hop[ScoreStep]):
    """Scores all detectors."""

    #: Scoring is deterministic, so what comes between two snapshots can be scored again.
    save_every = 5.0

    def __init__(self, wiring: Wiring, table: SnapshotTable) -> None:
        super().__init__(wiring, wiring.names.partials, table)

    def load(self, partition: int, head: bytes | None) -> ScoreStep:
        """Make the step of a partition of the partials."""
        step = ScoreStep(partition, self.wiring)
        if head is None:
            return step
        stored = state.decode(head, ScoreHead)
        step.offset = stored.offset
        for name, detector in stored.detectors.items():
            lane = step.lane(name)
            if lane is not None:
                lane.saved = detector
                lane.closer.load(detector.closer)
                stored_blocks = blocks(self.table, detector.keys(partition, name))
                rows = [state.decode(block, Block) for block in stored_blocks]
                lane.scorer.load(detector.scorer, rows)
        return step

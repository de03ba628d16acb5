"""Second hop: Partials → scores; merges the source partitions, closes intervals, scores and learns."""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec
from aiokafka import ConsumerRecord

from detectors import state
from detectors.closing import Closer, CloserState
from detectors.config import Detector
from detectors.records import Interval, Partial, Watermark
from detectors.scorer import Block, Scorer, ScorerState
from streams.hop import Hop, Message, Snapshot, Wiring
from streams.tables import SnapshotTable, block_key

_decode = msgspec.msgpack.Decoder(Partial | Watermark).decode
_encode = msgspec.json.Encoder().encode


class DetectorHead(msgspec.Struct):
    """One detector in the head of a snapshot; its blocks are of `generation`."""

    closer: CloserState
    scorer: ScorerState
    #: The last record taken when the blocks were written.
    offset: int
    generation: int
    blocks: int


class StoredBlock(msgspec.Struct):
    """A block of a snapshot, with the offset of the head that it belongs to."""

    offset: int
    block: Block


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
        #: The head that was saved last, while nothing has changed since.
        self.saved: DetectorHead | None = None
        self.generation = 0
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
        return self.lanes.get(detector)

    def take(self, record: ConsumerRecord) -> Iterable[Message]:
        """Take in a Partial or Watermark, and score the intervals that it closes."""
        self.offset = record.offset
        news = _decode(record.value)
        lane = self.lane(news.detector)
        # What was folded under another configuration measures something else.
        if lane is None or news.fingerprint != lane.fingerprint:
            return
        lane.saved = None
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
        blocks: dict[bytes, bytes] = {}
        heads: dict[str, DetectorHead] = {}
        for name, lane in self.lanes.items():
            if lane.saved is None:
                lane.generation = 1 - lane.generation
                scorer, rows = lane.scorer.save()
                for number, block in enumerate(rows):
                    key = block_key(self._partition, name, lane.generation, number)
                    blocks[key] = state.encode(StoredBlock(self.offset, block))
                closer = lane.closer.save()
                lane.saved = DetectorHead(closer, scorer, self.offset, lane.generation, len(rows))
            heads[name] = lane.saved
        return Snapshot(state.encode(ScoreHead(self.offset, heads)), blocks)


class ScoreHop(Hop[ScoreStep]):
    """Scores all detectors."""

    #: Scoring is deterministic, so what comes between two snapshots can be scored again.
    save_every = 5.0

    def __init__(self, wiring: Wiring, table: SnapshotTable) -> None:
        super().__init__(wiring, wiring.names.partials, table)

    def load(self, partition: int, stored: bytes | None) -> ScoreStep:
        """Make the step of a partition of the partials."""
        step = ScoreStep(partition, self.wiring)
        if stored is None:
            return step
        head = state.decode(stored, ScoreHead)
        step.offset = head.offset
        for name, detector in head.detectors.items():
            lane = step.lane(name)
            if lane is not None:
                lane.generation = detector.generation
                lane.closer.load(detector.closer)
                lane.scorer.load(detector.scorer, self._blocks(partition, name, detector))
        return step

    def _blocks(self, partition: int, name: str, detector: DetectorHead) -> list[Block]:
        blocks = []
        for number in range(detector.blocks):
            stored = self.table.get(block_key(partition, name, detector.generation, number))
            block = None if stored is None else state.decode(stored, StoredBlock)
            if block is None or block.offset != detector.offset:
                # A worker that had lost the partition and did not know it may have written over it.
                found = "missing" if block is None else f"of a snapshot at offset {block.offset}"
                message = (
                    f"block {number} of detector {name!r} is {found}; its head is at offset {detector.offset}"
                )
                raise state.StateError(message)
            blocks.append(block.block)
        return blocks

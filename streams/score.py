"""Second hop: Partials → scores; merges the source partitions, closes intervals, scores and learns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec

from detectors import state
from detectors.chunks import chunked
from detectors.closing import Closer, CloserState
from detectors.config import Detector
from detectors.records import Interval, Partial, Watermark
from detectors.scorer import Block, Scorer, ScorerState
from streams.hop import Hop, Message, Wiring
from streams.metrics import remove
from streams.tables import Snapshot, SnapshotTable, block_key, blocks
from streams.transport import Record

_decode = msgspec.msgpack.Decoder(Partial | Watermark).decode
_encode = msgspec.json.Encoder().encode

#: A detector and one of its shards.
LaneKey = tuple[str, int]


class LaneHead(msgspec.Struct):
    """One shard of a detector in the head of a snapshot."""

    closer: CloserState
    scorer: ScorerState
    #: The last record taken when the blocks were written, which names them.
    offset: int
    blocks: int

    def keys(self, partition: int, lane: LaneKey) -> list[bytes]:
        """The keys of the blocks."""
        detector, shard = lane
        owner = f"{detector}/{shard}"
        return [block_key(partition, owner, self.offset, number) for number in range(self.blocks)]


class ScoreHead(msgspec.Struct):
    """The head of a snapshot."""

    offset: int
    lanes: dict[LaneKey, LaneHead]


class _Lane:
    """One shard of a detector in this partition."""

    def __init__(self, detector: Detector, shard: int) -> None:
        self.closer = Closer(detector)
        self.scorer = Scorer(detector, shard)
        self.fingerprint = detector.fingerprint
        #: Every shard is told of all events of an interval, and one is enough to count them.
        self.counts = shard == 0
        #: What was saved last, and whether something has changed since.
        self.saved: LaneHead | None = None
        self.changed = True
        self.counted_late = 0
        self.counted_rejected = 0


class ScoreStep:
    """One partition of the partials: the shards that lie there."""

    def __init__(self, partition: int, wiring: Wiring, shown: Shown) -> None:
        self.offset = -1
        self.lanes: dict[LaneKey, _Lane] = {}
        self._partition = partition
        self._config = {detector.name: detector for detector in wiring.config.detectors}
        self._names = wiring.names
        self._metrics = wiring.metrics
        self._shown = shown
        #: Delays are those of what ends while the worker runs, not those of history.
        self._since = time.time()

    def lane(self, key: LaneKey) -> _Lane | None:
        """The lane of a shard; None where the configuration knows it no more."""
        name, shard = key
        detector = self._config.get(name)
        if key not in self.lanes and detector is not None and shard < detector.shards:
            self.lanes[key] = _Lane(detector, shard)
            self._metrics.close_delay.labels(name)
        return self.lanes.get(key)

    def take(self, records: Sequence[Record]) -> Iterable[Message]:
        """Take in Partials and Watermarks, and score the intervals that they close."""
        for record in records:
            yield from self._take(record)

    def _take(self, record: Record) -> Iterable[Message]:
        self.offset = record.offset
        news = _decode(record.value or b"")
        lane = self.lane((news.detector, news.shard))
        # What was folded under another configuration measures something else.
        if lane is None or news.fingerprint != lane.fingerprint:
            return
        lane.changed = True
        for interval in lane.closer.add(news):
            yield from self._score(lane, interval)

    def _score(self, lane: _Lane, interval: Interval) -> list[Message]:
        started = time.perf_counter()
        # By the key alone: all that is told of a detector lies in one partition, and in order.
        key = interval.detector.encode()
        chunks = chunked(lane.scorer.score(interval))
        messages = [Message(self._names.scores, key, _encode(chunk)) for chunk in chunks]
        metrics, detector = self._metrics, interval.detector
        metrics.score_seconds.labels(detector).observe(time.perf_counter() - started)
        if lane.counts:
            metrics.intervals.labels(detector).inc()
        if interval.end / 1000 >= self._since:
            metrics.close_delay.labels(detector).observe(max(0.0, time.time() - interval.end / 1000))
        return messages

    def settle(self) -> Iterable[Message]:
        """Nothing more to publish; brings the metrics up to date."""
        metrics = self._metrics
        for key, lane in self.lanes.items():
            name = key[0]
            self._shown[key] = lane
            metrics.rejected.labels(name).inc(lane.scorer.rejected - lane.counted_rejected)
            lane.counted_rejected = lane.scorer.rejected
            if lane.counts:
                metrics.events_late.labels(name).inc(lane.closer.late - lane.counted_late)
                lane.counted_late = lane.closer.late
        for name in {name for name, _ in self.lanes}:
            self._show(name)
        return ()

    def _show(self, detector: str) -> None:
        """Gauges of a detector: of all its shards that this worker has."""
        lanes = [lane for (name, _), lane in self._shown.items() if name == detector]
        gauges = self._metrics.watermark, self._metrics.series, self._metrics.learning
        if not lanes:
            for gauge in gauges:
                remove(gauge, detector)
            return
        watermark, series, learning = (gauge.labels(detector) for gauge in gauges)
        reached = [lane.closer.watermark for lane in lanes if lane.closer.watermark is not None]
        if reached:
            watermark.set(min(reached) / 1000)
        series.set(sum(lane.scorer.series for lane in lanes))
        learning.set(sum(lane.scorer.learning for lane in lanes))

    def save(self) -> Snapshot:
        """Heads of all lanes, and the blocks of those that have changed."""
        written: dict[bytes, bytes] = {}
        heads: dict[LaneKey, LaneHead] = {}
        for key, lane in self.lanes.items():
            if lane.saved is None or lane.changed:
                scorer, rows = lane.scorer.save()
                lane.saved = LaneHead(lane.closer.save(), scorer, self.offset, len(rows))
                lane.changed = False
                keys = lane.saved.keys(self._partition, key)
                written.update(zip(keys, map(state.encode, rows), strict=True))
            heads[key] = lane.saved
        return Snapshot(self.offset, state.encode(ScoreHead(self.offset, heads)), written, self.referred())

    def referred(self) -> frozenset[bytes]:
        """The keys of all blocks."""
        saved = [(key, lane.saved) for key, lane in self.lanes.items() if lane.saved is not None]
        return frozenset(name for key, head in saved for name in head.keys(self._partition, key))

    def retire(self) -> None:
        """Take back what is told of the shards."""
        for key in self.lanes:
            self._shown.pop(key, None)
            self._show(key[0])


#: The lanes of all partitions that a worker has: a gauge is of a detector, whose shards are spread over them.
Shown = dict[LaneKey, _Lane]


class ScoreHop(Hop[ScoreStep]):
    """Scores all detectors."""

    #: Scoring is deterministic, so what comes between two snapshots can be scored again.
    save_every = 5.0

    def __init__(self, wiring: Wiring, table: SnapshotTable) -> None:
        super().__init__(wiring, wiring.names.partials, table)
        self._shown: Shown = {}

    def load(self, partition: int, head: bytes | None) -> ScoreStep:
        """Make the step of a partition of the partials."""
        step = ScoreStep(partition, self.wiring, self._shown)
        if head is None:
            return step
        stored = state.decode(head, ScoreHead)
        step.offset = stored.offset
        for key, saved in stored.lanes.items():
            lane = step.lane(key)
            if lane is not None:
                lane.saved = saved
                lane.closer.load(saved.closer)
                stored_blocks = blocks(self.table, saved.keys(partition, key))
                rows = [state.decode(block, Block) for block in stored_blocks]
                lane.scorer.load(saved.scorer, rows)
        return step

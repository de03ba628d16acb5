"""Second hop: Partials → scores; merges the source partitions, closes intervals, scores and learns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain

import msgspec
import structlog
from faust.types import TP

from detectors import state
from detectors.admission import Counts
from detectors.blocks import BlockState
from detectors.chunks import chunked
from detectors.closing import BadPartial, Closer, CloserState
from detectors.config import Config, Detector
from detectors.feedback import Verdict
from detectors.foreseeing import Foresight
from detectors.records import Interval, LiveFrom, Partial, Watermark
from detectors.scorer import Scorer, ScorerState
from streams.dead_letters import not_ours
from streams.formats import FAILURES
from streams.hop import Hop, Message, Wiring
from streams.metrics import remove
from streams.names import partition_of
from streams.pieces import Pieces, Written
from streams.tables import Snapshot, SnapshotTable
from streams.transport import Record

log = structlog.get_logger(__name__)

_decode = msgspec.msgpack.Decoder(Partial | Watermark | LiveFrom | Verdict).decode
_encode = msgspec.json.Encoder().encode

#: A detector and one of its shards.
LaneKey = tuple[str, int]


class LaneHead(msgspec.Struct):
    """One shard of a detector in the head of a snapshot."""

    #: How many shards the detector had.
    shards: int
    closer: CloserState
    #: Where the scorer is: what it knows of all, then its blocks.
    written: Written
    #: Where models were taken back to an earlier time: the end of the last interval that was told before.
    #: Up to there intervals are scored again to learn from them, and not told again.
    told: int | None = None


class ScoreHead(msgspec.Struct):
    """The head of a snapshot."""

    offset: int
    lanes: dict[LaneKey, LaneHead]


class _Lane:
    """One shard of a detector in this partition."""

    def __init__(self, config: Config, detector: Detector, shard: int, pieces: Pieces) -> None:
        self.closer = Closer(detector)
        self.scorer = Scorer(detector, shard, config.calendars)
        early = config.foresees(detector.name)
        self.foresight = Foresight(self.closer, self.scorer) if early else None
        self.fingerprint = detector.fingerprint
        #: Every shard is told of all events of an interval, and one is enough to count them.
        self.counts = shard == 0
        #: What the scorer has stored, and whether it has learnt since.
        self.pieces = pieces
        self.changed = False
        #: End of the last interval that is not told again.
        self.told: int | None = None
        self.counted_late = 0
        self.counted = Counts()


class ScoreStep:
    """One partition of the partials: the shards that lie there."""

    def __init__(self, partition: int, wiring: Wiring, shown: Shown) -> None:
        self.offset = -1
        self.lanes: dict[LaneKey, _Lane] = {}
        self._partition = partition
        self._partitions = wiring.partials
        self._tp = TP(wiring.names.partials, partition)
        self._config = wiring.config
        self._detectors = {detector.name: detector for detector in wiring.config.detectors}
        self._names = wiring.names
        self._metrics = wiring.metrics
        self._shown = shown
        #: Delays are those of what ends while the worker runs, not those of history.
        self._since = time.time()

    def lane(self, key: LaneKey) -> _Lane | None:
        """The lane of a shard; None where the configuration knows it no more."""
        name, shard = key
        detector = self._detectors.get(name)
        if key not in self.lanes and detector is not None and shard < detector.shards:
            self.lanes[key] = _Lane(self._config, detector, shard, self.pieces(key, []))
            self._metrics.close_delay.labels(name)
        return self.lanes.get(key)

    def pieces(self, key: LaneKey, written: Written) -> Pieces:
        """The pieces of a lane in this partition."""
        detector, shard = key
        return Pieces(self._partition, f"{detector}/{shard}", written)

    def tell_anew(self, key: LaneKey, models: Mapping[str, int]) -> None:
        """Tell which models could not go on from what is stored, and of how many series."""
        detector, shard = key
        for model, series in models.items():
            log.warning("series_begin_anew", detector=detector, shard=shard, model=model, series=series)
            self._metrics.series_anew.labels(detector, model).inc(series)

    def take(self, records: Sequence[Record]) -> Iterable[Message]:
        """Take in Partials and Watermarks, and score the intervals that they close."""
        for record in records:
            yield from self._take(record)

    def _take(self, record: Record) -> Iterable[Message]:
        self.offset = record.offset
        try:
            news = _decode(record.value or b"")
            if isinstance(news, Verdict):
                self._hear(news)
                return
            lane = self.lane((news.detector, news.shard))
            # What was folded under another configuration measures something else.
            if lane is None or news.fingerprint != lane.fingerprint:
                return
            for interval in lane.closer.add(news):
                messages = self._score(lane, interval)
                if lane.told is None or interval.end > lane.told:
                    yield from messages
            if lane.told is None or (lane.closer.closed_through or 0) >= lane.told:
                yield from self._look(lane)
        except (*FAILURES, BadPartial) as error:
            self._metrics.dead_letters.labels(self._tp.topic).inc()
            yield not_ours(self._tp, record, error).message(self._names.dead_letters)

    def _hear(self, verdict: Verdict) -> None:
        """Let the shards of a detector that lie here know what someone has said."""
        detector = self._detectors.get(verdict.detector)
        shards = range(0 if detector is None else detector.shards)
        for shard in shards:
            here = partition_of(verdict.detector, shard, self._partitions) == self._partition
            lane = self.lane((verdict.detector, shard)) if here else None
            if lane is not None:
                lane.scorer.take(verdict)
                lane.changed = True

    def _look(self, lane: _Lane) -> Iterator[Message]:
        """Early news of the open interval, where a rule asks for it."""
        scores = None if lane.foresight is None else lane.foresight.look(int(time.time() * 1000))
        if scores is not None:
            yield Message(self._names.scores, scores.detector.encode(), _encode(scores))

    def _score(self, lane: _Lane, interval: Interval) -> list[Message]:
        lane.changed = True
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
            counts = lane.scorer.admission.counts
            metrics.rejected.labels(name).inc(counts.rejected - lane.counted.rejected)
            metrics.evicted.labels(name, "silent").inc(counts.forgotten - lane.counted.forgotten)
            metrics.evicted.labels(name, "displaced").inc(counts.displaced - lane.counted.displaced)
            lane.counted = replace(counts)
            if lane.counts:
                metrics.events_late.labels(name).inc(lane.closer.late - lane.counted_late)
                lane.counted_late = lane.closer.late
        for name in {name for name, _ in self.lanes}:
            self._show(name)
        return ()

    def _show(self, detector: str) -> None:
        """Gauges of a detector: of all its shards that this worker has."""
        lanes = [lane for (name, _), lane in self._shown.items() if name == detector]
        metrics = self._metrics
        gauges = metrics.watermark, metrics.series, metrics.learning, metrics.waiting, metrics.series_bytes
        if not lanes:
            for gauge in gauges:
                remove(gauge, detector)
            return
        watermark, series, learning, waiting, series_bytes = (gauge.labels(detector) for gauge in gauges)
        reached = [lane.closer.watermark for lane in lanes if lane.closer.watermark is not None]
        if reached:
            watermark.set(min(reached) / 1000)
        scorers = [lane.scorer for lane in lanes]
        total = sum(scorer.series for scorer in scorers)
        series.set(total)
        series_bytes.set(sum(scorer.state_bytes for scorer in scorers) / max(total, 1))
        learning.set(sum(scorer.learning for scorer in scorers))
        waiting.set(sum(scorer.admission.waiting for scorer in scorers))

    def save(self) -> Snapshot:
        """Heads of all lanes, and what has changed of their series."""
        written: dict[bytes, bytes] = {}
        heads: dict[LaneKey, LaneHead] = {}
        for key, lane in self.lanes.items():
            if lane.changed:
                scorer, blocks = lane.scorer.save()
                written |= lane.pieces.cut(self.offset, map(state.encode, chain([scorer], blocks)))
                lane.changed = False
            shards = self._detectors[key[0]].shards
            heads[key] = LaneHead(shards, lane.closer.save(), lane.pieces.written, lane.told)
        return Snapshot(self.offset, state.encode(ScoreHead(self.offset, heads)), written, self.referred())

    def referred(self) -> frozenset[bytes]:
        """The keys of all that heads refer to."""
        return frozenset(key for lane in self.lanes.values() for key in lane.pieces.referred())

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
                shards = lane.scorer.detector.shards
                if saved.shards != shards:
                    log.warning("shards_changed", detector=key[0], before=saved.shards, now=shards)
                lane.closer.load(saved.closer)
                lane.pieces, lane.told = step.pieces(key, saved.written), saved.told
                records = lane.pieces.read(self.table)
                if (scorer := next(records, None)) is not None:
                    blocks = (state.decode(block, BlockState) for block in records)
                    anew = lane.scorer.load(state.decode(scorer, ScorerState), blocks)
                    step.tell_anew(key, anew)
        return step

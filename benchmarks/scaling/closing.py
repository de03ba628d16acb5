"""What it costs to close an interval and to take a snapshot: the core, one step after the other, on one core.

The events are folded first, which is not counted; what is measured begins with the bytes of Partials, as
the score hop reads them, and ends with those of scores, as it sends them. What grouping them costs is
told apart. A snapshot is written into RocksDB and sent to a real broker, as the worker does.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaProducer
from rocksdict import Rdict

from benchmarks.scaling.load import MINUTE, PARTITIONS, START, Load
from detectors import state
from detectors.chunks import chunked
from detectors.clock import NO_TIMESTAMP
from detectors.closing import Closer
from detectors.folding import Fold
from detectors.grouping import Grouper
from detectors.loading import parse
from detectors.records import IntervalScores, Partial, Watermark
from detectors.scorer import Scorer
from streams.formats import make_format
from streams.names import LARGEST_MESSAGE_BYTES
from streams.pieces import Pieces

#: Minute → a hash of each chunk of its scores.
Digests = dict[int, set[bytes]]
STEPS = ("decode", "merge", "score", "encode", "group")

_decode = msgspec.msgpack.Decoder(Partial | Watermark).decode
_encode = msgspec.json.Encoder().encode
_decode_scores = msgspec.json.Decoder(IntervalScores).decode


@dataclass
class Seconds:
    """CPU seconds of one interval, by step."""

    by_step: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _since: float = 0.0

    def start(self) -> None:
        """From now on it counts."""
        self._since = time.process_time()

    def done(self, step: str) -> None:
        """What has passed was this step."""
        now = time.process_time()
        self.by_step[step] += now - self._since
        self._since = now

    @property
    def close(self) -> float:
        """From the bytes of Partials to those of scores."""
        return sum(self.by_step[step] for step in STEPS if step != "group")


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of all series."""

    cpu_seconds: float
    written_bytes: int


class Core:
    """The detector of a load, in this process."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.expected: Digests = {}
        self.config = parse(load.configuration("load"))
        self.detector = self.config.detectors[0]
        self.scorers = [Scorer(self.detector, shard) for shard in range(load.shards)]
        fields = self.config.fields_of("load")
        self._parse = make_format("load", self.config.streamed["load"], fields).parse
        self._folds = [Fold(self.config, "load", p, PARTITIONS) for p in range(PARTITIONS)]
        self._offset = 0
        self._closers = [Closer(self.detector) for _ in range(load.shards)]
        self._grouper = Grouper(self.detector, self.config.alerts)
        self._pieces = [Pieces(0, f"load/{shard}", []) for shard in range(load.shards)]

    @property
    def bytes_a_series(self) -> float:
        """Column state of a series."""
        series = sum(scorer.series for scorer in self.scorers)
        return sum(scorer.state_bytes for scorer in self.scorers) / series

    def feed(self, minute: int) -> Seconds:
        """Take in the events of a minute, and close what ends before it."""
        told = [msgspec.msgpack.encode(record) for record in self._fold(minute)]
        seconds = Seconds()
        for raw in told:
            seconds.start()
            news = _decode(raw)
            seconds.done("decode")
            for interval in self._closers[news.shard].add(news):
                seconds.done("merge")
                scores = self.scorers[news.shard].score(interval)
                seconds.done("score")
                chunks = [_encode(chunk) for chunk in chunked(scores)]
                seconds.done("encode")
                closed = (interval.start - START) // MINUTE
                self.expected.setdefault(closed, set()).update(map(digest, chunks))
                seconds.start()
                for chunk in chunks:
                    self._grouper.group(_decode_scores(chunk))
                seconds.done("group")
            seconds.done("merge")
        return seconds

    def _fold(self, minute: int) -> Iterator[Partial | Watermark]:
        for partition, fold in enumerate(self._folds):
            records = (record for _, record in self.load.events(minute, partition))
            events = [event for record in records for event in self._parse(record)]
            offsets = range(self._offset, self._offset + len(events))
            fold.fold_all(offsets, [NO_TIMESTAMP] * len(events), events, offsets[-1], NO_TIMESTAMP)
            self._offset = offsets.stop
            yield from fold.ready()

    def snapshot(self, bootstrap: str, directory: Path, offset: int) -> Snapshot:
        """Write a snapshot of what has changed since the one before; the topic is called as the directory."""
        return asyncio.run(self._snapshot(bootstrap, directory, offset))

    async def _snapshot(self, bootstrap: str, directory: Path, offset: int) -> Snapshot:
        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, linger_ms=5, max_request_size=LARGEST_MESSAGE_BYTES
        )
        await producer.start()
        table, written = Rdict(str(directory)), 0
        try:
            started = time.process_time()
            for scorer, pieces in zip(self.scorers, self._pieces, strict=True):
                known, blocks = scorer.save()
                changed = pieces.cut(offset, map(state.encode, chain([known], blocks)))
                for key, piece in changed.items():
                    table[key] = piece
                sent = [await producer.send(directory.name, piece, key) for key, piece in changed.items()]
                await asyncio.gather(*sent)
                written += sum(map(len, changed.values()))
            return Snapshot(time.process_time() - started, written)
        finally:
            table.close()
            await producer.stop()


def digest(chunk: bytes) -> bytes:
    """By which chunks of scores are compared."""
    return hashlib.sha256(chunk).digest()

"""The loop that every hop runs for each of its partitions: decode, call the core, publish, save, acknowledge.

A hop is exact because of the order of these: what it publishes is on the broker before the snapshot
that contains its input is, and that snapshot is before the input is acknowledged. After a crash the
input since the snapshot is read again, and gives the same output again.
"""

from __future__ import annotations

import asyncio
import struct
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

import structlog
from aiokafka import ConsumerRecord
from faust.types import TP, EventT, StreamT, TopicT

from detectors.config import Config
from streams import tables
from streams.metrics import Metrics
from streams.names import Names
from streams.transport import App, BatchConsumer

log = structlog.get_logger(__name__)

#: How long the event loop is kept from others at a time.
SLICE_SECONDS = 0.05
#: How often a hop that waits to save looks whether there is something to read.
LOOK_SECONDS = 0.02
#: A snapshot begins with the last offset it contains, so that this can be read without the rest.
_OFFSET = struct.Struct(">q")


class Message(NamedTuple):
    """A record to publish."""

    topic: str
    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = {}


class Snapshot(NamedTuple):
    """The state of a step as bytes: the large part in blocks, by key, and the head."""

    head: bytes
    blocks: Mapping[bytes, bytes] = {}


class Wiring(NamedTuple):
    """What every hop of a worker shares."""

    app: App
    config: Config
    names: Names
    metrics: Metrics


class Step(Protocol):
    """One partition of a hop: the core's state for it, fed with records in offset order."""

    @property
    def offset(self) -> int:
        """The last record taken, -1 before the first."""

    def take(self, record: ConsumerRecord) -> Iterable[Message]:
        """Take in a record."""

    def settle(self) -> Iterable[Message]:
        """What there is to publish after a batch; also brings the metrics up to date."""

    def save(self) -> Snapshot:
        """The state, containing every record taken."""


S = TypeVar("S", bound=Step)


class Hop(ABC, Generic[S]):
    """A hop of the flow in one worker: a step for each partition that is assigned."""

    #: How often a step is saved while records come.
    save_every: float = 1.0

    def __init__(self, wiring: Wiring, topic: str, table: tables.SnapshotTable) -> None:
        self.wiring = wiring
        self.app = wiring.app
        self.topic = topic
        self.table = table
        self.steps: dict[int, S] = {}
        self._last_taken: dict[int, float] = {}
        self._published: defaultdict[int, list[Awaitable[Any]]] = defaultdict(list)
        self._topics: dict[str, TopicT] = {}

    @abstractmethod
    def load(self, partition: int, stored: bytes | None) -> S:
        """Make the step of a partition from the head of its snapshot."""

    def snapshot_offset(self, partition: int) -> int | None:
        """The last record in the snapshot of a partition; None where there is none."""
        stored = self.table.get(tables.head_key(partition))
        return None if stored is None else _OFFSET.unpack_from(stored)[0]

    def step(self, partition: int) -> S:
        """The step of an assigned partition, loaded when it is first asked for."""
        if partition not in self.steps:
            stored = self.table.get(tables.head_key(partition))
            self.steps[partition] = self.load(partition, None if stored is None else stored[_OFFSET.size :])
            self._last_taken[partition] = time.monotonic()
        return self.steps[partition]

    def seconds_since_taken(self, partition: int) -> float:
        """How long ago a step last took a record, or was loaded."""
        return time.monotonic() - self._last_taken[partition]

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop the steps of partitions that are no longer ours: another worker changes their state."""
        for partition in partitions:
            self.steps.pop(partition, None)
            self._published.pop(partition, None)

    async def run(self, stream: StreamT[Any]) -> None:
        """Process the batches of one partition until the stream ends."""
        started = False
        guard = _Contiguity()
        saved = time.monotonic()
        queue = cast(Any, stream).channel.queue
        async for event in cast(Any, stream).noack().events():
            partition = event.message.partition
            if not started:
                # What an earlier run left behind may be half a batch ahead of its snapshot.
                self.forget([partition])
                started = True
            step = self.step(partition)
            batch = cast(Sequence[ConsumerRecord], event.value)
            if guard.missing(step.offset, batch[0].offset):
                await self._seek(partition, step.offset + 1)
                continue
            if guard.stale(step.offset, batch[0].offset):
                continue
            await self._process(step, partition, batch)
            # Tables can be written only while an event is processed, so the last one is held until it
            # is time to save, or until there is another.
            while queue.empty() and time.monotonic() < saved + self.save_every:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
            if time.monotonic() >= saved + self.save_every:
                await self._save(step, event)
                saved = time.monotonic()

    async def _process(self, step: S, partition: int, batch: Sequence[ConsumerRecord]) -> None:
        until = time.monotonic() + SLICE_SECONDS
        outgoing: list[Message] = []
        for record in batch:
            if record.offset <= step.offset:
                continue
            outgoing += step.take(record)
            if time.monotonic() > until:
                self._published[partition] += await self.publish(outgoing)
                outgoing = []
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_SECONDS
        self._last_taken[partition] = time.monotonic()
        outgoing += step.settle()
        self._published[partition] += await self.publish(outgoing)

    async def publish(self, messages: Iterable[Message]) -> list[Awaitable[Any]]:
        """Send messages; what comes back can be waited for until the broker has them."""
        sent = []
        for message in messages:
            topic = self._topics.get(message.topic)
            if topic is None:
                topic = self._topics[message.topic] = raw_topic(self.app, message.topic)
            headers = dict(message.headers) or None
            sent.append(await topic.send(key=message.key, value=message.value, headers=headers))
        return sent

    async def _save(self, step: S, event: EventT[Any]) -> None:
        partition = event.message.partition
        await asyncio.gather(*self._published.pop(partition, []))
        snapshot = step.save()
        head = _OFFSET.pack(step.offset) + snapshot.head
        await tables.write(self.table, snapshot.blocks, (tables.head_key(partition), head))
        size = len(head) + sum(map(len, snapshot.blocks.values()))
        self.wiring.metrics.state_bytes.labels(self.table.name, str(partition)).set(size)
        event.ack()

    async def _seek(self, partition: int, offset: int) -> None:
        log.warning("records_missing", topic=self.topic, partition=partition, from_offset=offset)
        await cast(BatchConsumer, self.app.consumer).seek_back({TP(self.topic, partition): offset})


class _Contiguity:
    """Tells records that Faust lost on the way, in a rebalance, from offsets that never existed.

    After a gap the missing records are asked for once. If the same batch comes again the log has a
    hole there, as logs with transactions or compaction have; what was fetched before is stale.
    """

    def __init__(self) -> None:
        self._asked: int | None = None

    def missing(self, taken: int, first: int) -> bool:
        """Whether records before a batch are to be asked for."""
        if taken < 0 or first <= taken + 1 or self._asked is not None:
            return False
        self._asked = first
        return True

    def stale(self, taken: int, first: int) -> bool:
        """Whether a batch was fetched before the missing records were asked for."""
        if self._asked is None:
            return False
        if first > max(self._asked, taken + 1):
            return True
        self._asked = None
        return False


def raw_topic(app: App, name: str) -> TopicT:
    """A topic of bytes."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

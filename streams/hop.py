"""The loop that every hop runs for each of its partitions: decode, call the core, publish, save, acknowledge.

A hop is exact because of the order of these: what it publishes is on the broker before the snapshot
that contains its input is, and that snapshot is before the input is acknowledged. After a crash the
input since the snapshot is read again, and gives the same output again.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

import structlog
from faust.types import TP, EventT, StreamT, TopicT

from detectors.config import Config
from detectors.state import StateError
from streams import tables
from streams.metrics import Metrics, remove
from streams.names import Names
from streams.pace import Pace
from streams.tables import Snapshot
from streams.transport import App, BatchConsumer, Fetched, Record

log = structlog.get_logger(__name__)

#: How long the event loop is kept from others at a time.
SLICE_SECONDS = 0.05
#: How often a hop that waits to save looks whether there is something to read; more often at first, since
#: under load the next batch comes at once.
LOOK_SECONDS, SHORTEST_LOOK_SECONDS = 0.02, 0.001


class Message(NamedTuple):
    """A record to publish."""

    topic: str
    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = {}
    #: Unless the key is to say it.
    partition: int | None = None


class Wiring(NamedTuple):
    """What every hop of a worker shares."""

    app: App
    config: Config
    names: Names
    metrics: Metrics
    #: How many partitions the partials have.
    partials: int
    pace: Pace


class Step(Protocol):
    """One partition of a hop: the core's state for it, fed with records in offset order."""

    @property
    def offset(self) -> int:
        """The last record taken, -1 before the first."""

    def take(self, records: Sequence[Record]) -> Iterable[Message]:
        """Take in records, none of which was taken before."""

    def settle(self) -> Iterable[Message]:
        """What there is to publish after a batch; also brings the metrics up to date."""

    def save(self) -> Snapshot:
        """The state, containing every record taken."""

    def referred(self) -> frozenset[bytes]:
        """The keys of the blocks that the last snapshot refers to."""

    def retire(self) -> None:
        """Take back the metrics of a partition that another worker goes on with."""


S = TypeVar("S", bound=Step)


class Hop(ABC, Generic[S]):
    """A hop of the flow in one worker: a step for each partition that is assigned."""

    #: How often a step is saved while records come, unless that takes too long.
    save_every: float = 1.0
    #: How many records a step takes at a time: few where one of them can be a lot of work.
    stride: int = 1

    def __init__(self, wiring: Wiring, topic: str, table: tables.SnapshotTable) -> None:
        self.wiring = wiring
        self.app = wiring.app
        self.topic = topic
        self.table = table
        #: Held while a partition's core is called and what it says is sent: the order of messages in
        #: the log is the order in which they were true.
        self.locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._steps: dict[int, S] = {}
        self._stored: dict[int, frozenset[bytes]] = {}
        self._last_taken: dict[int, float] = {}
        self._passed_over: dict[int, int] = {}
        #: Partitions whose step has taken what its snapshot does not contain.
        self._unsaved: set[int] = set()
        self._stopping = False
        self._topics: dict[str, TopicT] = {}

    @abstractmethod
    def load(self, partition: int, head: bytes | None) -> S:
        """Make the step of a partition from the head of its snapshot."""

    def snapshot_offset(self, partition: int) -> int | None:
        """The last record in the snapshot of a partition; None where there is none."""
        return tables.contained(self.table, partition)

    def step(self, partition: int) -> S:
        """The step of an assigned partition, loaded when it is first asked for."""
        step = self._steps.get(partition)
        if step is None:
            try:
                head, pieces = tables.read(self.table, partition)
                step = self.load(partition, head)
            except StateError as error:
                message = f"partition {partition} of {self.table.name!r}: {error}"
                raise StateError(message) from error
            self._steps[partition] = step
            self._stored[partition] = pieces | step.referred()
            self._last_taken[partition] = time.monotonic()
        return step

    def position(self, partition: int) -> int | None:
        """The offset of the record that is taken next; None while it is not known where to begin."""
        taken: int = self.step(partition).offset
        positions = cast(BatchConsumer, self.app.consumer).positions
        begin = positions.get(TP(self.topic, partition)) if taken < 0 else taken + 1
        return None if begin is None else max(begin, self._passed_over.get(partition, 0))

    def pass_over(self, partition: int, end: int) -> None:
        """Take note that there is no record before an end of the log that has not been taken."""
        self._passed_over[partition] = end

    def seconds_since_taken(self, partition: int) -> float:
        """How long ago the last record of a partition came."""
        return time.monotonic() - self._last_taken[partition]

    def was_silent(self, partition: int, seconds: float) -> None:
        """Take note that the last record of an assigned partition came so long ago."""
        self._last_taken[partition] = time.monotonic() - seconds

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop the steps of partitions: they may be no longer ours, and change elsewhere."""
        for partition in partitions:
            self._unsaved.discard(partition)
            self._passed_over.pop(partition, None)
            self.wiring.pace.forget(self.table.name, partition)
            step = self._steps.pop(partition, None)
            if step is not None:
                step.retire()
                remove(self.wiring.metrics.lag, self.topic, str(partition))
                remove(self.wiring.metrics.state_bytes, self.table.name, str(partition))

    async def stop(self) -> None:
        """Take nothing more, and wait until all that was taken is saved."""
        self._stopping = True
        while self._unsaved and not self.app.crashed:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)

    async def run(self, stream: StreamT[Any]) -> None:
        """Process the batches of one partition until the stream ends."""
        guard = _Contiguity()
        saved = time.monotonic()
        step: S | None = None
        sent: list[Awaitable[Any]] = []
        queue = cast(Any, stream).channel.queue
        async for event in cast(Any, stream).noack().events():
            partition = event.message.partition
            if self._stopping and partition not in self._unsaved:
                continue
            if step is None:
                # What an earlier run left behind may be half a batch ahead of its snapshot.
                self.forget([partition])
            if step is not self.step(partition):
                step, sent = self.step(partition), []
            batch = cast(Fetched, event.value)
            if not self._stopping and await self._is_next(guard, partition, batch.begin):
                async with self.locks[partition]:
                    # Unless a rebalance has taken the partition while we waited.
                    if self._steps.get(partition) is step:
                        sent += await self._process(step, partition, batch)
            # Tables can be written only while an event is processed, so the last one is held until it
            # is time to save, or until there is another.
            pause = SHORTEST_LOOK_SECONDS
            while queue.empty() and not self._is_time_to_save(saved):
                await asyncio.sleep(pause)
                pause = min(2 * pause, LOOK_SECONDS)
            if self._is_time_to_save(saved):
                await asyncio.gather(*sent)
                # Not if a rebalance has dropped the step meanwhile: its partition is read again from the
                # snapshot that there is, here or elsewhere.
                if self._steps.get(partition) is step:
                    await self._save(step, event)
                saved, sent = time.monotonic(), []

    def _is_time_to_save(self, saved: float) -> bool:
        pause = max(self.save_every, self.wiring.pace.pause)
        return self._stopping or time.monotonic() >= saved + pause

    async def _is_next(self, guard: _Contiguity, partition: int, begin: int) -> bool:
        """Whether a batch goes on where the step is; what is missing before it is asked for."""
        position = self.position(partition)
        if position is None:
            return False
        if guard.missing(position, begin):
            log.warning("records_missing", topic=self.topic, partition=partition, from_offset=position)
            consumer = cast(BatchConsumer, self.app.consumer)
            await consumer.seek_back({TP(self.topic, partition): position})
            return False
        return not guard.stale(position, begin)

    async def _process(self, step: S, partition: int, batch: Sequence[Record]) -> list[Awaitable[Any]]:
        self._last_taken[partition] = time.monotonic()
        self._unsaved.add(partition)
        until = time.monotonic() + SLICE_SECONDS
        outgoing: list[Message] = []
        sent: list[Awaitable[Any]] = []
        batch = batch[bisect_right(batch, step.offset, key=attrgetter("offset")) :]
        for first in range(0, len(batch), self.stride):
            for message in step.take(batch[first : first + self.stride]):
                outgoing.append(message)
                # One record may close very many intervals.
                if time.monotonic() > until:
                    sent += await self._pause(outgoing)
                    until = time.monotonic() + SLICE_SECONDS
            if time.monotonic() > until:
                sent += await self._pause(outgoing)
                until = time.monotonic() + SLICE_SECONDS
            if self._stopping:
                break
        outgoing += step.settle()
        self._last_taken[partition] = time.monotonic()
        return sent + await self.publish(outgoing)

    async def _pause(self, outgoing: list[Message]) -> list[Awaitable[Any]]:
        """Send what there is, and let others run."""
        sent = await self.publish(outgoing)
        outgoing.clear()
        await asyncio.sleep(0)
        return sent

    async def publish(self, messages: Iterable[Message]) -> list[Awaitable[Any]]:
        """Send messages; what comes back can be waited for until the broker has them."""
        sent = []
        for message in messages:
            topic = self._topics.get(message.topic)
            if topic is None:
                topic = self._topics[message.topic] = raw_topic(self.app, message.topic)
            headers = dict(message.headers) or None
            sent.append(
                await topic.send(
                    key=message.key, value=message.value, headers=headers, partition=message.partition
                )
            )
        return sent

    async def _save(self, step: S, event: EventT[Any]) -> None:
        partition = event.message.partition
        before = self._stored[partition]
        started = time.perf_counter()
        snapshot = step.save()
        stored = self._stored[partition] = tables.write(self.table, partition, snapshot)
        self._measure(partition, snapshot, time.perf_counter() - started)
        await self.table.confirmed()
        tables.delete(self.table, before - stored)
        self._unsaved.discard(partition)
        # A worker that stops may have left the rest of a batch to the next one.
        if step.offset >= event.message.offset:
            event.ack()

    def _measure(self, partition: int, snapshot: Snapshot, seconds: float) -> None:
        table, metrics = self.table.name, self.wiring.metrics
        self.wiring.pace.took(table, partition, seconds)
        metrics.snapshot_seconds.labels(table).observe(seconds)
        size = len(snapshot.head) + sum(map(len, snapshot.blocks.values()))
        metrics.state_bytes.labels(table, str(partition)).set(size)


class _Contiguity:
    """Tells records that Faust lost on the way, in a rebalance, from such as the log has lost.

    After a gap the missing records are asked for once. If what comes begins where it began before, retention
    has deleted them; what comes from behind there was fetched before.
    """

    def __init__(self) -> None:
        self._asked: int | None = None

    def missing(self, position: int, begin: int) -> bool:
        """Whether records before a batch are to be asked for."""
        if begin <= position or self._asked is not None:
            return False
        self._asked = begin
        return True

    def stale(self, position: int, begin: int) -> bool:
        """Whether a batch was fetched before the missing records were asked for."""
        if self._asked is None:
            return False
        if begin > max(self._asked, position):
            return True
        self._asked = None
        return False


def raw_topic(app: App, name: str) -> TopicT:
    """A topic of bytes."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

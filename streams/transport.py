"""Faust's Kafka transport, made to move batches and to start where the state says.

All that reaches into Faust beyond its public interface is in this file, and `tests/streams/
test_transport.py` fails loudly when Faust or aiokafka change under it. It differs in eight ways:

- What was fetched of a partition arrives as one Faust message whose value is the list of records, as
  aiokafka's decoder in C made them: Faust's and aiokafka's own work then costs nothing per event.
- The read position belongs to the snapshot, not to the consumer group: after every assignment
  reading starts behind the last record that the snapshot contains, or at the beginning, and a batch
  that is read again is delivered again. Whoever reads knows from its snapshot what it already contains.
- Partitions that are silent do not keep the others waiting: each question to a broker is a short one.
- Acknowledging a batch acknowledges all before it, so there are no gaps to keep lists of.
- A loop whose partition went elsewhere is not started again.
- A batch that arrives before Faust knows its partition does not end the fetch loop.
- A topic that is written to is one that the broker is asked about.
- A changelog that is so new that nobody has heard of its partitions is not taken for a wrong one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, cast

import faust
import structlog
from aiokafka import ConsumerRecord
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT
from faust.types.tuples import Message
from mode import OneForOneSupervisor, ServiceT

from detectors.state import WAY_OUT, StateError

log = structlog.get_logger(__name__)

#: How long a broker waits for something to fetch.
WAIT_MILLISECONDS = 100
#: What was heard of a partition's end so long ago still holds.
FRESH_SECONDS = 3.0
#: How often a batch that nobody expects is read again before the worker gives up.
ATTEMPTS = 20


class Record(Protocol):
    """A record of a batch."""

    @property
    def offset(self) -> int:
        """Its position in the partition."""

    @property
    def timestamp(self) -> int | None:
        """When it came about, or to the broker, in milliseconds."""

    @property
    def value(self) -> bytes | None:
        """Its bytes."""


class Batch(NamedTuple):
    """Records of one partition that were fetched together, in the shape of a single record."""

    topic: str
    partition: int
    #: Of the last record.
    offset: int
    timestamp: int | None
    timestamp_type: int | None
    headers: Sequence[Any]
    key: bytes | None
    value: Fetched
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int

    @classmethod
    def of(cls, tp: TP, records: Fetched) -> Batch:
        """The records of a partition, which are not empty, as one."""
        last = records[-1]
        return cls(tp.topic, tp.partition, last.offset, last.timestamp, None, (), None, records, None, 0, 0)


class RawSchema(faust.Schema):  # type: ignore[type-arg]
    """Hands the message on as it came: batches are decoded by the hop that reads them."""

    def loads_key(self, app: AppT, message: Message, **options: Any) -> Any:
        """The key, untouched."""
        return message.key

    def loads_value(self, app: AppT, message: Message, **options: Any) -> Any:
        """The batch, untouched."""
        return message.value


class App(faust.App):
    """A Faust app whose read positions come from snapshots."""

    #: Topic → the last offset that the snapshot of a partition contains, or None.
    snapshot_offsets: Mapping[str, Callable[[int], int | None]] = {}

    @property
    def settled(self) -> bool:
        """Whether the partitions are assigned, and their state is recovered."""
        recovery = cast(Any, self.tables).recovery
        return not self.rebalancing and not self.in_recovery and bool(recovery.completed.is_set())


class NoSecondLife(OneForOneSupervisor):
    """Lets go of a loop that has ended: its partition went elsewhere, or the worker is about to stop.

    Faust would start it again. Then two of them read a partition that comes back, until after some
    rebalances the worker gives up for too many restarts.
    """

    async def restart_services(self, services: list[ServiceT]) -> None:
        """Start none of them."""
        self.discard(*services)


class ImpatientThread(driver.AIOKafkaConsumerThread):
    """Faust's thread of the consumer, which does not wait for long where there is nothing to fetch.

    aiokafka asks a broker one thing at a time: while it waits for what silent partitions may have,
    nothing is fetched of the others. Faust lets it wait for a second and a half.
    """

    def _create_worker_consumer(self, transport: driver.Transport) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = WAIT_MILLISECONDS
        return consumer


class BatchConsumer(driver.Consumer):
    """Consumes in batches, from where the snapshots say."""

    def _new_consumer_thread(self) -> ImpatientThread:
        return ImpatientThread(self, loop=self.loop, beacon=self.beacon)

    #: Where reading began after the last assignment, once that is known.
    positions: Mapping[TP, int] = {}

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109
        fetched = await super()._getmany(active_partitions, timeout)
        changelogs = self.app.tables.changelog_topics
        batches = {}
        for tp, records in fetched.items():
            if tp.topic in changelogs:
                batches[tp] = [_complete(tp, record) for record in records]
            elif records:
                batches[tp] = [Batch.of(tp, cast(Fetched, records))]
                # Faust drops what is at or below the greatest offset it has delivered, and a seek
                # that races with delivery does not reset that.
                self._read_offset[tp] = None
        return batches

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek every partition to its snapshot, or where there is none to the beginning of its log.

        What the group has committed decides nothing: without the state that it was committed with, going
        on from there would leave out what came before.

        Raises:
            StateError: a snapshot contains more than there is in the log.
        """
        snapshots = cast(App, self.app).snapshot_offsets
        ours = [tp for tp in self.assignment() if tp.topic in snapshots]
        begins, ends = await self.earliest_offsets(*ours), await self.highwaters(*ours)
        self.positions = {}
        for tp in ours:
            contained = snapshots[tp.topic](tp.partition)
            self.positions[tp] = begins[tp] if contained is None else contained + 1
            if self.positions[tp] > max(begins[tp], ends[tp]):
                message = (
                    f"the state contains {tp.topic}[{tp.partition}] up to offset {contained}, but its log "
                    f"ends at {ends[tp]}: it is not the log that was read; {WAY_OUT}"
                )
                raise StateError(message)
        await self.seek_back(self.positions)
        return self.positions

    def log_end(self, tp: TP) -> int | None:
        """The end of a partition's log, as of a poll just now; None where it is not known or not ours.

        After a pause of the process the last known end is old news: more may be waiting there.
        """
        consumer = self._thread._consumer
        if consumer is None or tp not in self.assignment():
            return None
        polled = consumer.last_poll_timestamp(tp)
        if polled is None or abs(time.time() - polled / 1000) > FRESH_SECONDS:
            return None
        end: int | None = consumer.highwater(tp)
        return end

    async def fetched(self, tp: TP) -> int | None:
        """The offset that is fetched next; None where the partition is not ours."""
        try:
            return await self.position(tp)
        except IllegalStateError:
            # Taken away while we asked.
            return None

    async def check(self) -> None:
        """Raise what has ended this worker's part in its group, if anything has.

        aiokafka keeps it for whoever polls, and waits. Faust polls without ever asking.
        """
        if self._thread._consumer is not None:
            await self._thread.call_thread(_check, self._thread._consumer)

    async def seek_back(self, positions: Mapping[TP, int]) -> None:
        """Read again from these offsets, as far as the partitions are still ours."""
        ours = {tp: offset for tp, offset in positions.items() if tp in self.assignment()}
        if ours:
            await self._thread.seek_wait(ours)

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has; None while that is not known.

        Of a topic that was only just created aiokafka says 0, and Faust would take a changelog for wrong.
        """
        return super().topic_partitions(topic) or None

    def track_message(self, message: Message) -> None:
        """Count a message in. It is not kept: what is not in a snapshot is read again."""
        self._on_message_in(message.tp, message.offset, message)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Between two batches there is always a gap; it means nothing."""

    def _new_offset(self, tp: TP) -> int | None:
        acked = self._acked[tp]
        if not acked:
            return None
        newest = max(acked)
        self._acked_index[tp].difference_update(acked)
        acked.clear()
        return newest + 1

    def on_buffer_full(self, tp: TP) -> None:
        """Keep fetching: the full queue itself holds the fetch loop back.

        Were the partition paused, Faust would sleep for a second when all of them are.
        """

    async def _drain_messages(self, fetcher: Any) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await super()._drain_messages(fetcher)
            except KeyError as error:
                # After a restart with an empty data directory a batch can arrive before the
                # conductor has a callback for its partition. Read it again.
                log.warning("batch_before_assignment", partition=str(error), attempt=attempt)
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(0.1 * attempt)
                await self.perform_seek()


async def _check(consumer: Any) -> None:
    coordinator = consumer._coordinator
    if coordinator is None:
        # It has not started yet.
        return
    if coordinator._coordination_task.cancelled():
        message = "what keeps this worker in its group was cancelled"
        raise KafkaError(message)
    coordinator.check_errors()


class Fetched(list[Record]):
    """Records of one partition that were fetched together, and the offset that was asked for.

    There is no record from there to the first of them: what is missing there was never one, but the marker of
    a transaction, or was removed by compaction.
    """

    def __init__(self, begin: int, records: Sequence[Record]) -> None:
        super().__init__(records)
        self.begin = begin


class WholeFetch(fetcher.FetchResult):  # type: ignore[misc]  # aiokafka has no types here
    """What was fetched of a partition, handed out at once: record by record it costs three times as much."""

    def getall(self, max_records: int | None = None) -> list[Record]:
        """All records, as they were decoded; as aiokafka does it, if some are asked for."""
        if max_records is not None:
            some: list[Record] = super().getall(max_records)
            return some
        if not self.check_assignment(self._topic_partition) or not self.has_more():
            return []
        records = Fetched(self._partition_records.next_fetch_offset, decoded(self._partition_records))
        self._update_position()
        # It refers to what it iterates over: a cycle that would keep what was fetched in memory.
        self._partition_records._records_iterator = None
        self._partition_records: Any = None
        return records


def decoded(fetched: Any) -> list[Record]:
    """The records of aiokafka's PartitionRecords; a transaction that was aborted counts, as it does in Faust.

    Raises:
        CorruptRecordException: they are not what was sent.
    """
    records: list[Record] = []
    while fetched._records.has_next():
        batch = fetched._records.next_batch()
        if fetched._check_crcs and not batch.validate_crc():
            message = f"Invalid CRC - {fetched._tp}"
            raise CorruptRecordException(message)
        if not batch.is_control_batch:
            decoded = list(batch)
            # The broker sends whole batches, also where reading begins in the middle of one.
            if decoded and decoded[0].offset < fetched.next_fetch_offset:
                decoded = [record for record in decoded if record.offset >= fetched.next_fetch_offset]
            records += decoded
        fetched.next_fetch_offset = batch.next_offset
    return records


def _complete(tp: TP, record: Any) -> ConsumerRecord:
    """A record as Faust expects it."""
    sizes = [-1 if part is None else len(part) for part in (record.key, record.value)]
    return ConsumerRecord(
        tp.topic, tp.partition, record.offset, record.timestamp, record.timestamp_type, record.key,
        record.value, record.checksum, *sizes, tuple(record.headers),
    )  # fmt: skip


class Producer(driver.Producer):
    """Keeps asking the broker about every topic that it writes to.

    aiokafka forgets a topic that it knew from the start as soon as it asks for some by name, and what
    was to be sent there waits until the next record for that topic comes, which may wait for it.
    """

    async def on_start(self) -> None:
        """Start, and track topics."""
        await super().on_start()
        client = cast(Any, self._producer).client
        wait_on_metadata = client._wait_on_metadata

        async def tracked(topic: str) -> Any:
            client.add_topic(topic)
            return await wait_on_metadata(topic)

        client._wait_on_metadata = tracked


class Transport(driver.Transport):
    """Faust's transport for Kafka with a consumer of batches."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer
    Producer: ClassVar[type[driver.Producer]] = Producer

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # aiokafka has no other place to say so.
        fetcher.FetchResult = WholeFetch

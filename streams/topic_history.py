"""A topic that has history → the bytes of its records, up to what it has by now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.clients import reader
from streams.errors import TopicError
from streams.flattening import BATCH, Read
from streams.names import LARGEST_MESSAGE_BYTES
from streams.settings import Settings

#: A topic that still should have records, and gives none for so long, has no broker any more.
SILENT_SECONDS = 60


def topic_records(settings: Settings, topic: str, offset: int | None, read: Read) -> Iterator[bytes]:
    """What a topic has by now, from an offset on in each of its partitions, else from the beginning.

    Raises:
        TopicError: no broker answers, or none any more, or it has no such topic.
    """
    with reader(settings, topic, from_beginning=True) as looking:
        begins = looking.beginning_offsets(looking.assignment())
        ends = looking.end_offsets(looking.assignment())
    starts = {TopicPartition(*at): max(begin, offset or 0) for at, begin in begins.items()}
    left = {at: start for at, start in starts.items() if start < ends[at]}
    # The client of the workers: it unpacks and checks many times as fast as that of the commands.
    with asyncio.Runner() as runner:
        try:
            consumer = runner.run(_at(settings, left))
            try:
                done, heard = 0, time.monotonic()
                while left:
                    polled = runner.run(_more(consumer))
                    for at, records in polled.items():
                        for record in records:
                            if record.offset < ends[at]:
                                done += 1
                                # As a worker reads it: one without a value is one that cannot be read.
                                yield record.value or b""
                    # Behind the last record there may be marks of transactions, which are no records.
                    before = len(left)
                    left = {at: s for at, s in left.items() if runner.run(consumer.position(at)) < ends[at]}
                    if polled or len(left) < before:
                        heard = time.monotonic()
                    elif time.monotonic() - heard > SILENT_SECONDS:
                        message = (
                            f"{settings.bootstrap} gives no more of {topic!r}, and {len(left)} of its "
                            "partitions are not at their ends: look after the brokers, and call this again"
                        )
                        raise TopicError(message)
                    read(done)
            finally:
                runner.run(_stop(consumer))
        except KafkaError as error:
            message = f"{topic!r} cannot be read at {settings.bootstrap}: {type(error).__name__}: {error}"
            raise TopicError(message) from error


async def _at(settings: Settings, starts: Mapping[TopicPartition, int]) -> AIOKafkaConsumer:
    """A client in no group, at these offsets."""
    consumer = AIOKafkaConsumer(
        **settings.async_client(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=LARGEST_MESSAGE_BYTES,
    )
    try:
        await consumer.start()
        consumer.assign(list(starts))
        for at, start in starts.items():
            consumer.seek(at, start)
    except BaseException:
        await consumer.stop()
        raise
    return consumer


async def _stop(consumer: AIOKafkaConsumer) -> None:
    # Where no broker answers, the client trips over a fetch that it has cancelled itself.
    with suppress(asyncio.CancelledError):
        await consumer.stop()


async def _more(consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[Any]]:
    return dict(await consumer.getmany(timeout_ms=500, max_records=BATCH))


def topic_size(settings: Settings, topic: str, offset: int | None) -> int:
    """How many records there are at most.

    Raises:
        TopicError: no broker answers, or it has no such topic.
    """
    with reader(settings, topic, from_beginning=True) as consumer:
        ends = consumer.end_offsets(consumer.assignment())
        starts = consumer.beginning_offsets(consumer.assignment())
        return sum(max(0, end - max(starts[partition], offset or 0)) for partition, end in ends.items())

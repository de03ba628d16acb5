"""A Kafka topic → a sample of its records: the last of every partition, read by a client in no group."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.clients import reader
from streams.errors import TopicError
from streams.inferring.sampling import Sample, Sampled, SampleError
from streams.settings import Settings

POLL_MILLISECONDS = 200
#: When nothing comes for so long, the end was reached: what is left are marks of transactions.
IDLE_SECONDS = 10.0

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def sample_topic(settings: Settings, topic: str, most: int) -> Sample:
    """The last records of a topic, about as many of each partition.

    Raises:
        SampleError: there are none.
        TopicError: the cluster does not answer, has no such topic, or refuses.
    """
    if not _NAME.fullmatch(topic):
        message = f"--topic {topic!r}: names of topics are letters, digits, dots, _ and -"
        raise SampleError(message)
    with reader(settings, topic, from_beginning=False) as consumer:
        try:
            ends = _go_back(consumer, most)
            records = [_sampled(record) for record in _read(consumer, ends) if record.value]
        except KafkaError as error:
            message = f"topic {topic!r} cannot be read: {type(error).__name__}: {error}"
            raise TopicError(message) from error
    if not records:
        message = f"topic {topic!r} has no record yet: send some, or name a file of records"
        raise SampleError(message)
    # Of a partition after the other, each in its order.
    records.sort(key=lambda one: (one.part, one.number))
    totals = [sum(one.part == part for one in records) for part in range(1 + max(ends))]
    return Sample(topic, topic, records, None, totals, is_topic=True)


def _go_back(consumer: KafkaConsumer, most: int) -> dict[int, int]:
    """Some records before the end of each partition; returns where the ends are."""
    assigned = sorted(consumer.assignment())
    begins, ends = consumer.beginning_offsets(assigned), consumer.end_offsets(assigned)
    for partition in assigned:
        share = -(-most // len(assigned))
        consumer.seek(partition, max(begins[partition], ends[partition] - share))
    return {partition.partition: ends[partition] for partition in assigned}


def _read(consumer: KafkaConsumer, ends: dict[int, int]) -> Iterator[Any]:
    """The records up to the ends; what comes meanwhile is left alone."""
    last = time.monotonic()
    behind: list[TopicPartition] = list(consumer.assignment())
    while behind and time.monotonic() - last < IDLE_SECONDS:
        for partition, records in consumer.poll(timeout_ms=POLL_MILLISECONDS).items():
            yield from (record for record in records if record.offset < ends[partition.partition])
            last = time.monotonic()
        behind = [one for one in behind if consumer.position(one) < ends[one.partition]]


def _sampled(record: Any) -> Sampled:
    arrived = record.timestamp if record.timestamp is not None and record.timestamp > 0 else None
    place = f"{record.topic}, partition {record.partition}: offset"
    return Sampled(place, record.offset, record.value, record.partition, arrived)

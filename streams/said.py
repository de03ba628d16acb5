"""What people say, into the logs of the steps that it is for: its place there is from where on it holds.

So a step that reads its log again hears it at the same point. The feedback topic keeps the latest of each,
for people to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from detectors.config import Config
from detectors.feedback import Said, Verdict
from streams.clients import reader
from streams.errors import TopicError
from streams.names import LARGEST_MESSAGE_BYTES, Names, partition_of
from streams.settings import Settings

#: How what is for the group step begins, among the scores.
BEGINS = b'{"type":"'

SEND_SECONDS = 60


class Entry(NamedTuple):
    """A record for a log."""

    topic: str
    key: bytes
    value: bytes
    #: Unless the key is to say it.
    partition: int | None = None


def entries(said: Said, what: Config, names: Names, partitions: int) -> Iterator[Entry]:
    """Where it goes; `partitions` is how many the partials have. What holds comes first."""
    key, as_json = said.detector.encode(), msgspec.json.encode(said)
    if isinstance(said, Verdict):
        shards = range(what.detector(said.detector).shards)
        for partition in sorted({partition_of(said.detector, shard, partitions) for shard in shards}):
            yield Entry(names.partials, key, msgspec.msgpack.encode(said), partition)
    yield Entry(names.scores, key, as_json)
    yield Entry(names.feedback, said.id.encode(), as_json)


def send(settings: Settings, what: Config, said: Sequence[Said]) -> None:
    """Say it to the workers.

    Raises:
        TopicError: the cluster does not answer, refuses, or lacks a topic.
    """
    names = Names.under(settings.prefix)
    with reader(settings, names.feedback, from_beginning=False) as consumer:
        partitions = len(consumer.partitions_for_topic(names.partials) or ())
    if not partitions:
        message = (
            f"{settings.bootstrap} has no topic {names.partials!r}: `lookalive topics --create` makes it"
        )
        raise TopicError(message)
    producer = KafkaProducer(**settings.kafka_client(), acks="all", max_request_size=LARGEST_MESSAGE_BYTES)
    try:
        for each in said:
            # One by one: what the feedback topic shows is true of the steps already.
            for topic, key, value, partition in entries(each, what, names, partitions):
                producer.send(topic, key=key, value=value, partition=partition).get(timeout=SEND_SECONDS)
    except KafkaError as error:
        message = f"the cluster at {settings.bootstrap} refused: {type(error).__name__}: {error}"
        raise TopicError(message) from error
    finally:
        producer.close()

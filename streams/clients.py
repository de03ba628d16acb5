"""kafka-python clients of the cluster, or the one sentence that says it does not answer.

For commands and checks; the hot path has clients of its own.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from streams.errors import TopicError
from streams.names import LARGEST_MESSAGE_BYTES
from streams.settings import Settings

CONNECT_SECONDS = 5


@contextmanager
def admin_client(settings: Settings) -> Iterator[KafkaAdminClient]:
    """A client that creates and describes topics; refusals come out as TopicError."""
    arguments = _arguments(settings)
    try:
        client = KafkaAdminClient(**arguments)
    except KafkaError as error:
        raise _unreachable(settings, error) from error
    try:
        yield client
    except KafkaError as error:
        message = f"the cluster at {settings.bootstrap} refused: {type(error).__name__}: {error}"
        raise TopicError(message) from error
    finally:
        client.close()


@contextmanager
def reader(settings: Settings, topic: str, *, from_beginning: bool) -> Iterator[KafkaConsumer]:
    """A consumer at the beginning or at the end of all partitions of a topic, and in no group.

    Raises:
        TopicError: the cluster does not answer, or has no such topic.
    """
    arguments = _arguments(settings)
    try:
        consumer = KafkaConsumer(
            **arguments,
            auto_offset_reset="earliest" if from_beginning else "latest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            max_partition_fetch_bytes=LARGEST_MESSAGE_BYTES,
        )
    except KafkaError as error:
        raise _unreachable(settings, error) from error
    try:
        partitions = consumer.partitions_for_topic(topic)
        if not partitions:
            message = (
                f"{settings.bootstrap} has no topic {topic!r}: create it with `lookalive topics --create`"
            )
            raise TopicError(message)
        assigned = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        consumer.assign(assigned)
        # Where "the end" is, is settled now and not at the first poll.
        for partition in assigned:
            consumer.position(partition)
        yield consumer
    finally:
        consumer.close()


def _arguments(settings: Settings) -> dict[str, Any]:
    """What a client is made of, after a look whether anybody listens.

    A client that finds nobody tries for long, and leaves its sockets open.
    """
    arguments = settings.kafka_client()
    problem: OSError | None = None
    for address in arguments["bootstrap_servers"]:
        host, _, port = address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            problem = error
        else:
            return {**arguments, "bootstrap_timeout_ms": 10_000}
    assert problem is not None  # noqa: S101  (there is at least one address)
    raise _unreachable(settings, problem) from problem


def _unreachable(settings: Settings, error: Exception) -> TopicError:
    return TopicError(
        f"no Kafka answers at {settings.bootstrap} ({type(error).__name__}): "
        "look at LOOKALIVE_BOOTSTRAP, or start one with `lookalive broker`"
    )

"""What tests share: a real broker for those that need one, and names of their own for each test.

The broker is the one that LOOKALIVE_BOOTSTRAP names; or a container where a Docker engine answers; or
the program's own. Kafka clients are imported late: tests of the core do without.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from streams.settings import Settings

hypothesis_settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis_settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """Allow what kafka-python warns of when it reads its own protocol files; let SIGINT through."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
    # Started in the background, a shell has SIGINT ignored, and all that the tests start would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Apache Kafka."""
    given = os.environ.get("LOOKALIVE_BOOTSTRAP")
    if given:
        yield given
    elif _docker_answers():
        from testcontainers.community.kafka import KafkaContainer

        # Its start script knows the images of this maker only.
        container = KafkaContainer("confluentinc/cp-kafka:7.6.0").with_kraft()
        with container.with_env("KAFKA_MESSAGE_MAX_BYTES", str(8 * 1024 * 1024)):
            yield container.get_bootstrap_server()
    else:
        from streams.broker import Broker

        with Broker(tmp_path_factory.mktemp("broker")) as own:
            yield own.address


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def settings(broker: str, prefix: str, tmp_path: Path) -> Settings:
    """Settings on the broker with a prefix, group and data directory of the test's own."""
    return Settings(bootstrap=broker, prefix=prefix, group=prefix, data=tmp_path / "data")


@pytest.fixture
def producer(settings: Settings) -> Iterator[Any]:
    """A kafka-python producer; flush it before reading."""
    from kafka import KafkaProducer

    producer = KafkaProducer(**settings.kafka_client(), max_request_size=8 * 1024 * 1024, linger_ms=5)
    yield producer
    producer.close()


@pytest.fixture
def read_all(settings: Settings) -> Callable[..., list[Any]]:
    """A topic's records from the beginning, read by a client of its own.

    It ends with what is there when it begins; `read_all(topic, until_idle=1.0)` goes on until nothing has
    come for that many seconds, `read_all(topic, count=3)` ends at the third record as well.
    """
    from kafka import KafkaConsumer, TopicPartition

    def read(topic: str, until_idle: float = 0.0, count: int | None = None) -> list[Any]:
        consumer = KafkaConsumer(
            **settings.kafka_client(),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            allow_auto_create_topics=False,
        )
        try:
            numbers = sorted(consumer.partitions_for_topic(topic) or set())
            partitions = [TopicPartition(topic, number) for number in numbers]
            consumer.assign(partitions)
            ends = consumer.end_offsets(partitions)
            records: list[Any] = []
            last = time.monotonic()
            while count is None or len(records) < count:
                behind = any(consumer.position(partition) < ends[partition] for partition in partitions)
                if not behind and time.monotonic() - last >= until_idle:
                    break
                for batch in consumer.poll(timeout_ms=100).values():
                    records += batch
                    last = time.monotonic()
            return records
        finally:
            consumer.close()

    return read


def _docker_answers() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    try:
        asked = subprocess.run([docker, "version"], capture_output=True, timeout=10, check=False)
        return asked.returncode == 0
    except subprocess.TimeoutExpired:
        return False

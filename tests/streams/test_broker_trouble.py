"""A broker that is restarted, killed, asleep, or compacts what the worker relies on: nothing is lost of it.

These tests have a broker of their own, since they do it harm.
"""

import gc
import os
import random
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from streams.broker import Broker
from tests.streams.truth import SECONDS
from tests.streams.worker import running_worker

pytestmark = [
    pytest.mark.kafka,
    # kafka-python leaves a socket open when nobody listens.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


def durable_port() -> int:
    """A port on which a broker can come back, as no client is given it meanwhile for its own end."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker of these tests."""
    with Broker(tmp_path_factory.mktemp("own-broker"), durable_port()) as broker:
        yield broker


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def broker(own: Broker) -> str:
    """Its address, in the place of that of the broker which all others share."""
    return own.address


def compact_at_once(broker: Broker, topics: Sequence[str]) -> None:
    """From now on what is replaced or deleted in topics is compacted away within a second."""
    soon = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100"}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, soon) for topic in topics]
    cleaner = ConfigResource(ConfigResourceType.BROKER, "1", {"log.cleaner.backoff.ms": "100"})
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        admin.alter_configs([cleaner, *resources])


def is_whole(records: list[Any]) -> bool:
    """Whether no record of a topic is gone: offsets have no holes."""
    ends: dict[int, int] = {record.partition: record.offset + 1 for record in records}
    return len(records) == sum(ends.values())


def signalled(broker: Broker, number: signal.Signals) -> None:
    assert broker.pid is not None
    os.kill(broker.pid, number)


def test_a_broker_that_goes_and_comes_back_changes_nothing(flow, own):
    with running_worker(flow.config_text, flow.settings):
        with flow.sending(seconds=6):
            for how in (signal.SIGTERM, signal.SIGKILL):
                time.sleep(2)
                signalled(own, how)
                own.stop()
                time.sleep(1)
                own.start()
        flow.assert_exact()


def test_a_broker_that_sleeps_again_and_again_changes_nothing(flow, own):
    rng = random.Random(3)
    with running_worker(flow.config_text, flow.settings):
        with flow.sending(seconds=6):
            for _ in range(3):
                time.sleep(rng.uniform(0.3, 1.5))
                signalled(own, signal.SIGSTOP)
                time.sleep(rng.uniform(1, 3))
                signalled(own, signal.SIGCONT)
        flow.assert_exact()


def test_state_is_whole_though_what_was_replaced_is_compacted_away(flow, own, read_all):
    # A name that it keeps lets a worker come back without waiting for its last session to end.
    where = flow.place("worker", instance="worker-1")
    changelogs = [f"{where.group}-{table}-changelog" for table in ("fold-shop", "score", "group")]
    with running_worker(flow.config_text, where) as worker:
        compact_at_once(own, changelogs)
        until = time.monotonic() + SECONDS
        while whole := [topic for topic in changelogs if is_whole(read_all(topic))]:
            assert time.monotonic() < until, f"nothing was compacted away in {whole}"
            flow.send(0.02)
        worker.kill()
    shutil.rmtree(where.data / "tables")
    with running_worker(flow.config_text, where) as worker:
        flow.send(0.2)
        worker.kill()
    shutil.rmtree(where.data / "tables")
    with running_worker(flow.config_text, where):
        flow.send()
        flow.assert_exact()

"""The clock of the worker's host jumps while live events come: every one counts where it belongs."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from kafka import KafkaProducer

from detectors.records import IntervalScores
from streams import topics
from tests.streams.truth import PARTITIONS, PUBLISHED, SECONDS, backtested, identity, in_order, published
from tests.streams.worker import RunningWorker, running_worker

HOUR = 3600
#: Debian's faketime; MT is for programs with threads.
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(LIBRARY is None, reason="needs Debian's faketime: apt-get install faketime"),
]


def configuration(topic: str) -> str:
    return f"""
    [sources.shop]
    topic = "{topic}"
    format = "clickstream"
    clock = "wall"
    idle_timeout = "PT2S"

    [[detectors]]
    name = "shop"
    source = "shop"
    interval = "PT2S"
    lateness = "PT5S"
    dimensions = ["platform"]
    measures = [{{ name = "views", aggregation = "count" }}]
    """


class Live:
    """Events of just now, which come until they are told to stop; one partition gets few of them."""

    def __init__(self, settings, topic: str) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self._settings = settings
        self._topic = topic
        self._over = threading.Event()

    @contextmanager
    def coming(self) -> Iterator[None]:
        sender = threading.Thread(target=self._send, daemon=True)
        self._over.clear()
        sender.start()
        yield
        self._over.set()
        sender.join(SECONDS)
        assert not sender.is_alive()

    def _send(self) -> None:
        producer = KafkaProducer(**self._settings.kafka_client())
        for number in itertools.count():
            if self._over.wait(0.02):
                break
            partition = number % (PARTITIONS - 1) if number % 60 else PARTITIONS - 1
            raw = b'{"ts":%d,"event":"view","platform":"p%d"}' % (time.time() * 1000, number % 7)
            producer.send(self._topic, raw, partition=partition)
            self.sent.append((partition, raw))
        producer.close()


class Host:
    """Where the worker runs: its clock can be set, that of the test and of the broker goes on."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = directory / "clock"
        self.jump(0)
        monkeypatch.setenv("LD_PRELOAD", str(LIBRARY))
        monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(self._file))
        # Looked at once a second: at every call it costs the worker more than all else that it does.
        monkeypatch.setenv("FAKETIME_CACHE_DURATION", "0")
        # The clock that no one can set is not faked.
        monkeypatch.setenv("DONT_FAKE_MONOTONIC", "1")

    def jump(self, seconds: int) -> None:
        """From now on the clock is this far from the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


@pytest.fixture
def host(settings, tmp_path, monkeypatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_clock_that_jumps_closes_nothing_and_loses_nothing(settings, host, read_all, prefix):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    config_text = configuration(topic)
    live = Live(settings, topic)
    with running_worker(config_text, settings) as worker:
        with live.coming():
            for hours in (0, 2, -2, 24, 0):
                host.jump(hours * HOUR)
                time.sleep(2)
        assert_exact(worker, live, settings, read_all)


def test_a_worker_that_comes_back_to_another_clock_does_not_take_the_jump_for_a_silence(
    settings, host, read_all, prefix
):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    live = Live(settings, topic)
    # A name that it keeps lets a worker come back without waiting for its last session to end.
    settings = msgspec.structs.replace(settings, instance="worker-1")
    with running_worker(configuration(topic), settings) as worker:
        with live.coming():
            time.sleep(1)
        # What has come is saved, and the partitions are silent.
        time.sleep(3)
        worker.kill()
    host.jump(24 * HOUR)
    with running_worker(configuration(topic), settings) as worker:
        # The partitions are silent long enough for that to be believed.
        time.sleep(5)
        with live.coming():
            time.sleep(1)
        assert_exact(worker, live, settings, read_all)


def assert_exact(worker: RunningWorker, live: Live, settings, read_all) -> None:
    expected = backtested(configuration("any"), live.sent)
    until = time.monotonic() + SECONDS
    views = 0.0
    while views < len(live.sent) and time.monotonic() < until:
        scores = published(read_all(f"{settings.prefix}.scores"), IntervalScores)
        views = sum(total(interval) for interval in scores)
        assert worker.count("lookalive_events_late_total", detector="shop") == 0
        time.sleep(0.2)
    assert views == len(live.sent)
    # What the last intervals give, which only time has closed, a backtest does not know.
    for kind, values in expected.items():
        known = {identity(value) for value in values}
        found = published(read_all(f"{settings.prefix}.{PUBLISHED[kind]}", until_idle=1), kind)
        assert [value for value in found if identity(value) in known] == in_order(values)
    assert read_all(f"{settings.prefix}.dead-letters") == []


def total(interval: IntervalScores) -> float:
    return sum((row.value or 0.0 for row in interval.rows() if row.place == (None,)), 0.0)

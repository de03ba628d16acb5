"""How long a worker is away when it is killed: a real one, on a real broker, with and without its directory.

Minutes of events are sent and scored, until the offsets of the group say that the snapshot contains all
of them. Then the worker is killed, another minute is sent, and a new process started. Every chunk of
scores that is published, before and after, must be one that the core gives without any interruption.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from kafka import TopicPartition

from benchmarks.scaling.closing import Digests, digest
from benchmarks.scaling.load import MINUTE, PARTITIONS, START, Load, create_topic, send
from streams import topics
from streams.clients import admin_client, reader
from streams.settings import Settings
from tests.streams.worker import RunningWorker

#: Minutes of events before the worker is first killed; all but the last of them are closed by then.
MINUTES_BEFORE = 5
#: What has not come by then does not come.
PATIENCE_SECONDS = 900.0
LOOK_SECONDS = 0.05


class _Told(msgspec.Struct):
    interval_start: datetime


_decode = msgspec.json.Decoder(_Told).decode


@dataclass(frozen=True)
class Recovery:
    """From the start of the process after a kill."""

    ready_seconds: float
    #: To the first scores of an interval that ended meanwhile, and to the last.
    first_scores_seconds: float
    all_scores_seconds: float


@dataclass
class Listener:
    """A client of the topic of scores."""

    where: Settings
    told: Digests = field(default_factory=lambda: defaultdict(set))
    #: Minute → when its first chunk came, and its last new one.
    first: dict[int, float] = field(default_factory=dict)
    last: dict[int, float] = field(default_factory=dict)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the context lasts."""
        stop = threading.Event()
        thread = threading.Thread(target=self._listen, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _listen(self, stop: threading.Event) -> None:
        with reader(self.where, f"{self.where.prefix}.scores", from_beginning=True) as consumer:
            while not stop.is_set():
                for records in consumer.poll(timeout_ms=50).values():
                    for record in records:
                        self._hear(record.value)

    def _hear(self, chunk: bytes) -> None:
        minute = (round(_decode(chunk).interval_start.timestamp() * 1000) - START) // MINUTE
        now, hashed = time.monotonic(), digest(chunk)
        self.first.setdefault(minute, now)
        if hashed not in self.told[minute]:
            self.told[minute].add(hashed)
            self.last[minute] = now


class Run:
    """A worker that is killed and started again, and what is heard of it."""

    def __init__(self, load: Load, bootstrap: str, directory: Path, expected: Digests) -> None:
        name = f"scale-{load.series}-{uuid.uuid4().hex[:8]}"
        self.load = load
        self.expected = expected
        self.where = Settings(
            bootstrap=bootstrap,
            prefix=name,
            group=name,
            data=directory / name,
            partitions=PARTITIONS,
            instance="one",
        )
        self.listener = Listener(self.where)

    def recoveries(self, progress: Callable[[str], None]) -> tuple[Recovery, Recovery]:
        """With the local directory kept, and with it lost."""
        create_topic(self.where.bootstrap or "", self.where.prefix)
        topics.create(self.where, [self.where.prefix])
        with self.listener.listening():
            progress("start")
            worker = self._start()
            try:
                for minute in range(MINUTES_BEFORE + 1):
                    progress(f"minute {minute}")
                    self._send(minute)
                    if minute:
                        self._until(worker, minute - 1)
                recoveries = []
                for minute, lost in ((MINUTES_BEFORE + 1, False), (MINUTES_BEFORE + 2, True)):
                    progress("directory lost" if lost else "directory kept")
                    self._saved(worker)
                    worker.kill()
                    if lost:
                        shutil.rmtree(self.where.data)
                    self._send(minute)
                    started = time.monotonic()
                    worker = self._start()
                    ready = self._ready(worker)
                    self._until(worker, minute - 1)
                    first, last = self.listener.first[minute - 1], self.listener.last[minute - 1]
                    recoveries.append(Recovery(ready - started, first - started, last - started))
            finally:
                worker.kill()
        kept, gone = recoveries
        return kept, gone

    def problems(self) -> Iterator[str]:
        """What was published that should not have been, or was not."""
        for minute in range(MINUTES_BEFORE + 2):
            told, expected = self.listener.told[minute], self.expected[minute]
            if told != expected:
                yield (
                    f"{self.load.series:,} series, minute {minute}: {len(told - expected)} chunks of scores "
                    f"are wrong, {len(expected - told)} of {len(expected)} missing"
                )

    def _start(self) -> RunningWorker:
        return RunningWorker(self.load.configuration(self.where.prefix), self.where)

    def _send(self, minute: int) -> None:
        asyncio.run(send(self.where.bootstrap or "", self.where.prefix, self.load, minute))

    def _ready(self, worker: RunningWorker) -> float:
        self._wait(worker, worker.is_ready, "is not ready")
        return time.monotonic()

    def _until(self, worker: RunningWorker, minute: int) -> None:
        wanted = len(self.expected[minute])
        self._wait(
            worker, lambda: len(self.listener.told[minute]) >= wanted, f"has not scored minute {minute}"
        )

    def _saved(self, worker: RunningWorker) -> None:
        """Wait until the group's offset of the partials is their end: snapshots contain all of them."""
        topic = f"{self.where.prefix}.partials"
        partitions = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        with reader(self.where, topic, from_beginning=False) as consumer:
            ends = consumer.end_offsets(partitions)
        with admin_client(self.where) as admin:

            def all_saved() -> bool:
                stored = admin.list_group_offsets(self.where.group)[self.where.group]
                return all(not end or (p in stored and stored[p].offset >= end) for p, end in ends.items())

            self._wait(worker, all_saved, "has not saved what it has read", every=0.5)

    def _wait(
        self, worker: RunningWorker, enough: Callable[[], bool], problem: str, every: float = LOOK_SECONDS
    ) -> None:
        patience = time.monotonic() + PATIENCE_SECONDS
        while not enough():
            stopped = worker.process.poll() is not None
            if stopped or time.monotonic() > patience:
                became = "stopped" if stopped else "waits"
                message = f"the worker {problem}, and {became}; its log ends:\n{worker.log()[-3000:]}"
                raise AssertionError(message)
            time.sleep(every)

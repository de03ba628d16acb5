"""Generated events → Kafka: as fast as the broker takes them, or paced like something live.

Events go into batches that are built here: an event then costs a fraction of a microsecond, where a
send of its own costs tens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, Self

from aiokafka import AIOKafkaProducer

from streams.settings import Settings

#: A paced stream is sent this often.
SLICE_SECONDS = 0.2
#: Events between two looks at the event loop.
BREATH = 2_000


class Generator(Protocol):
    """Anything that makes events for a stretch of time."""

    def events(self, start_ms: int, end_ms: int) -> Iterable[tuple[int, bytes]]:
        """Event times in milliseconds and records, in time order."""


class Traffic:
    """A producer for generated events; an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._producer = AIOKafkaProducer(**settings.async_client(), acks="all", max_batch_size=1 << 19)
        #: Events sent so far.
        self.sent = 0

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(
        self, topic: str, events: Iterable[tuple[int, bytes]], told: Callable[[int], None] | None = None
    ) -> None:
        """Send events in turn to the partitions of a topic; `told` hears the event time now and then."""
        partitions = sorted(await self._producer.partitions_for(topic))
        batches = [self._producer.create_batch() for _ in partitions]
        for number, (event_time, record) in enumerate(events):
            turn = number % len(partitions)
            if batches[turn].append(key=None, value=record, timestamp=None) is None:
                await self._producer.send_batch(batches[turn], topic, partition=partitions[turn])
                batches[turn] = self._producer.create_batch()
                batches[turn].append(key=None, value=record, timestamp=None)
            self.sent += 1
            if number % BREATH == 0:
                await asyncio.sleep(0)
                if told is not None:
                    told(event_time)
        for partition, batch in zip(partitions, batches, strict=True):
            if batch.record_count():
                await self._producer.send_batch(batch, topic, partition=partition)

    async def flush(self) -> None:
        """Wait until the broker has everything."""
        await self._producer.flush()


class Pace:
    """A clock that runs faster than the wall until it has caught up with it."""

    def __init__(self, start_ms: int, speed: float) -> None:
        self._start_ms = start_ms
        self._speed = speed
        self._began = time.time()

    def event_time(self) -> int:
        """Event time now, in milliseconds; never in the future."""
        now = time.time()
        return int(min(self._start_ms + (now - self._began) * 1000 * self._speed, now * 1000))

    def wall_time(self, event_time: int) -> float:
        """When the clock shows an event time, in seconds since the epoch."""
        return max(self._began + (event_time - self._start_ms) / 1000 / self._speed, event_time / 1000)


async def live(traffic: Traffic, sources: Sequence[tuple[str, Generator]], pace: Pace, since: int) -> None:
    """Send what happens from `since` on, until cancelled."""
    done = since
    while True:
        await asyncio.sleep(SLICE_SECONDS)
        until = pace.event_time()
        for topic, generator in sources:
            await traffic.send(topic, generator.events(done, until))
        await traffic.flush()
        done = until

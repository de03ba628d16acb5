"""Samples a server once a second, and publishes what it sees, until cancelled.

While the server is away nothing is published: that is a gap, and no load of zero.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import structlog
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry, Counter, Gauge

from streams.hop import Message
from streams.publishing import publish
from streams.sampling.sampler import Sampler
from streams.sampling.sessions import Sample, events
from streams.serving import serve
from streams.settings import Settings
from streams.sources.reading import Unavailable

log = structlog.get_logger(__name__)

#: A server that does not answer is asked again after so long, and twice as long each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


class SamplingMetrics:
    """What Prometheus sees of `lookalive sample-db`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.samples = Counter(
            "lookalive_samples_total", "Samples that were published.", registry=self.registry
        )
        self.failures = Counter(
            "lookalive_sample_failures_total",
            "Times that the server did not say who is active; it is asked again.",
            registry=self.registry,
        )
        self.sessions = Gauge(
            "lookalive_sampled_sessions",
            "Sessions that were active in the last sample.",
            registry=self.registry,
        )
        self.seconds = Counter(
            "lookalive_sample_seconds_total", "How long the server was asked.", registry=self.registry
        )


def messages(topic: str, instance: str, vcpus: float | None, sample: Sample) -> list[Message]:
    """A sample as it is published, all of it in one partition."""
    key = instance.encode()
    return [
        Message(topic, key, json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"))
        for event in events(instance, vcpus, sample)
    ]


async def samples(
    sampler: Sampler, every: float, metrics: SamplingMetrics, take: Callable[[Sample], Awaitable[None]]
) -> None:
    """Hand over a sample each time that one is due, until cancelled; asks again when the server is away."""
    pause, due = FIRST_PAUSE, time.monotonic()
    while True:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        began = time.monotonic()
        try:
            sample = await asyncio.to_thread(sampler.sample)
        except Unavailable as error:
            metrics.failures.inc()
            log.warning("database_does_not_answer", why=str(error), again_in_seconds=pause)
            due, pause = time.monotonic() + pause, min(2 * pause, LONGEST_PAUSE)
            continue
        metrics.seconds.inc(time.monotonic() - began)
        metrics.sessions.set(len(sample.sessions))
        await take(sample)
        metrics.samples.inc()
        # What is missed is missed: two samples at once say no more than one.
        pause, due = FIRST_PAUSE, max(due + every, time.monotonic())


async def run(
    sampler: Sampler, every: float, settings: Settings, as_messages: Callable[[Sample], list[Message]]
) -> None:
    """Sample, publish and serve metrics until cancelled."""
    metrics = SamplingMetrics()
    producer = AIOKafkaProducer(**settings.async_client(), acks="all", enable_idempotence=True)

    async def take(sample: Sample) -> None:
        await publish(producer, as_messages(sample))

    try:
        await producer.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(settings, metrics.registry, lambda: True, lambda: None))
            tasks.create_task(samples(sampler, every, metrics, take))
    finally:
        await producer.stop()
        sampler.close()

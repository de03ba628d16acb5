"""Fourth hop: the alerts topic → sinks, in a process of its own.

Each sink is a consumer group of its own: a slow one holds no other, and its committed offset says what was
delivered. An alert is delivered first and committed then: at least once, in the order of the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import structlog
from aiohttp import ClientSession
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError, KafkaError
from faust.types import TP
from prometheus_client import CollectorRegistry

from detectors.config import Config
from streams.courier import Courier
from streams.dead_letters import DeadLetter
from streams.deliveries import Deliveries
from streams.names import LARGEST_MESSAGE_BYTES, Names
from streams.notices import Site
from streams.serving import serve
from streams.settings import Settings
from streams.sinks import make_sender

log = structlog.get_logger(__name__)

#: A sink that is new is told of what was published so long before.
NEW_SINK = timedelta(hours=1)
#: How long a fetch waits for something to come.
POLL_MILLISECONDS = 500
PAUSE_SECONDS = 1.0
#: Beyond the time in which an alert may be tried again.
SLACK = timedelta(minutes=10)


class Notifier:
    """Delivers the alerts of a configuration to all its sinks."""

    def __init__(self, config: Config, settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._names = Names.under(settings.prefix)
        self.deliveries = Deliveries(CollectorRegistry())
        #: Sink → what reads for it, and what delivers.
        self._feeds: dict[str, tuple[Any, Courier]] = {}

    async def run(self) -> None:
        """Deliver until cancelled.

        Raises:
            SettingsError: a secret, or a library that a sink needs, is not there.
        """
        site = Site.of(self._settings)
        # Mail and AWS block a thread at a time: however many hang, there is one left, and for names of hosts.
        threads = ThreadPoolExecutor(max_workers=2 * len(self._config.sinks) + 2)
        asyncio.get_running_loop().set_default_executor(threads)
        async with ClientSession() as session:
            senders = {name: make_sender(sink, site, session) for name, sink in self._config.sinks.items()}
            producer = AIOKafkaProducer(
                **self._settings.async_client(), acks="all", max_request_size=LARGEST_MESSAGE_BYTES
            )

            async def bury(letter: DeadLetter) -> None:
                message = letter.message(self._names.dead_letters)
                await producer.send_and_wait(message.topic, message.value, message.key)

            try:
                await producer.start()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(
                        serve(self._settings, self.deliveries.registry, self._is_ready, self._count_waiting)
                    )
                    for name, sender in senders.items():
                        courier = Courier(
                            name, self._config, sender, site=site, deliveries=self.deliveries, bury=bury
                        )
                        tasks.create_task(self._feed(name, courier))
                        tasks.create_task(courier.renew())
            finally:
                await producer.stop()

    async def _feed(self, name: str, courier: Courier) -> None:
        """Read the alerts for one sink."""
        longest = self._config.sinks[name].give_up_after + SLACK
        consumer = AIOKafkaConsumer(
            **self._settings.async_client(),
            group_id=f"{self._settings.group}.notify.{name}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=LARGEST_MESSAGE_BYTES,
            max_poll_interval_ms=longest // timedelta(milliseconds=1),
        )
        consumer.subscribe([self._names.alerts], listener=_Revoked(courier))
        try:
            await consumer.start()
            self._feeds[name] = consumer, courier
            while True:
                try:
                    await _read(consumer, courier)
                except KafkaError as error:
                    # A rebalance took partitions away, or the cluster does not answer: what is not committed
                    # is read again.
                    log.warning("reading_again", sink=name, why=type(error).__name__)
                    courier.forget(list(courier.delivered))
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await consumer.stop()

    def _count_waiting(self) -> None:
        self.deliveries.waiting.clear()
        for name, (consumer, courier) in self._feeds.items():
            for tp, delivered in list(courier.delivered.items()):
                with contextlib.suppress(IllegalStateError):
                    waiting = max(0, (consumer.highwater(tp) or 0) - delivered)
                    self.deliveries.waiting.labels(name, str(tp.partition)).set(waiting)

    def _is_ready(self) -> bool:
        return set(self._feeds) == set(self._config.sinks)


class _Revoked(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Lets a courier know what another process goes on with."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def on_partitions_revoked(self, revoked: Iterable[TP]) -> None:
        self._courier.forget(revoked)

    def on_partitions_assigned(self, assigned: Iterable[TP]) -> None:
        pass


async def _read(consumer: Any, courier: Courier) -> None:
    """Deliver what has come, of partitions that are known from their first record on."""
    for tp in consumer.assignment() - set(courier.delivered):
        first = (await consumer.beginning_offsets([tp]))[tp]
        courier.begin(tp, first, await _delivered(consumer, tp))
        consumer.seek(tp, first)
    # Each may take as long as it may be tried again, and the group wants to hear of us in between.
    most = 1 if courier.caught_up else None
    for tp, records in (await consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=most)).items():
        for record in records:
            if await courier.take(tp, record):
                await consumer.commit({tp: record.offset + 1})


async def _delivered(consumer: Any, tp: TP) -> int:
    """Up to where a partition was delivered; a sink that is new begins with what is hardly old."""
    end: int = (await consumer.end_offsets([tp]))[tp]
    committed: int | None = await consumer.committed(tp)
    # One beyond the end is of a topic that was made anew since.
    if committed is not None and committed <= end:
        return committed
    since = round((time.time() - NEW_SINK.total_seconds()) * 1000)
    found = (await consumer.offsets_for_times({tp: since}))[tp]
    begin: int = end if found is None else found.offset
    # So that a new start does not begin later.
    await consumer.commit({tp: begin})
    return begin

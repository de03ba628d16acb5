"""`lookalive notify` on a real broker: at least once, where it was, and one sink apart from another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from aiokafka import AIOKafkaConsumer, TopicPartition

from detectors.config import Config
from detectors.records import Alert
from detectors.sinks import AnySink, Slack, Webhook
from streams import topics
from streams.broker import free_port
from streams.errors import SettingsError
from streams.notify import Notifier
from streams.settings import Settings
from tests.streams.incidents import alert, closed, configuration, updated
from tests.streams.sinks.receivers import Receiver, receiving

pytestmark = pytest.mark.kafka


@asynccontextmanager
async def notifying(config: Config, settings: Settings) -> AsyncIterator[Settings]:
    """A notifier that runs, and then stops; if it stops by itself, the test does, too."""
    where = msgspec.structs.replace(settings, web_port=free_port())
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(Notifier(config, where).run())
        yield where
        work.cancel()


async def received(receiver: Receiver, count: int) -> list[str]:
    """What has come, once it is so much."""
    async with asyncio.timeout(120):
        while len(receiver.received) < count:  # noqa: ASYNC110  (it counts, and many tests read it)
            await asyncio.sleep(0.02)
    return [one.json["kind"] for one in receiver.received]


async def left_by_another_topic(settings: Settings, sink: str) -> None:
    """Say that a sink was told of alerts that are not there."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        group_id=f"{settings.group}.notify.{sink}",
        # Else it may commit once more at its stop, from where it begins then.
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        partitions = [
            TopicPartition(f"{settings.prefix}.alerts", number) for number in range(settings.partitions)
        ]
        consumer.assign(partitions)
        await consumer.commit(dict.fromkeys(partitions, 1_000))
    finally:
        await consumer.stop()


async def test_a_secret_that_is_not_there_is_told_at_once(settings: Settings) -> None:
    config = configuration({"chat": Slack(url="env:NO_SUCH_VARIABLE")})
    with pytest.raises(SettingsError, match="NO_SUCH_VARIABLE"):
        await Notifier(config, settings).run()


async def test_a_port_that_is_taken_is_told(settings: Settings) -> None:
    topics.create(settings, [])
    config = configuration({"ours": Webhook(url="http://127.0.0.1")})
    async with receiving() as other:
        where = msgspec.structs.replace(settings, web_port=int(other.url.rpartition(":")[2]))
        with pytest.raises(ExceptionGroup) as raised:
            await Notifier(config, where).run()
    assert raised.group_contains(SettingsError, match="set LOOKALIVE_WEB_HOST and LOOKALIVE_WEB_PORT")


async def test_each_sink_is_told_in_order_and_goes_on_where_it_was(
    settings: Settings, producer: Any, read_all: Any
) -> None:
    topics.create(settings, [])

    def tell(*alerts: Alert) -> None:
        for one in alerts:
            producer.send(f"{settings.prefix}.alerts", msgspec.json.encode(one), one.group.encode())
        producer.flush()

    async with receiving() as slow, receiving() as quick:
        sinks: dict[str, AnySink] = {
            name: Webhook(url=receiver.url, history=True)
            for name, receiver in {"slow": slow, "quick": quick}.items()
        }
        slow.answers = [web.Response(status=503, headers={"Retry-After": "600"})]
        # A new sink is told of what was published just before; one of a topic that was made anew is new.
        tell(alert(), updated())
        await left_by_another_topic(settings, "quick")
        async with notifying(configuration(sinks), settings) as where, ClientSession() as session:
            assert await received(quick, 2) == ["OPENED", "UPDATED"]
            assert await received(slow, 1) == ["OPENED"]
            async with session.get(f"http://127.0.0.1:{where.web_port}/metrics") as page:
                metrics = await page.text()
            assert 'lookalive_deliveries_total{outcome="delivered",sink="quick"} 2.0' in metrics
            assert 'lookalive_delivery_retries_total{sink="slow"} 1.0' in metrics
        quick.answers = [web.Response(status=400, text="not like this")]
        tell(closed())
        async with notifying(configuration(sinks), settings):
            assert await received(slow, 4) == ["OPENED", "OPENED", "UPDATED", "CLOSED"]
            # What came but was not confirmed comes again, and can be known by its key.
            assert len({one.headers["Idempotency-Key"] for one in slow.received}) == 3
            assert await received(quick, 3) == ["OPENED", "UPDATED", "CLOSED"]
            (letter,) = await asyncio.to_thread(
                read_all, f"{settings.prefix}.dead-letters", until_idle=120.0, count=1
            )
        assert msgspec.json.decode(letter.value)["detail"] == "400 Bad Request: not like this"

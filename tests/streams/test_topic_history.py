"""Records of a topic as history: what is no record counts for nothing, and nobody waits for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams import topic_history, topics
from streams.broker import Broker
from streams.errors import TopicError
from streams.settings import Settings
from streams.topic_history import topic_records, topic_size

pytestmark = pytest.mark.kafka


def ignored(_: int) -> None:
    """How much is read does not matter here."""


async def transacted(settings: Settings, topic: str) -> None:
    arguments = {**settings.async_client(), "transactional_id": settings.prefix}
    async with AIOKafkaProducer(**arguments) as producer, producer.transaction():
        for value in (b"one", None, b"three"):
            await producer.send(topic, value, key=b"key", partition=0)


def test_a_mark_behind_the_last_record_is_none_and_one_without_a_value_is(settings: Settings) -> None:
    archive = f"{settings.prefix}-archive"
    topics.create(settings, [archive])
    asyncio.run(transacted(settings, archive))
    read: list[int] = []
    assert list(topic_records(settings, archive, None, read.append)) == [b"one", b"", b"three"]
    assert read[-1] == 3
    assert list(topic_records(settings, archive, 2, ignored)) == [b"three"]
    assert list(topic_records(settings, archive, 99, ignored)) == []
    assert (topic_size(settings, archive, 2), topic_size(settings, archive, 99)) == (2, 0)


#: Many times what is fetched at once.
LARGE = 40


async def fill(settings: Settings, topic: str) -> None:
    async with AIOKafkaProducer(**settings.async_client(), max_batch_size=1 << 20) as producer:
        await asyncio.gather(*[await producer.send(topic, bytes(900_000), partition=0) for _ in range(LARGE)])


def test_a_broker_that_goes_away_is_told_and_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_history, "SILENT_SECONDS", 3)
    with Broker(tmp_path / "broker") as broker:
        settings = Settings(bootstrap=broker.address, prefix="gone", group="gone", data=tmp_path)
        topics.create(settings, ["archive"])
        asyncio.run(fill(settings, "archive"))
        records = topic_records(settings, "archive", None, ignored)
        read = len(next(records))
    with pytest.raises(TopicError, match="gives no more of 'archive', and 1 of its partitions"):
        read += sum(map(len, records))
    assert read < LARGE * 900_000

"""Messages to the broker by a producer of aiokafka, and the promise that they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from streams.hop import Message


async def publish(producer: AIOKafkaProducer, messages: Iterable[Message]) -> None:
    """Send messages, and wait until the broker has them."""
    sent = [
        await producer.send(message.topic, message.value, message.key, partition=message.partition)
        for message in messages
    ]
    await asyncio.gather(*sent)

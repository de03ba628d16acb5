"""The passing of time: tells the next hop which source partitions are read to their end and silent.

Ticks are not events: they change no aggregate and make no event late. They are published straight to
the partials, where their place in the log makes a replay see them at the same point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from streams.fold import FoldHop
from streams.progress import assigned, lag
from streams.transport import App

#: A silent partition says so this often; the receiver believes it from the second time on.
EVERY_SECONDS = 0.4
#: Kafka's number for LogAppendTime.
STAMPED_BY_BROKER = 1


async def tick(app: App, folds: Sequence[FoldHop]) -> None:
    """Publish what the silent partitions of all sources hold, and that they are silent."""
    told: list[tuple[FoldHop, int, list[Awaitable[Any]]]] = []
    for hop in folds:
        timeout = hop.wiring.config.streamed[hop.source].idle_timeout.total_seconds()
        for partition in assigned(app, hop):
            if hop.locks[partition].locked():
                continue
            async with hop.locks[partition]:
                if lag(app, hop, partition) != 0 or partition not in assigned(app, hop):
                    continue
                silent = hop.seconds_since_taken(partition)
                if silent >= timeout:
                    sent = await hop.publish(hop.step(partition).tick(silent))
                    told.append((hop, partition, sent))
    for hop, partition, sent in told:
        for record in await asyncio.gather(*sent):
            if record.timestamp_type == STAMPED_BY_BROKER:
                hop.hear_time(partition, record.timestamp)


async def forever(every: float, act: Any, *arguments: Any) -> None:
    """Call a coroutine function again and again, with a pause between."""
    while True:
        await asyncio.sleep(every)
        await act(*arguments)

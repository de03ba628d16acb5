"""The passing of time: tells the next hop which source partitions are read to their end and silent.

Ticks are not events: they change no aggregate and make no event late. They are published straight to
the partials, where their place in the log makes a replay see them at the same point.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, cast

import structlog
from faust.types import TP

from streams.fold import FoldHop
from streams.hop import Hop
from streams.transport import App, BatchConsumer

log = structlog.get_logger(__name__)

#: A silent partition says so this often; the receiver believes it from the second time on.
EVERY_SECONDS = 0.4
#: Records that are in the log, are fetched, and still have not come after this long were lost on the way.
LOST_AFTER_SECONDS = 5.0


async def tick(app: App, folds: Sequence[FoldHop]) -> None:
    """Publish what the silent partitions of all sources hold, and that they are silent."""
    sent: list[Awaitable[Any]] = []
    for hop in folds:
        timeout = hop.wiring.config.sources[hop.source].idle_timeout.total_seconds()
        for partition in assigned(app, hop):
            if hop.locks[partition].locked():
                continue
            async with hop.locks[partition]:
                if await lag(app, hop, partition) != 0 or partition not in assigned(app, hop):
                    continue
                silent = hop.seconds_since_taken(partition)
                if silent >= timeout:
                    sent += await hop.publish(hop.step(partition).tick(silent))
    await asyncio.gather(*sent)


async def watch(app: App, hops: Iterable[Hop[Any]]) -> None:
    """Bring the lag up to date, and read again what was fetched but never arrived."""
    consumer = cast(BatchConsumer, app.consumer)
    for hop in hops:
        for partition in assigned(app, hop):
            behind = await lag(app, hop, partition)
            if behind is None:
                continue
            hop.wiring.metrics.lag.labels(hop.topic, str(partition)).set(behind)
            taken = hop.step(partition).offset
            if behind == 0 or taken < 0 or hop.seconds_since_taken(partition) < LOST_AFTER_SECONDS:
                continue
            tp = TP(hop.topic, partition)
            fetched, end = await consumer.fetched(tp), consumer.log_end(tp)
            if fetched is not None and end is not None and fetched >= end:
                log.warning("records_lost_on_the_way", topic=hop.topic, partition=partition, records=behind)
                await consumer.seek_back({tp: taken + 1})


def assigned(app: App, hop: Hop[Any]) -> list[int]:
    """The partitions of a hop's topic that this worker has, once their state is recovered."""
    if not app.settled:
        return []
    return sorted(tp.partition for tp in app.consumer.assignment() if tp.topic == hop.topic)


async def lag(app: App, hop: Hop[Any], partition: int) -> int | None:
    """Records in the log that the hop has not taken; None while the broker has not just said."""
    consumer = cast(BatchConsumer, app.consumer)
    tp = TP(hop.topic, partition)
    end = consumer.log_end(tp)
    if end is None:
        return None
    taken: int = hop.step(partition).offset + 1
    if taken == 0 and (fetched := await consumer.fetched(tp)) is not None and fetched >= end:
        # Nothing was ever taken, and nothing is there: what there was has been deleted.
        return 0
    return max(0, end - taken)


async def forever(every: float, act: Any, *arguments: Any) -> None:
    """Call a coroutine function again and again, with a pause between."""
    while True:
        await asyncio.sleep(every)
        await act(*arguments)

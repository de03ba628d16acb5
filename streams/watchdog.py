"""Stops a worker that stands still though it could work: whoever supervises it starts it again.

Faust and aiokafka survive most of what happens to a broker and to a group, but not all: a task inside of
them may have ended, or wait for what never comes, in a process that looks well from outside. So this does
not ask how they are. It looks at what should move, and asks the broker as somebody else would.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, cast

import structlog
from faust.types import TP
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from streams.clients import admin_client
from streams.errors import TopicError
from streams.hop import Hop
from streams.progress import assigned, lag
from streams.settings import Settings
from streams.transport import App, BatchConsumer

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
#: So long nothing may move. A rebalance takes half of it at most.
PATIENCE_SECONDS = 60.0

#: What should move when it is no partition.
JOINING = "joining the group and recovering"
CONSUMER = "the thread of the consumer"


class StandstillError(Exception):
    """What should move does not; the message says what."""


class Broker(Protocol):
    """The broker as others see it."""

    async def log_ends(self, partitions: Sequence[TP]) -> Mapping[TP, int] | None:
        """The ends of partitions' logs; None when it does not answer."""


class Watchdog:
    """Looks at one worker again and again."""

    def __init__(self, app: App, hops: Iterable[Hop[Any]], broker: Broker) -> None:
        self._app = app
        self._hops = list(hops)
        self._broker = broker
        #: What should move and where it is → since when it is there.
        self._since: dict[tuple[TP | str, Any], float] = {}

    async def look(self) -> None:
        """Look once.

        Raises:
            StandstillError: something has not moved for too long.
            KafkaError: the worker has dropped out of its group for good.
        """
        now = time.monotonic()
        try:
            async with asyncio.timeout(EVERY_SECONDS):
                await cast(BatchConsumer, self._app.consumer).check()
                moving = await self._should_move()
        except TimeoutError:
            moving = {CONSUMER: None}
        self._since = {item: self._since.get(item, now) for item in moving.items()}
        await self._acquit(
            [item for item, since in self._since.items() if now - since >= PATIENCE_SECONDS / 2]
        )
        still = [what for (what, _), since in self._since.items() if now - since >= PATIENCE_SECONDS]
        if still:
            names = ", ".join(f"{w.topic}[{w.partition}]" if isinstance(w, TP) else w for w in still)
            message = f"nothing moves for {PATIENCE_SECONDS:.0f} s, though the broker answers: {names}"
            raise StandstillError(message)

    async def _should_move(self) -> dict[TP | str, Any]:
        """What should move, and where it is."""
        app = self._app
        if not app.settled:
            remaining = cast(Any, app.tables).recovery.active_remaining_total()
            return {JOINING: (app.rebalancing_count, remaining)}
        # Of a partition whose end is not known nothing was heard for seconds: perhaps nobody asks.
        return {
            TP(hop.topic, partition): hop.position(partition)
            for hop in self._hops
            for partition in assigned(app, hop)
            if lag(app, hop, partition) != 0
        }

    async def _acquit(self, suspects: Sequence[tuple[TP | str, Any]]) -> None:
        """Let go of what cannot move: the broker does not answer, or has nothing more."""
        if not suspects:
            return
        ends = await self._broker.log_ends([what for what, _ in suspects if isinstance(what, TP)])
        for what, position in suspects:
            if ends is None or (isinstance(what, TP) and ends[what] <= position):
                del self._since[what, position]


class OtherClient:
    """Asks the broker through a client that has nothing to do with the worker's own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def log_ends(self, partitions: Sequence[TP]) -> Mapping[TP, int] | None:
        """The ends of partitions' logs; None when the broker does not answer."""
        return await asyncio.to_thread(self._log_ends, partitions)

    def _log_ends(self, partitions: Sequence[TP]) -> Mapping[TP, int] | None:
        latest = {TopicPartition(tp.topic, tp.partition): OffsetSpec.LATEST for tp in partitions}
        try:
            with admin_client(self._settings) as admin:
                admin.list_topics()
                found = admin.list_partition_offsets(latest) if latest else {}
        except TopicError as error:
            log.warning("broker_does_not_answer", error=str(error))
            return None
        return {TP(tp.topic, tp.partition): found[tp].offset for tp in found}

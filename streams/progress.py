"""How far a worker has read: the lag of each partition, and tails that were fetched but never arrived."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import structlog
from faust.types import TP

from streams.hop import Hop
from streams.transport import App, BatchConsumer

log = structlog.get_logger(__name__)

#: Records that are in the log, are fetched, and still have not come after this long were lost on the way.
LOST_AFTER_SECONDS = 5.0
#: So many looks after it was read again, a tail from which nothing came has nothing in it.
LOOKS = 5


def assigned(app: App, hop: Hop[Any]) -> list[int]:
    """The partitions of a hop's topic that this worker has, once their state is recovered."""
    if not app.settled:
        return []
    return sorted(tp.partition for tp in app.consumer.assignment() if tp.topic == hop.topic)


def lag(app: App, hop: Hop[Any], partition: int) -> int | None:
    """Records in the log that the hop has not taken; None while that is not known."""
    consumer = cast(BatchConsumer, app.consumer)
    tp = TP(hop.topic, partition)
    end = consumer.log_end(tp)
    if end is None:
        return None
    position = hop.position(partition)
    return None if position is None else max(0, end - position)


class Tails:
    """Looks at the end of each partition, and reads again what was fetched but never arrived.

    Faust loses deliveries in a rebalance, and nothing that comes later shows it at the end of a log. But
    the last offsets of a log may also have no records: a transaction ends with a marker. So they are read
    again once; if still nothing comes, they are passed over.
    """

    def __init__(self, app: App, hops: Iterable[Hop[Any]]) -> None:
        self._app = app
        self._hops = list(hops)
        #: How many looks in a row found the same: a position, and an end of the log that is fetched.
        self._looks: dict[TP, tuple[int, int, int]] = {}

    async def look(self) -> None:
        """Look once; also brings the lag up to date."""
        for hop in self._hops:
            for partition in assigned(self._app, hop):
                behind = lag(self._app, hop, partition)
                if behind is None:
                    continue
                hop.wiring.metrics.lag.labels(hop.topic, str(partition)).set(behind)
                if behind and hop.seconds_since_taken(partition) >= LOST_AFTER_SECONDS:
                    await self._look_at_tail(hop, TP(hop.topic, partition))

    async def _look_at_tail(self, hop: Hop[Any], tp: TP) -> None:
        consumer = cast(BatchConsumer, self._app.consumer)
        position, end, fetched = hop.position(tp.partition), consumer.log_end(tp), await consumer.fetched(tp)
        if position is None or end is None or fetched is None or fetched < end:
            return
        before = self._looks.get(tp)
        looks = before[2] + 1 if before is not None and before[:2] == (position, end) else 1
        self._looks[tp] = (position, end, looks)
        # The first look may have come between the fetching of records and their arrival.
        if looks == 2:
            log.info("tail_read_again", topic=tp.topic, partition=tp.partition, from_offset=position, end=end)
            await consumer.seek_back({tp: position})
        elif looks == 2 + LOOKS:
            hop.pass_over(tp.partition, end)

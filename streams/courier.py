"""One sink: alerts in the order of their log → delivered, tried again, or given up."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import structlog
from faust.types import TP

from detectors.config import Config
from detectors.records import Alert, utc
from streams.dead_letters import DeadLetter, not_ours, of_record
from streams.deliveries import Deliveries
from streams.formats import FAILURES
from streams.ledger import Ledger
from streams.notices import Notice, Site
from streams.sinks import Refused, Renewing, Sender, Unavailable, Undelivered
from streams.transport import Record

log = structlog.get_logger(__name__)

#: What was over for longer than this when it was found is history. Intervals count, since a group stays open
#: for many without an anomaly, and may be told of only when quiet hours are over.
HISTORY, HISTORY_INTERVALS = timedelta(hours=1), 30
#: From pause to pause twice as long.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 300.0

_decode = msgspec.json.Decoder(Alert).decode

Outcome = Literal["delivered", "refused", "given_up"]
#: Writes a dead letter, and returns when the broker has it.
Bury = Callable[[DeadLetter], Awaitable[None]]


class Courier:
    """Delivers the alerts of a configuration to one sink.

    What a sink was told of an incident is not stored: it is in the log. So a partition is read from its
    first record, and what was delivered before only reminds.
    """

    def __init__(
        self, name: str, config: Config, sender: Sender, *, site: Site, deliveries: Deliveries, bury: Bury
    ) -> None:
        self._name = name
        self._sink = config.sinks[name]
        self._sender = sender
        self._site = site
        self._deliveries = deliveries
        self._bury = bury
        # What a rule that is gone has opened may still be open here.
        self._not_ours = {
            rule.name for rule in config.alerts if rule.sinks is not None and name not in rule.sinks
        }
        self._patience = {
            detector.name: HISTORY + detector.lateness + HISTORY_INTERVALS * detector.interval
            for detector in config.detectors
        }
        self._ledgers: dict[TP, Ledger] = {}
        #: Up to which offset the partitions at hand are delivered, and are read.
        self.delivered: dict[TP, int] = {}
        self._read: dict[TP, int] = {}
        #: Whether it was said that what is long over is not told.
        self._history_seen = False
        #: One attempt at a time, so that no keep-alive overtakes an end.
        self._attempt = asyncio.Lock()

    def begin(self, tp: TP, first: int, delivered: int) -> None:
        """Begin with a partition from its first record; what is before an offset was delivered."""
        self._ledgers[tp] = Ledger(self._site, self._is_history)
        self._read[tp] = first
        self.delivered[tp] = delivered

    def forget(self, partitions: Iterable[TP]) -> None:
        """Another process goes on with these."""
        for tp in partitions:
            self._ledgers.pop(tp, None)
            self.delivered.pop(tp, None)
            self._read.pop(tp, None)

    @property
    def caught_up(self) -> bool:
        """Whether all is read that was delivered before."""
        return all(self._read[tp] >= delivered for tp, delivered in self.delivered.items())

    async def take(self, tp: TP, record: Record) -> bool:
        """Deliver a record, or let it remind; whether it is done with now, and was not before."""
        if tp not in self._ledgers:
            return False
        is_new = record.offset >= self.delivered[tp]
        self._read[tp] = record.offset + 1
        try:
            alert = _decode(record.value or b"")
        except FAILURES as error:
            if is_new:
                await self._bury(not_ours(tp, record, error))
        else:
            if alert.rule not in self._not_ours:
                said = self._ledgers[tp].read(alert, utc(record.timestamp or 0))
                if is_new:
                    outcome = said if isinstance(said, str) else await self._deliver(tp, record, said)
                    if outcome is not None:
                        self._deliveries.alerts.labels(self._name, outcome).inc()
        if not is_new or tp not in self._ledgers:
            return False
        self.delivered[tp] = record.offset + 1
        return True

    async def _deliver(self, tp: TP, record: Record, notice: Notice) -> Outcome | None:
        """What came of it; None where another process goes on with the partition."""
        started = time.monotonic()
        pause = FIRST_PAUSE_SECONDS
        while tp in self._ledgers:
            try:
                async with self._attempt:
                    await self._sender.send(notice)
            except Refused as error:
                return await self._give_up(tp, record, "refused", error)
            except Unavailable as error:
                left = self._sink.give_up_after.total_seconds() - (time.monotonic() - started)
                if left <= 0:
                    return await self._give_up(tp, record, "given_up", error)
                self._deliveries.retries.labels(self._name).inc()
                log.warning("delivery_failed", sink=self._name, notice=notice.id, why=str(error))
                # However long a receiver asks to wait, it is asked once more before it is given up.
                await asyncio.sleep(min(left, max(error.after or 0.0, pause * random.uniform(0.5, 1.0))))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self._deliveries.delay.labels(self._name).observe(
                    max(0.0, time.time() - notice.told_at.timestamp())
                )
                return "delivered"
        return None

    async def _give_up(
        self, tp: TP, record: Record, reason: Literal["refused", "given_up"], error: Undelivered
    ) -> Outcome:
        log.error("delivery_given_up", sink=self._name, reason=reason, why=str(error), offset=record.offset)
        await self._bury(of_record(f"sink {self._name}", tp, record, reason, str(error)))
        return reason

    async def renew(self) -> None:
        """Send what is open, and what has just ended, again and again to a sink that forgets."""
        if not isinstance(self._sender, Renewing):
            return
        while True:
            await asyncio.sleep(self._sender.renew_every.total_seconds())
            async with self._attempt:
                try:
                    await self._sender.renew(list(self._renewed()))
                except Undelivered as error:
                    log.warning("keep_alive_failed", sink=self._name, why=str(error))

    def _renewed(self) -> Iterator[Notice]:
        """What is sent again, of partitions that are read up to where they were delivered."""
        now = datetime.now(UTC)
        for tp, ledger in self._ledgers.items():
            # Before, what is over by now may still be open.
            if self._read[tp] >= self.delivered[tp]:
                yield from (*ledger.open, *ledger.ended(now))

    def _is_history(self, alert: Alert, told_at: datetime) -> bool:
        patience = self._patience.get(alert.detector, HISTORY)
        is_history = not self._sink.history and told_at - alert.end > patience
        if is_history and not self._history_seen:
            self._history_seen = True
            log.warning("history_is_not_told", sink=self._name, group=alert.group, unless="history = true")
        return is_history

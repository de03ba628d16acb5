"""The topology on one page: every topic, table and hop of a worker by name.

source topics → fold → {prefix}.partials → score → {prefix}.scores → group → {prefix}.groups, .alerts
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any, cast

import structlog
from aiohttp import web as http
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import TP, StreamT
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from yarl import URL

from detectors.config import Config
from streams import ticks, watchdog
from streams.fold import FoldHop
from streams.group import GroupHop
from streams.hop import Hop, Wiring
from streams.logs import logging_config
from streams.metrics import Metrics
from streams.names import LARGEST_MESSAGE_BYTES, Names
from streams.pace import Pace
from streams.progress import Tails
from streams.score import ScoreHop
from streams.settings import Settings
from streams.tables import SnapshotTable
from streams.topics import BROKER_TIME
from streams.transport import App, NoSecondLife, RawSchema, Transport
from streams.watchdog import OtherClient, Watchdog

log = structlog.get_logger(__name__)

#: A worker that has failed, or is told to stop, has so long to do it in order.
STOP_SECONDS = 15.0


#: A worker without its disk reads all that is in a changelog. So what a later snapshot has replaced, and
#: the marks that say so, must be compacted away soon: in Kafka's own gigabyte and day there is a lot.
CHANGELOG = {
    **BROKER_TIME,
    "max.message.bytes": LARGEST_MESSAGE_BYTES,
    "compression.type": "producer",
    "segment.bytes": 64 * 1024 * 1024,
    "delete.retention.ms": 10 * 60 * 1000,
}


class Worker:
    """A Faust app with the hops of a configuration."""

    def __init__(self, config: Config, settings: Settings, partitions: Mapping[str, int]) -> None:
        """`partitions` says how many partitions each topic has, sources and internal ones."""
        self.app = _faust_app(settings)
        self.failure: BaseException | None = None
        names = Names.under(settings.prefix)
        metrics = Metrics(CollectorRegistry())
        metrics.build.info({"version": version("lookalive")})
        wiring = Wiring(self.app, config, names, metrics, partitions[names.partials], Pace())
        self.folds = [
            FoldHop(wiring, name, self._table(f"fold-{name}", count), count)
            for name, source in config.streamed.items()
            if config.detectors_of(name) and (count := partitions[source.topic])
        ]
        self.hops: list[Hop[Any]] = [
            *self.folds,
            ScoreHop(wiring, self._table("score", partitions[names.partials])),
            GroupHop(wiring, self._table("group", partitions[names.scores])),
        ]
        self.app.snapshot_offsets = {hop.topic: hop.snapshot_offset for hop in self.hops}
        for hop in self.hops:
            self._run(hop)
        cast(Any, self.app.on_partitions_revoked).connect(self._forget)
        self.app.task(self._never_fail(ticks.forever, ticks.EVERY_SECONDS, ticks.tick, self.app, self.folds))
        self.app.task(self._never_fail(ticks.forever, 1.0, Tails(self.app, self.hops).look))
        self._pages(metrics.registry)
        self._watchdog = Watchdog(self.app, self.hops, OtherClient(settings))

    def _table(self, name: str, partitions: int) -> SnapshotTable:
        table = self.app.Table(
            name,
            key_type=bytes,
            value_type=bytes,
            partitions=partitions,
            extra_topic_configs=CHANGELOG,
        )
        return cast(SnapshotTable, table)

    def _run(self, hop: Hop[Any]) -> None:
        topic = self.app.topic(hop.topic, schema=RawSchema(), value_type=bytes)

        async def process(stream: StreamT[Any]) -> None:
            await self._stop_on_failure(hop.run(stream))

        self.app.agent(
            topic, isolated_partitions=True, name=hop.table.name, supervisor_strategy=NoSecondLife
        )(process)

    async def _forget(self, _: Any, revoked: set[TP], **__: Any) -> None:
        for hop in self.hops:
            hop.forget(tp.partition for tp in revoked if tp.topic == hop.topic)

    def _never_fail(
        self, function: Callable[..., Awaitable[None]], *arguments: Any
    ) -> Callable[[], Awaitable[None]]:
        async def task() -> None:
            await self._stop_on_failure(function(*arguments))

        return task

    async def _stop_on_failure(self, work: Awaitable[None]) -> None:
        """A bug or broken state stops the worker: Faust alone would start the agent again and go on."""
        try:
            await work
        except Exception as error:
            if self.app.should_stop:
                raise
            log.exception("worker_failed")
            self.failure = self.failure or error
            self._stop_by_force_if_need_be()
            await self.app.crash(error)
            raise

    async def watch(self) -> None:
        """Stop the worker when it stands still, from its start to its end."""
        await self._stop_on_failure(ticks.forever(watchdog.EVERY_SECONDS, self._watchdog.look))

    async def save(self) -> None:
        """Before anything stops: save what is held, so that the next worker reads nothing again.

        What has failed saves nothing: its last snapshots are good.
        """
        self._stop_by_force_if_need_be()
        if not self.app.crashed:
            await asyncio.gather(*(hop.stop() for hop in self.hops))

    @staticmethod
    def _stop_by_force_if_need_be() -> None:
        """An orderly stop may hang for a fault, or for a broker that is gone; the state is safe as it is."""
        last_resort = threading.Timer(STOP_SECONDS, os._exit, [1])
        last_resort.daemon = True
        last_resort.start()

    def _pages(self, registry: CollectorRegistry) -> None:
        async def metrics(_: Any, __: Any) -> http.Response:
            return http.Response(
                body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
            )

        async def live(_: Any, __: Any) -> http.Response:
            return http.json_response({"live": True})

        async def ready(_: Any, __: Any) -> http.Response:
            is_ready = bool(self.app.started and self.app.settled)
            return http.json_response({"ready": is_ready}, status=200 if is_ready else 503)

        for handler in (metrics, live, ready):
            # aiohttp's own responses pass through Faust's pages, whose types know only Faust's.
            self.app.page(f"/{handler.__name__}")(cast(Any, handler))


def _faust_app(settings: Settings) -> App:
    tables = settings.data / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    app = App(
        settings.group,
        broker=[URL(f"kafka://{address}") for address in (settings.bootstrap or "").split(",")],
        broker_credentials=_credentials(settings),
        logging_config=logging_config(settings),
        consumer_group_instance_id=settings.instance,
        # Faust checks that an assignment is its own by this address. A static member is handed the
        # assignment that it had before it was killed, so its address must be as durable as its name.
        canonical_url=None if settings.instance is None else URL(f"http://{settings.instance}"),
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2 * 1024 * 1024,
        producer_max_request_size=LARGEST_MESSAGE_BYTES,
        producer_linger=0.005,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=30.0,
        stream_buffer_maxsize=4,
        stream_wait_empty=False,
        store="rocksdb://?driver=rocksdict",
        datadir=str(tables),
        table_standby_replicas=settings.standby,
        topic_replication_factor=settings.replication,
        topic_disable_leader=True,
        web_bind=settings.web_host,
        web_host=settings.web_host,
        web_port=settings.web_port,
        # Faust's own pages would show what is in the tables.
        web_tables_enabled=False,
        web_router_enabled=False,
        Table=SnapshotTable,
    )
    app.transport = Transport(app.conf.broker, app, loop=app.loop)
    return app


def _credentials(settings: Settings) -> SASLCredentials | SSLCredentials | None:
    context = settings.ssl_context()
    if settings.security.startswith("sasl"):
        return SASLCredentials(
            username=settings.username,
            password=settings.password,
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)

"""`lookalive notify`: delivers alerts to the sinks of a configuration."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click
import structlog

from detectors import loading
from detectors.config import Config, ConfigError
from streams import logs, topics
from streams.cli import configuration_option, settings
from streams.errors import OperatorError
from streams.notify import Notifier
from streams.settings import Settings

log = structlog.get_logger(__name__)


@click.command(epilog="Example: LOOKALIVE_WEB_PORT=8431 lookalive notify -c lookalive.toml")
@configuration_option
def command(configuration: Path) -> None:
    """Deliver alerts to the sinks of a configuration, each at least once and in order.

    Runs beside the workers. Of several, each sink is served by one at a time, so one more stands by. Stops
    at SIGTERM or SIGINT; what is not confirmed then is delivered at the next start.
    """
    where = settings()
    what = loading.load(configuration)
    if not what.sinks:
        message = f"{configuration} has no sinks; add one, such as [sinks.pager]"
        raise ConfigError(message)
    logs.configure(where)
    topics.create(where, [], what.shards)
    log.info("notifier_starting", sinks=list(what.sinks))
    try:
        asyncio.run(_until_signal(what, where))
    except* OperatorError as group:
        raise group.exceptions[0] from None


async def _until_signal(what: Config, where: Settings) -> None:
    work = asyncio.create_task(Notifier(what, where).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        log.info("notifier_stopped")

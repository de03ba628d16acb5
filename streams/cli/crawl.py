"""`lookalive crawl`: asks databases, files and monitoring systems for what the worker is to score."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click
import structlog
from rich.progress import TaskID

from detectors import loading
from detectors.config import Config, ConfigError
from streams import logs, topics
from streams.cli import configuration_option, settings
from streams.cli.check import watch
from streams.cli.terminal import bar
from streams.crawl import Crawler
from streams.errors import OperatorError
from streams.settings import Settings

log = structlog.get_logger(__name__)


@click.command(epilog="Example: LOOKALIVE_WEB_PORT=8432 lookalive crawl -c lookalive.toml")
@configuration_option
@click.option("--once", is_flag=True, help="End when all up to now has been read.")
def command(configuration: Path, once: bool) -> None:
    """Read the sources of a configuration that are no topics, for the workers to score.

    First the past that each source's history asks for, then every interval once it is over and its delay has
    passed. Goes on where it was, after any end; runs beside the workers. A source that does not answer is
    asked again until it does: nothing is passed over. Stops at SIGTERM or SIGINT.
    """
    where = settings()
    what = loading.load(configuration)
    watch(what)
    if not what.crawled:
        message = f'{configuration} has no source to crawl; add one, such as type = "sql" in [sources.NAME]'
        raise ConfigError(message)
    logs.configure(where)
    states = topics.create(where, [], what.shards)
    partitions = {state.name: state.partitions or where.partitions for state in states}
    log.info("crawler_starting", sources=list(what.crawled))
    try:
        asyncio.run(_until_signal(what, where, partitions[f"{where.prefix}.partials"], once=once))
    except* OperatorError as group:
        raise group.exceptions[0] from None


async def _until_signal(what: Config, where: Settings, partitions: int, *, once: bool) -> None:
    with bar() as progress:
        tasks: dict[str, TaskID] = {}
        begins: dict[str, int] = {}

        def advance(lane: str, through: int, until: int) -> None:
            if lane not in tasks:
                begins[lane] = through
                tasks[lane] = progress.add_task(lane, total=max(1, until - through))
            progress.update(tasks[lane], completed=min(through, until) - begins[lane])

        work = asyncio.create_task(Crawler(what, where, partitions, advance).run(once=once))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, work.cancel)
        try:
            await work
        except asyncio.CancelledError:
            log.info("crawler_stopped")

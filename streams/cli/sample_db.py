"""`lookalive sample-db`: who is active in a database, once a second, as events that make its load."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import sys
from collections.abc import Coroutine
from functools import partial
from typing import Any

import click
import msgspec
import structlog
from rich.table import Table
from rich.text import Text

from streams import logs, topics
from streams.cli import settings
from streams.cli.terminal import show
from streams.errors import OperatorError, SettingsError
from streams.sampling.run import SamplingMetrics, messages, run, samples
from streams.sampling.sampler import Sampler
from streams.sampling.servers import Setting
from streams.sampling.sessions import Sample, events
from streams.sources.reading import Unavailable

log = structlog.get_logger(__name__)


@click.command(epilog="Example: lookalive sample-db env:DATABASE --name orders-db")
@click.argument("address", metavar="ADDRESS")
@click.option("--topic", default="db-load", show_default=True, help="The topic that samples go to.")
@click.option("--name", help="What the database is called; its host unless given.")
@click.option(
    "--every",
    type=click.FloatRange(0.2, 60),
    default=1.0,
    show_default=True,
    help="Seconds between samples.",
)
@click.option(
    "--vcpus",
    type=click.FloatRange(0, min_open=True),
    help="How many processors its server has; known if it is this one.",
)
@click.option("--text", is_flag=True, help="Statements as they are, with the values in them.")
@click.option("--check", is_flag=True, help="Say whether the server is set up for it; exit status 1 if not.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON lines instead of to Kafka.")
def command(
    *,
    address: str,
    topic: str,
    name: str | None,
    every: float,
    vcpus: float | None,
    text: bool,
    check: bool,
    as_json: bool,
) -> None:
    """Sample the active sessions of a PostgreSQL, MySQL or MariaDB.

    ADDRESS is such as postgresql://user:password@host/database, or env:NAME or file:PATH where that is, so
    that nobody sees the password. Values in statements are left out unless --text is given. One connection,
    read only. While the database does not answer there is a gap. Stops at SIGTERM or SIGINT.
    """
    with Sampler(address, every, text_too=text) as sampler:
        if check:
            _check(sampler, as_json=as_json)
            return
        instance = name or sampler.host
        known = vcpus if vcpus is not None else _vcpus(sampler.host)
        where = settings()
        logs.configure(where)
        if as_json:
            work = _printed(sampler, every, instance, known)
        else:
            topics.create(where, [topic], shards=1)
            work = run(sampler, every, where, partial(messages, topic, instance, known))
        log.info("sampling", instance=instance, topic=None if as_json else topic, vcpus=known)
        try:
            asyncio.run(_until_signal(work))
        except* OperatorError as group:
            raise group.exceptions[0] from None


async def _until_signal(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("sampling_stopped")


async def _printed(sampler: Sampler, every: float, instance: str, vcpus: float | None) -> None:
    async def take(sample: Sample) -> None:
        for event in events(instance, vcpus, sample):
            click.echo(msgspec.json.encode(event))
        sys.stdout.flush()

    await samples(sampler, every, SamplingMetrics(), take)


def _vcpus(host: str) -> float | None:
    """How many processors there are where a server runs; None unless that is here."""
    try:
        here = host in {"local", "localhost"} or ipaddress.ip_address(host).is_loopback
    except ValueError:
        here = False
    return float(os.cpu_count() or 1) if here else None


def _check(sampler: Sampler, *, as_json: bool) -> None:
    try:
        found = sampler.settings()
    except Unavailable as error:
        message = f"the database does not answer: {error}"
        raise SettingsError(message) from None
    if as_json:
        for setting in found:
            click.echo(msgspec.json.encode(setting._asdict()))
    else:
        show(_table(found))
    if any(setting.good is False for setting in found):
        sys.exit(1)


_WORDS = {True: "good", False: "needed", None: "better"}


def _table(found: list[Setting]) -> Table:
    table = Table("setting", "now", "", "what to do", box=None)
    for setting in found:
        how = "" if setting.good else f"{setting.why}: {setting.how}"
        table.add_row(setting.name, setting.now, _WORDS[setting.good], Text(how))
    return table

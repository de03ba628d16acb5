"""`lookalive worker`: the stream processor."""

from __future__ import annotations

import fcntl
import gc
import socket
import sys
from pathlib import Path
from typing import BinaryIO

import click
import faust
import structlog

from detectors import loading
from streams import logs, topics
from streams.app import Worker
from streams.cli import configuration_option, settings
from streams.cli.check import watch
from streams.cli.garbage import SELDOM
from streams.errors import SettingsError
from streams.settings import Settings

log = structlog.get_logger(__name__)

#: Files that stay open, and locked, as long as the process lives.
_claimed: list[BinaryIO] = []


@click.command(epilog="Example: LOOKALIVE_BOOTSTRAP=localhost:9092 lookalive worker -c lookalive.toml")
@configuration_option
def command(configuration: Path) -> None:
    """Detect: read events, score, group, alert.

    Topics that are missing are created. Stops at SIGTERM or SIGINT with its state saved; exit status 1
    when it had to stop by itself.
    """
    where = settings()
    what = loading.load(configuration)
    watch(what)
    logs.configure(where)
    _claim(where)
    states = topics.create(where, [source.topic for source in what.streamed.values()], what.shards)
    for state in states:
        for difference in state.differences:
            log.warning("topic_differs", topic=state.name, difference=difference)
    partitions = {state.name: state.partitions or where.partitions for state in states}
    worker = Worker(what, where, partitions)
    log.info("worker_starting", detectors=[detector.name for detector in what.detectors])
    process = _Process(worker, where)
    try:
        process.execute_from_commandline()
    finally:
        if worker.failure is not None:
            sys.exit(1)


class _Process(faust.Worker):
    """What runs the app, and stops it at a signal."""

    def __init__(self, worker: Worker, where: Settings) -> None:
        # Without Faust's alarm for a blocked event loop: it looks once in ten seconds, and takes half a
        # second of work that falls on that moment for ten.
        super().__init__(worker.app, quiet=True, redirect_stdouts=False, loglevel=where.log_level)
        self._worker = worker

    async def on_start(self) -> None:
        """Before anything of the app starts, since that may already stand still."""
        self.add_future(self._worker.watch())
        await super().on_start()

    async def on_startup_finished(self) -> None:
        """When the state is recovered: make the collector of garbage look at less."""
        await super().on_startup_finished()
        # Records come and go by the million and are in no cycles, so it searches them for nothing; with
        # Python's own thresholds that is a third of the time. What was imported stays for ever.
        gc.freeze()
        gc.set_threshold(*SELDOM)

    async def on_stop(self) -> None:
        """While all of the app still works."""
        await self._worker.save()
        await super().on_stop()


def _claim(where: Settings) -> None:
    """Make sure of the data directory and the web port, which Faust would only find out in a traceback.

    Raises:
        SettingsError: another worker has the directory, it cannot be written, or the port is taken.
    """
    try:
        where.data.mkdir(parents=True, exist_ok=True)
        lock = (where.data / "worker.lock").open("ab")
    except OSError as error:
        message = f"LOOKALIVE_DATA: cannot write to {where.data}: {error.strerror}"
        raise SettingsError(message) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        message = (
            f"LOOKALIVE_DATA: another worker uses {where.data}; each worker needs a directory of its own"
        )
        raise SettingsError(message) from error
    _claimed.append(lock)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((where.web_host, where.web_port))
        except OSError as error:
            message = (
                f"cannot listen on {where.web_host}:{where.web_port}: {error.strerror}; "
                "set LOOKALIVE_WEB_HOST and LOOKALIVE_WEB_PORT"
            )
            raise SettingsError(message) from error

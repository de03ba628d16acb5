"""`lookalive worker`: the stream processor."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import faust
import structlog

from detectors import config
from streams import logs, topics
from streams.app import Worker
from streams.cli import configuration_option, settings
from streams.cli.check import watch

log = structlog.get_logger(__name__)


@click.command(epilog="Example: LOOKALIVE_BOOTSTRAP=localhost:9092 lookalive worker -c lookalive.toml")
@configuration_option
def command(configuration: Path) -> None:
    """Detect: read events, score, group, alert.

    Topics that are missing are created. Stops at SIGTERM or SIGINT with its state saved; exit status 1
    when it had to stop by itself.
    """
    where = settings()
    what = config.load(configuration)
    watch(what)
    logs.configure(where)
    states = topics.create(where, [source.topic for source in what.sources.values()])
    for state in states:
        for difference in state.differences:
            log.warning("topic_differs", topic=state.name, difference=difference)
    partitions = {state.name: state.partitions or where.partitions for state in states}
    worker = Worker(what, where, partitions)
    log.info("worker_starting", detectors=[detector.name for detector in what.detectors])
    process = faust.Worker(
        worker.app, quiet=True, redirect_stdouts=False, loglevel=where.log_level, blocking_timeout=10.0
    )
    try:
        process.execute_from_commandline()
    finally:
        if worker.failure is not None:
            sys.exit(1)

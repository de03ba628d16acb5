"""`lookalive broker`: the program's own Kafka, in the foreground until it is told to stop."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress as Bar

from streams.broker import Broker
from streams.cli import settings
from streams.errors import BrokerError
from streams.kafka_runtime import JARS, Progress


@click.command(epilog="Example: lookalive broker --port 9092")
@click.option("--port", type=click.IntRange(0, 65535), default=9092, show_default=True, help="0: a free one.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory that keeps topics and log.  [default: .lookalive/broker]",
)
def command(port: int, data: Path | None) -> None:
    """Run an Apache Kafka of one node on this machine.

    For trying out and for tests: it listens on 127.0.0.1 alone, without authentication. The data
    are kept; the first start fetches Kafka's jars from Maven Central.
    """
    broker = Broker(data or settings().data / "broker", port or None)
    # Both raise KeyboardInterrupt, also where a shell started this in the background and had SIGINT
    # ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        with download_progress() as progress:
            address = broker.start(progress)
        click.echo(f"Apache Kafka {JARS.kafka} is at {address}, data in {broker.data}", err=True)
        click.echo(f"export LOOKALIVE_BOOTSTRAP={address}")
        sys.stdout.flush()
        while broker.pid is not None:
            time.sleep(0.2)
        message = f"the broker stopped by itself; see {broker.log}"
        raise BrokerError(message)
    except KeyboardInterrupt:
        click.echo("stopping the broker", err=True)
    finally:
        broker.stop()


@contextmanager
def download_progress() -> Iterator[Progress]:
    """Show how far the download of the jars is: a bar on a terminal, elsewhere one line."""
    console = Console(stderr=True)
    title = f"fetching Apache Kafka {JARS.kafka}"
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None, visible=False)
        told = False

        def progress(present: int, needed: int) -> None:
            nonlocal told
            bar.update(task, completed=present, total=needed, visible=True)
            if not console.is_terminal and not told:
                click.echo(f"{title}: {needed - present} jars from Maven Central, once", err=True)
            told = True

        yield progress

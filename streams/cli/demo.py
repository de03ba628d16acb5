"""`lookalive demo`: broker, worker and synthetic traffic on this machine, with two incidents to find."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

import click
import msgspec
from kafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from detectors.loading import parse
from detectors.records import Alert
from streams import topics
from streams.broker import Broker, free_port
from streams.cli import settings as from_environment
from streams.clients import reader
from streams.errors import OperatorError, TopicError
from streams.samples.story import (
    HISTORY,
    INTERVAL,
    MINUTE,
    ONCE,
    SPEED,
    TOPICS,
    Story,
    Timeline,
    demo_configuration,
)
from streams.samples.traffic import Pace, Traffic, live
from streams.settings import Settings

#: The history is learnt by then, and with --once the live part is over.
PATIENCE_SECONDS = 600.0


@click.command(epilog="Example: lookalive demo --once")
@click.option("--once", is_flag=True, help="End by itself, with a JSON summary as its last line.")
@click.option(
    "--traffic-only", is_flag=True, help="Only send the traffic, to LOOKALIVE_BOOTSTRAP; without end."
)
def command(once: bool, traffic_only: bool) -> None:
    """Run everything on this machine, on synthetic traffic with incidents in it.

    Three days of history go through the worker at full speed, then live traffic a hundred times faster
    than the clock, until it has caught up. Checkouts of the app in the US fail, and 150 requests with
    a script in them are blocked at the edge. Exit status with --once: 0 if both incidents were told,
    with the right place, and told to be over.
    """
    console = Console(highlight=False, soft_wrap=True)
    # Ctrl-C, and a plain kill, end what was started here.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    timeline = Timeline(int(time.time() * 1000), repeats=not once)
    try:
        if traffic_only:
            where = from_environment()
            topics.create(where, [topic for topic, _ in timeline.sources])
            asyncio.run(_traffic(where, timeline, console))
        else:
            with contextlib.ExitStack() as stack:
                worker = stack.enter_context(_surroundings(console))
                ok = asyncio.run(_demo(worker, timeline, console, once=once))
            sys.exit(0 if ok else 1)
    except KeyboardInterrupt:
        console.print("stopped")


@contextlib.contextmanager
def _surroundings(console: Console) -> Iterator[_Worker]:
    """A worker, and a broker unless there is one, with a directory of their own."""
    where = from_environment()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalive-demo-")))
        if where.bootstrap is None:
            broker = Broker(data / "broker", port=_free(9092))
            with Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                console=console,
                transient=True,
                disable=not console.is_terminal,
            ) as bar:
                task = bar.add_task("Kafka: fetching its jars, once", total=None)
                address = broker.start(lambda done, total: bar.update(task, completed=done, total=total))
            stack.callback(broker.stop)
            where = msgspec.structs.replace(where, bootstrap=address)
            console.print(f"Kafka      {address}  (Apache Kafka, up after {time.monotonic() - began:.0f} s)")
        else:
            refuse_records(where, TOPICS)
        where = msgspec.structs.replace(where, data=data / "worker", web_port=_free(where.web_port))
        topics.create(where, TOPICS)
        worker = stack.enter_context(_Worker(where, data))
        console.print(f"topics     {', '.join(TOPICS)} → {where.prefix}.alerts, .groups, .scores")
        console.print(f"metrics    http://{where.web_host}:{where.web_port}/metrics")
        # `make demo` runs in an environment that the reader's shell has not entered.
        name = "lookalive" if shutil.which("lookalive") else sys.argv[0]
        console.print(
            f"look       LOOKALIVE_BOOTSTRAP={where.bootstrap} {name} tail alerts --from-beginning\n"
        )
        yield worker


def refuse_records(where: Settings, names: Sequence[str]) -> None:
    """Made-up events are not sent to where somebody's own may be.

    Raises:
        TopicError: one of the topics holds records.
    """
    present = {state.name for state in topics.describe(where, names) if state.partitions is not None}
    for name in sorted(present.intersection(names)):
        with reader(where, name, from_beginning=True) as consumer:
            partitions = consumer.assignment()
            begin, end = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        if any(end[partition] > begin[partition] for partition in partitions):
            message = (
                f"topic {name!r} at {where.bootstrap} holds records, and the demo would add made-up events "
                "to them: leave out LOOKALIVE_BOOTSTRAP for a broker of the demo's own, or name another"
            )
            raise TopicError(message)


class _Worker:
    """A worker on the demo's configuration; a context manager."""

    def __init__(self, where: Settings, data: Path) -> None:
        self.where = where
        self._log = data / "worker.log"
        configuration = data / "demo.toml"
        configuration.write_text(demo_configuration(), encoding="utf-8")
        command = [sys.executable, "-m", "streams", "worker", "-c", str(configuration)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=_environment(where), stdout=log, stderr=log)  # noqa: S603

    def check(self) -> None:
        """Whether it still runs.

        Raises:
            OperatorError: it has stopped.
        """
        if self._process.poll() is not None:
            raise self.failure(f"the worker stopped by itself, with status {self._process.returncode}")

    def failure(self, what: str) -> OperatorError:
        """What went wrong, with the end of the worker's log: the directory is gone when it is read."""
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        return OperatorError(f"{what}; the end of its log:\n{tail}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _environment(where: Settings) -> Mapping[str, str]:
    own = {
        "LOOKALIVE_BOOTSTRAP": where.bootstrap or "",
        "LOOKALIVE_DATA": str(where.data),
        "LOOKALIVE_WEB_PORT": str(where.web_port),
    }
    return {**os.environ, **own}


async def _traffic(where: Settings, timeline: Timeline, console: Console) -> None:
    async with Traffic(where) as traffic:
        await _send_history(traffic, timeline, console)
        pace = Pace(timeline.live, SPEED)
        await live(traffic, timeline.sources, pace, timeline.live)


async def _demo(worker: _Worker, timeline: Timeline, console: Console, *, once: bool) -> bool:
    began = time.time()
    alerts: SimpleQueue[tuple[float, Alert]] = SimpleQueue()
    stop = threading.Event()
    listener = asyncio.create_task(asyncio.to_thread(_listen, worker.where, alerts, stop))
    patience = asyncio.timeout(PATIENCE_SECONDS)
    try:
        async with patience, Traffic(worker.where) as traffic:
            await _send_history(traffic, timeline, console)
            await _learnt(worker, timeline, console)
            days = HISTORY // (24 * 60 * MINUTE)
            console.print(f"history    {days} days learnt, {traffic.sent:,} events\n")
            if not once:
                patience.reschedule(None)
            pace = Pace(timeline.live, SPEED)
            sending = asyncio.create_task(live(traffic, timeline.sources, pace, timeline.live))
            story = Story(timeline, pace, began)
            while not (once and (story.over or pace.event_time() >= timeline.live + ONCE)):
                await asyncio.sleep(0.1)
                worker.check()
                for task in (sending, listener):
                    if task.done():
                        task.result()
                for arrived, alert in _waiting(alerts):
                    if story.hear(arrived, alert):
                        console.print(_told(alert), markup=False)
            sending.cancel()
    except TimeoutError as error:
        if not patience.expired():
            raise
        raise worker.failure(f"the worker was not done within {PATIENCE_SECONDS:.0f} seconds") from error
    finally:
        stop.set()
    click.echo(msgspec.json.encode(story.summary(traffic.sent)).decode())
    return story.ok


async def _send_history(traffic: Traffic, timeline: Timeline, console: Console) -> None:
    with _progress(console) as bar:
        tasks = [bar.add_task(f"history of {topic}", total=HISTORY) for topic, _ in timeline.sources]
        for task, (topic, generator) in zip(tasks, timeline.sources, strict=True):
            events = generator.events(timeline.history, timeline.live)
            advance = functools.partial(_advance, bar, task, timeline.history)
            await traffic.send(topic, events, advance)
            bar.update(task, completed=HISTORY)
        await traffic.flush()


def _advance(bar: Progress, task: TaskID, since: int, event_time: int) -> None:
    bar.update(task, completed=event_time - since)


async def _learnt(worker: _Worker, timeline: Timeline, console: Console) -> None:
    """Wait until the worker has scored all of the history, as long as it runs."""
    detectors = [detector.name for detector in parse(demo_configuration()).detectors]
    target = (timeline.live - 2 * INTERVAL) / 1000
    with _progress(console) as bar:
        tasks = {name: bar.add_task(f"{name} learns", total=HISTORY / 1000) for name in detectors}
        while True:
            worker.check()
            watermarks = await asyncio.to_thread(_watermarks, worker.where)
            for name, task in tasks.items():
                bar.update(task, completed=watermarks.get(name, 0) - timeline.history / 1000)
            if all(watermarks.get(name, 0) >= target for name in detectors):
                return
            await asyncio.sleep(0.3)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _watermarks(where: Settings) -> dict[str, float]:
    url = f"http://{where.web_host}:{where.web_port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            text = page.read().decode()
    except (urllib.error.URLError, OSError):
        return {}
    prefix = 'lookalive_watermark_timestamp_seconds{detector="'
    lines = (line.removeprefix(prefix) for line in text.splitlines() if line.startswith(prefix))
    return {name: float(value) for name, value in (line.split('"} ') for line in lines)}


def _listen(where: Settings, alerts: SimpleQueue[tuple[float, Alert]], stop: threading.Event) -> None:
    with reader(where, f"{where.prefix}.alerts", from_beginning=True) as consumer:
        while not stop.is_set():
            with contextlib.suppress(KafkaError):
                for records in consumer.poll(timeout_ms=100).values():
                    for record in records:
                        alerts.put((time.time(), msgspec.json.decode(record.value, type=Alert)))


def _waiting(alerts: SimpleQueue[tuple[float, Alert]]) -> Iterator[tuple[float, Alert]]:
    with contextlib.suppress(Empty):
        while True:
            yield alerts.get_nowait()


def _told(alert: Alert) -> str:
    return f"{alert.end.astimezone():%H:%M}  {alert.kind:<7}  {alert.rule}: {alert.summary}"


def _free(port: int) -> int:
    """The port, or another one where it is taken."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return port
    return free_port()

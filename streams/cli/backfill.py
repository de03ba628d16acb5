"""`lookalive backfill`: files of the past, through the workers, up to where a source is live."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from rich.progress import Progress, TaskID
from rich.table import Table as Shown

from detectors import loading
from detectors.config import Config, ConfigError, Detector
from detectors.records import utc
from detectors.words import number
from streams import backups, cursors, topics
from streams.backfill import Backfill, Span, going_on, key, span, whole
from streams.cli import configuration_option, settings
from streams.cli.histories import Histories, Past
from streams.cli.terminal import bar, show
from streams.counting import Table
from streams.cursors import Cursor
from streams.errors import HistoryError, TopicError
from streams.settings import Settings
from streams.sources.buckets import Store

T = TypeVar("T")
#: From when on, and up to when, in milliseconds.
Bounds = tuple[int | None, int | None]


class Filled(msgspec.Struct):
    """What came of the history of one detector."""

    detector: str
    start: datetime | None
    end: datetime | None
    events: int
    invalid: int
    seconds: float


@click.command(epilog="Example: lookalive backfill --input 'past/*.parquet' --to 2030-02-01")
@configuration_option
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="FILE",
    help="A file of events, a folder, or a pattern, also s3://: Parquet, CSV with a line of names, or JSON "
    "lines; these two also packed with gzip or zstd. Of a format other than json: its lines. Repeatable.",
)
@click.option("--topic", metavar="NAME", help="A topic whose records are the history, instead of files.")
@click.option("--offset", type=click.IntRange(min=0), help="Of a topic: from there on, in each partition.")
@click.option("--source", help="Whose events they are, where the configuration has several sources.")
@click.option("--from", "since", help="The first time, in ISO 8601; else that of the first event.")
@click.option("--to", "until", help="From then on the source is live; else from the last interval's end on.")
@click.option("--json", "as_json", is_flag=True, help="What was filled, as JSON lines.")
def command(
    *,
    configuration: Path,
    inputs: tuple[str, ...],
    topic: str | None,
    offset: int | None,
    source: str | None,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Let detectors learn from files or a topic of the past before their source is live.

    Intervals up to --to come from there and later ones from the source, none from both. Workers may run
    already: they score what is live when the history has come up to there. Goes on where it was when it is
    called again after any end. Exit status 1 when there was no event that could be used.
    """
    if bool(inputs) == (topic is not None) or (offset is not None and topic is None):
        message = "give either --input, or --topic with or without --offset"
        raise click.UsageError(message)
    where, what = settings(), loading.load(configuration)
    name = _source(what, source)
    bounds = first, end = _time("--from", since), _time("--to", until)
    if first is not None and end is not None and first >= end:
        message = f"--from {since} is not before --to {until}"
        raise click.UsageError(message)
    states = topics.create(where, [source.topic for source in what.streamed.values()], what.shards)
    partitions = {state.name: state.partitions or where.partitions for state in states}
    detectors = what.detectors_of(name)
    stored = cursors.read(where, {key(what, detector) for detector in detectors})
    scored = _scored(what, where)
    filled = []
    with ExitStack() as stack, closing(Store(where.aws_region)) as store, bar() as progress:
        histories = Histories(what, name, stack, progress)
        if topic is not None:
            past = histories.of_topic(topic, offset, where)
        else:
            past = histories.of_files(inputs, store)
        for detector in detectors:
            work = _History(what, where, detector, progress, partitions[f"{where.prefix}.partials"])
            cursor = going_on(what, detector, stored.get(key(what, detector)))
            filled.append(work.fill(past, bounds, cursor, scored.get(detector.name)))
    if as_json:
        for one in filled:
            click.echo(msgspec.json.encode(one))
    else:
        show(_table(filled))
    if not any(one.events for one in filled):
        sys.exit(1)


class _History:
    """The history of one detector, with a bar."""

    def __init__(
        self, what: Config, where: Settings, detector: Detector, progress: Progress, partitions: int
    ) -> None:
        self._what = what
        self._detector = detector
        self._progress = progress
        self._backfill = Backfill(what, where, partitions, self._advance)
        self._task: TaskID | None = None
        self._start = 0

    def fill(self, past: Past, bounds: Bounds, cursor: Cursor | None, scored: int | None) -> Filled:
        """Count what is in files, and publish it."""
        name, began = self._detector.name, time.monotonic()
        bounds = whole(self._detector, *bounds)
        table = Table(past.files, past.source, self._detector)
        try:
            counting = self._progress.add_task(f"{name}: reading", total=1.0)
            counted = _while(
                lambda: table.count(*bounds),
                lambda: self._progress.update(counting, completed=table.progress()),
            )
            self._progress.update(counting, completed=1.0)
            invalid = past.invalid + counted.invalid
            of = span(self._detector, counted, *bounds, goes_on=past.goes_on)
            if of is None:
                return Filled(name, None, None, 0, invalid, round(time.monotonic() - began, 2))
            _refuse_what_is_not_over(self._detector, of)
            _refuse_what_is_known(self._detector, of, cursor, scored)
            self._task = self._progress.add_task(f"{name}: publishing", total=of.end - of.start)
            self._start = of.start
            asyncio.run(self._backfill.fill(self._detector, table.groups(), of, cursor))
            events = table.events(of.end)
        finally:
            table.close()
        seconds = round(time.monotonic() - began, 2)
        return Filled(name, utc(of.start), utc(of.end), events, invalid, seconds)

    def _advance(self, _: str, through: int, until: int) -> None:
        if self._task is not None:
            self._progress.update(self._task, completed=min(through, until) - self._start)


def _refuse_what_is_not_over(detector: Detector, of: Span) -> None:
    """What is to come is not the past: nothing that is live would count before its end.

    Raises:
        HistoryError: the history ends after now.
    """
    now = datetime.now(UTC)
    if of.end > now.timestamp() * 1000:
        message = (
            f"the history of {detector.name!r} would end at {utc(of.end):%Y-%m-%dT%H:%M}Z, which is after "
            f"now, {now:%Y-%m-%dT%H:%M}Z: say with --to from when on the source is live"
        )
        raise HistoryError(message)


def _refuse_what_is_known(detector: Detector, of: Span, cursor: Cursor | None, scored: int | None) -> None:
    """What has been scored stays as it is: history can only come after it.

    Raises:
        HistoryError: some of it was scored before, and not as history.
    """
    ours = cursor.through if cursor is not None else of.start
    if ours == of.end:
        return  # All of it was filled: who asks again changes nothing.
    if scored is not None and scored > max(ours, of.start):
        message = (
            f"detector {detector.name!r} has scored up to {utc(scored):%Y-%m-%dT%H:%M}Z, and what has closed "
            "never changes: fill what comes after with --from, or begin afresh with another LOOKALIVE_GROUP, "
            "LOOKALIVE_PREFIX and LOOKALIVE_DATA"
        )
        raise HistoryError(message)
    if cursor is not None and cursor.through > of.end:
        message = (
            f"the history of {detector.name!r} has been filled up to {utc(cursor.through):%Y-%m-%dT%H:%M}Z "
            f"already, beyond {utc(of.end):%Y-%m-%dT%H:%M}Z"
        )
        raise HistoryError(message)


def _while(work: Callable[[], T], show_how_far: Callable[[], None]) -> T:
    """Do work that blocks, and show meanwhile how far it is."""
    done: list[T] = []
    problems: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        show_how_far()
    if problems:
        raise problems[0]
    return done[0]


def _scored(what: Config, where: Settings) -> dict[str, int]:
    """Up to where detectors have scored what is live, as far as the workers of the group have stored it."""
    try:
        copies = backups.fetch(where, lambda *_: None)
    except TopicError:
        # No worker of this group has ever run.
        return {}
    return backups.scored_live(what, copies)


def _source(what: Config, asked: str | None) -> str:
    if asked is None and len(what.sources) == 1:
        return next(iter(what.sources))
    if asked not in what.sources:
        message = f"--source: name one of {', '.join(sorted(what.sources))}"
        raise ConfigError(message)
    return asked


def _time(option: str, said: str | None) -> int | None:
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        message = f"{option}: {said!r} is no time; write 2030-01-31 or 2030-01-31T12:00Z"
        raise click.UsageError(message) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return round(at.timestamp() * 1000)


def _table(filled: list[Filled]) -> Shown:
    table = Shown("detector", "from", "to", "events", "not used", "seconds", box=None)
    for one in filled:
        start, end = (f"{at:%Y-%m-%d %H:%M}" if at is not None else "–" for at in (one.start, one.end))
        table.add_row(one.detector, start, end, number(one.events), number(one.invalid), f"{one.seconds:.1f}")
    return table

"""`lookalive backtest`: files of past events through the core that the worker runs."""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from detectors import loading
from detectors.config import Config, ConfigError
from detectors.detection import Detection, Outcome
from detectors.records import Alert, AnomalyGroup, IntervalScores
from streams.cli import configuration_option
from streams.cli.tail import series_lines
from streams.formats import make_format, parse_all

_encode = msgspec.json.Encoder().encode

#: Lines that are read and folded at once.
BATCH = 5_000


class Tally(msgspec.Struct):
    """What a backtest came to."""

    events: int = 0
    refused: dict[str, int] = {}
    late: int = 0
    intervals: int = 0
    groups: int = 0
    alerts: int = 0


@click.command(
    epilog="Example: lookalive backtest -c lookalive.toml --input past.jsonl.gz --scores scores.jsonl"
)
@configuration_option
@click.option(
    "--input",
    "inputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    required=True,
    help="Records of the source, one a line, oldest first; .gz is unpacked. May be given again.",
)
@click.option("--source", help="Whose records they are, where the configuration has several sources.")
@click.option("--scores", type=click.Path(path_type=Path), help="Write every score to this file.")
@click.option("--groups", type=click.Path(path_type=Path), help="Write every change of a group to this file.")
@click.option("--json", "as_json", is_flag=True, help="Alerts as JSON lines, and the tally as the last line.")
def command(
    *,
    configuration: Path,
    inputs: tuple[Path, ...],
    source: str | None,
    scores: Path | None,
    groups: Path | None,
    as_json: bool,
) -> None:
    """Run a configuration over files of past events, without Kafka.

    Prints the alerts that would have been sent. The files hold JSON lines. Exit status 1 when there was no
    event in them that could be used.
    """
    what = loading.load(configuration)
    name = _source(what, source)
    with ExitStack() as files:
        sinks = {
            kind: cast(BinaryIO, files.enter_context(path.open("wb")))
            for kind, path in ((IntervalScores, scores), (AnomalyGroup, groups))
            if path is not None
        }
        tally = Tally()
        for outcome in _run(what, name, inputs, tally):
            if isinstance(outcome, Alert):
                tally.alerts += 1
                click.echo(_encode(outcome) if as_json else _line(outcome))
            elif type(outcome) in sinks:
                lines = series_lines(outcome) if isinstance(outcome, IntervalScores) else [_encode(outcome)]
                sinks[type(outcome)].writelines(line + b"\n" for line in lines)
    if as_json:
        click.echo(_encode(tally))
    else:
        Console(stderr=True).print(_table(tally))
    if not tally.events:
        # Nothing of what was given could be used.
        sys.exit(1)


def _source(what: Config, asked: str | None) -> str:
    if asked is None and len(what.sources) == 1:
        return next(iter(what.sources))
    if asked not in what.sources:
        message = f"--source: name one of {', '.join(sorted(what.sources))}"
        raise ConfigError(message)
    return asked


def _run(what: Config, source: str, inputs: Sequence[Path], tally: Tally) -> Iterator[Outcome]:
    format_ = make_format(source, what.sources[source], what.fields_of(source))
    detection = Detection(what)
    refused: Counter[str] = Counter()
    offset = 0
    for lines in _batched(_lines(inputs)):
        events, rows, bad = parse_all(format_, lines)
        refused.update(error.reason for _, error in bad)
        for outcome in detection.feed(source, 0, [offset + row for row in rows], events):
            _count(tally, outcome)
            yield outcome
        offset += len(lines)
    for outcome in detection.finish():
        _count(tally, outcome)
        yield outcome
    fold = detection.folds[source, 0]
    tally.events, tally.late = fold.events, len(fold.late)
    refused.update(reason.reason for _, _, reason in detection.refused)
    tally.refused = dict(refused)


def _batched(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(lines, BATCH)):
        yield batch


def _count(tally: Tally, outcome: Outcome) -> None:
    # However many shards and chunks it is told in.
    tally.intervals += isinstance(outcome, IntervalScores) and outcome.shard == outcome.chunk == 0
    tally.groups += isinstance(outcome, AnomalyGroup) and outcome.revision == 1


def _lines(inputs: Sequence[Path]) -> Iterator[bytes]:
    total = sum(path.stat().st_size for path in inputs)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        for path in inputs:
            task = bar.add_task(path.name, total=total)
            with path.open("rb") as packed, ExitStack() as unpacked:
                lines: BinaryIO = packed
                if path.suffix == ".gz":
                    lines = cast(BinaryIO, unpacked.enter_context(gzip.open(packed)))
                yield from _reading(lines, packed, bar, task)


def _reading(lines: BinaryIO, packed: BinaryIO, bar: Progress, task: TaskID) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if number % 10_000 == 0:
            bar.update(task, completed=packed.tell())
        if stripped := line.strip():
            yield stripped


def _line(alert: Alert) -> str:
    return f"{alert.end:%Y-%m-%d %H:%M}Z  {alert.kind:<7}  {alert.rule}: {alert.summary}"


def _table(tally: Tally) -> Table:
    table = Table(box=None, show_header=False)
    rows = {
        "events": tally.events,
        "refused": sum(tally.refused.values()),
        "late": tally.late,
        "intervals": tally.intervals,
        "groups": tally.groups,
        "alerts": tally.alerts,
    }
    for what, count in rows.items():
        why = ", ".join(f"{reason} {n}" for reason, n in tally.refused.items()) if what == "refused" else ""
        table.add_row(what, f"{count:,}", why)
    return table

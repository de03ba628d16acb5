"""`lookalive backtest`: files of past events through the core that the worker runs, held against labels."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast

import click
import msgspec
from rich.console import Console

from detectors import loading
from detectors.config import Config, ConfigError
from detectors.detection import Detection, Outcome
from detectors.episodes import Incidents, judge
from detectors.feedback import Said
from detectors.records import Alert, AnomalyGroup, IntervalScores
from detectors.what_if import WhatIf
from streams.cli import configuration_option
from streams.cli.labels import read_labels
from streams.cli.past import replay
from streams.cli.tail import series_lines
from streams.cli.verdicts import Tally, Threshold, tally_table, what_if_table
from streams.csv_files.records import Record
from streams.feedback_files import read_feedback
from streams.formats import BadEvent

_encode = msgspec.json.Encoder().encode


@click.command(epilog="Example: lookalive backtest -c lookalive.toml --input past.csv --labels incidents.csv")
@configuration_option
@click.option(
    "--input",
    "inputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    required=True,
    help="Records of the source, one a line, oldest first; or rows, where the name ends in .csv or .tsv. "
    ".gz is unpacked. May be given again.",
)
@click.option("--source", help="Whose records they are, where the configuration has several sources.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What is known to have happened: CSV with start,end or timestamp,label; or JSON.",
)
@click.option(
    "--feedback",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What was said of groups, as `lookalive feedback --output` writes it; holds from their ends on.",
)
@click.option("--scores", type=click.Path(path_type=Path), help="Write every score to this file.")
@click.option("--groups", type=click.Path(path_type=Path), help="Write every change of a group to this file.")
@click.option("--json", "as_json", is_flag=True, help="Alerts as JSON lines, and the tally as the last line.")
def command(
    *,
    configuration: Path,
    inputs: tuple[Path, ...],
    source: str | None,
    labels: Path | None,
    feedback: Path | None,
    scores: Path | None,
    groups: Path | None,
    as_json: bool,
) -> None:
    """Run a configuration over files of past events, without Kafka.

    Prints the alerts that would have been sent, and what there would have been at other thresholds. With
    --labels also how many of the alerts are right, how much of what happened is found, and how soon. Files
    hold JSON lines, or CSV rows whose columns are the fields of events. Exit status 1 when there was no event
    in them that could be used.
    """
    what = loading.load(configuration)
    name = _source(what, source)
    known = None if labels is None else read_labels(labels, what, inputs)
    past = _Past(what, name, [] if feedback is None else read_feedback(feedback, what))
    with ExitStack() as files:
        sinks = {
            kind: cast(BinaryIO, files.enter_context(path.open("wb")))
            for kind, path in ((IntervalScores, scores), (AnomalyGroup, groups))
            if path is not None
        }
        for outcome in past.run(inputs):
            if isinstance(outcome, Alert):
                click.echo(_encode(outcome) if as_json else _line(outcome))
            elif type(outcome) in sinks:
                lines = series_lines(outcome) if isinstance(outcome, IntervalScores) else [_encode(outcome)]
                sinks[type(outcome)].writelines(line + b"\n" for line in lines)
    tally = past.tally
    if past.span:
        tally.judged = judge(list(past.incidents), known, past.span)
        tally.what_if = [
            Threshold(severity, judge(list(incidents), known, past.span))
            for severity, incidents in past.what_if.incidents.items()
        ]
    if as_json:
        click.echo(_encode(tally))
    else:
        _present(tally, past.examples)
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


class _Past:
    """The past of one source, run through a configuration."""

    def __init__(self, what: Config, source: str, said: Sequence[Said]) -> None:
        self._what, self._source, self._said = what, source, said
        self.tally = Tally()
        #: Of each reason for which records are refused, the first.
        self.examples: dict[str, str] = {}
        self.incidents = Incidents({detector.name: detector.interval for detector in what.detectors})
        self.what_if = WhatIf(what)
        self._first: datetime | None = None
        self._last: datetime | None = None

    @property
    def span(self) -> timedelta:
        """How long it was."""
        return timedelta(0) if self._first is None or self._last is None else self._last - self._first

    def run(self, inputs: Sequence[Path]) -> Iterator[Outcome]:
        """Everything that comes of it."""
        detection = Detection(self._what)
        for each in self._said:
            detection.hear(each)
        for outcomes in replay(self._what, self._source, detection, inputs, self._refuse):
            yield from map(self._taken, outcomes)
            self._count(detection)

    def _refuse(self, record: Record, error: BadEvent) -> None:
        self._leave_out(error.reason, f"{record.file}: line {record.line}: {error}")

    def _leave_out(self, reason: str, example: str) -> None:
        self.tally.refused[reason] = self.tally.refused.get(reason, 0) + 1
        self.examples.setdefault(reason, example)

    def _count(self, detection: Detection) -> None:
        """Take what was left out of it, so that it does not pile up."""
        fold = detection.folds[self._source, 0]
        self.tally.events = fold.events
        self.tally.late += len(fold.late)
        fold.late.clear()
        for _, _, refused in detection.refused:
            self._leave_out(refused.reason, refused.detail)
        detection.refused.clear()

    def _taken(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, IntervalScores):
            # However many shards and chunks it is told in.
            self.tally.intervals += outcome.shard == outcome.chunk == 0
            self._first = self._first or outcome.interval_start
            self._last = outcome.interval_end
            self.what_if.take(outcome)
            return outcome
        if isinstance(outcome, Alert):
            self.tally.alerts += 1
        else:
            self.tally.groups += outcome.revision == 1
        self.incidents.take(outcome)
        return outcome


def _line(alert: Alert) -> str:
    return f"{alert.end:%Y-%m-%d %H:%M}Z  {alert.kind:<7}  {alert.rule}: {alert.summary}"


def _present(tally: Tally, examples: dict[str, str]) -> None:
    console = Console(stderr=True)
    for example in examples.values():
        console.print(example, markup=False, highlight=False)
    console.print(tally_table(tally))
    if tally.what_if:
        console.print(what_if_table(tally))

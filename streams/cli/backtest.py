"""`lookalive backtest`: files of past events through the core that the worker runs, held against labels."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

import click
import msgspec
from rich.console import Console

from detectors import loading
from detectors.config import Config, ConfigError
from detectors.records import Alert, AnomalyGroup, IntervalScores
from streams.cli import configuration_option
from streams.cli.backtest_run import Period, Run
from streams.cli.durations import Moment
from streams.cli.garbage import seldom_collected
from streams.cli.labels import read_labels
from streams.cli.stories import Stories
from streams.cli.tail import series_lines
from streams.cli.verdicts import Tally, tally_table, what_if_table
from streams.cli.written import check_written
from streams.feedback_files import read_feedback

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
@click.option(
    "--from", "since", type=Moment(), help="What was before teaches, and is neither judged nor told of."
)
@click.option("--to", "until", type=Moment(), help="What happened then or later is not read.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a page of it all to this file."
)
@click.option("--scores", type=click.Path(path_type=Path), help="Write every score to this file.")
@click.option("--groups", type=click.Path(path_type=Path), help="Write every change of a group to this file.")
@click.option("--json", "as_json", is_flag=True, help="Alerts as JSON lines, and the tally as the last line.")
@seldom_collected()
def command(
    *,
    configuration: Path,
    inputs: tuple[Path, ...],
    source: str | None,
    labels: Path | None,
    feedback: Path | None,
    since: datetime | None,
    until: datetime | None,
    report: Path | None,
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
    began = time.monotonic()
    if since is not None and until is not None and since >= until:
        message = f"--from {since:%Y-%m-%dT%H:%MZ} must be before --to {until:%Y-%m-%dT%H:%MZ}"
        raise click.UsageError(message)
    check_written([configuration, *inputs], report, scores, groups)
    what = loading.load(configuration)
    name = _source(what, source)
    known = None if labels is None else read_labels(labels, what, inputs)
    said = [] if feedback is None else read_feedback(feedback, what)
    run = Run(what, name, said, Period(since, until))
    stories = None if report is None else Stories(what)
    with ExitStack() as files:
        sinks = {
            kind: cast(BinaryIO, files.enter_context(path.open("wb")))
            for kind, path in ((IntervalScores, scores), (AnomalyGroup, groups))
            if path is not None
        }
        for outcome in run.run(inputs):
            if stories is not None and not isinstance(outcome, AnomalyGroup):
                stories.take(outcome)
            if isinstance(outcome, Alert):
                click.echo(_encode(outcome) if as_json else _line(outcome))
            elif type(outcome) in sinks:
                lines = series_lines(outcome) if isinstance(outcome, IntervalScores) else [_encode(outcome)]
                sinks[type(outcome)].writelines(line + b"\n" for line in lines)
    run.judge(known)
    if report is not None and stories is not None:
        # What draws is only needed here.
        from streams.cli.report import Reported, page  # noqa: PLC0415

        of = Reported(configuration.name, what, name, [path.name for path in inputs], run, known, stories)
        report.write_text(page(of, time.monotonic() - began), encoding="utf-8")
    if as_json:
        click.echo(_encode(run.tally))
    else:
        _present(run.tally, run.examples)
    if not run.tally.events:
        # Nothing of what was given could be used.
        sys.exit(1)


def _source(what: Config, asked: str | None) -> str:
    if asked is None and len(what.sources) == 1:
        return next(iter(what.sources))
    if asked not in what.sources:
        message = f"--source: name one of {', '.join(sorted(what.sources))}"
        raise ConfigError(message)
    return asked


def _line(alert: Alert) -> str:
    return f"{alert.end:%Y-%m-%d %H:%M}Z  {alert.kind:<7}  {alert.rule}: {alert.summary}"


def _present(tally: Tally, examples: dict[str, str]) -> None:
    console = Console(stderr=True)
    for example in examples.values():
        console.print(example, markup=False, highlight=False)
    console.print(tally_table(tally))
    if tally.what_if:
        console.print(what_if_table(tally))

"""`lookalive infer`: a sample of files or a topic → a configuration that loads, and how sure all of it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from detectors.loading import parse
from detectors.words import duration_in_iso, many, plain
from streams.cli import settings
from streams.cli.check import watch
from streams.cli.tail import printable
from streams.cli.terminal import WIDTH
from streams.errors import OperatorError
from streams.inferring.chosen import Chosen, Sure
from streams.inferring.proposing import Proposal, propose
from streams.inferring.sampling import Sample, sample_files
from streams.inferring.writing import as_toml, keys_of

#: Records that are looked at unless it is said: a file is at hand, a topic has to be fetched.
OF_FILES, OF_TOPIC = 100_000, 10_000
STYLES: dict[Sure, str] = {"high": "green", "medium": "yellow", "low": "red"}


class Answer(Proposal, frozen=True, kw_only=True):
    """What is printed for machines."""

    toml: str


@click.command(epilog="Example: lookalive infer orders.jsonl -o lookalive.toml")
@click.argument(
    "files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--topic", metavar="NAME", help="A Kafka topic, instead of files.")
@click.option(
    "--records",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"How many are looked at; {OF_FILES:,} of files, {OF_TOPIC:,} of a topic, unless given.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it to this file."
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all choices and the TOML.")
def command(
    *,
    files: tuple[Path, ...],
    topic: str | None,
    records: int | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Propose a configuration for the records of files or of a topic.

    Files hold JSON lines, or CSV rows where the name ends in .csv or .tsv; .gz is unpacked. Of a topic the
    last records of every partition are read, by a client that disturbs nobody. The configuration goes to
    stdout, each choice with how sure it is and why; a table of these goes to stderr. Exit status 1 when the
    event time was not found, or is in doubt.
    """
    if output is not None and output.exists() and not force:
        message = f"{output} exists; name another file, or write over it with --force"
        raise OperatorError(message)
    proposal = propose(_sample(files, topic, records))
    toml = as_toml(proposal)
    # What does not load is not shown.
    watch(parse(toml))
    if output is not None:
        output.write_text(toml, encoding="utf-8")
    if as_json:
        fields = {name: getattr(proposal, name) for name in Proposal.__struct_fields__}
        encoded = msgspec.json.encode(Answer(**fields, toml=toml))
        click.echo(printable(encoded) if sys.stdout.isatty() else encoded)
    else:
        _present(proposal)
        if output is None:
            click.echo(toml, nl=False)
    if not proposal.is_sure:
        sys.exit(1)


def _sample(files: tuple[Path, ...], topic: str | None, records: int | None) -> Sample:
    if bool(files) == (topic is not None):
        message = "name files, or a topic with --topic NAME"
        raise OperatorError(message)
    if topic is None:
        return sample_files(files, records or OF_FILES)
    # Who has files needs no Kafka.
    from streams.inferring.topics import sample_topic  # noqa: PLC0415

    return sample_topic(settings(), topic, records or OF_TOPIC)


def _present(proposal: Proposal) -> None:
    """The choices as a table; what strangers wrote is text in it, and nothing else."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH)
    table = Table(title=Text(proposal.looked_at_in_words), box=None)
    table.title_justify = "left"
    for column in ("what", "proposed", "sure", "why"):
        table.add_column(column, overflow="fold")
    for what, value, chosen in _choices(proposal):
        table.add_row(
            Text(what),
            Text(plain(value)),
            Text(chosen.sure, STYLES[chosen.sure]),
            Text(plain(chosen.why, 300)),
        )
    console.print(table)
    if proposal.refused:
        example = plain(proposal.first_refused or "", 300)
        console.print(
            f"{many(proposal.refused, 'record')} cannot be read: {example}", markup=False, highlight=False
        )


def _choices(proposal: Proposal) -> Iterator[tuple[str, str, Chosen[Any]]]:
    yield "format", proposal.format.value, proposal.format
    yield "time", proposal.time.value or "(none)", proposal.time
    yield "time_unit", proposal.time_unit.value, proposal.time_unit
    yield "clock", proposal.clock.value, proposal.clock
    yield "interval", duration_in_iso(proposal.interval.value), proposal.interval
    yield "lateness", duration_in_iso(proposal.lateness.value), proposal.lateness
    for dimension in proposal.dimensions:
        yield "dimension", dimension.value, dimension
    for measure in proposal.measures:
        keys = keys_of(measure.value)
        said = f"{keys['name']}: {keys['aggregation']}" + (f" of {keys['field']}" if "field" in keys else "")
        yield "measure", said, measure
    yield "severity", f"{proposal.severity_threshold.value:g}", proposal.severity_threshold

"""`lookalive import-l4m`: what a user of Amazon Lookout for Metrics has → a configuration."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from detectors.words import many, plain
from streams.errors import LookoutError
from streams.lookout import KINDS, Document, TakenOver, take_over

WIDTH = 110
#: A template of CloudFormation has a megabyte at most.
LARGEST = 10_000_000


@click.command(epilog="Example: lookalive import-l4m params.json --query query.sql -o lookalive.toml")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--query", type=click.Path(path_type=Path), help="The query.sql beside a params.json.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the configuration here.")
@click.option("--force", is_flag=True, help="Also where there is a file already.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: the configuration and the remarks.")
def command(
    files: tuple[Path, ...], query: Path | None, output: Path | None, force: bool, as_json: bool
) -> None:
    """Make a configuration of what Amazon Lookout for Metrics was told.

    FILEs belong together: the params.json of the custom connector for Redshift; JSON or YAML of what
    DescribeAnomalyDetector, DescribeMetricSet, DescribeAlert and ListAlerts say; templates of CloudFormation.
    What means the same here, what is better, what is different and what is missing is said beside it. Exit
    status 1 when something is still to do before it runs.
    """
    documents = [Document(str(path), _text(path)) for path in files]
    taken = take_over(documents, None if query is None else _text(query))
    if output is not None:
        _write(output, taken.configuration, force)
    if as_json:
        click.echo(msgspec.json.encode(taken))
    else:
        if output is None:
            click.echo(taken.configuration, nl=False)
        for line in _lines(taken, output):
            click.echo(line, err=True)
    if any(remark.kind == "to do" for remark in taken.remarks):
        sys.exit(1)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        message = f"{path} is too large to be of Lookout for Metrics: more than {LARGEST // 1_000_000} MB"
        raise LookoutError(message)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path} is no UTF-8 text"
        raise LookoutError(message) from error


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        message = f"{path} is there already; write over it with --force, or give another name"
        raise LookoutError(message) from error


def _lines(taken: TakenOver, output: Path | None) -> Iterator[str]:
    sinks = f", {many(taken.sinks, 'sink')}" if taken.sinks else ""
    yield (
        f"{output or 'configuration'}: {many(taken.detectors, 'detector')}, "
        f"{many(taken.measures, 'measure')}, {many(taken.alerts, 'alert rule')}{sinks}"
    )
    for kind, heading in KINDS.items():
        remarks = [remark for remark in taken.remarks if remark.kind == kind]
        if remarks:
            yield ""
            yield heading
        for remark in remarks:
            text = f"{plain(remark.about, 200)}: {remark.says}"
            yield from textwrap.wrap(
                text,
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )

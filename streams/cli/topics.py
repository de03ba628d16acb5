"""`lookalive topics`: the topics of a configuration beside what the cluster has."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click
import msgspec
from rich.table import Table

from detectors import loading
from streams import topics
from streams.cli import configuration_option, settings
from streams.cli.terminal import show
from streams.topics import TopicState


@click.command(epilog="Example: lookalive topics -c lookalive.toml --create")
@configuration_option
@click.option("--create", "creates", is_flag=True, help="Create what is missing; what exists stays as it is.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a topic.")
def command(configuration: Path, creates: bool, as_json: bool) -> None:
    """List the topics of a configuration, or create them.

    Exit status 1 when a topic is missing, or differs in a way that matters.
    """
    what = loading.load(configuration)
    sources = [source.topic for source in what.streamed.values()]
    states = (topics.create if creates else topics.describe)(settings(), sources, what.shards)
    if as_json:
        click.echo(msgspec.json.Encoder().encode_lines(states), nl=False)
    else:
        show(_table(states))
    for state in states:
        for difference in state.differences:
            click.echo(f"{state.name}: {difference}", err=True)
    if any(state.partitions is None or state.differences for state in states):
        sys.exit(1)


def _table(states: list[TopicState]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("topic", "partitions", "keeps", "holds", ""):
        table.add_column(column, justify="right" if column == "partitions" else "left", no_wrap=True)
    for state in states:
        partitions = "missing" if state.partitions is None else str(state.partitions)
        news = "created" if state.created else "differs" if state.differences else ""
        table.add_row(state.name, partitions, _keeps(state), state.purpose, news)
    return table


def _keeps(state: TopicState) -> str:
    policy = state.config.get("cleanup.policy", "")
    milliseconds = int(state.config.get("retention.ms", "-1"))
    days = (
        "for ever"
        if milliseconds < 0
        else f"{timedelta(milliseconds=milliseconds) / timedelta(days=1):g} days"
    )
    match sorted(policy.split(",")):
        case ["compact"]:
            return "latest"
        case ["compact", "delete"]:
            return f"latest, {days}"
        case ["delete"]:
            return days
        case _:
            return policy

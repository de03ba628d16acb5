"""`lookalive groups`: the anomaly groups that there are, and all that is known of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import click
import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from detectors.feedback import Verdict
from detectors.places import series_id
from detectors.records import AnomalyGroup
from detectors.words import (
    anomaly_in_words,
    duration_in_words,
    extent_in_words,
    number,
    place_in_words,
    plain,
)
from streams import known_groups
from streams.cli import settings
from streams.cli.said_of import groups_option, id_of, known
from streams.cli.terminal import show

#: Members that a table shows.
SHOWN_MEMBERS = 20

json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines.")


@click.group()
def command() -> None:
    """List anomaly groups, or show one: members, what contributes, where it is, related measures."""


@command.command("list", epilog="Example: lookalive groups list --status open --severity 70")
@groups_option
@json_option
@click.option("--detector", help="Only of this detector.")
@click.option("--status", type=click.Choice(["open", "closed"]), help="Only those.")
@click.option("--severity", type=click.FloatRange(0, 100), default=0.0, help="Only from this severity on.")
@click.option("--series", help="Only those that have this series, such as 'orders{platform=web}'.")
@click.option("--max", "most", type=click.IntRange(min=1), metavar="N", help="Only the newest N.")
def list_(
    *,
    file: Path | None,
    as_json: bool,
    detector: str | None,
    status: str | None,
    severity: float,
    series: str | None,
    most: int | None,
) -> None:
    """List the groups, the newest first, each as it was last."""
    asked = None if series is None else id_of(series)
    found = [
        group
        for group in reversed(known(file).values())
        if detector in {None, group.detector}
        and status in {None, group.status}
        and group.severity >= severity
        and (asked is None or asked in _series(group))
    ]
    found = found[:most]
    if as_json:
        click.echo(msgspec.json.Encoder().encode_lines(found), nl=False)
    elif found:
        show(_list(found))
    else:
        click.echo("no such group", err=True)


@command.command("show", epilog="Example: lookalive groups show 3f2a9c")
@click.argument("group")
@groups_option
@json_option
def show_(*, group: str, file: Path | None, as_json: bool) -> None:
    """Show all that is known of a group: by its id, or the beginning of one."""
    found = known_groups.find(known(file), group)
    said = known_groups.verdicts(known_groups.said(settings()), found) if file is None else []
    if as_json:
        click.echo(msgspec.json.encode(msgspec.to_builtins(found) | {"feedback": msgspec.to_builtins(said)}))
    else:
        show(Group(*_parts(found, said)))


def _series(group: AnomalyGroup) -> Iterator[str]:
    return (series_id(member.measure, member.dimensions) for member in group.members)


def _list(groups: Iterable[AnomalyGroup]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("group", "detector", "status", "start", "lasted", "severity", "series", "what"):
        table.add_column(column, justify="right" if column in {"severity", "series"} else "left")
    for group in groups:
        table.add_row(
            group.id[:8],
            group.detector,
            _status(group),
            f"{group.start:%Y-%m-%d %H:%M}Z",
            duration_in_words(group.end - group.start),
            f"{group.severity:.0f}",
            f"{group.members_total:,}",
            Text(anomaly_in_words(group.primary)),
        )
    return table


def _status(group: AnomalyGroup) -> str:
    return group.status if group.reason is None else f"{group.status}: {group.reason.replace('_', ' ')}"


def _parts(group: AnomalyGroup, said: Sequence[Verdict]) -> Iterator[Table]:
    yield _head(group)
    if group.parts:
        yield _places(group)
    yield _members(group)
    if group.contributions:
        yield _matrix(group)
    if group.relations:
        yield _relations(group)
    if said:
        yield _feedback(said)


def _head(group: AnomalyGroup) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    rows = {
        "group": group.id,
        "detector": group.detector,
        "status": _status(group),
        "since": f"{group.start:%Y-%m-%d %H:%M}Z, {duration_in_words(group.end - group.start)}",
        "severity": f"{group.severity:.0f}",
        "extent": extent_in_words(group.members_total, group.breadth),
        "what": anomaly_in_words(group.primary),
        "where": _where(group),
        "in all": ", ".join(f"{measure} {_signed(total)}" for measure, total in group.totals.items()),
        "part of": group.merged_into or "",
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(value))
    return table


def _where(group: AnomalyGroup) -> str:
    if not group.localised:
        return "nowhere in particular"
    said = "; ".join(place_in_words(element).strip() or "everywhere" for element in group.elements)
    share = "" if group.share is None else f", {group.share:.0%} of the change"
    sure = "" if group.confidence is None else f", confidence {group.confidence:.2f}"
    return said + share + sure


def _places(group: AnomalyGroup) -> Table:
    table = Table(title="Where", title_justify="left", box=None, pad_edge=False)
    for column in ("element", "measure", "actual", "expected", "share", "confidence"):
        table.add_column(column, justify="left" if column in {"element", "measure"} else "right")
    for part in group.parts:
        element = ", ".join(f"{name} {plain(value)}" for name, value in part.element.items()) or "everywhere"
        share, sure = f"{100 * part.share:.0f} %", f"{part.confidence:.2f}"
        table.add_row(Text(element), part.measure, number(part.actual), number(part.expected), share, sure)
    return table


def _signed(total: float) -> str:
    return f"+{number(total)}" if total > 0 else number(total)


def _members(group: AnomalyGroup) -> Table:
    of = f" ({SHOWN_MEMBERS} of {group.members_total:,})" if group.members_total > SHOWN_MEMBERS else ""
    table = Table(title=f"Series{of}", title_justify="left", box=None, pad_edge=False)
    for column in ("series", "severity", "value", "expected", "worst at"):
        table.add_column(column, justify="left" if column in {"series", "worst at"} else "right")
    for member in islice(group.members, SHOWN_MEMBERS):
        table.add_row(
            Text(plain(series_id(member.measure, member.dimensions), 120)),
            f"{member.severity:.0f}",
            number(member.value),
            number(member.expected),
            f"{member.interval_start:%m-%d %H:%M}Z",
        )
    return table


def _matrix(group: AnomalyGroup) -> Table:
    table = Table(title="What contributes", title_justify="left", box=None, pad_edge=False)
    for column in ("measure", "series", "dimension", "values"):
        table.add_column(column, justify="right" if column == "series" else "left")
    for measure in group.contributions:
        shares = measure.shares or {"": {}}
        for n, (dimension, values) in enumerate(shares.items()):
            said = ", ".join(f"{plain(value)} {share} %" for value, share in values.items())
            first = (measure.measure, f"{measure.series:,}") if n == 0 else ("", "")
            table.add_row(*first, dimension, Text(said))
    return table


def _relations(group: AnomalyGroup) -> Table:
    table = Table(title="Related measures", title_justify="left", box=None, pad_edge=False)
    for column in ("measure", "role", "share", "lag"):
        table.add_column(column, justify="right" if column in {"share", "lag"} else "left")
    for relation in group.relations:
        share = "" if relation.share is None else f"{relation.share} %"
        table.add_row(relation.measure, relation.role, share, str(relation.lag) if relation.lag else "")
    return table


def _feedback(said: Sequence[Verdict]) -> Table:
    table = Table(title="Feedback", title_justify="left", box=None, pad_edge=False)
    for column in ("series", "verdict", "until"):
        table.add_column(column)
    for verdict in said:
        series = plain(series_id(verdict.measure, verdict.dimensions), 120)
        until = "" if verdict.expires is None else f"{verdict.expires:%Y-%m-%d %H:%M}Z"
        table.add_row(Text(series), verdict.verdict, until)
    return table

"""`lookalive feedback`: what people say of the series of a group, for the workers or for a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import get_args

import click
import msgspec

from detectors import loading
from detectors.config import Config
from detectors.feedback import HOLDS, Saying, Verdict
from detectors.places import series_id
from detectors.records import Anomaly, AnomalyGroup
from streams import known_groups, said
from streams.cli import configuration_option, settings
from streams.cli.durations import Duration
from streams.cli.said_of import check, groups_option, known, series_as_written
from streams.errors import GroupError
from streams.feedback_files import read_feedback


@click.command(epilog="Example: lookalive feedback 3f2a --verdict expected --for P28D")
@click.argument("group")
@configuration_option
@click.option(
    "--series", multiple=True, help="Only of this one, such as 'orders{platform=web}'. May be given again."
)
@click.option("--verdict", type=click.Choice(get_args(Saying)), help="What it is.")
@click.option(
    "--for",
    "lasts",
    type=Duration(),
    help="How long that holds, from the end of the group on; 90 days if nothing is said.",
)
@click.option("--undo", is_flag=True, help="Take back what was said.")
@groups_option
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Add it to this file, for `lookalive backtest --feedback`, and tell no worker.",
)
def command(
    *,
    group: str,
    configuration: Path,
    series: tuple[str, ...],
    verdict: Saying | None,
    lasts: timedelta | None,
    undo: bool,
    file: Path | None,
    output: Path | None,
) -> None:
    """Say of an anomaly group what it is: by its id, or the beginning of one.

    The like of what is expected is not told of: there, on that side, at that hour of the week. Of the like of
    something missed less severity is asked. A level that is the new-normal is adopted at once. An anomaly is
    what it seems, and nothing changes. Severity stays what it is, and all of it can be taken back.

    Without --series it is said of every series of the group, and --undo takes back all that was said of it.
    Prints what was said as JSON lines.
    """
    if (verdict is None) == (not undo):
        raise click.UsageError("give either --verdict, or --undo to take it back")
    what = loading.load(configuration)
    found = known_groups.find(known(file), group)
    if undo and not series:
        series = tuple(_said_of(found, what, output))
    verdicts = list(_verdicts(what, found, series, verdict, lasts))
    if output is None:
        said.send(settings(), what, verdicts)
    else:
        with output.open("ab") as lines:
            lines.write(msgspec.json.Encoder().encode_lines(verdicts))
    click.echo(msgspec.json.Encoder().encode_lines(verdicts), nl=False)
    for each in verdicts:
        click.echo(_in_words(each), err=True)
    if found.merged_into is not None:
        click.echo(f"it is part of {found.merged_into} now, of which people are told as before", err=True)


def _said_of(group: AnomalyGroup, what: Config, output: Path | None) -> list[str]:
    """The series of which something was said."""
    if output is None:
        before = known_groups.said(settings())
    else:
        before = known_groups.standing(read_feedback(output, what)) if output.exists() else []
    series = [series_id(each.measure, each.dimensions) for each in known_groups.verdicts(before, group)]
    if not series:
        message = f"nothing was said of group {group.id}"
        raise GroupError(message)
    return series


def _verdicts(
    what: Config, group: AnomalyGroup, series: Sequence[str], verdict: Saying | None, lasts: timedelta | None
) -> Iterator[Verdict]:
    detector = next((detector for detector in what.detectors if detector.name == group.detector), None)
    if detector is None:
        message = f"group {group.id} is of a detector {group.detector!r} that the configuration does not have"
        raise GroupError(message)
    members = {series_id(member.measure, member.dimensions): member for member in group.members}
    holds = HOLDS if lasts is None and verdict in {"expected", "missed"} else lasts
    for asked in series or members:
        measure, dimensions = series_as_written(asked)
        member = members.get(series_id(measure, dimensions))
        # What was said of a series that is no more can be taken back all the same.
        if member is None and verdict is not None:
            check(detector, dimensions, [measure])
        if member is None and verdict in {"expected", "new-normal"}:
            some = ", ".join(list(members)[:5])
            message = f"{asked!r} is no series of group {group.id}; its series: {some}"
            raise GroupError(message)
        yield Verdict(
            detector=group.detector,
            group=group.id,
            measure=measure,
            dimensions=dimensions,
            verdict=verdict or "anomaly",
            start=group.start,
            end=group.end,
            # What was missed may have been on either side.
            direction=None if member is None or verdict == "missed" else member.direction,
            change=_change(member),
            expires=None if holds is None else group.end + holds,
            undo=verdict is None,
        )


def _change(member: Anomaly | None) -> float | None:
    if member is None or member.value is None or member.expected is None:
        return None
    return member.value - member.expected


def _in_words(verdict: Verdict) -> str:
    series = series_id(verdict.measure, verdict.dimensions)
    if verdict.undo:
        return f"{series}: what was said of it is taken back"
    until = "" if verdict.expires is None else f" until {verdict.expires:%Y-%m-%d %H:%M}Z"
    return f"{series}: {verdict.verdict}{until}"

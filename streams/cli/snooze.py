"""`lookalive snooze`: for a time nothing new is told of a group, a series, or places and measures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import msgspec

from detectors import loading
from detectors.config import Config, Detector, Matcher, Where
from detectors.feedback import Said, Snooze
from detectors.places import series_id
from streams import known_groups, said
from streams.cli import configuration_option, settings
from streams.cli.durations import Duration
from streams.cli.said_of import check, groups_option, known, series_as_written
from streams.errors import GroupError

_CONDITION = re.compile(r"([^=!^~]+)(=~|!=|\^=|=)(.*)", re.DOTALL)


@click.command(epilog="Example: lookalive snooze --where platform=web --where country!=DE --for PT4H")
@configuration_option
@click.option("--group", help="This group alone: its id, or the beginning of one.")
@click.option("--series", help="This series alone, such as 'orders{platform=web}'.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    help="Places whose dimension is a value (=), is not (!=), begins with it (^=) or matches a regular "
    "expression (=~). May be given again: all must hold.",
)
@click.option("--measure", "measures", multiple=True, help="Only this measure. May be given again.")
@click.option("--detector", help="Whose they are, where the configuration has several detectors.")
@click.option("--for", "lasts", type=Duration(), help="How long from now on, such as PT4H.")
@click.option("--undo", is_flag=True, help="End it: of the same group, series or places as it began with.")
@groups_option
def command(
    *,
    configuration: Path,
    group: str | None,
    series: str | None,
    conditions: tuple[str, ...],
    measures: tuple[str, ...],
    detector: str | None,
    lasts: timedelta | None,
    undo: bool,
    file: Path | None,
) -> None:
    """Tell nothing new of something for a time; what was told before is still closed.

    What is still open when the time is over is told then. Time is that of events: of a source that is far
    behind, it begins when the source is there. Prints what is snoozed as JSON.
    """
    if sum(map(bool, (group, series, conditions or measures))) != 1:
        raise click.UsageError("give one of --group, --series, or --where and --measure")
    if (lasts is None) == (not undo):
        raise click.UsageError("give either --for, or --undo to end it")
    what = loading.load(configuration)
    until = datetime.now(UTC) + (lasts or timedelta(0))
    if group is not None:
        found = known_groups.find(known(file), group)
        if found.merged_into is not None and not undo:
            message = f"group {found.id} is part of {found.merged_into} now: snooze that"
            raise GroupError(message)
        snooze = Snooze(found.detector, f"group {found.id}", until, group=found.id, undo=undo)
    else:
        whose = _detector(what, detector)
        if series is not None:
            snooze = _of_series(whose, series, until)
        else:
            snooze = _of_places(whose, conditions, measures, until)
        snooze = msgspec.structs.replace(snooze, undo=undo)
    if undo:
        _check_snoozed(snooze, known_groups.said(settings()))
    said.send(settings(), what, [snooze])
    click.echo(msgspec.json.encode(snooze))
    said_of_it = "snoozed no more" if undo else f"snoozed until {until:%Y-%m-%d %H:%M}Z"
    click.echo(f"{snooze.name}: {said_of_it}", err=True)


def _detector(what: Config, asked: str | None) -> Detector:
    names = [detector.name for detector in what.detectors]
    if asked is None and len(names) == 1:
        return what.detectors[0]
    if asked not in names:
        message = f"--detector: name one of {', '.join(sorted(names))}"
        raise GroupError(message)
    return what.detector(asked)


def _check_snoozed(snooze: Snooze, known: Iterable[Said]) -> None:
    names = sorted(each.name for each in known if isinstance(each, Snooze))
    if snooze.name not in names:
        message = f"{snooze.name!r} is not snoozed; snoozed are: {'; '.join(names) or 'none'}"
        raise GroupError(message)


def _of_series(detector: Detector, series: str, until: datetime) -> Snooze:
    measure, dimensions = series_as_written(series)
    check(detector, dimensions, [measure])
    name = f"{detector.name}: {series_id(measure, dimensions)}"
    return Snooze(detector.name, name, until, measures=[measure], where={**dimensions}, exactly=True)


def _of_places(
    detector: Detector, conditions: Sequence[str], measures: Sequence[str], until: datetime
) -> Snooze:
    where: Where = {}
    for dimension, asked in map(condition, conditions):
        if dimension in where:
            message = f"--where: {dimension!r} is named twice; one expression (=~) can say both"
            raise GroupError(message)
        where[dimension] = asked
    check(detector, where, measures)
    name = " ".join([f"{detector.name}:", *sorted(measures), *sorted(conditions)])
    return Snooze(detector.name, name, until, measures=sorted(measures), where=where)


def condition(text: str) -> tuple[str, str | Matcher]:
    """A dimension and what is asked of it.

    >>> condition("platform=web"), condition("path^=/api/")[1].prefix
    (('platform', 'web'), '/api/')

    Raises:
        GroupError: it is no condition.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        message = f"--where {text!r}: expected dimension=value, or with !=, ^= or =~"
        raise GroupError(message)
    dimension, sign, value = found.groups()
    match sign:
        case "!=":
            return dimension, Matcher(excluded=value)
        case "^=":
            return dimension, Matcher(prefix=value)
        case "=~":
            try:
                re.compile(value)
            except re.error as error:
                message = f"--where {text!r} has no regular expression: {error}"
                raise GroupError(message) from error
            return dimension, Matcher(regex=value)
        case _:
            return dimension, value

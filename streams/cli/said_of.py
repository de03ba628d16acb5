"""What something is said of on the command line: a group that is known, and series as a detector has them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from detectors.config import Detector
from detectors.places import series_id, series_of
from detectors.records import JOINT
from streams import known_groups
from streams.cli import settings
from streams.errors import GroupError

groups_option = click.option(
    "--groups",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Read this file of `lookalive backtest --groups` in place of the topic.",
)


def known(file: Path | None) -> known_groups.Groups:
    """The groups that there are.

    Raises:
        GroupError: the file has something else.
        TopicError: the cluster does not answer, or has no groups.
    """
    return known_groups.in_topic(settings()) if file is None else known_groups.in_file(file)


def series_as_written(asked: str) -> tuple[str, dict[str, str]]:
    """The measure and the dimensions of a series as people write it.

    Raises:
        GroupError: it is none.
    """
    try:
        return series_of(asked)
    except ValueError as error:
        raise GroupError(str(error)) from error


def id_of(asked: str) -> str:
    """The id of a series as people write it, in whatever order they name its dimensions.

    >>> id_of("orders{platform=web,marketplace=DE}")
    'orders{marketplace=DE,platform=web}'
    """
    return series_id(*series_as_written(asked))


def check(detector: Detector, dimensions: Iterable[str], measures: Iterable[str]) -> None:
    """Refuse what a detector does not have.

    Raises:
        GroupError: there is no such dimension, or measure.
    """
    for kind, asked, there in (
        ("dimension", dimensions, detector.dimensions),
        ("measure", measures, [*(measure.name for measure in detector.measures), JOINT]),
    ):
        for name in sorted(asked):
            if name not in there:
                names = ", ".join(sorted(there)) or "none"
                message = f"{detector.name!r} has no {kind} {name!r}; known: {names}"
                raise GroupError(message)

"""Outcomes of several rounds as numbers: medians, ratios, goals; for machines, and as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

import msgspec
from rich.table import Table

from benchmarks.contest.contestants import CONTESTANTS, GOALS, Contestant
from benchmarks.contest.outcomes import Outcome

#: Name of a contestant → one outcome a round.
Outcomes = Mapping[str, Sequence[Outcome]]


class Ratio(msgspec.Struct):
    """How fast one contestant is beside another."""

    by_wall: float
    by_cpu: float


class Row(msgspec.Struct):
    """A contestant's numbers: medians of the rounds."""

    name: str
    what: str
    events: int
    events_per_second: int
    events_per_cpu_second: int
    rss_mib: int
    beside: str | None
    ratio: Ratio | None
    alerts: int | None
    #: Every round.
    runs: list[Outcome]


class Judgement(msgspec.Struct):
    """A goal, and whether it is reached."""

    name: str
    beside: str
    asked: Ratio
    ratio: Ratio
    reached: bool


def rows(outcomes: Outcomes) -> Iterator[Row]:
    """The numbers of all who ran."""
    for contestant in CONTESTANTS:
        if outcomes.get(contestant.name):
            yield _row(outcomes, contestant)


def _row(outcomes: Outcomes, contestant: Contestant) -> Row:
    runs = outcomes[contestant.name]
    return Row(
        contestant.name,
        contestant.what,
        round(median(run.events for run in runs)),
        round(median(run.per_second for run in runs)),
        round(median(run.per_cpu_second for run in runs)),
        round(max(run.rss_mib for run in runs)),
        contestant.beside,
        _ratio(outcomes, contestant.name, contestant.beside or ""),
        runs[0].alerts,
        list(runs),
    )


def _ratio(outcomes: Outcomes, name: str, beside: str) -> Ratio | None:
    """The median of the rounds, each for itself, as a machine is not always equally busy.

    None where one of them did not run, or was wrong.
    """
    pairs = list(zip(outcomes.get(name, ()), outcomes.get(beside, ()), strict=False))
    if not pairs or any(one.problems or other.problems for one, other in pairs):
        return None
    return Ratio(
        round(median(one.per_second / other.per_second for one, other in pairs), 3),
        round(median(one.per_cpu_second / other.per_cpu_second for one, other in pairs), 3),
    )


def judgements(outcomes: Outcomes) -> Iterator[Judgement]:
    """What became of the goals."""
    for goal in GOALS:
        ratio = _ratio(outcomes, goal.name, goal.beside)
        if ratio is not None:
            reached = ratio.by_wall >= goal.by_wall and ratio.by_cpu >= goal.by_cpu
            yield Judgement(goal.name, goal.beside, Ratio(goal.by_wall, goal.by_cpu), ratio, reached)


def problems(outcomes: Outcomes) -> list[str]:
    """What was wrong, in words."""
    return [
        f"{name}: {problem}" for name, runs in outcomes.items() for run in runs for problem in run.problems
    ]


def contestants_table(outcomes: Outcomes) -> Table:
    """The contestants for people."""
    shown = _table(
        "Contestants, medians", "", "events", "events/s", "a CPU second", "MiB", "beside", "wall", "CPU"
    )
    for row in rows(outcomes):
        if any(run.problems for run in row.runs):
            shown.add_row(row.name, f"{row.events:,}", "WRONG")
            continue
        numbers = (row.events, row.events_per_second, row.events_per_cpu_second, row.rss_mib)
        compared = () if row.ratio is None else (row.beside, *_factors(row.ratio))
        shown.add_row(row.name, *(f"{number:,}" for number in numbers), *compared)
    return shown


def goals_table(outcomes: Outcomes) -> Table:
    """The goals for people."""
    shown = _table("Goals", "", "beside", "wall", "at least", "CPU", "at least", "reached")
    for goal in judgements(outcomes):
        (wall, cpu), (least_wall, least_cpu) = _factors(goal.ratio), _factors(goal.asked)
        shown.add_row(
            goal.name, goal.beside, wall, least_wall, cpu, least_cpu, "yes" if goal.reached else "no"
        )
    return shown


def _factors(ratio: Ratio) -> tuple[str, str]:
    return f"{ratio.by_wall:.2f}", f"{ratio.by_cpu:.2f}" if ratio.by_cpu else ""


def _table(title: str, *headings: str) -> Table:
    shown = Table(box=None, title=title, title_justify="left")
    for heading in headings:
        shown.add_column(heading, justify="left" if heading in {"", "beside"} else "right")
    return shown

"""Events a second: our worker, the whole of it, beside other ways to fold the same events of the same topics.

A real broker is started, each topic is sent once, and every contestant reads it as a process of its own,
one after the other, in rounds; what is shown is the median. What a contestant comes to is compared with
the truth, cell by cell: a wrong one is shown as WRONG, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import ours
from benchmarks.contest import Outcome, run_peer
from benchmarks.feed import Feed, Record, clickstream, send, web_acl
from streams.broker import Broker
from streams.kafka_runtime import JARS

#: Events of the clickstream, unless asked otherwise; of the log of WAF a tenth of them.
EVENTS = 2_000_000
FEWEST = 20_000
ROUNDS = 3


@dataclass(frozen=True)
class Contestant:
    """One of those who read a topic."""

    name: str
    what: str
    #: Name of the feed, and how many of its first events are enough: the slow ones get fewer.
    feed: str
    most: int | None
    run: Callable[[Feed, int, str, Path], Outcome]
    #: The contestant that it is compared with.
    beside: str | None = None


def bare(mode: str) -> Callable[[Feed, int, str, Path], Outcome]:
    """The bare loop in one of its modes."""
    return lambda feed, events, bootstrap, directory: run_peer(
        feed, events, bootstrap, directory, "bare", mode
    )


def workers(config: str, number: int) -> Callable[[Feed, int, str, Path], Outcome]:
    """So many of our workers."""
    return lambda feed, events, bootstrap, directory: ours.run_workers(
        feed, config, number, bootstrap, directory
    )


CONTESTANTS = (
    Contestant("fetch", "aiokafka, nothing decoded", "clickstream", None, bare("fetch"), "bare"),
    Contestant("bare", "aiokafka, orjson, a dict", "clickstream", None, bare("default")),
    Contestant("bare-tuned", "the same, gc tuned", "clickstream", None, bare("tuned"), "bare"),
    Contestant("worker", "lookalive worker, whole path", "clickstream", None, workers(ours.SHOP, 1), "bare"),
    Contestant("workers", "two of them share it", "clickstream", None, workers(ours.SHOP, 2), "worker"),
    Contestant("waf-bare", "aiokafka, orjson, a dict", "waf", None, bare("waf")),
    Contestant("waf-bare-tuned", "the same, gc tuned", "waf", None, bare("waf-tuned"), "waf-bare"),
    Contestant("waf-worker", "lookalive worker, whole path", "waf", None, workers(ours.EDGE, 1), "waf-bare"),
)
FEEDS: Mapping[str, Callable[[int], Iterator[Record]]] = {
    "clickstream": clickstream,
    "waf": lambda events: web_acl(events // 10),
}


@dataclass(frozen=True)
class Goal:
    """How often a contestant must be as fast as another, in wall time and in CPU time."""

    name: str
    beside: str
    ratio: float


GOALS = (
    Goal("worker", "bare", 1.0),
    Goal("worker", "bytewax", 3.5),
    Goal("worker", "quix", 8.0),
    Goal("worker", "faust", 120.0),
    Goal("waf-worker", "waf-bare", 1.0),
)


def main() -> int:
    """Send, run, check, show."""
    options = arguments()
    chosen = [c for c in CONTESTANTS if not options.only or c.name in options.only]
    outcomes: dict[str, list[Outcome]] = {contestant.name: [] for contestant in chosen}
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="lookalive-throughput-") as directory,
        Broker(Path(directory) / "broker") as broker,
        Progress(*columns, console=Console(stderr=True)) as bar,
    ):
        feeds = {
            name: fill(name, broker.address, chosen, options.events, bar)
            for name in dict.fromkeys(c.feed for c in chosen)
        }
        runs = bar.add_task("runs", total=options.rounds * len(chosen))
        for _ in range(options.rounds):
            for contestant in chosen:
                bar.update(runs, description=contestant.name)
                feed = feeds[contestant.feed]
                events = min(contestant.most or feed.events, feed.events)
                outcomes[contestant.name].append(
                    contestant.run(feed, events, broker.address, Path(directory))
                )
                bar.advance(runs)
    show(outcomes, feeds, as_json=options.json)
    return int(any(outcome.problems for runs in outcomes.values() for outcome in runs))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument(
        "--events", type=int, default=EVENTS, help=f"events of the clickstream, {EVENTS:,} by default"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} by default")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        choices=[c.name for c in CONTESTANTS],
        help=", ".join(c.name for c in CONTESTANTS),
    )
    options = parser.parse_args()
    if options.events < FEWEST:
        parser.error(f"--events: at least {FEWEST:,}, or partitions differ too much in how far they are")
    return options


def fill(name: str, bootstrap: str, chosen: Sequence[Contestant], events: int, bar: Progress) -> Feed:
    """Send the events of a feed."""
    task = bar.add_task(f"send {name}", total=None)
    stops = [contestant.most for contestant in chosen if contestant.feed == name and contestant.most]
    return asyncio.run(
        send(bootstrap, name, FEEDS[name](events), stops, lambda done: bar.update(task, completed=done))
    )


def ratios(outcomes: Mapping[str, Sequence[Outcome]], name: str, beside: str) -> tuple[float, float] | None:
    """How fast one is beside another, by wall time and by CPU time; None where one of them did not run.

    Of each round, since a machine is not always equally busy; the median.
    """
    pairs = list(zip(outcomes.get(name, ()), outcomes.get(beside, ()), strict=False))
    if not pairs:
        return None
    return (
        median(one.per_second / other.per_second for one, other in pairs),
        median(one.per_cpu_second / other.per_cpu_second for one, other in pairs),
    )


def show(outcomes: Mapping[str, Sequence[Outcome]], feeds: Mapping[str, Feed], *, as_json: bool) -> None:
    """Print what was measured."""
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kafka": JARS.kafka}
    if as_json:
        contestants = {contestant.name: summary(outcomes, contestant) for contestant in ran(outcomes)}
        goals = [
            {**vars(goal), "by_wall": r[0], "by_cpu": r[1], "reached": min(r) >= goal.ratio}
            for goal in GOALS
            if (r := ratios(outcomes, goal.name, goal.beside))
        ]
        sent = {name: {"events": feed.events, "bytes": feed.size} for name, feed in feeds.items()}
        print(json.dumps({"contestants": contestants, "goals": goals, "feeds": sent, **machine}))
        return
    console = Console()
    for name, feed in feeds.items():
        console.print(f"{name}: {feed.events:,} events of {feed.size / feed.events:,.0f} bytes")
    console.print(contestants_table(outcomes), goals_table(outcomes), sep="\n\n")
    for name, runs in outcomes.items():
        for outcome in runs:
            for problem in outcome.problems:
                console.print(f"WRONG: {name}: {problem}", style="red", markup=False)


def ran(outcomes: Mapping[str, Sequence[Outcome]]) -> Iterator[Contestant]:
    """The contestants of whom there is something to show."""
    return (contestant for contestant in CONTESTANTS if outcomes.get(contestant.name))


def summary(outcomes: Mapping[str, Sequence[Outcome]], contestant: Contestant) -> dict[str, object]:
    """The numbers of a contestant."""
    runs = outcomes[contestant.name]
    numbers: dict[str, object] = {
        "right": not any(outcome.problems for outcome in runs),
        "events": round(median(outcome.events for outcome in runs)),
        "events_per_second": round(median(outcome.per_second for outcome in runs)),
        "events_per_cpu_second": round(median(outcome.per_cpu_second for outcome in runs)),
        "rss_mib": round(max(outcome.rss_mib for outcome in runs)),
        "runs": [
            {"per_second": round(o.per_second), "per_cpu_second": round(o.per_cpu_second)} for o in runs
        ],
    }
    if contestant.beside is not None and (found := ratios(outcomes, contestant.name, contestant.beside)):
        numbers["beside"] = contestant.beside
        numbers["ratio_by_wall"], numbers["ratio_by_cpu"] = (round(ratio, 3) for ratio in found)
    problems = [problem for outcome in runs for problem in outcome.problems]
    if problems:
        numbers["problems"] = problems
    if runs[0].each:
        numbers["each_events_per_cpu_second"] = [
            round(median(o.each[i] for o in runs)) for i in range(len(runs[0].each))
        ]
    if runs[0].alerts is not None:
        numbers["alerts"] = runs[0].alerts
    return numbers


def contestants_table(outcomes: Mapping[str, Sequence[Outcome]]) -> Table:
    """The contestants for people."""
    shown = Table(box=None, title="Medians", title_justify="left")
    for heading in (
        "",
        "events",
        "events/s",
        "per CPU s",
        "RSS MiB",
        "beside",
        "by wall",
        "by CPU",
    ):
        shown.add_column(heading, justify="left" if heading in {"", "beside"} else "right", no_wrap=True)
    for contestant in ran(outcomes):
        numbers = summary(outcomes, contestant)
        speeds = [
            f"{numbers[key]:,}" for key in ("events", "events_per_second", "events_per_cpu_second", "rss_mib")
        ]
        found = ratios(outcomes, contestant.name, contestant.beside or "")
        compared = [contestant.beside or "", *(f"{ratio:.2f}" for ratio in found)] if found else []
        if not numbers["right"]:
            speeds, compared = [speeds[0], "WRONG"], []
        shown.add_row(contestant.name, *speeds, *compared)
    return shown


def goals_table(outcomes: Mapping[str, Sequence[Outcome]]) -> Table:
    """Whether what was asked for is reached: by wall time and by CPU time, whichever is less."""
    shown = Table(box=None, title="Goals", title_justify="left")
    for heading in ("", "asked", "by wall", "by CPU", "reached"):
        shown.add_column(heading, justify="right" if heading else "left")
    for goal in GOALS:
        if found := ratios(outcomes, goal.name, goal.beside):
            reached = "yes" if min(found) >= goal.ratio else "no"
            shown.add_row(
                f"{goal.name} beside {goal.beside}",
                f"≥ {goal.ratio:g}",
                *(f"{r:.2f}" for r in found),
                reached,
            )
    return shown


if __name__ == "__main__":
    sys.exit(main())

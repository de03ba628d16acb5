"""Events a second: our worker, the whole of it, beside other ways to fold the same events of the same topics.

A real broker is started, each topic is sent once, and every contestant reads it as a process of its own,
one after the other, in rounds; what is shown are medians. What a contestant comes to is compared with the
truth, cell by cell: one that is not right is shown as WRONG, and the exit status is 1. Then what each
measure and dimension adds to the cost of an event, in our fold alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.contest import costs, results
from benchmarks.contest.contestants import CONTESTANTS, FEEDS, Contestant
from benchmarks.contest.feed import Feed, send
from benchmarks.contest.outcomes import Arena, Outcome
from streams.broker import Broker
from streams.kafka_runtime import JARS

EVENTS = 4_000_000
#: With fewer, partitions differ too much in how far they are.
FEWEST = 20_000
ROUNDS = 3
COSTS = "costs"
COLUMNS = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main() -> int:
    """Send, run, check, show."""
    options = arguments()
    chosen = [contestant for contestant in CONTESTANTS if contestant.name in options.only]
    feeds, outcomes = measure(chosen, options.events, options.rounds) if chosen else ([], {})
    priced = price() if COSTS in options.only else []
    if options.json:
        print(msgspec.json.encode(everything(feeds, outcomes, priced)).decode())
    else:
        show(feeds, outcomes, priced)
    problems = results.problems(outcomes) + [problem for cost in priced for problem in cost.problems]
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    return 1 if problems else 0


def arguments() -> argparse.Namespace:
    """What was asked for."""
    names = [*(contestant.name for contestant in CONTESTANTS), COSTS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument(
        "--events", type=int, default=EVENTS, help=f"of the clickstream; {EVENTS:,} by default"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} by default")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", choices=names, default=names, help=", ".join(names)
    )
    options = parser.parse_args()
    if options.events < FEWEST or options.rounds < 1:
        parser.error(f"at least {FEWEST:,} events, and one round")
    return options


def measure(
    chosen: Sequence[Contestant], events: int, rounds: int
) -> tuple[list[Feed], dict[str, list[Outcome]]]:
    """The feeds that were sent, and what became of each contestant, round by round."""
    outcomes: dict[str, list[Outcome]] = {contestant.name: [] for contestant in chosen}
    with (
        tempfile.TemporaryDirectory(prefix="lookalive-throughput-") as name,
        Broker((directory := Path(name)) / "broker") as broker,
        Progress(*COLUMNS, console=Console(stderr=True)) as bar,
    ):
        arena = Arena(broker.address, directory)
        feeds = {name: fill(name, arena, chosen, events, bar) for name in {c.feed: None for c in chosen}}
        task = bar.add_task("", total=rounds * len(chosen))
        for _ in range(rounds):
            for contestant in chosen:
                bar.update(task, description=contestant.name)
                feed = feeds[contestant.feed]
                most = min(contestant.most or feed.events, feed.events)
                outcomes[contestant.name].append(contestant.run(feed, most, arena))
                bar.advance(task)
    return list(feeds.values()), outcomes


def fill(name: str, arena: Arena, chosen: Sequence[Contestant], events: int, bar: Progress) -> Feed:
    """Send the events of a feed."""
    task = bar.add_task(f"send {name}", total=None)
    stops = [contestant.most for contestant in chosen if contestant.feed == name and contestant.most]
    records = FEEDS[name](events)
    return asyncio.run(
        send(arena.bootstrap, name, records, stops, lambda done: bar.update(task, completed=done))
    )


def price() -> list[costs.Cost]:
    """What measures and dimensions cost."""
    with Progress(*COLUMNS, console=Console(stderr=True)) as bar:
        task = bar.add_task(COSTS, total=len(costs.CASES))
        return costs.costs(lambda: bar.advance(task))


def show(feeds: Sequence[Feed], outcomes: results.Outcomes, priced: Sequence[costs.Cost]) -> None:
    """Print it for people."""
    console = Console()
    for feed in feeds:
        console.print(f"{feed.topic}: {feed.events:,} events of {feed.size / feed.events:,.0f} bytes")
    if outcomes:
        console.print("", results.contestants_table(outcomes), "", results.goals_table(outcomes), sep="\n")
    if priced:
        console.print("", costs.table(priced), sep="\n")


def everything(
    feeds: Sequence[Feed], outcomes: results.Outcomes, priced: Sequence[costs.Cost]
) -> dict[str, object]:
    """All there is to know, for machines."""
    return {
        "contestants": list(results.rows(outcomes)),
        "goals": list(results.judgements(outcomes)),
        "costs": priced,
        "feeds": {feed.topic: {"events": feed.events, "bytes": feed.size} for feed in feeds},
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "kafka": JARS.kafka,
    }


if __name__ == "__main__":
    sys.exit(main())

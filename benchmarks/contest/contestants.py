"""Who takes part, with what, and what is asked of whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from subprocess import CalledProcessError

from benchmarks.contest import environment, worker
from benchmarks.contest.feed import Feed, Record, clickstream, web_acl
from benchmarks.contest.outcomes import Arena, Outcome, failed
from benchmarks.contest.peers import run_peer

FEEDS: Mapping[str, Callable[[int], Iterator[Record]]] = {
    "clickstream": clickstream,
    # Records ten times as long, so a fifth of them.
    "waf": lambda events: web_acl(events // 5),
}


@dataclass(frozen=True)
class Contestant:
    """One of those who read a feed."""

    name: str
    what: str
    run: Callable[[Feed, int, Arena], Outcome]
    #: The one that it is shown beside.
    beside: str | None = None
    feed: str = "clickstream"
    #: How many events are enough: the slow ones get fewer.
    most: int | None = None


def _bare(mode: str) -> Callable[[Feed, int, Arena], Outcome]:
    return lambda feed, events, arena: run_peer(feed, events, arena, "bare", mode)


def _workers(config: str, number: int) -> Callable[[Feed, int, Arena], Outcome]:
    return lambda feed, events, arena: worker.run_workers(feed, arena, config, number)


def _peer(script: str) -> Callable[[Feed, int, Arena], Outcome]:
    def run(feed: Feed, events: int, arena: Arena) -> Outcome:
        try:
            python = environment.python()
        except CalledProcessError as error:
            return failed(f"the environment of the peers cannot be made: {error}")
        return run_peer(feed, events, arena, script, python=python)

    return run


CONTESTANTS = (
    Contestant("fetch", "aiokafka, nothing decoded", _bare("fetch"), "bare"),
    Contestant("bare", "aiokafka, orjson and a dict", _bare("default")),
    Contestant("bare-tuned", "the same, with a tuned gc", _bare("tuned"), "bare"),
    Contestant("worker", "lookalive worker, events to alerts", _workers(worker.SHOP, 1), "bare"),
    Contestant("workers", "two of them", _workers(worker.SHOP, 2), "worker"),
    Contestant("bytewax", "Bytewax, fold_window", _peer("bytewax_fold"), "bare", most=800_000),
    Contestant("quix", "Quix Streams, tumbling window", _peer("quix_fold"), "bare", most=400_000),
    Contestant(
        "faust",
        "Faust as in its guide",
        lambda feed, events, arena: run_peer(feed, events, arena, "naive_faust"),
        "bare",
        most=40_000,
    ),
    Contestant("waf-bare", "aiokafka, orjson and a dict", _bare("waf"), feed="waf"),
    Contestant("waf-bare-tuned", "the same, with a tuned gc", _bare("waf-tuned"), "waf-bare", feed="waf"),
    Contestant(
        "waf-worker", "lookalive worker, events to alerts", _workers(worker.EDGE, 1), "waf-bare", feed="waf"
    ),
)


@dataclass(frozen=True)
class Goal:
    """How fast a contestant must be beside another by wall time, and where it matters by CPU time."""

    name: str
    beside: str
    by_wall: float
    by_cpu: float = 0.0


GOALS = (
    Goal("worker", "bare", 1.0),
    Goal("worker", "bytewax", 3.5),
    Goal("worker", "quix", 8.0),
    Goal("worker", "faust", 120.0),
    # Each of them on its own core, beside the broker.
    Goal("workers", "worker", 1.2, 0.8),
    Goal("waf-worker", "waf-bare", 1.0),
)

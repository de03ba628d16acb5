"""How well the place of a change is found: our method beside published ones, on generated snapshots.

    python -m benchmarks.localisation [--json] [--snapshots N] [--only NAME …]

A snapshot is a table of leaves with faults planted in its last interval, or with none. An answer is right
where its elements are exactly those that were planted. Ours has seen the intervals before; the others, as
they are published, look at one interval. Seeds are not those by which the method was worked out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median

import numpy as np

from benchmarks.localising.published import PUBLISHED
from benchmarks.localising.snapshots import Element, Kind, Snapshot, snapshots
from detectors.localisation import given_denominator, localise
from detectors.localisation_errors import learned
from detectors.localisation_levels import Levels, Numbers

#: The method was worked out on seeds below 10,000.
HELD_BACK = 9_000_000
SNAPSHOTS = 100
#: Where nothing is wrong, so many times as many: few answers are to be counted.
QUIET = 3

KINDS: dict[str, Kind] = {
    "3 % shared bias": Kind(),
    "8 % shared bias": Kind(bias=0.08),
    "one value, 3 % shared bias": Kind(elements=(1,), deepest=1),
    "one value, 8 % shared bias": Kind(bias=0.08, elements=(1,), deepest=1),
    "8 % shared bias, always the same": Kind(bias=0.08, steady=True),
    "heavy-tailed leaves, scale 15 %": Kind(leaf_error=0.15),
    "five events a leaf": Kind(events_a_leaf=5.0),
    "elements silent": Kind(silent=True),
    "faults that cancel": Kind(cancelling=True, elements=(2, 3)),
    "ratios": Kind(ratio=True),
    "eight past intervals": Kind(past=8),
    "28 leaves": Kind(leaves=28, events_a_leaf=2_000.0),
    "360 leaves, 3 dimensions": Kind(leaves=360),
    "48,000 leaves, 3 % shared bias": Kind(leaves=48_000),
}
#: Kinds of so many leaves take long to make.
LARGE, FEWER = 10_000, 10

#: Snapshot → its elements as a method sees them, and how many seconds that took.
Contestant = Callable[[Snapshot], tuple[list[Element], float]]


@dataclass
class Tally:
    """What a method came to on the snapshots of a kind."""

    kind: str
    name: str
    snapshots: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0
    #: Snapshots whose only fault is one value of one dimension, and those in which that was told first.
    singles: int = 0
    singles_right: int = 0
    #: Snapshots without a fault, and those in which something was told.
    quiet: int = 0
    answered: int = 0
    milliseconds: float = 0.0

    @property
    def f1(self) -> float:
        """Of elements that are exactly right."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)


def ours(snapshot: Snapshot) -> tuple[list[Element], float]:
    """Errors learnt from all intervals but the last; the time is that of the answer."""
    levels, expected = Levels(snapshot.codes), _expected(snapshot)
    errors = learned(levels, snapshot.actual[:-1], expected[:-1])
    before = time.process_time()
    found = localise(snapshot.actual[-1], expected[-1], errors)
    took = time.process_time() - before
    return [tuple(sorted(element.place.items())) for element in found.elements], took


def published(method: Callable[[Levels, Numbers, Numbers], set[Element]]) -> Contestant:
    """A method that looks at the last interval alone."""

    def answer(snapshot: Snapshot) -> tuple[list[Element], float]:
        levels, expected = Levels(snapshot.codes), _expected(snapshot)
        before = time.process_time()
        found = method(levels, snapshot.actual[-1], expected[-1])
        return list(found), time.process_time() - before

    return answer


def _expected(snapshot: Snapshot) -> Numbers:
    if snapshot.denominator is None:
        return snapshot.expected
    return given_denominator(snapshot.expected, *snapshot.denominator)


CONTESTANTS: dict[str, Contestant] = {"ours": ours} | {
    name: published(method) for name, method in PUBLISHED.items()
}


def measured(kind_name: str, name: str, count: int) -> Tally:
    """Put a method through the snapshots of a kind, with faults and without."""
    kind, answer = KINDS[kind_name], CONTESTANTS[name]
    tally, times = Tally(kind_name, name), []
    for snapshot in snapshots(kind, range(HELD_BACK, HELD_BACK + count)):
        found, took = answer(snapshot)
        times.append(took)
        tally.snapshots += 1
        told = set(found)
        tally.right += len(told & snapshot.elements)
        tally.wrong += len(told - snapshot.elements)
        tally.missed += len(snapshot.elements - told)
        if len(snapshot.elements) == 1 and len(next(iter(snapshot.elements))) == 1:
            tally.singles += 1
            tally.singles_right += bool(found) and found[0] in snapshot.elements
    quiet = replace(kind, elements=(), cancelling=False)
    for snapshot in snapshots(quiet, range(2 * HELD_BACK, 2 * HELD_BACK + QUIET * count)):
        tally.quiet += 1
        tally.answered += bool(answer(snapshot)[0])
    tally.milliseconds = 1e3 * median(times)
    return tally


def table(tallies: Sequence[Tally]) -> str:
    """In Markdown, as in docs/results.md."""
    lines = [
        "| snapshots | method | F1 | right | wrong | missed | value first | answered where quiet | ms |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for one in tallies:
        lines.append(
            f"| {one.kind} | {one.name} | {one.f1:.2f} | {one.right} | {one.wrong} | {one.missed} "
            f"| {one.singles_right} of {one.singles} | {one.answered} of {one.quiet} "
            f"| {one.milliseconds:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run it and print what came out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--snapshots", type=int, default=SNAPSHOTS)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    options = parser.parse_args()
    np.seterr(all="raise", under="ignore")
    tallies = []
    for kind in options.kinds:
        count = options.snapshots if KINDS[kind].leaves < LARGE else max(1, options.snapshots // FEWER)
        for name in options.only:
            tallies.append(measured(kind, name, count))
            if not options.json:
                print(table(tallies[-1:]).splitlines()[-1], flush=True)
    if options.json:
        print(json.dumps([asdict(tally) | {"f1": tally.f1} for tally in tallies]))


if __name__ == "__main__":
    main()

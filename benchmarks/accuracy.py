"""How well faults are found, how often something is found that is none, and what that costs.

Every named model of ours beside River's own anomaly detectors and two plain ones, each with one setting
for everything: on labelled streams of nine families, on the labelled e-commerce set, on the half of the
Numenta Anomaly Benchmark that is here, on streams without faults, and by cost.

What is reported comes from streams of seeds that nobody looks at while working on a model. For that work,
`--tuning` takes other seeds, and so does naming families:

    python -m benchmarks.accuracy --only seasonal --tuning
    python -m benchmarks.accuracy --only seasonal --families sparse onoff --parts streams calibration
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

import msgspec
from rich.console import Console

from benchmarks.contest import environment
from benchmarks.judging import forests, trials
from benchmarks.judging.families import FAMILIES
from benchmarks.judging.peers import PEERS
from benchmarks.judging.results import Contestant
from benchmarks.judging.streams import HELD_BACK, TUNING
from benchmarks.judging.tables import tables
from detectors.config import Measure
from detectors.models import MODELS

#: The model of a measure that names none; the promise of severity is its own.
DEFAULT_MODEL = Measure(name="value", aggregation="count").model
#: Limits are a user's: without any, `static` has nothing to say.
OURS = [name for name in MODELS if name != "static"]
PARTS = ("streams", "ecommerce", "nab", "calibration", "cost")
QUICK = ("streams", "ecommerce")
#: Columns of text where there is no terminal.
WIDTH = 160

Trial = tuple[str, str, Callable[..., Any], tuple[Any, ...]]


class Report(msgspec.Struct):
    """What is printed with --json."""

    seeds: tuple[int, ...]
    contestants: list[Contestant]


def measured(
    names: Sequence[str], parts: Sequence[str], seeds: Sequence[int], families: Sequence[str]
) -> Report:
    """Put everyone through the trials: a process for each core, but one at a time for what it costs."""
    contestants = {name: Contestant(name) for name in names}
    if forests.NAME in names:
        environment.python()
    together = list(_trials(names, [part for part in parts if part != "cost"], seeds, families))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        started = time.monotonic()
        told = {pool.submit(trial, *what): (name, part) for name, part, trial, what in together}
        for done in as_completed(told):
            name, part = told[done]
            setattr(contestants[name], part, done.result())
            print(f"{time.monotonic() - started:5.0f} s  {name}: {part}", file=sys.stderr)
    for name, part, trial, what in _trials(
        names, [part for part in parts if part == "cost"], seeds, families
    ):
        setattr(contestants[name], part, trial(*what))
    return Report(tuple(seeds), list(contestants.values()))


def _trials(
    names: Sequence[str], parts: Sequence[str], seeds: Sequence[int], families: Sequence[str]
) -> Iterator[Trial]:
    for part in parts:
        for name in names:
            match part:
                case "streams" if name != forests.NAME:
                    yield name, part, trials.on_streams, (name, seeds, families)
                case "ecommerce":
                    yield name, part, trials.on_ecommerce, (name,)
                case "nab":
                    yield name, part, trials.on_nab, (name,)
                case "calibration" if name == DEFAULT_MODEL:
                    yield name, part, trials.on_promise, (name, seeds, families)
                case "cost":
                    yield name, part, trials.cost, (name,)


def main() -> None:
    """Print what was asked for."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    known = [*OURS, *PEERS, forests.NAME]
    parser.add_argument(
        "--only", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known)
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--families", nargs="+", choices=FAMILIES, metavar="FAMILY", help=", ".join(FAMILIES))
    parser.add_argument("--tuning", action="store_true", help="the seeds that models are worked on with")
    parser.add_argument("--quick", action="store_true", help="one seed, neither NAB, calibration nor cost")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    working = asked.tuning or asked.families
    seeds = TUNING if working else HELD_BACK
    parts = asked.parts or (("streams",) if working else QUICK if asked.quick else PARTS)
    report = measured(
        asked.only, parts, seeds[:1] if asked.quick else seeds, asked.families or list(FAMILIES)
    )
    if asked.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        console = Console(width=None if sys.stdout.isatty() else WIDTH)
        for table in tables(report.contestants):
            console.print(table)


if __name__ == "__main__":
    main()

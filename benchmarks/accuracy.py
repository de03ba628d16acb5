"""How well faults are found, how often something is found that is none, and what that costs.

Every named model of ours on labelled streams of the families and kinds of fault in `benchmarks.judging`,
at one threshold, severity 70, with nothing set by hand. What is reported comes from seeds that nobody
looks at while working on a model. For that work, `--tuning` takes the other seeds, and so does naming
families:

    python -m benchmarks.accuracy --only seasonal --tuning
    python -m benchmarks.accuracy --only seasonal --families sparse onoff
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.judging.episodes import DEFAULT, Tally, judge, openings, together
from benchmarks.judging.families import FAMILIES
from benchmarks.judging.running import run
from benchmarks.judging.streams import HELD_BACK, TUNING, streams
from detectors.models import MODELS

#: Thresholds that are tried besides the default one.
THRESHOLDS = (50.0, 55.0, 60.0, 63.5, 65.0, 75.0, 80.0, 85.0, 90.0)
ALL = "all"


def tallies(model: str, families: Sequence[str], seeds: Sequence[int]) -> dict[float, dict[str, Tally]]:
    """By threshold and family, what a model finds."""
    made = [stream for family in families for seed in seeds for stream in streams(family, seed)]
    scored = run(MODELS[model], made)
    found: dict[float, dict[str, Tally]] = {}
    for threshold in (DEFAULT, *THRESHOLDS):
        judged = [judge(s, openings(s.value, said, threshold)) for s, said in zip(made, scored, strict=True)]
        found[threshold] = {
            family: together(t for s, t in zip(made, judged, strict=True) if s.family == family)
            for family in families
        }
        found[threshold][ALL] = together(judged)
    return found


def tables(model: str, found: dict[float, dict[str, Tally]]) -> list[Table]:
    """By family, by kind, and by threshold."""
    families = Table(
        "family", "episodes", "precision", "recall", "F1", "false a week", "best F1", "at", title=model
    )
    for family, tally in found[DEFAULT].items():
        best = max(found, key=lambda threshold: found[threshold][family].f1)
        families.add_row(
            family, str(tally.found + tally.missed), f"{tally.precision:.3f}", f"{tally.recall:.3f}",
            f"{tally.f1:.3f}", f"{tally.false_a_week:.3f}", f"{found[best][family].f1:.3f}", f"{best:g}",
        )  # fmt: skip
    kinds = Table("kind", "found", "of", "recall", "median delay, intervals")
    total = found[DEFAULT][ALL]
    for kind in sorted(total.delays):
        right, of = total.recall_of(kind)
        delay = total.delay(kind)
        kinds.add_row(kind, str(right), str(of), f"{right / of:.3f}", "" if delay is None else f"{delay:g}")
    thresholds = Table("threshold", "precision", "recall", "F1", "false a week")
    for threshold in sorted(found):
        tally = found[threshold][ALL]
        thresholds.add_row(
            f"{threshold:g}",
            f"{tally.precision:.3f}",
            f"{tally.recall:.3f}",
            f"{tally.f1:.3f}",
            f"{tally.false_a_week:.3f}",
        )
    return [families, kinds, thresholds]


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL")
    parser.add_argument(
        "--families", nargs="+", choices=FAMILIES, metavar="FAMILY", help="these, of the tuning seeds"
    )
    parser.add_argument("--tuning", action="store_true", help="the seeds that models are worked on with")
    asked = parser.parse_args()
    seeds = TUNING if asked.tuning or asked.families else HELD_BACK
    console = Console()
    for model in asked.only:
        started = time.monotonic()
        found = tallies(model, asked.families or list(FAMILIES), seeds)
        print(f"{model}: seeds {seeds}, {time.monotonic() - started:.0f} s", file=sys.stderr)
        for table in tables(model, found):
            console.print(table)


if __name__ == "__main__":
    main()

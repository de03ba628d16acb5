"""What ADWIN finds beside the default, where single values and their means say nothing: shifts and drifts.

Streams are those of `benchmarks.accuracy`, each a place of a detector by itself; alerts open at severity 70:

    python -m benchmarks.levels             # seeds 5 and 6, which are for reporting
    python -m benchmarks.levels --tuning
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.judging.episodes import DEFAULT, Scored, Tally, judge, openings, together
from benchmarks.judging.families import FAMILIES
from benchmarks.judging.streams import HELD_BACK, STREAMS, TUNING, Stream, stream
from detectors.models.base import SEVENTY, Moment
from detectors.models.levels import Levels
from detectors.models.seasonal import Seasonal
from detectors.severity import severity

HOUR = 3600
#: Of which kinds recall and delay are told.
KINDS = ("drift", "shift", "lasting shift")


def alerts(block: Sequence[Stream]) -> list[tuple[list[int], list[int]]]:
    """Of streams that share their moments: when alerts open by the default, and when levels are found."""
    first = block[0]
    model, levels = Seasonal(first.interval_seconds), Levels(len(block))
    model.grow(len(block))
    values = np.stack([each.value for each in block], axis=1)
    told = np.empty((5, *values.shape))
    found: list[list[int]] = [[] for _ in block]
    for point, value in enumerate(values):
        moment = Moment(int(first.second_of_week[point]), bool(first.special[point]))
        said = model.assess(moment, value)
        surprise = np.where(said.learning, np.nan, said.surprise)
        told[:4, point] = severity(surprise).round(1), said.expected, said.lower, said.upper
        told[4, point] = said.lasting
        hour_ends = (point + 1) * first.interval_seconds % HOUR == 0
        heard = levels.hear(said.from_season.tolist(), (surprise >= SEVENTY).tolist(), hour_ends=hour_ends)
        for one in heard:
            if one.surprise >= SEVENTY:
                found[one.measure].append(point)
        model.learn(said)
    opened = [
        openings(each.value, Scored(*told[:, :, n]), DEFAULT, each.interval_seconds)
        for n, each in enumerate(block)
    ]
    return list(zip(opened, found, strict=True))


def judged(family: str, seeds: Sequence[int], *, faults: bool) -> Iterator[tuple[Tally, Tally]]:
    """The streams of a family: the default by itself, and with levels."""
    blocks = defaultdict[tuple[bytes, bytes], list[Stream]](list)
    for seed in seeds:
        for number in range(STREAMS):
            made = stream(family, seed, number, faults=faults)
            blocks[made.second_of_week.tobytes(), made.special.tobytes()].append(made)
    for block in blocks.values():
        for each, (opened, found) in zip(block, alerts(block), strict=True):
            yield judge(each, opened), judge(each, sorted({*opened, *found}))


def main() -> None:
    """Print a line for each kind of fault, and one of false episodes for each family."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tuning", action="store_true", help="the seeds that models are worked on with")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), metavar="FAMILY")
    asked = parser.parse_args()
    seeds = TUNING if asked.tuning else HELD_BACK
    all_: list[tuple[Tally, Tally]] = []
    for family in asked.families:
        faulty, healthy = (list(judged(family, seeds, faults=faults)) for faults in (True, False))
        all_ += faulty
        print(f"{family}: false a series-week {_false(faulty)}, without faults {_false(healthy)}", flush=True)
    default, both = (together(pair[n] for pair in all_) for n in (0, 1))
    print(f"all: F1 {default.f1:.3f} → {both.f1:.3f}, false a series-week {_false(all_)}")
    for kind in KINDS:
        (found, of), (more, _) = default.recall_of(kind), both.recall_of(kind)
        print(f"{kind}: {found} → {more} of {of}, median delay {default.delay(kind)} → {both.delay(kind)}")


def _false(pairs: Sequence[tuple[Tally, Tally]]) -> str:
    default, both = (together(pair[n] for pair in pairs) for n in (0, 1))
    return f"{default.false_a_week:.3f} → {both.false_a_week:.3f}"


if __name__ == "__main__":
    main()

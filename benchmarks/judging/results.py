"""What a contestant came to, as it is told."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from benchmarks.judging.calibration import Kept
from benchmarks.judging.costs import Cost
from benchmarks.judging.episodes import Tally


class Found(msgspec.Struct):
    """What was found at a threshold."""

    threshold: float
    episodes: int
    precision: float
    recall: float
    f1: float
    false_a_week: float


class Kind(msgspec.Struct):
    """What was found of a kind of fault; the delay is a median, in intervals, of what was found."""

    found: int
    of: int
    delay: float | None


class Streams(msgspec.Struct):
    """On labelled streams: at the threshold of the product, and at one chosen on streams for tuning."""

    default: Found
    tuned: Found
    by_family: dict[str, Found]
    by_kind: dict[str, Kind]
    by_threshold: list[Found]


class Nab(msgspec.Struct):
    """On the tuning half of NAB: 0 for a detector that never alerts, 100 for one that is perfect."""

    standard: float
    low_fp: float
    low_fn: float
    found: int
    windows: int
    #: The standard profile at the default threshold, as severity is without the choice of one.
    default: float | None


class Contestant(msgspec.Struct):
    """All that was measured of one."""

    name: str
    streams: Streams | None = None
    ecommerce: Streams | None = None
    nab: Nab | None = None
    calibration: list[Kept] | None = None
    cost: Cost | None = None


def found(threshold: float, tally: Tally) -> Found:
    """A tally as it is told."""
    return Found(
        threshold, tally.found + tally.missed, tally.precision, tally.recall, tally.f1, tally.false_a_week
    )


def kinds(tally: Tally) -> dict[str, Kind]:
    """What was found of each kind."""
    return {kind: Kind(*tally.recall_of(kind), tally.delay(kind)) for kind in sorted(tally.delays)}


def best(tallies: Sequence[tuple[float, Tally]]) -> float:
    """The threshold at which most is right; of several, the highest."""
    return max(tallies, key=lambda judged: (judged[1].f1, judged[0]))[0]

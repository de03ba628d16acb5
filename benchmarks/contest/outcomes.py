"""What comes of one run of a contestant, and where what it says differs from the truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from benchmarks.contest.feed import Cells


class Arena(NamedTuple):
    """Where contestants meet: a broker, and room for what they keep."""

    bootstrap: str
    directory: Path


class Outcome(msgspec.Struct):
    """One run of one contestant."""

    events: float
    seconds: float
    cpu_seconds: float
    rss_mib: float
    #: What is wrong with its output; then its speed means nothing.
    problems: list[str] = []
    #: Of workers that share the work: events per CPU second of each.
    each: list[float] = []
    #: How many alerts came of it.
    alerts: int | None = None

    @property
    def per_second(self) -> float:
        """Events a second of wall time."""
        return self.events / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Events a second of one core; of workers that share the work, by the one that does least."""
        return min(self.each, default=self.events / self.cpu_seconds)


def failed(why: str) -> Outcome:
    """The outcome of a run that came to nothing."""
    return Outcome(0, 1, 1, 0, [why])


def differences(expected: Cells, found: Cells, most: int = 5) -> list[str]:
    """Where two sets of cells differ, in words; a cell that is not there is one of zeros."""
    return list(islice(_differences(expected, found), most))


def _differences(expected: Cells, found: Cells) -> Iterable[str]:
    for minute, place in sorted(expected.keys() | found.keys(), key=str):
        want, have = (_hundredths(cells.get((minute, place), ())) for cells in (expected, found))
        if want != have:
            yield f"minute {minute}, {place}: is {have}, must be {want} (in hundredths)"


def _hundredths(numbers: Sequence[float]) -> list[int]:
    """Revenue has two decimals; a float's error is below them."""
    rounded = [round(100 * number) for number in numbers]
    return rounded if any(rounded) else []

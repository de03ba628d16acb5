"""Whether severity keeps its promise: how often alerts open on streams on which nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from benchmarks.judging.episodes import Scored, openings
from benchmarks.judging.families import DAY
from benchmarks.judging.running import Make, run
from benchmarks.judging.streams import LENGTHS, STREAMS, WEEK, Stream, stream

#: Severity → false episodes that it promises a series and week.
PROMISED = {50.0: 1.0, 70.0: 0.1}
#: Days of a series of which nothing is promised.
FIRST_DAYS = 2
#: A promise is kept within this factor.
FACTOR = 2.0
#: Streams of each family and seed: more than elsewhere, for what is counted is rare.
MORE = 2


class Kept(msgspec.Struct):
    """What came of a promise, on the streams of one family at one interval length."""

    family: str
    interval_seconds: int
    severity: float
    promised: float
    #: False episodes a series and week: from the third day on, and before it.
    later: float
    first_days: float
    series_weeks: float

    @property
    def factor(self) -> float:
        """How many times too many, or too few."""
        return self.later / self.promised

    @property
    def is_kept(self) -> bool:
        """Whether it is within the factor, as far as so few weeks can tell."""
        expected, seen = self.promised * self.series_weeks, self.later * self.series_weeks
        slack = 2 * np.sqrt(expected)
        return bool(expected / FACTOR - slack <= seen <= expected * FACTOR + slack)


def calibrate(make: Make, seeds: Sequence[int], families: Sequence[str]) -> Iterator[Kept]:
    """Every family at every interval length, a day only where there is no shape of the day to it."""
    for interval_seconds in LENGTHS:
        there = [family for family in families if interval_seconds < DAY or family == "seasonal"]
        healthy = [
            stream(family, seed, number, interval_seconds, faults=False)
            for family in there
            for seed in seeds
            for number in range(MORE * STREAMS)
        ]
        scored = run(make, healthy)
        for family in there:
            mine = [(s, said) for s, said in zip(healthy, scored, strict=True) if s.family == family]
            for severity in PROMISED:
                yield _kept(family, interval_seconds, severity, mine)


def _kept(family: str, interval_seconds: int, severity: float, scored: list[tuple[Stream, Scored]]) -> Kept:
    third_day = FIRST_DAYS * DAY // interval_seconds
    first, later, weeks = 0, 0, 0.0
    for healthy, said in scored:
        excused = np.zeros(len(healthy), dtype=np.bool_)
        for start, stop in healthy.excused:
            excused[start:stop] = True
        opened = [
            at for at in openings(healthy.value, said, severity, healthy.interval_seconds) if not excused[at]
        ]
        first += sum(at < third_day for at in opened)
        later += sum(at >= third_day for at in opened)
        weeks += float((~excused[third_day:]).sum()) * interval_seconds / WEEK
    first_weeks = len(scored) * FIRST_DAYS * DAY / WEEK
    return Kept(
        family, interval_seconds, severity, PROMISED[severity], later / weeks, first / first_weeks, weeks
    )

"""New dimension values: what it brings that they start in the shape of their parent, on their first day.

    python -m benchmarks.newcomers [--json]

A value begins in the middle of a detector that has known its total for three weeks. It has a share of the
total, a day that is not quite that of the total, and noise of its own. Half of the values are well; the
others have one fault after their first 16 intervals. The same streams are scored cold, and with what the
parent lends: episodes of severity 70 in 100 values that are well, and the share of faults that are found.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np

from detectors.models.base import SEVENTY, Column, Moment
from detectors.models.seasonal import Seasonal
from detectors.models.seasons import DAY, WEEK
from detectors.models.trust import LEARNING_POINTS

#: Events of the total in an hour, days that it is known for, and newcomers of each run.
TOTAL, KNOWN_DAYS, NEWCOMERS = 20_000.0, 21, 120
#: Not those by which the way to lend was chosen.
SEEDS = (31, 32, 33)
#: Hour of the day at which they begin; their share of the total.
BEGINNINGS = (2, 9, 16)
SHARES = (0.2, 0.02, 0.002)
#: Fault: what is left of the values, or too much, for so many hours.
FAULTS = {"zero": (0.0, 2.0), "dip": (0.4, 3.0), "spike": (2.5, 1.0)}


@dataclass
class Tally:
    """What came of newcomers on their first day."""

    well: int = 0
    false_episodes: int = 0
    faults: int = 0
    found: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def day(second: Column | float, phase: Column | float, depth: Column | float) -> Any:
    """What of its mean a series has at a second of the week: most in the evening, less at weekends."""
    hour = second / 3600 % 24
    wave = 1 + depth * np.sin((hour - 13 - phase) / 24 * 2 * np.pi) + 0.15 * np.sin(hour / 12 * 2 * np.pi)
    return wave * np.where(second >= 5 * DAY, 0.75, 1.0)


class Newcomers:
    """Values that begin at the same time: half of them well, and half with a fault."""

    def __init__(self, interval_seconds: int, share: float, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._mean = TOTAL * interval_seconds / 3600 * share * self._chance.lognormal(0, 0.5, NEWCOMERS)
        self._phase = self._chance.normal(0, 1.0, NEWCOMERS)
        self._depth = np.clip(self._chance.normal(0.7, 0.1, NEWCOMERS), 0.3, 0.8)
        points = DAY // interval_seconds
        kinds = self._chance.choice(len(FAULTS), NEWCOMERS)
        times, lengths = (np.array([*FAULTS.values()])[kinds, part] for part in (0, 1))
        self.begins = self._chance.integers(
            LEARNING_POINTS + 1, points - 3 * 3600 // interval_seconds, NEWCOMERS
        )
        self.ends = self.begins + np.maximum(1, lengths * 3600 / interval_seconds).astype(int)
        self.faulty = np.arange(NEWCOMERS) % 2 == 1
        self._times = times

    def values(self, second: int, n: int) -> Column:
        """Their values in the n-th interval."""
        noise = self._chance.lognormal(0, 0.06, NEWCOMERS)
        mean = self._mean * np.maximum(day(float(second), self._phase, self._depth), 0.05) * noise
        wrong = self.faulty & (self.begins <= n) & (n < self.ends)
        values: Column = self._chance.poisson(np.where(wrong, self._times, 1.0) * mean).astype(np.float64)
        return values


def total(interval_seconds: int, until: int, seed: int) -> Seasonal:
    """The model of the total after some weeks, up to a second."""
    chance = np.random.default_rng(seed)
    model = Seasonal(interval_seconds)
    model.grow(1)
    for start in range(until - KNOWN_DAYS * DAY, until, interval_seconds):
        second = start % WEEK
        mean = TOTAL * interval_seconds / 3600 * day(float(second), 0.0, 0.7) * chance.lognormal(0, 0.03)
        model.learn(model.assess(Moment(second), np.array([chance.poisson(mean)], dtype=np.float64)))
    return model


def first_day(model: Seasonal, interval_seconds: int, begin: int, newcomers: Newcomers) -> Tally:
    """Score newcomers for a day."""
    tally = Tally(well=int((~newcomers.faulty).sum()), faults=int(newcomers.faulty.sum()))
    before, found = np.zeros(NEWCOMERS, np.bool_), np.zeros(NEWCOMERS, np.bool_)
    for n in range(DAY // interval_seconds):
        second = (begin + n * interval_seconds) % WEEK
        assessment = model.assess(Moment(second), newcomers.values(second, n))
        told = assessment.surprise >= SEVENTY
        tally.false_episodes += int((told & ~before & ~newcomers.faulty).sum())
        found |= told & (newcomers.begins <= n) & (n < newcomers.ends)
        before = told
        model.learn(assessment)
    tally.found = int((found & newcomers.faulty).sum())
    return tally


def compared(interval_seconds: int, share: float) -> Iterator[tuple[str, Tally]]:
    """The first day of newcomers that begin cold, and of the same with what the total lends."""
    for seed in SEEDS:
        for hour in BEGINNINGS:
            begin = 2 * DAY + hour * 3600
            parent = total(interval_seconds, begin, seed)
            for start in ("cold", "lent"):
                model = Seasonal(interval_seconds)
                model.grow(NEWCOMERS)
                if start == "lent":
                    model.lend(np.arange(NEWCOMERS), parent, np.zeros(NEWCOMERS, np.intp))
                yield (
                    start,
                    first_day(model, interval_seconds, begin, Newcomers(interval_seconds, share, seed)),
                )


def rows() -> Iterator[dict[str, float]]:
    """One row an interval length and share."""
    for interval_seconds in (3600, 300):
        for share in SHARES:
            sums = {"cold": Tally(), "lent": Tally()}
            for start, tally in compared(interval_seconds, share):
                sums[start] += tally
            row = {"interval": interval_seconds, "share": share}
            for start, tally in sums.items():
                row[f"{start}: false in 100"] = round(100 * tally.false_episodes / tally.well, 1)
                row[f"{start}: found"] = round(tally.found / tally.faults, 2)
            yield row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    if parser.parse_args().json:
        print(json.dumps({"newcomers": [*rows()]}))
        return
    for row in rows():
        print("  ".join(f"{name} {value:g}" for name, value in row.items()), flush=True)


if __name__ == "__main__":
    main()

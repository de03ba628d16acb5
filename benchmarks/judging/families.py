"""Families of streams: the life of a measure while nothing is wrong with it.

Each family is a way in which measures of shops, databases and web edges behave: shapes of the day and the
week, growth, days that a calendar announces and days that it does not, noise that lasts, bursts that are
nobody's fault, hours without events. Every stream of a family has a size, shape and noise of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Column, Flags

DAY = 86400
HOUR = 3600
Generator = np.random.Generator
Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Timeline:
    """The points of a stream, from a Monday 00:00 on; streams of one seed share their calendar."""

    interval_seconds: int
    points: int
    seed: int

    @property
    def hours(self) -> Column:
        """Hours since the first Monday, in the middle of each point."""
        return (np.arange(self.points) + 0.5) * self.interval_seconds / HOUR

    @property
    def days(self) -> NDArray[np.intp]:
        """Days since the first Monday."""
        return np.arange(self.points) * self.interval_seconds // DAY

    def points_in(self, hours: float) -> float:
        """How many points so many hours are."""
        return hours * HOUR / self.interval_seconds


@dataclass(frozen=True)
class Counts:
    """Whole numbers around a rate: Poisson's, or with an excess of variance, negative binomial."""

    #: Variance beyond Poisson's, as a share of the squared rate.
    excess: float = 0.0

    def draw(self, rng: Generator, rate: Column) -> Column:
        """Values of some points."""
        rate = np.maximum(rate, 0.0)
        if self.excess > 0:
            rate = rate * rng.gamma(1 / self.excess, self.excess, len(rate))
        return rng.poisson(rate).astype(np.float64)

    def variance(self, rate: Column) -> Column:
        """Of the values, around the rate."""
        return np.maximum(rate, 0.0) + self.excess * rate * rate


@dataclass(frozen=True)
class Readings:
    """Numbers read off a gauge, within what it can show."""

    noise: float
    least: float = -np.inf
    most: float = np.inf
    digits: int = 2

    def draw(self, rng: Generator, rate: Column) -> Column:
        """Values of some points."""
        values = rate + rng.normal(0.0, self.noise, len(rate))
        shown: Column = np.clip(values, self.least, self.most).round(self.digits)
        return shown

    def variance(self, rate: Column) -> Column:
        """Of the values, around the rate."""
        return np.full(len(rate), self.noise**2)


@dataclass(frozen=True)
class Life:
    """What the values of a stream are drawn from."""

    clock: Timeline
    #: What a person who knows the measure would expect.
    usual: Column
    #: The same with what nobody expects and is not wrong: noise that lasts, bursts.
    rate: Column
    law: Counts | Readings
    #: For how many points noise lasts.
    memory: float
    #: Share of points that get lost on the way.
    loss: float = 0.0
    #: What 100 % is for a gauge, whose zero means nothing; else it is what is usual at the time.
    range: float | None = None
    #: Points of days that the calendar announced, and of those that it did not.
    special: Flags | None = None
    excused: Spans = ()

    def draw(self, rng: Generator, rate: Column) -> Column:
        """Values around the rate of some points."""
        return self.law.draw(rng, rate)

    def lost(self, value: Column) -> Column:
        """The values that arrive; which ones do not is the same with and without faults."""
        if not self.loss:
            return value
        gone = np.random.default_rng(len(value)).random(len(value)) < self.loss
        return np.where(gone, np.nan, value)

    def spread(self, side: int) -> Column:
        """Standard deviation of values above (1) or below (-1) the usual: as drawn, and by what lasts."""
        away = 2 * np.mean(np.maximum(side * (self.rate - self.usual), 0.0) ** 2)
        if self.range is not None:
            variance = away + self.law.variance(self.usual)
        else:
            usual = np.maximum(self.usual, 0.25 * self.usual.mean())
            variance = self.law.variance(usual) + away * usual**2 / np.mean(usual**2)
        spread: Column = np.sqrt(variance)
        return spread


def seasonal(rng: Generator, clock: Timeline) -> Life:
    """Events or revenue of a shop: days and weeks, noise that lasts for hours."""
    level = size(rng, 20, 5000)
    return _shop(rng, clock, level * _day(rng, clock) * _week(rng, clock))


def growth(rng: Generator, clock: Timeline) -> Life:
    """The same, growing or shrinking by some per cent a week."""
    usual = size(rng, 20, 2000) * _day(rng, clock) * _week(rng, clock)
    a_week = rng.choice([-1.0, 1.0, 1.0]) * rng.uniform(0.01, 0.06)
    return _shop(rng, clock, usual * np.exp(a_week * clock.hours / 168))


def holiday(rng: Generator, clock: Timeline) -> Life:
    """The same with holidays and promotions: a calendar announces most, and knows nothing of the rest."""
    usual = size(rng, 20, 5000) * _day(rng, clock) * _week(rng, clock)
    calendar = np.random.default_rng(clock.seed)
    special, excused = np.zeros(clock.points, dtype=np.bool_), list[tuple[int, int]]()
    last = clock.days[-1]
    for week in range(1, last // 7, 2):
        first = 7 * week + int(calendar.integers(7))
        length = int(calendar.integers(1, 4))
        promotion, announced = calendar.random() < 0.5, calendar.random() < 0.7
        there = (clock.days >= first) & (clock.days < first + length)
        usual = usual * np.where(there, rng.uniform(1.5, 3.0) if promotion else rng.uniform(0.3, 0.7), 1.0)
        if announced:
            special |= there
        else:
            points = np.flatnonzero(there)
            excused.append((int(points[0]), int(points[-1]) + 1))
    return _shop(rng, clock, usual, special, tuple(excused))


def shift(rng: Generator, clock: Timeline) -> Life:
    """The same; its faults are new levels that stay, and must be told once."""
    return seasonal(rng, clock)


def sparse(rng: Generator, clock: Timeline) -> Life:
    """Counts of what happens a few times an hour, or a few times a day."""
    usual = size(rng, 0.08, 3.0) * _day(rng, clock) * _week(rng, clock)
    noise = _lasting(rng, clock, hours=rng.uniform(2, 12), spread=rng.uniform(0.05, 0.2))
    return Life(clock, usual, usual * np.exp(noise), Counts(rng.uniform(0, 0.3)), clock.points_in(4))


def onoff(rng: Generator, clock: Timeline) -> Life:
    """Counts that are zero for hours: a shop that opens and closes, or a job that runs every so often."""
    level, hours = size(rng, 5, 200), clock.hours
    if rng.random() < 0.6:
        every, on = 24.0, rng.uniform(11, 15)
        starts, late, shape = rng.uniform(6, 10), 0.05, _day(rng, clock)
        if rng.random() < 0.5:
            shape = shape * (clock.days % 7 < 6)
    else:
        every = rng.choice([1.0, 2.0, 4.0, 6.0])
        starts, on, late, shape = every * 0.2, rng.uniform(0.2, 0.5) * every, 0.02, np.ones(clock.points)
    since = (hours - starts) % every
    lateness = rng.normal(0, late, int(hours[-1] / every) + 2)[((hours - starts) // every).astype(int)]
    usual = level * shape * (since < on)
    rate = level * shape * ((since >= lateness) & (since < on + lateness))
    noise = _lasting(rng, clock, hours=1.0, spread=rng.uniform(0.03, 0.12))
    return Life(clock, usual, rate * np.exp(noise), Counts(rng.uniform(0, 0.05)), clock.points_in(0.5))


def dbload(rng: Generator, clock: Timeline) -> Life:
    """Active sessions of a database: noise that lasts for minutes, heavy bursts, backups at night."""
    base, hours = size(rng, 0.3, 8.0), clock.hours
    usual = base * _day(rng, clock)
    if rng.random() < 0.5:
        starts, runs = rng.uniform(0, 5), rng.uniform(0.3, 0.8)
        usual = usual + base * rng.uniform(0.5, 1.5) * ((hours % 24 > starts) & (hours % 24 < starts + runs))
    lasts = rng.uniform(0.2, 1.0)
    rate = usual * np.exp(_lasting(rng, clock, hours=lasts, spread=rng.uniform(0.08, 0.25)))
    heavy, often, lasting = rng.uniform(2.0, 3.0), rng.uniform(3, 20), rng.uniform(0.02, 0.08)
    rate += 0.5 * base * _bursts(rng, clock, often, lasting, lambda number: rng.pareto(heavy, number))
    loss = rng.choice([0.0, 0.0, 0.002])
    law = Readings(noise=0.05 * base, least=0.0)
    return Life(clock, usual, rate, law, clock.points_in(lasts), loss)


def waf(rng: Generator, clock: Timeline) -> Life:
    """Requests that a rule blocks: a level that wanders, and scanners that come and go."""
    level = size(rng, 3, 300)
    usual = level * _day(rng, clock, most=0.5)
    wander = _lasting(rng, clock, hours=48, spread=rng.uniform(0.05, 0.2))
    often, lasting = rng.uniform(0.3, 2), rng.uniform(0.1, 0.5)
    scanners = _bursts(rng, clock, often, lasting, lambda number: rng.lognormal(-0.7, 0.6, number))
    rate = usual * np.exp(wander) + level * scanners
    return Life(clock, usual, rate, Counts(rng.uniform(0.03, 0.3)), clock.points_in(2))


def gauges(rng: Generator, clock: Timeline) -> Life:
    """Readings: a processor's share, a temperature below and above zero, memory that fills, a hit ratio."""
    hours, loss = clock.hours, rng.choice([0.0, 0.003])
    kind = rng.choice(["processor", "temperature", "memory", "ratio"])
    lasts = rng.uniform(0.5, 4.0)
    if kind == "processor":
        usual = rng.uniform(15, 50) * _day(rng, clock, most=0.6) * _week(rng, clock)
        law, spread = Readings(rng.uniform(0.5, 2.0), 0.0, 100.0, 1), rng.uniform(0.5, 3.0)
    elif kind == "temperature":
        usual = rng.uniform(-5, 25) + rng.uniform(2, 6) * np.cos(
            (hours % 24 - rng.uniform(12, 16)) * np.pi / 12
        )
        law, spread, lasts = Readings(0.2, digits=1), rng.uniform(0.8, 2.0), rng.uniform(12, 36)
    elif kind == "memory":
        every = rng.choice([6.0, 12.0, 24.0])
        usual = rng.uniform(30, 50) + rng.uniform(15, 35) * (hours / every % 1.0)
        law, spread = Readings(rng.uniform(0.3, 1.0), 0.0, 100.0, 1), rng.uniform(0.3, 1.5)
    else:
        usual = rng.uniform(0.85, 0.97) - rng.uniform(0.0, 0.05) * (_day(rng, clock) - 1)
        law, spread = Readings(rng.uniform(0.003, 0.012), 0.0, 1.0, 4), rng.uniform(0.001, 0.006)
    rate = usual + _lasting(rng, clock, hours=lasts, spread=spread)
    away = float(np.hypot(np.std(rate - usual), law.noise))
    return Life(
        clock, usual, rate, law, clock.points_in(lasts), loss, range=max(float(np.ptp(usual)), 12 * away)
    )


def size(rng: Generator, least: float, most: float) -> float:
    """A size between two, as likely to be of each order of magnitude."""
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def _shop(
    rng: Generator,
    clock: Timeline,
    usual: Column,
    special: Flags | None = None,
    excused: Spans = (),
) -> Life:
    lasts = rng.uniform(1, 6)
    noise = _lasting(rng, clock, hours=lasts, spread=rng.uniform(0.02, 0.1))
    law: Counts | Readings = Counts(rng.uniform(0, 0.01))
    if rng.random() < 0.3:
        noise, law = noise + rng.normal(0, rng.uniform(0.03, 0.1), clock.points), Readings(0.0, least=0.0)
    memory = clock.points_in(lasts / 2)
    return Life(clock, usual, usual * np.exp(noise), law, memory, special=special, excused=excused)


def _day(rng: Generator, clock: Timeline, most: float = 1.2) -> Column:
    """A shape of the day around 1: a hump or two."""
    if clock.interval_seconds >= DAY:
        return np.ones(clock.points)
    turn = clock.hours % 24 * np.pi / 12
    first, second = rng.uniform(0.3, 1.0) * most, rng.uniform(0.0, 0.4) * most
    shape = np.exp(
        first * np.cos(turn - rng.uniform(0, 2 * np.pi)) + second * np.cos(2 * turn - rng.uniform(0, 6))
    )
    day: Column = shape / shape.mean()
    return day


def _week(rng: Generator, clock: Timeline) -> Column:
    """A factor for each day of the week: weekends are different."""
    days = np.exp(rng.normal(0, 0.05, 7))
    days[5:] *= rng.uniform(0.4, 1.3) * rng.uniform(0.8, 1.2, 2)
    week: Column = days[clock.days % 7]
    return week


def _lasting(rng: Generator, clock: Timeline, hours: float, spread: float) -> Column:
    """Noise of a standard deviation that has half forgotten itself after some hours."""
    kept = 0.5 ** (1 / clock.points_in(hours))
    noise = rng.normal(0.0, spread * np.sqrt(1 - kept * kept), clock.points)
    noise[0] = rng.normal(0.0, spread)
    return np.array(list(accumulate(noise.tolist(), lambda before, new: kept * before + new)))


def _bursts(
    rng: Generator, clock: Timeline, a_day: float, hours: float, heights: Callable[[int], Column]
) -> Column:
    """What begins at any time, so often a day, and dies away with a time constant of some hours."""
    total, last = np.zeros(clock.points), clock.points_in(hours)
    number = rng.poisson(a_day * clock.points / clock.points_in(24))
    starts = rng.integers(0, clock.points, number)
    for start, height in zip(starts.tolist(), heights(number).tolist(), strict=True):
        since = np.arange(min(clock.points - start, int(10 * last) + 1))
        total[start : start + len(since)] += height * np.exp(-since / last)
    return total


@dataclass(frozen=True)
class Family:
    """A way to live, how long an interval is, and how often each kind of fault befalls it."""

    live: Callable[[Generator, Timeline], Life]
    interval_seconds: int
    kinds: Mapping[str, float]


_ANY = {"spike": 5, "dip": 3, "zero": 2, "shift": 3, "drift": 2, "variance": 1.5, "swap": 1, "missing": 1.5}

FAMILIES: Mapping[str, Family] = {
    "seasonal": Family(seasonal, HOUR, _ANY),
    "growth": Family(growth, HOUR, _ANY),
    "holiday": Family(holiday, HOUR, _ANY),
    "shift": Family(shift, HOUR, {"lasting shift": 6, "spike": 2, "zero": 1}),
    "sparse": Family(sparse, HOUR, {"spike": 4, "zero": 3, "shift": 2, "missing": 1}),
    "onoff": Family(onoff, 300, {"spike": 4, "zero": 3, "dip": 3, "swap": 2, "missing": 1}),
    "dbload": Family(dbload, 60, {"spike": 4, "dip": 1, "zero": 2, "shift": 4, "drift": 1, "missing": 1}),
    "waf": Family(waf, 300, {"spike": 5, "dip": 2, "zero": 2, "shift": 4, "drift": 1, "missing": 1}),
    "gauges": Family(gauges, 900, {kind: share for kind, share in _ANY.items() if kind != "swap"}),
}

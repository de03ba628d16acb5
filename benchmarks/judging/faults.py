"""Faults put into a healthy stream: of sizes that a person would call an anomaly, and at known times.

A fault changes what values are drawn from, and they are drawn anew while it lasts: a count stays a count.
Sizes are drawn at random, and where the result would drown in the noise of the stream it is made larger
and longer until it would not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.judging.families import Counts, Generator, Life
from detectors.models.base import Column

#: Standard errors by which the points of a fault differ from what is usual, taken together, at least.
VISIBLE = 6.0
#: A spike is so many times what the healthy stream shows at most.
RECORD = 1.2
#: A fault begins and ends with a point that differs by so many standard deviations.
NOTICED = 0.5
#: A fault is drawn so often, each time larger and longer, before it is left out.
TRIES, LARGER, LONGER = 12, 1.1, 1.25

#: Hours that each kind lasts, at an hourly interval; at shorter ones by the root of what they are shorter.
HOURS = {
    "dip": (3, 12),
    "zero": (2, 10),
    "shift": (24, 72),
    "drift": (72, 144),
    "variance": (12, 48),
    "missing": (3, 12),
}
#: Points of a spike; hours of a pattern that is not the one of this time of day, at any interval.
SPIKE, SWAP = (1, 5), (12, 24)
#: Of a shift that stays, what is to be found are the first hours, at an hourly interval.
NEWS = 24
#: After the end of a fault it is quiet for so many hours at least, at an hourly interval.
APART = 24


@dataclass(frozen=True)
class Episode:
    """A fault: the points from `start` to before `stop`."""

    kind: str
    start: int
    stop: int


def put_in(
    rng: Generator, life: Life, value: Column, kinds: Mapping[str, float], first: int, number: int
) -> tuple[Column, tuple[Episode, ...]]:
    """The values with faults put in from point `first` on, at most so many; and the faults."""
    chosen = rng.choice(list(kinds), number, p=np.array(list(kinds.values())) / sum(kinds.values()))
    borders = np.linspace(first, len(value), number + 1).astype(int)
    work, episodes = _Work(rng, life, value), list[Episode]()
    for kind, start, stop in zip(chosen.tolist(), borders[:-1].tolist(), borders[1:].tolist(), strict=True):
        fault = next(filter(None, (work.attempt(kind, start, stop, n) for n in range(TRIES))), None)
        if fault is not None:
            episodes.append(fault)
    return work.value, tuple(episodes)


class _Work:
    """A stream into which faults are put, from its beginning to its end."""

    def __init__(self, rng: Generator, life: Life, value: Column) -> None:
        self.value = value.copy()
        self._rng, self._life = rng, life
        self._usual, self._rate = life.usual.copy(), life.rate.copy()
        self._spread = {side: life.spread(side) for side in (-1, 1)}
        self._stretch = np.sqrt(life.clock.interval_seconds / 3600)
        self._unlike = np.zeros(len(value), dtype=np.bool_)
        if life.special is not None:
            self._unlike |= life.special
        for start, stop in life.excused:
            self._unlike[start:stop] = True
        above = np.nan_to_num(np.maximum(value - life.usual, 0.0))
        self._least_spike = RECORD * float(self._away(slice(None), above).max())

    def attempt(self, kind: str, start: int, stop: int, tried: int) -> Episode | None:
        """Put a fault of this kind somewhere between two points; None if it would not be seen there."""
        stop -= int(self._life.clock.points_in(APART * self._stretch))
        points = min(self._points(kind, LONGER**tried), stop - start)
        at = int(self._rng.integers(start, stop - points + 1))
        here = slice(at, at + points)
        if self._unlike[here].any():
            return None
        side = self._side(kind)
        change = self._change(kind, here, side * LARGER**tried)
        if kind != "missing":
            away = self._away(here, change)
            seen = np.flatnonzero(away >= NOTICED)
            if not self._is_visible(kind, away):
                return None
            # A shop that is closed cannot fall silent: a fault is from where to where it shows.
            change = change[seen[0] : seen[-1] + 1]
            here = slice(here.start + int(seen[0]), here.start + int(seen[-1]) + 1)
        if kind == "lasting shift":
            return self._stay(here, change)
        if kind == "missing":
            self.value[here] = np.nan
        elif kind == "zero":
            self.value[here] = 0.0
        else:
            self.value[here] = self._life.draw(self._rng, self._rate[here] + change)
        return Episode(kind, here.start, here.stop)

    def _points(self, kind: str, longer: float) -> int:
        if kind == "spike":
            return round(self._rng.integers(*SPIKE) * longer)
        if kind == "swap":
            return round(self._life.clock.points_in(self._rng.uniform(*SWAP)))
        if kind == "lasting shift":
            return round(self._life.clock.points_in(NEWS * self._stretch))
        hours = self._rng.uniform(*HOURS[kind]) * self._stretch * longer
        return max(1, round(self._life.clock.points_in(hours)))

    def _side(self, kind: str) -> int:
        if kind in ("dip", "zero"):
            return -1
        if kind == "spike" and self._life.range is None:
            return 1
        return int(self._rng.choice([-1, 1]))

    def _change(self, kind: str, here: slice, size: float) -> Column:
        """What is added to the rate; of one that cannot be negative, not all of it is taken away."""
        rng, usual = self._rng, self._usual[here]
        whole = usual if self._life.range is None else np.full(len(usual), self._life.range)
        match kind:
            case "spike":
                least = max(rng.uniform(3, 8), self._least_spike)
                change = least * size * self._spread[1 if size > 0 else -1][here]
            case "dip":
                change = rng.uniform(0.3, 0.8) * size * whole
            case "shift" | "lasting shift":
                change = rng.uniform(0.25, 0.6) * size * whole
            case "drift":
                change = rng.uniform(0.3, 0.6) * size * whole * np.linspace(0, 1, len(whole))
            case "variance":
                change = rng.normal(0, rng.uniform(2.5, 4.0) * abs(size) * self._spread[1][here])
            case "swap":
                half_a_day = int(self._life.clock.points_in(12))
                change = self._usual[here.start - half_a_day : here.stop - half_a_day] - usual
            case _:
                change = -usual
        if kind == "zero" or self._life.range is not None:
            return change
        return np.maximum(change, -0.9 * usual)

    def _away(self, here: slice, change: Column) -> Column:
        """How many standard deviations a change puts each point away from what is usual."""
        usual = self._usual[here]
        spread = np.where(change > 0, self._spread[1][here], self._spread[-1][here])
        away: Column = np.abs(change) / spread
        if isinstance(self._life.law, Counts):
            # In roots, where few events are no more than they are.
            poisson = np.sqrt(usual + 3 / 8)
            away = 2 * np.abs(np.sqrt(np.maximum(usual + change, 0) + 3 / 8) - poisson)
            away *= poisson / np.maximum(spread, poisson)
        return away

    def _is_visible(self, kind: str, away: Column) -> bool:
        """Whether a person who knows the stream would see so many points so far away."""
        if kind == "spike" and float(away.max()) < self._least_spike:
            return False
        looks = max(1.0, len(away) / (1 + self._life.memory))
        return float(away.mean() * np.sqrt(looks)) >= VISIBLE

    def _stay(self, here: slice, change: Column) -> Episode:
        """From here on, the level is another."""
        factor = 1 + float(change.sum() / self._usual[here].sum())
        rest = slice(here.start, None)
        for level in (self._usual, self._rate, *self._spread.values()):
            level[rest] *= factor
        self.value[rest] = self._life.draw(self._rng, self._rate[rest])
        return Episode("lasting shift", here.start, here.stop)

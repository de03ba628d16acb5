"""Admission: which places are watched, where there are more of them than there is room.

Who sends events chooses their values, and may send new ones without end. So there is a bounded number
of rows, one a place, and a place gets its row by its volume, the events that are measured there.

- While there is room all new places come in, those of most volume first.
- Then the heaviest of them wait, a bounded number too. One that comes again, with clearly more volume
  than the least of those that are watched, takes its row. No place gives way to a finer one, and the
  total to none.
- A place without events for `forget_after` is forgotten.

All of it depends on the intervals and their order alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.config import DAY, Detector
from detectors.heavy_hitters import SpaceSaving
from detectors.models.base import Column
from detectors.models.columns import Columns, Layout
from detectors.records import Interval, Place
from detectors.state import Array

#: Places that wait at most.
WAITING = 4096
#: What waits is forgotten each day, or after so many intervals where that is longer.
LEAST_PATIENCE = 100
#: How many times the volume of the place that gives way, and in how many intervals it must have come.
CLEARLY, AGAIN = 2.0, 2
#: Places that give way in one interval at most: a flood that repeats itself shall not turn over all.
MOST_DISPLACED = 100

Rows = NDArray[np.intp]


class Waiting(msgspec.Struct):
    """A place that waits, as it is stored."""

    place: Place
    weight: int
    error: int
    first: int
    times: int


class AdmissionState(msgspec.Struct):
    """An Admission as it is stored."""

    now: int
    #: By row; None where the row is free.
    places: list[Place | None]
    known: dict[str, Array]
    waiting: list[Waiting]


class _Known(Columns):
    """What is known of the place of each row."""

    #: Of how many dimensions it gives a value; less than none where the row is free.
    level: Annotated[Column, Layout(start=-1)]
    #: Events an interval: at first the mean of all intervals, then with a half-life of a day.
    volume: Column
    age: Column
    #: Intervals without an event since the last one with.
    silent: Column


@dataclass(slots=True)
class Counts:
    """What was counted since the start."""

    #: Places that got no row, counted each time they come.
    rejected: int = 0
    #: Places that gave way to one of more volume.
    displaced: int = 0
    #: Places that were silent for too long.
    forgotten: int = 0


class Admitted(NamedTuple):
    """What became of the places of an interval."""

    #: The row of each place, -1 where it has none.
    rows: Rows
    #: The rows that begin anew.
    begun: Rows


class _Newcomer(NamedTuple):
    """A place that gets a row, with its volume and since how many intervals that is known."""

    place: Place
    volume: float
    age: int


@dataclass(slots=True)
class _Came:
    """Since when a place waits, and in how many intervals it came."""

    first: int
    times: int = 0


class Admission:
    """The places of one shard of a detector, and their rows."""

    def __init__(self, detector: Detector) -> None:
        self.rows: dict[Place, int] = {}
        #: By row; None where the row is free.
        self.places: list[Place | None] = []
        self.counts = Counts()
        self._most = detector.most_places
        self._patience = max(LEAST_PATIENCE, DAY // detector.interval)
        self._silent_for = max(1, -(-detector.forget_after // detector.interval))
        self._rate = 1 - 0.5 ** (detector.interval / max(DAY, 10 * detector.interval))
        #: Intervals that were taken in.
        self._now = 0
        self._known = _Known()
        #: A heap.
        self._free: list[int] = []
        self._waiting: SpaceSaving[Place] = SpaceSaving(WAITING)
        self._came: dict[Place, _Came] = {}

    @property
    def waiting(self) -> int:
        """How many places wait for room."""
        return len(self._waiting)

    def rows_of(self, places: Sequence[Place]) -> Rows:
        """The row of each place, -1 where it has none."""
        find = self.rows.get
        return np.array([find(place, -1) for place in places], dtype=np.intp)

    def largest(self, level: int, most: int) -> list[Place]:
        """The places of no finer level, by volume; at most so many."""
        rows = np.flatnonzero((self._known.level >= 0) & (self._known.level <= level))
        heaviest = rows[np.argsort(-self._known.volume[rows], kind="stable")[:most]]
        return [place for row in heaviest.tolist() if (place := self.places[row]) is not None]

    def older(self, intervals: int) -> dict[Place, float]:
        """The places that have been here for so many intervals, by row, with their volumes."""
        rows = np.flatnonzero((self._known.level >= 0) & (self._known.age >= intervals))
        volumes = self._known.volume[rows].tolist()
        places = (self.places[row] for row in rows.tolist())
        return {place: volume for place, volume in zip(places, volumes, strict=True) if place is not None}

    def taken(self) -> Rows:
        """The rows that are not free, in order."""
        return np.flatnonzero(self._known.level >= 0)

    def admit(self, interval: Interval) -> Admitted:
        """Take in the places of an interval."""
        self._now += 1
        rows = self.rows_of(interval.places)
        self._heed(rows, np.array(interval.volumes, dtype=np.float64))
        self._forget()
        new = [(interval.places[i], interval.volumes[i]) for i in np.flatnonzero(rows < 0).tolist()]
        # Places come in order, coarse ones first, and those of the same volume stay in it.
        new.sort(key=lambda place_and_volume: -place_and_volume[1])
        room = max(0, self._most - len(self.rows))
        newcomers = [_Newcomer(place, volume, 1) for place, volume in new[:room]]
        beyond = new[room:]
        self.counts.rejected += len(beyond)
        newcomers += self._displace(self._wait(beyond[:WAITING]))
        begun = self._enter(newcomers)
        return Admitted(self.rows_of(interval.places) if newcomers else rows, begun)

    def _heed(self, rows: Rows, volumes: Column) -> None:
        known, there = self._known, rows >= 0
        came = np.zeros(len(self.places))
        came[rows[there]] = volumes[there]
        known.age += 1
        known.volume += np.maximum(self._rate, 1 / known.age) * (came - known.volume)
        known.silent += 1
        known.silent[rows[there]] = 0

    def _forget(self) -> None:
        silent = np.flatnonzero((self._known.level > 0) & (self._known.silent >= self._silent_for)).tolist()
        for row in silent:
            self._leave(row)
        self.counts.forgotten += len(silent)

    def _wait(self, new: Sequence[tuple[Place, int]]) -> list[_Newcomer]:
        """Let places wait, and tell which of them have come again."""
        if self._now % self._patience == 0:
            self._waiting, self._came = SpaceSaving(WAITING), {}
        again = []
        for place, volume in new:
            gone = self._waiting.add(place, volume)
            if gone is not None:
                del self._came[gone]
            came = self._came.setdefault(place, _Came(self._now))
            came.times += 1
            if came.times >= AGAIN:
                age = self._now - came.first + 1
                again.append(_Newcomer(place, self._waiting.guaranteed(place) / age, age))
        return again

    def _displace(self, candidates: list[_Newcomer]) -> list[_Newcomer]:
        """Free the rows of those that give way, and tell for whom."""
        newcomers = []
        for candidate in sorted(candidates, key=lambda candidate: -candidate.volume)[:MOST_DISPLACED]:
            finer = self._known.level >= max(1, _level(candidate.place))
            volumes = np.where(finer, self._known.volume, np.inf)
            least = int(volumes.argmin())
            if candidate.volume >= CLEARLY * volumes[least]:
                self._leave(least)
                newcomers.append(candidate)
        self.counts.displaced += len(newcomers)
        return newcomers

    def _leave(self, row: int) -> None:
        place = self.places[row]
        if place is not None:
            del self.rows[place]
        self.places[row] = None
        self._known.level[row] = -1
        heapq.heappush(self._free, row)

    def _enter(self, newcomers: Sequence[_Newcomer]) -> Rows:
        more = max(0, len(newcomers) - len(self._free))
        # Higher than all others, so that it is still a heap.
        self._free += range(len(self.places), len(self.places) + more)
        self.places += [None] * more
        self._known.grow(more)
        rows = np.array([heapq.heappop(self._free) for _ in newcomers], dtype=np.intp)
        for row, newcomer in zip(rows.tolist(), newcomers, strict=True):
            self.places[row] = newcomer.place
            self.rows[newcomer.place] = row
            self._came.pop(newcomer.place, None)
        self._known.level[rows] = [_level(newcomer.place) for newcomer in newcomers]
        self._known.volume[rows] = [newcomer.volume for newcomer in newcomers]
        self._known.age[rows] = [newcomer.age for newcomer in newcomers]
        self._known.silent[rows] = 0
        if newcomers:
            self._waiting.discard({newcomer.place for newcomer in newcomers})
        return rows

    def save(self) -> AdmissionState:
        """The state as it is stored."""
        came = [self._came[hitter.key] for hitter in self._waiting.save()]
        return AdmissionState(
            self._now,
            list(self.places),
            {name: Array.of(column) for name, column in self._known.save().items()},
            [
                Waiting(*hitter, one.first, one.times)
                for hitter, one in zip(self._waiting.save(), came, strict=True)
            ],
        )

    def load(self, state: AdmissionState, keep: Callable[[Place], bool]) -> None:
        """Go on from a stored state, but for the places that are not to be kept."""
        self._now = state.now
        self.places = state.places
        self._known.load({name: array.array() for name, array in state.known.items()})
        self.rows = {place: row for row, place in enumerate(self.places) if place is not None}
        self._free = [row for row, place in enumerate(self.places) if place is None]
        for place, row in list(self.rows.items()):
            if not keep(place):
                self._leave(row)
        waiting = [waiting for waiting in state.waiting if keep(waiting.place)]
        self._waiting.load((one.place, one.weight, one.error) for one in waiting)
        self._came = {one.place: _Came(one.first, one.times) for one in waiting}


def _level(place: Place) -> int:
    return sum(value is not None for value in place)

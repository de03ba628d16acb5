"""Labelled streams: what they are, and how many of each are made of which seed.

A stream is a life as it should be (`families`) with faults put in at known times (`faults`). Everything
follows from (family, seed, number): the same call gives the same stream, and its twin without faults is
equal to it wherever nothing was put in.

Seeds are split. Models are built, and their thresholds chosen, on `TUNING`; what is reported comes from
`HELD_BACK`, which nobody looks at while a model is being worked on.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.judging.families import FAMILIES, Life, Spans, Timeline
from benchmarks.judging.faults import Episode, put_in
from detectors.models.base import Column, Flags

TUNING = (1, 2, 3, 4)
HELD_BACK = (5, 6)
#: Streams of a family and seed.
STREAMS = 12

#: Interval in seconds → weeks of a stream, those before it is judged, and faults after them.
LENGTHS = {60: (2, 1, 3), 300: (5, 2, 5), 900: (6, 2, 5), 3600: (10, 3, 6), 86400: (60, 12, 5)}
WEEK = 7 * 86400


@dataclass(frozen=True)
class Stream:
    """One series, and what is known of it; NaN is missing."""

    name: str
    family: str
    interval_seconds: int
    #: When each point begins, in seconds since Monday 00:00.
    second_of_week: NDArray[np.intp]
    value: Column
    #: Points on days that the calendar announced.
    special: Flags
    #: What must be found, in order.
    episodes: tuple[Episode, ...]
    #: Where an alert is neither right nor wrong: days that no calendar announced.
    excused: Spans
    #: What comes before this point is history to learn from, and not judged.
    judged_from: int

    def __len__(self) -> int:
        return len(self.value)


def streams(family: str, seed: int, interval_seconds: int | None = None) -> list[Stream]:
    """The streams of a family and seed, at its own interval length unless told otherwise."""
    return [stream(family, seed, number, interval_seconds) for number in range(STREAMS)]


def stream(
    family: str, seed: int, number: int, interval_seconds: int | None = None, *, faults: bool = True
) -> Stream:
    """One stream; without faults it is what a model should not say anything about."""
    made = FAMILIES[family]
    seconds = interval_seconds or made.interval_seconds
    weeks, warm, judged = LENGTHS[seconds]
    clock = Timeline(seconds, weeks * WEEK // seconds, seed)
    name = f"{family}-{seed}-{number}"
    life = made.live(np.random.default_rng(_entropy(name)), clock)
    value = life.draw(np.random.default_rng(_entropy(f"{name} drawn")), life.rate)
    special = np.zeros(clock.points, dtype=np.bool_) if life.special is None else life.special
    judged_from = warm * WEEK // seconds
    second_of_week = np.arange(clock.points) * seconds % WEEK
    healthy = Stream(
        name, family, seconds, second_of_week, life.lost(value), special, (), life.excused, judged_from
    )
    return _with_faults(healthy, life, judged) if faults else healthy


def _with_faults(healthy: Stream, life: Life, judged: int) -> Stream:
    rng = np.random.default_rng(_entropy(f"{healthy.name} faults"))
    kinds = FAMILIES[healthy.family].kinds
    # History is not free of faults either: one befalls the stream before it is judged.
    first = healthy.judged_from - (len(healthy) - healthy.judged_from) // judged
    value, episodes = put_in(rng, life, healthy.value, kinds, first, judged + 1)
    return replace(healthy, value=value, episodes=episodes)


def _entropy(name: str) -> int:
    return zlib.crc32(name.encode())

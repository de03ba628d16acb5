"""What a point costs, and a series: CPU time and state, after some days of hourly points.

Ours are asked for many series in columns, and for one; others know one series at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.judging import forests
from benchmarks.judging.peers import Peer, state_bytes
from benchmarks.judging.running import Make
from benchmarks.judging.streams import WEEK
from detectors.models.alone import alone
from detectors.models.base import Moment
from detectors.models.half_space_trees import HalfSpaceTrees

MANY = 10_000
INTERVAL_SECONDS = 3600
#: Points before it counts, of one series and of many; then least and most points that do, for some seconds.
WARM_UP, WARM_UP_MANY = 200, 60
LEAST_POINTS, MOST_POINTS, MOST_SECONDS = 5, 200, 5.0

Table = NDArray[np.float64]


class Cost(msgspec.Struct):
    """Microseconds of CPU a point, learning included; bytes of state a series."""

    one_series: float
    bytes_a_series: float | None = None
    #: In columns of 10,000 series; peers have none.
    many_series: float | None = None


def of_model(make: Make) -> Cost:
    """What one of ours costs."""
    # So many trees would not fit into memory.
    return Cost(_one(make), _bytes(make), None if make is HalfSpaceTrees else _many(make))


def of_peer(make: Callable[[int], Peer]) -> Cost:
    """What another costs."""
    peer, values = make(INTERVAL_SECONDS), iter(_values(1).ravel().tolist())

    def point() -> None:
        value = next(values)
        peer.score_one(value)
        peer.learn_one(value)

    return Cost(_measured(point, WARM_UP), float(state_bytes(peer)))


def of_forests() -> Cost:
    """What robust random cut forests cost, in a process of their own."""
    return Cost(forests.microseconds(_values(1, 3000).ravel()))


def _one(make: Make) -> float:
    one = alone(make(INTERVAL_SECONDS), INTERVAL_SECONDS)
    points = iter(enumerate(_values(1).ravel().tolist()))

    def point() -> None:
        number, value = next(points)
        one.learn(one.assess(Moment(number * INTERVAL_SECONDS % WEEK), value))

    return _measured(point, WARM_UP)


def _many(make: Make) -> float:
    model, points = make(INTERVAL_SECONDS), iter(enumerate(_values(MANY)))
    model.grow(MANY)

    def point() -> None:
        number, value = next(points)
        moment = Moment(number * INTERVAL_SECONDS % WEEK)
        model.learn(model.assess(moment, value))

    return _measured(point, WARM_UP_MANY) / MANY


def _bytes(make: Make, series: int = 1000) -> float:
    model = make(INTERVAL_SECONDS)
    model.grow(series)
    for number, value in enumerate(_values(series)[:WARM_UP]):
        model.learn(model.assess(Moment(number * INTERVAL_SECONDS % WEEK), value))
    return sum(array.nbytes for array in model.save().values()) / series


def _values(series: int, points: int = WARM_UP + MOST_POINTS) -> Table:
    """Counts with a shape of the day."""
    shape = 100 + 50 * np.sin(np.arange(points) / 24 * 2 * np.pi)
    return np.random.default_rng(1).poisson(shape[:, np.newaxis], (points, series)).astype(np.float64)


def _measured(point: Callable[[], None], warm_up: int) -> float:
    """Median microseconds of a call."""
    for _ in range(warm_up):
        point()
    took, until = list[float](), time.process_time() + MOST_SECONDS
    while len(took) < LEAST_POINTS or (time.process_time() < until and len(took) < MOST_POINTS):
        started = time.process_time()
        point()
        took.append(time.process_time() - started)
    return float(np.median(took)) * 1e6

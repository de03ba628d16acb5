"""Damaged bytes of an ADWIN would end the process: they are left out, and only their series begins anew."""

from __future__ import annotations

import random

import numpy as np
import pytest

from detectors.models import windows
from detectors.models.base import Moment
from detectors.models.change import WINDOWS, Change

HOUR = 3_600


@pytest.fixture(scope="module")
def stored() -> bytes:
    window, draw = WINDOWS.new(), random.Random(1)
    for _ in range(1_000):
        window.update(draw.gauss())
    return bytes(window._helper.__getstate__())


def test_what_is_whole_goes_on(stored: bytes) -> None:
    window = WINDOWS.new()
    windows.write(window, {"window": list(stored)})

    assert WINDOWS.is_whole(stored)
    assert window.width == 1_000


@pytest.mark.parametrize("seed", range(4))
def test_what_is_taken_for_whole_can_be_gone_on_from(stored: bytes, seed: int) -> None:
    draw, left_out = random.Random(seed), 0
    for _ in range(300):
        damaged = bytearray(stored)
        at = draw.randrange(len(stored))
        damaged[at : at + 8] = draw.randbytes(draw.choice([0, 4, 8]))
        if not WINDOWS.is_whole(bytes(damaged)):
            left_out += 1
            continue
        window = WINDOWS.new()
        windows.write(window, {"window": list(damaged)})
        for _ in range(64):
            window.update(draw.gauss())
    assert left_out > 100


def test_a_series_whose_window_is_damaged_begins_anew_and_others_go_on() -> None:
    state = {name: array.copy() for name, array in model(series=2, hours=24 * 10).save().items()}
    state["window"][84, 0] ^= 1  # How many rows of buckets there are.

    again = model(series=2, hours=0)
    again.load(state)

    blank = model(series=2, hours=0).save()
    for name, now in again.save().items():
        np.testing.assert_array_equal(now[..., 1], state[name][..., 1], name)
        np.testing.assert_array_equal(now[..., 0], blank[name][..., 0], name)


def model(series: int, hours: int) -> Change:
    made, draw = Change(interval_seconds=HOUR), random.Random(1)
    made.grow(series)
    for hour in range(hours):
        values = np.array([100 + 5 * draw.gauss() for _ in range(series)])
        made.learn(made.assess(Moment(hour * HOUR % (7 * 24 * HOUR)), values))
    return made

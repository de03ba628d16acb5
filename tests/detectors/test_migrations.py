"""Each step makes of a record of its version one of the next; real stored states are in `tests/states`."""

from __future__ import annotations

import msgspec
import numpy as np

from detectors.blocks import BlockState, ModelledState
from detectors.migrations import migrated
from detectors.state import Array


def test_from_version_2_a_special_day_begins_anew() -> None:
    """Then it was 1 on a special day and 0 else; now it counts the values of the day."""
    arrays = {"series.special": Array.of(np.array([0.0, 1.0])), "series.slow": Array.of(np.array([7.0, 8.0]))}
    stored = BlockState({}, {"seasonal": ModelledState(["orders"], arrays)}, [0, 1], "UTC")
    before = msgspec.msgpack.decode(msgspec.msgpack.encode(stored))

    block = msgspec.convert(migrated("BlockState", before, 2), BlockState)

    now = block.models["seasonal"].arrays
    np.testing.assert_array_equal(now["series.special"].array(), [0, 0])
    assert now["series.slow"] == arrays["series.slow"]


def test_from_version_3_tails_count_events_and_lack_the_mean_of_hours() -> None:
    lines = np.arange(18.0).reshape(9, 2)
    arrays = {
        "tails.exceeded": Array.of(lines),
        "tails.threshold": Array.of(lines + 100),
        "series.mean": Array.of(np.array([[1.0, 2.0], [3.0, 4.0]])),
    }
    stored = BlockState({}, {"seasonal": ModelledState(["orders"], arrays)}, [0, 1], "UTC")
    before = msgspec.msgpack.decode(msgspec.msgpack.encode(stored))

    block = msgspec.convert(migrated("BlockState", before, 3), BlockState)

    now = block.models["seasonal"].arrays
    assert "tails.exceeded" not in now
    np.testing.assert_array_equal(now["tails.events"].array(), lines[[0, 1, 2, 3, 6, 7, 8]])
    np.testing.assert_array_equal(now["tails.threshold"].array(), 100 + lines[[0, 1, 2, 3, 6, 7, 8]])
    np.testing.assert_array_equal(now["series.mean"].array(), [1, 2])

"""State comes back as it was, or the worker stops: nothing stored is guessed at, nothing stored runs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.migrations import VERSION
from detectors.state import Array, StateError, decode, encode


class Level(msgspec.Struct):
    name: str
    values: Array


LEVEL = Level("orders", Array.of(np.arange(6.0).reshape(3, 2)))


def test_state_comes_back() -> None:
    again = decode(encode(LEVEL), Level)

    assert again == LEVEL
    np.testing.assert_array_equal(again.values.array(), [[0, 1], [2, 3], [4, 5]])


@pytest.mark.parametrize("data", [b"", bytes([VERSION + 1]) + encode(LEVEL)[1:], b"{}"])
def test_another_version_is_refused(data: bytes) -> None:
    with pytest.raises(StateError, match=f"the stored Level has version .*, this program reads .* {VERSION}"):
        decode(data, Level)


@given(st.data())
def test_damaged_state_is_refused_or_still_whole(data: st.DataObject) -> None:
    whole = bytearray(encode(LEVEL))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(1, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(1, len(whole)))
    with suppress(StateError):  # Nothing else may be raised.
        decode(bytes(whole[:cut]), Level).values.array()


def test_a_record_of_another_kind_is_refused() -> None:
    with pytest.raises(StateError, match="the stored Array is damaged: "):
        decode(encode(LEVEL), Array)


# Arrays.


@pytest.mark.parametrize(
    "array",
    [
        np.array([np.nan, np.inf, -0.0]),
        np.zeros((0, 3)),
        np.zeros(0),
        np.arange(4, dtype=np.int32).reshape(2, 2).T,
        np.array([True, False]),
        np.float64(3.5) * np.ones(()),
    ],
)
def test_an_array_comes_back_and_can_be_written(array: Any) -> None:
    again = decode(encode(Level("x", Array.of(array))), Level).values.array()

    np.testing.assert_array_equal(again, array)
    assert again.dtype == array.dtype
    assert again.flags.writeable


@pytest.mark.parametrize(
    "array",
    [
        Array("|O", (1,), b"\0" * 8),
        Array("f8,O", (1,), b"\0" * 16),
        Array("no such type", (1,), b"\0" * 8),
        Array("(f8", (1,), b"\0" * 8),
        Array("<f8", (2,), b"\0" * 8),
        Array("<f8", (1,), b"\0" * 7),
        Array("<f8", (-1, -1), b"\0" * 8),
        Array("<f8", (1 << 80,), b"\0" * 8),
        Array("<U0", (1,), b"\0" * 8),
    ],
)
def test_an_array_of_objects_or_of_a_wrong_size_is_refused(array: Array) -> None:
    with pytest.raises(StateError):
        array.array()

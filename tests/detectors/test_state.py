"""State comes back as it was, or the worker stops: nothing stored is guessed at, nothing stored runs."""

from __future__ import annotations

import builtins
import os
import pickle
import subprocess
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river.anomaly import HalfSpaceTrees

from detectors.state import VERSION, Array, StateError, decode, encode, unpickle


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


# Pickles.


class Runs:
    """An object whose pickle calls a function when it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ("true",), "system"),
        (eval, ("1",), "eval"),
        (exec, ("1",), "exec"),
        (getattr, (1, "real"), "getattr"),
        (subprocess.Popen, (["true"],), "Popen"),
        (builtins.__import__, ("os",), "__import__"),
        (bytearray, (5,), "bytearray"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_names_anything_else_is_refused(
    function: Any, arguments: Any, name: str, protocol: int
) -> None:
    with pytest.raises(StateError, match=rf"stored state names \w+\.{name}, which"):
        unpickle(pickle.dumps(Runs(function, *arguments), protocol=protocol))


@pytest.mark.parametrize("name", ["random.SystemRandom", "river.anomaly.hst.os", "collections.abc.sys"])
def test_a_listed_module_does_not_open_what_else_it_holds(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    with pytest.raises(StateError, match="which is no part of our models"):
        unpickle(f"c{module}\n{attribute}\n.".encode())


def test_a_name_with_dots_does_not_lead_out_of_a_listed_one() -> None:
    stolen = b"\x80\x04\x8c\x06random\x8c\x0fRandom.__init__\x93."
    with pytest.raises(StateError, match=r"random\.Random\.__init__"):
        unpickle(stolen)


def test_half_space_trees_come_back_and_go_on_alike() -> None:
    trees = HalfSpaceTrees(n_trees=5, height=4, window_size=20, seed=7)
    points = [{"orders": n % 7 / 7, "views": n % 5 / 5} for n in range(60)]
    for point in points:
        trees.learn_one(point)

    again = unpickle(pickle.dumps(trees))

    assert [again.score_one(point) for point in points] == [trees.score_one(point) for point in points]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"(",
        b"])R.",  # calls a list
        b"\x80\x04\x95" + b"\xff" * 8,  # a frame longer than any memory
        pickle.dumps(HalfSpaceTrees(seed=1))[:-1],
    ],
)
def test_a_damaged_model_is_refused(data: bytes) -> None:
    with pytest.raises(StateError, match="a stored model is damaged: "):
        unpickle(data)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with suppress(StateError):
        unpickle(data)

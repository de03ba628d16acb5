"""The sketch of heavy hitters holds its bounds, in bounded space, and goes on where it was saved."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.heavy_hitters import Hitter, SpaceSaving

STREAMS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=300)
CAPACITIES = st.integers(1, 40)


def fed(capacity: int, stream: list[tuple[int, int]]) -> SpaceSaving[int]:
    sketch: SpaceSaving[int] = SpaceSaving(capacity)
    for key, weight in stream:
        sketch.add(key, weight)
    return sketch


@given(CAPACITIES, STREAMS)
def test_true_weights_are_within_the_bounds_and_nothing_heavy_is_missed(
    capacity: int, stream: list[tuple[int, int]]
) -> None:
    sketch = fed(capacity, stream)
    true: Counter[int] = Counter()
    for key, weight in stream:
        true[key] += weight

    kept = {hitter.key: hitter for hitter in sketch.items()}

    assert len(kept) == min(capacity, len({key for key, _ in stream}))
    for key, weight in true.items():
        assert sketch.guaranteed(key) <= weight
        assert key in kept or weight <= true.total() / capacity
    for key, most, error in kept.values():
        assert most - error <= true[key] <= most
        assert error <= true.total() / capacity


@given(CAPACITIES, STREAMS, STREAMS)
def test_a_sketch_goes_on_as_if_it_had_not_been_saved(
    capacity: int, before: list[tuple[int, int]], after: list[tuple[int, int]]
) -> None:
    steady = fed(capacity, before)
    stored = msgspec.msgpack.encode(steady.save())
    restarted: SpaceSaving[int] = SpaceSaving(capacity)
    restarted.load(msgspec.msgpack.decode(stored, type=list[tuple[int, int, int]]))

    told = [(steady.add(key, weight), restarted.add(key, weight)) for key, weight in after]

    assert all(one == other for one, other in told)
    assert restarted.save() == steady.save()


@given(CAPACITIES, STREAMS)
def test_whatever_gives_way_is_told_and_gone(capacity: int, stream: list[tuple[int, int]]) -> None:
    sketch: SpaceSaving[int] = SpaceSaving(capacity)
    kept: set[int] = set()
    for key, weight in stream:
        gone = sketch.add(key, weight)
        kept = (kept | {key}) - {gone}
        assert {hitter.key for hitter in sketch.items()} == kept


def test_of_equal_keys_the_first_gives_way_and_the_heaviest_is_told_first() -> None:
    sketch = fed(3, [(1, 2), (2, 5), (3, 2)])

    assert [hitter.key for hitter in sketch.items()] == [2, 1, 3]
    assert sketch.add(4) == 1
    assert sketch.items() == [Hitter(2, 5, 0), Hitter(4, 3, 2), Hitter(3, 2, 0)]


def test_what_is_discarded_leaves_room() -> None:
    sketch = fed(3, [(1, 9), (2, 5), (3, 7)])

    sketch.discard({1, 2, 99})

    assert sketch.save() == [Hitter(3, 7, 0)]
    assert (sketch.add(4), sketch.add(5), sketch.add(6)) == (None, None, 4)


def test_a_sketch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SpaceSaving(0)

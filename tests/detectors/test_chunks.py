"""A record of scores stays small, whatever strangers put into it, and its chunks together are the whole."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.chunks import CHUNK_BYTES, chunked
from detectors.records import IntervalScores, Place
from tests.detectors.builders import scores

VALUES = st.one_of(st.none(), st.text(max_size=200), st.just("\x01" * 200), st.just("\N{SNOWMAN}" * 200))
PLACES = st.lists(st.tuples(VALUES, VALUES), unique=True, max_size=40)


TOLD = {"severity": 90.0, "held_by": "minimum_change", "why": ("one in 40,000 such intervals", "\x01" * 90)}


def of(places: list[Place]) -> IntervalScores:
    """Scores of two measures, of which one is surprising at each place."""
    return scores(
        "12:00", {(m, p): 5.0 if m == "views" else TOLD for p in places for m in ("orders", "views")}
    )


def joined(chunks: list[IntervalScores]) -> list[tuple[object, ...]]:
    return [msgspec.structs.astuple(row) for chunk in chunks for row in chunk.rows()]


@given(PLACES, st.integers(500, 20_000))
def test_chunks_are_as_small_as_asked_for_and_make_the_whole(places: list[Place], largest: int) -> None:
    whole = of(places)

    chunks = chunked(whole, largest)

    assert joined(chunks) == joined([whole])
    assert [chunk.chunk for chunk in chunks] == list(range(len(chunks)))
    assert {chunk.chunks for chunk in chunks} == {len(chunks)}
    # What is beside the rows is counted to none of them.
    beside = len(msgspec.json.encode(of([])))
    for chunk in chunks:
        assert len(chunk.measures) == 1 or len(msgspec.json.encode(chunk)) <= largest + beside


@pytest.mark.parametrize("value", [-1.7976931348623157e308, -2.2250738585072014e-308, 0.1, None])
def test_the_longest_of_numbers_fit(value: float | None) -> None:
    numbers = dict.fromkeys(("value", "expected", "lower", "upper", "scale"), value)
    row = {**numbers, "severity": 100.0, "confidence": 0.999, "phase": "learning"}
    places: list[Place] = [(f"product-{n}", "DE") for n in range(10_000)]

    chunks = chunked(scores("12:00", {("orders", place): row for place in places}))

    assert len(chunks) > 1
    assert max(len(msgspec.json.encode(chunk)) for chunk in chunks) <= CHUNK_BYTES


def test_few_series_are_one_chunk_and_so_are_none() -> None:
    few: list[list[Place]] = [[], [("web", "DE")]]
    for places in few:
        whole = of(places)
        assert chunked(whole) == [whole]

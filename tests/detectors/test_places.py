"""Two places are never one text, whatever strangers put into a dimension."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.places import LONGEST, named, roller, series_id, shard_of, text
from detectors.records import Place, Value

VALUES = st.one_of(
    st.text(max_size=5), st.sampled_from(["(missing)", "(other)", "%28other)", "a=b", "a,b", "}", "x" * 300])
)
PLACES = st.tuples(st.none() | VALUES, st.none() | VALUES)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("web", "web"), ("", ""), (None, "(missing)"), (404, "404"), (404.0, "404"), (1.5, "1.5"),
        (True, "true"), (False, "false"), ("(missing)", "%28missing)"), ("(other)", "%28other)"),
        ("(mine)", "(mine)"), ("Ünïcode", "Ünïcode"),
    ],
)  # fmt: skip
def test_a_value_is_shown_as_text(value: Value, shown: str) -> None:
    assert text(value) == shown


@given(st.text(max_size=LONGEST).filter(lambda value: value not in {"(missing)", "(other)"}))
def test_what_is_short_and_not_ours_stays_as_it_is(value: str) -> None:
    assert text(value) == value


@given(st.text(max_size=20), st.text(max_size=20))
def test_long_values_stay_apart_and_are_bounded(one: str, other: str) -> None:
    long = "x" * LONGEST
    a, b = text(long + one), text(long + other)

    assert len(a) <= LONGEST
    assert (a == b) == (one == other)


def test_half_a_character_is_no_reason_to_fail() -> None:
    assert len(text("\ud83d" * 300)) <= LONGEST


@given(PLACES, st.tuples(st.booleans(), st.booleans()))
def test_a_roll_up_has_what_is_kept_and_is_its_own_roll_up(place: Place, kept: tuple[bool, bool]) -> None:
    outer = roller(kept)(place)

    assert outer == tuple(value if keep else None for value, keep in zip(place, kept, strict=True))
    assert roller(kept)(outer) == outer


@pytest.mark.parametrize("value", [1 << 20_000, -(1 << 20_000), 1 << 63, 1e300, 1.5e-300], ids=range(5))
def test_a_number_of_any_length_is_bounded_text(value: float) -> None:
    assert 1 <= len(text(value)) <= LONGEST


def test_a_place_is_named_without_what_is_rolled_up() -> None:
    assert named(("platform", "marketplace"), ("web", None)) == {"platform": "web"}
    assert named(("platform",), ("",)) == {"platform": ""}


def test_a_series_id_is_sorted_and_escaped() -> None:
    assert series_id("orders", {}) == "orders{}"
    assert series_id("orders", {"b": "1", "a": "x,y=z}"}) == "orders{a=x%2Cy%3Dz%7D,b=1}"
    assert series_id("orders", {"a": "(missing)"}) == "orders{a=(missing)}"
    assert series_id("orders", {"a": "é"}) == "orders{a=%C3%A9}"


@given(PLACES, PLACES)
def test_two_places_have_two_ids(one: Place, other: Place) -> None:
    dimensions = ("platform", "geo.country")
    a, b = (series_id("orders", named(dimensions, place)) for place in (one, other))

    assert (a == b) == (one == other)


@given(PLACES, st.integers(1, 256))
def test_every_place_has_one_of_the_shards(place: Place, shards: int) -> None:
    assert 0 <= shard_of("shop", place, shards) < shards
    assert shard_of("shop", place, 1) == 0


@pytest.mark.parametrize("shards", [2, 3, 16])
def test_shards_have_about_the_same_number_of_places(shards: int) -> None:
    shared = Counter(shard_of("shop", (f"user-{n}", "DE"), shards) for n in range(10_000))

    assert len(shared) == shards
    assert max(shared.values()) < 1.2 * 10_000 / shards

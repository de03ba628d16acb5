"""Leaves of measures come and go, and what was learnt of them outlives that and a restart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import Measure
from detectors.leaf_scores import LeafScores, Leaves
from detectors.localisation_places import Localiser, LocaliserState
from detectors.records import Place
from detectors.state import decode, encode
from tests.detectors.builders import detector

PLATFORMS, COUNTRIES = ("app", "web", "tv"), tuple(f"C{n}" for n in range(12))
PLACES: list[Place] = list(product(PLATFORMS, COUNTRIES))
RATE = 400.0
SHOP = detector(
    dimensions=("platform", "country"),
    measures=[
        Measure(name="orders", aggregation="count"),
        Measure(name="views", aggregation="count"),
        Measure(name="conversion", ratio=("orders", "views")),
    ],
)


def usual(seed: int, places: list[Place] = PLACES, factor: float = 1.0) -> Leaves:
    """Orders where the forecasts of each country are some per cent off; the app in C3 has so many times what
    it would have.
    """
    rng = np.random.default_rng(seed)
    off = dict(zip(COUNTRIES, 1 + 0.04 * rng.standard_normal(len(COUNTRIES)), strict=True))
    order = [places[n] for n in rng.permutation(len(places))]
    expected = [RATE * off[str(place[1])] for place in order]
    came = rng.poisson(RATE, len(order)).astype(float)
    hit = np.array([place == ("app", "C3") for place in order])
    value = np.where(hit, np.floor(came * factor), came).tolist()
    return {"orders": LeafScores(order, value, expected, [RATE**0.5] * len(order), 0.01)}


def taught(intervals: int = 30, places: Callable[[int], list[Place]] = lambda _: PLACES) -> Localiser:
    localiser = Localiser(SHOP)
    for n in range(intervals):
        localiser.learn("orders", usual(n, places(n)))
    return localiser


def found(localiser: Localiser, leaves: Leaves, measure: str = "orders") -> list[Place]:
    return [element.place for element in localiser.localise(measure, leaves)]


def test_a_change_is_told_as_places_whatever_order_leaves_come_in() -> None:
    assert found(taught(), usual(99, factor=0.4)) == [("app", "C3")]
    assert found(taught(), usual(99)) == []


def test_leaves_that_are_new_or_gone_do_not_undo_what_was_learnt() -> None:
    without_tv = [place for place in PLACES if place[0] != "tv"]
    grown = taught(places=lambda n: without_tv if n < 20 else PLACES)
    shrunk = taught(places=lambda n: PLACES if n < 20 else without_tv)

    assert found(grown, usual(99, factor=0.4)) == [("app", "C3")]
    assert found(shrunk, usual(99, without_tv, 0.4)) == [("app", "C3")]
    assert found(grown, usual(99)) == found(shrunk, usual(99, without_tv)) == []


def test_leaves_that_never_come_again_are_forgotten() -> None:
    passing = taught(places=lambda n: [*PLACES, *((f"bot {n}", country) for country in COUNTRIES)])

    assert len(passing.save().places) <= 2 * (len(PLACES) + len(COUNTRIES))
    assert found(passing, usual(99, factor=0.4)) == [("app", "C3")]


def test_what_was_learnt_outlives_a_restart_to_the_bit() -> None:
    localiser = taught()
    restarted = Localiser(SHOP)
    restarted.load(decode(encode(localiser.save()), LocaliserState))
    localiser.learn("orders", usual(31))
    restarted.learn("orders", usual(31))
    again, bits = usual(99, factor=0.4), localiser.save()

    assert restarted.save() == bits
    assert restarted.localise("orders", again) == localiser.localise("orders", again)


def test_a_ratio_is_localised_in_its_numerator_however_its_denominator_has_shifted() -> None:
    def ratio(seed: int, factor: float = 1.0) -> Leaves:
        views = np.random.default_rng(seed).uniform(2_000, 6_000, len(PLACES)).tolist()
        (orders,) = usual(seed, factor=factor).values()
        rates = [value / 4_000 for value in orders.value]
        meant = [value / 4_000 for value in orders.expected]
        return {
            "conversion": LeafScores(orders.places, rates, meant, [0.005] * len(rates)),
            "views": LeafScores(PLACES, views, [4_000.0] * len(views), [60.0] * len(views)),
        }

    localiser = Localiser(SHOP)
    for n in range(30):
        localiser.learn("conversion", ratio(n))
    (element,) = localiser.localise("conversion", ratio(99, 0.3))

    assert element.place == ("app", "C3")
    came = dict(zip(PLACES, ratio(99)["views"].value, strict=True))["app", "C3"]
    assert element.expected == pytest.approx(came / 10, rel=0.2)


# Without a past, standard errors say what is usual.


SIDES = st.tuples(*(st.sampled_from([None, *values]) for values in (PLATFORMS, COUNTRIES)))


def fault(place: Place, left: float, seed: int, scale: float = 1.0) -> Leaves:
    """Leaves of 300 to 1,000 orders, of which so much is left at a place, give or take a tenth."""
    chance = np.random.default_rng(seed)
    expected = chance.uniform(300, 1000, len(PLACES))
    inside = [all(mine in (None, its) for mine, its in zip(place, leaf, strict=True)) for leaf in PLACES]
    rate = np.where(inside, expected * left * chance.uniform(0.9, 1.1, len(PLACES)), expected)
    value = chance.poisson(rate).astype(float)
    errors = (scale * np.sqrt(expected)).tolist()
    return {"orders": LeafScores(PLACES, value.tolist(), expected.tolist(), errors, 0.01)}


@given(SIDES, st.sampled_from([0.0, 0.3, 2.5]), st.integers(0, 1000))
def test_a_fault_is_one_element_wherever_it_is_and_the_total_if_all_is_off(
    place: Place, left: float, seed: int
) -> None:
    (element,) = Localiser(SHOP).localise("orders", fault(place, left, seed))

    assert (element.place, element.measure) == (place, "orders")
    assert element.confidence > 0.9
    assert 0.2 < element.share <= 1.0


@pytest.mark.parametrize("seed", range(20))
def test_where_nothing_is_wrong_or_errors_are_large_nothing_is_localised(seed: int) -> None:
    assert Localiser(SHOP).localise("orders", fault((None, None), 1.0, seed)) == []
    assert Localiser(SHOP).localise("orders", fault(("app", "C3"), 0.5, seed, scale=5.0)) == []

"""Leaves of a measure come and go, and what was learnt of them outlives that and a restart."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from detectors.localisation_places import Localiser, LocaliserState
from detectors.records import Place
from detectors.state import decode, encode

PLATFORMS, COUNTRIES = ("app", "web", "tv"), tuple(f"C{n}" for n in range(12))
PLACES: list[Place] = list(product(PLATFORMS, COUNTRIES))
RATE = 400.0


def usual(seed: int, places: list[Place] = PLACES) -> tuple[list[Place], np.ndarray, np.ndarray]:
    """An interval in which the forecasts of each country are some per cent off."""
    rng = np.random.default_rng(seed)
    off = dict(zip(COUNTRIES, 1 + 0.04 * rng.standard_normal(len(COUNTRIES)), strict=True))
    order = [places[n] for n in rng.permutation(len(places))]
    expected = np.array([RATE * off[str(place[1])] for place in order])
    return order, rng.poisson(RATE, len(order)).astype(float), expected


def taught(intervals: int = 30, places: Callable[[int], list[Place]] = lambda _: PLACES) -> Localiser:
    localiser = Localiser(dimensions=2)
    for n in range(intervals):
        localiser.learn(*usual(n, places(n)))
    return localiser


def found(localiser: Localiser, factor: float, places: list[Place] = PLACES, seed: int = 99) -> list[Place]:
    """Where it says the change is, if the app in C3 has so many times what it would have."""
    order, actual, expected = usual(seed, places)
    hit = np.array([place == ("app", "C3") for place in order])
    elements = localiser.localise(order, np.where(hit, np.floor(actual * factor), actual), expected)
    return [element.place for element in elements]


def test_a_change_is_told_as_places_whatever_order_leaves_come_in() -> None:
    assert found(taught(), 0.4) == [("app", "C3")]
    assert found(taught(), 1.0) == []


def test_leaves_that_are_new_or_gone_do_not_undo_what_was_learnt() -> None:
    without_tv = [place for place in PLACES if place[0] != "tv"]
    grown = taught(places=lambda n: without_tv if n < 20 else PLACES)
    shrunk = taught(places=lambda n: PLACES if n < 20 else without_tv)

    assert found(grown, 0.4) == found(shrunk, 0.4, without_tv) == [("app", "C3")]
    assert found(grown, 1.0) == found(shrunk, 1.0, without_tv) == []


def test_leaves_that_never_come_again_are_forgotten() -> None:
    passing = taught(places=lambda n: [*PLACES, *((f"bot {n}", country) for country in COUNTRIES)])

    assert len(passing.save().places) <= 2 * (len(PLACES) + len(COUNTRIES))
    assert found(passing, 0.4) == [("app", "C3")]


def test_what_was_learnt_outlives_a_restart_to_the_bit() -> None:
    localiser = taught()
    restarted = Localiser(dimensions=2)
    restarted.load(decode(encode(localiser.save()), LocaliserState))
    localiser.learn(*usual(31))
    restarted.learn(*usual(31))
    again, bits = usual(99), localiser.save()

    assert restarted.save() == bits
    assert restarted.localise(*again) == localiser.localise(*again)

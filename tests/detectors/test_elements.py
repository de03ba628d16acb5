"""Where things go wrong: the place that is off as a whole, however coarse, uneven or noisy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.elements import Scan, levels
from detectors.leaf_scores import LeafScores
from detectors.records import Place

SHAPE = (4, 5, 3)
LEAVES: list[Place] = [
    tuple(f"{d}{n}" for d, n in zip("abc", at, strict=True)) for at in product(*map(range, SHAPE))
]
MONITORED = [kept for kept in levels(3) if sum(kept) in (0, 1, 3)]

PLACES = st.tuples(
    *(
        st.sampled_from([None, *(f"{d}{n}" for n in range(size))])
        for d, size in zip("abc", SHAPE, strict=True)
    )
)


def inside(place: Place, leaf: Place) -> bool:
    return all(mine is None or mine == its for mine, its in zip(place, leaf, strict=True))


def leaves(seed: int, *faults: tuple[Place, float], wobble: float = 0.0, common: float = 1.0) -> LeafScores:
    """Leaves of 300 to 1,000 events, with faults that leave so much of them, give or take a tenth."""
    chance = np.random.default_rng(seed)
    expected = chance.uniform(300, 1000, len(LEAVES))
    rate = expected * common
    for place, left in faults:
        rate *= [left * chance.uniform(0.9, 1.1) if inside(place, leaf) else 1.0 for leaf in LEAVES]
    value = chance.poisson(rate).astype(float)
    return LeafScores(LEAVES, value.tolist(), expected.tolist(), np.sqrt(expected).tolist(), wobble)


def elements(of: LeafScores) -> list[Place]:
    """The elements where every roll-up may be one."""
    return [element.place for element in Scan(of, [], [], levels(3)).elements]


@given(PLACES, st.sampled_from([0.0, 0.3, 0.5, 2.0]), st.integers(0, 1000))
def test_a_fault_is_one_element_wherever_it_is(place: Place, left: float, seed: int) -> None:
    assert elements(leaves(seed, (place, left)))[0] == place


@pytest.mark.parametrize("seed", range(5))
def test_two_faults_are_two_elements_and_nothing_holds_both(seed: int) -> None:
    one, two = ("a0", "b1", None), ("a2", "b3", None)

    assert set(elements(leaves(seed, (one, 0.3), (two, 0.4)))) == {one, two}


@pytest.mark.parametrize("seed", range(5))
def test_faults_that_cancel_are_two_elements(seed: int) -> None:
    one, two = ("a0", None, None), ("a1", None, None)

    assert set(elements(leaves(seed, (one, 0.5), (two, 1.5)))) == {one, two}


@pytest.mark.parametrize("seed", range(5))
def test_where_nothing_is_wrong_there_is_no_element(seed: int) -> None:
    assert elements(leaves(seed)) == []


def test_what_all_leaves_do_together_at_times_is_no_fault() -> None:
    assert elements(leaves(1, common=1.06, wobble=0.03)) == []
    assert elements(leaves(1, common=1.06))[0] == (None, None, None)
    assert elements(leaves(1, common=0.6, wobble=0.03))[0] == (None, None, None)


def test_of_monitored_levels_only_what_is_off_is_an_element() -> None:
    fault = leaves(1, (("a0", None, None), 0.5))

    scan = Scan(fault, MONITORED, {("a0", None, None)}, levels(3))

    assert [element.place for element in scan.elements] == [("a0", None, None)]
    assert all(
        element.place != ("a0", None, None) for element in Scan(fault, MONITORED, [], levels(3)).elements
    )


def test_an_element_says_how_much_of_the_change_it_is_and_how_sure() -> None:
    (element,) = Scan(leaves(1, (("a0", "b0", None), 0.2)), [], [], levels(3)).elements

    assert element.confidence > 0.99
    assert 0.5 < element.share <= 1.0


def test_a_roll_up_is_explained_by_the_element_that_takes_most_of_it() -> None:
    one, two = ("a0", "b1", None), ("a2", "b3", None)
    scan = Scan(leaves(3, (one, 0.1), (two, 0.5)), [], [], levels(3))
    asked = [
        (None, None, None),
        ("a0", None, None),
        (None, "b3", None),
        ("a1", None, None),
        ("a2", "b3", "c0"),
    ]

    assert scan.explaining(asked) == {
        (None, None, None): one,
        ("a0", None, None): one,
        (None, "b3", None): two,
        ("a2", "b3", "c0"): two,
    }


def test_the_order_of_leaves_changes_nothing() -> None:
    of = leaves(3, (("a0", None, None), 0.6), ((None, "b1", "c1"), 2.0))
    other = np.random.default_rng(0).permutation(len(LEAVES)).tolist()
    shuffled = LeafScores(
        [of.places[n] for n in other],
        [of.value[n] for n in other],
        [of.expected[n] for n in other],
        [of.scale[n] for n in other],
    )

    assert Scan(shuffled, [], [], levels(3)).elements == Scan(of, [], [], levels(3)).elements


def test_with_many_dimensions_elements_are_of_two_of_them_or_leaves() -> None:
    assert len(levels(10)) == 1 + 10 + 45 + 1
    assert len(levels(4)) == 16

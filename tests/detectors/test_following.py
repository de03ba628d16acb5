"""What follows what is learnt from how measures are off by chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from detectors.following import INTERVALS, MOST_LEAVES, Following
from detectors.leaf_scores import LeafScores
from detectors.records import Place

CHANCE = np.random.default_rng(3)
LEAVES = 40


def leaves(**off: np.ndarray) -> dict[str, LeafScores]:
    """Measures as far off as told, of leaves that should be 100, give or take 10."""
    places: list[Place] = [(f"p{n:03}",) for n in range(len(next(iter(off.values()))))]
    each = len(places)
    return {
        measure: LeafScores(places, (100 + 100 * of).tolist(), [100.0] * each, [10.0] * each)
        for measure, of in off.items()
    }


def own() -> np.ndarray:
    return CHANCE.normal(0, 0.05, LEAVES)


def chain() -> dict[str, LeafScores]:
    views = own()
    orders = views + own()
    return leaves(views=views, orders=orders, revenue=orders + own())


def apart() -> dict[str, LeafScores]:
    return leaves(views=own(), orders=own())


def of_one_cause() -> dict[str, LeafScores]:
    traffic = own()
    return leaves(views=traffic + own(), orders=traffic + own())


def the_same() -> dict[str, LeafScores]:
    views = own()
    return leaves(views=views, orders=views)


def shared() -> dict[str, LeafScores]:
    """All leaves are off together, each measure in its own way: many leaves know no more than one."""
    return leaves(views=np.full(LEAVES, own()[0]), orders=np.full(LEAVES, own()[0]))


@pytest.mark.parametrize(
    ("measures", "followed"),
    [
        (chain, {"orders": ["views"], "revenue": ["views", "orders"]}),
        (apart, {}),
        (of_one_cause, {}),
        (the_same, {}),
        (shared, {}),
    ],
)
def test_what_shows_all_of_another_and_more_follows_it(
    measures: Callable[[], dict[str, LeafScores]], followed: Mapping[str, list[str]]
) -> None:
    following = Following()
    for _ in range(3 * INTERVALS):
        following.learn(of := measures(), list(of))

    assert following.followed() == followed


def test_little_is_no_evidence() -> None:
    following = Following()
    for _ in range(INTERVALS - 1):
        following.learn(of := chain(), list(of))

    assert following.followed() == {}


def test_anomalies_teach_nothing() -> None:
    following, odd = Following(), Following()
    for _ in range(INTERVALS + 10):
        following.learn(of := chain(), list(of))
        of["orders"].value[3] = 900.0
        odd.learn(of, list(of))

    assert odd.followed() == following.followed()


def test_of_many_leaves_those_that_are_known_best_teach_in_whatever_order() -> None:
    one, other, count = Following(), Following(), 2 * MOST_LEAVES
    places: list[Place] = [(f"p{n:04}",) for n in range(count)]
    for _ in range(3):
        off, scale = CHANCE.normal(0, 5, (2, count)), CHANCE.uniform(5, 15, (2, count))
        order, best = CHANCE.permutation(count), np.argsort(scale)[:, :MOST_LEAVES]
        for following, rows in ((one, [order, order]), (other, best)):
            of = {
                measure: LeafScores(
                    [places[row] for row in rows[n]],
                    (100 + off[n][rows[n]]).tolist(),
                    [100.0] * len(rows[n]),
                    scale[n][rows[n]].tolist(),
                )
                for n, measure in enumerate(("views", "orders"))
            }
            following.learn(of, list(of))

    assert one == other


def test_other_measures_begin_anew() -> None:
    following = Following()
    following.learn(of := chain(), list(of))
    following.learn(of := apart(), list(of))

    assert (following.measures, following.intervals) == (["views", "orders"], 1.0)

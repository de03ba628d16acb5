"""Faults are told apart over all measures: an echo joins one of them, and makes them not one."""

from __future__ import annotations

from typing import Any

import msgspec

from detectors.config import Measure
from detectors.grouping import Grouper
from detectors.leaf_scores import Leaves, take
from detectors.records import Place, Score
from detectors.separating import Cluster, Separator
from tests.detectors.builders import detector, scores

SHOP = detector(
    dimensions=("platform", "marketplace"),
    measures=[Measure(name=name, aggregation="count") for name in ("orders", "revenue")],
)
PLACES: list[Place] = [(a, b) for a in ("web", "app", "tv") for b in ("DE", "FR", "UK")]
TOTAL: Place = (None, None)

Rows = dict[tuple[str, Place], Any]


def well(measure: str, scale: float = 5.0) -> Rows:
    return {(measure, place): {"value": 101.0, "scale": scale} for place in PLACES}


def off(measure: str, *places: Place, value: float = 10.0, **row: float) -> Rows:
    return {(measure, place): {"severity": 90.0, "value": value, **row} for place in places}


def separated(rows: Rows) -> list[Cluster]:
    told, leaves = scores("12:00", rows), Leaves()
    take(leaves, told)
    anomalies: list[Score] = [score for score in told.rows() if score.severity >= 30]
    return Separator(SHOP).separate(anomalies, leaves)


ONE: Place = ("web", "DE")
OTHER: Place = ("app", "FR")


def test_an_echo_in_another_measure_joins_the_clearest_fault_and_makes_not_two_one() -> None:
    # Each leaf of the revenue is too noisy, and all together fall.
    noisy = {("revenue", place): {"value": 75.0, "scale": 20.0} for place in PLACES}
    total = off("revenue", TOTAL, value=675.0, expected=900.0, scale=60.0)
    faults = off("orders", ONE, value=1.0) | off("orders", OTHER, value=20.0)

    first, second = separated({**well("orders"), **noisy, **faults, **total})

    assert (first.places, second.places) == ([ONE], [OTHER])
    assert [(s.measure, s.place) for s in first.scores] == [("orders", ONE), ("revenue", TOTAL)]


def test_measures_that_are_off_at_one_place_are_one_fault() -> None:
    rows = {**well("orders"), **well("revenue"), **off("orders", ONE), **off("revenue", ONE, value=40.0)}

    (cluster,) = separated(rows)

    assert cluster.places == [ONE]
    assert len(cluster.scores) == 2


def test_what_has_no_value_belongs_to_the_fault_that_it_shares_events_with() -> None:
    rows = {**well("orders"), **off("orders", ONE, OTHER)}
    rows["revenue", OTHER] = {"severity": 80.0, "value": None}

    clusters = {tuple(cluster.places): [s.measure for s in cluster.scores] for cluster in separated(rows)}

    assert clusters == {(ONE,): ["orders"], (OTHER,): ["orders", "revenue"]}


def test_where_leaves_say_nothing_places_that_hold_one_another_belong_together() -> None:
    (cluster,) = separated({**off("orders", TOTAL, ("web", None), ("app", None))})

    assert (len(cluster.scores), cluster.elements) == (3, [])


def test_without_dimensions_there_is_nothing_to_tell_apart_and_causes_are_found_all_the_same() -> None:
    measures = [Measure(name=name, aggregation="count") for name in ("views", "orders")]
    shop = Grouper(detector(measures=measures, funnel=["views", "orders"]), [])
    rows: Rows = {
        ("views", ()): {"severity": 90.0, "value": 500.0, "expected": 1000.0, "scale": 30.0},
        ("orders", ()): {"severity": 99.0, "value": 52.0, "expected": 100.0, "scale": 10.0},
    }

    (group,) = shop.group(msgspec.structs.replace(scores("12:00", rows), dimensions=()))

    assert [(r.measure, r.role, r.share) for r in group.relations] == [
        ("views", "cause", 100),
        ("orders", "effect", 100),
    ]
    assert (group.localised, group.elements, group.totals) == (
        False,
        [],
        {"orders": -48.0, "views": -500.0},
    )

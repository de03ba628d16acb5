"""Causes: a direction is claimed where it is declared and fits; all else is related."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from detectors.causes import relations
from detectors.config import Measure
from detectors.courses import Course, Courses, contributions, percentages
from detectors.leaf_scores import LeafScores
from detectors.records import JOINT, Relation
from tests.detectors.builders import MONDAY, detector

FUNNEL = ["views", "carts", "orders"]
SHOP = detector(
    dimensions=("platform", "marketplace"),
    measures=[
        *(Measure(name=name, aggregation="count") for name in FUNNEL),
        Measure(name="revenue", aggregation="sum", field="amount"),
        Measure(name="conversion", ratio=("orders", "views")),
    ],
    funnel=FUNNEL,
)


def course(shift: float, *, after: int = 0, weight: float = 2000.0) -> Course:
    return Course(MONDAY + timedelta(minutes=after), weight=weight, weighted=shift * weight)


def told(primary: str = "orders", **of: Course) -> list[tuple[str, str, int | None, int]]:
    return [(r.measure, r.role, r.share, r.lag) for r in relations(SHOP, of, primary)]


def test_what_falls_as_much_as_what_is_before_it_in_the_funnel_is_its_effect() -> None:
    assert told(views=course(-0.5), orders=course(-0.48, after=2)) == [
        ("views", "cause", None, 0),
        ("orders", "effect", 100, 2),
    ]


@pytest.mark.parametrize("views", [-0.05, 0.5])
def test_what_falls_more_or_while_the_other_rises_is_not(views: float) -> None:
    # Views are hardly off, or the other way: what orders do they do by themselves.
    assert told(views=course(views, weight=200), orders=course(-0.6)) == [
        ("orders", "related", None, 0),
        ("views", "related", None, 0),
    ]


def test_an_effect_is_not_seen_before_its_cause() -> None:
    assert told(views=course(-0.5, after=2), orders=course(-0.5))[0] == ("orders", "related", None, 0)


def test_a_ratio_is_the_effect_of_the_part_that_is_off_the_most() -> None:
    assert told("conversion", orders=course(-0.5), views=course(0.02), conversion=course(-0.5))[:1] == [
        ("orders", "cause", None, 0)
    ]
    assert ("conversion", "effect", None, 0) in told(orders=course(-0.5), conversion=course(-0.5))


def test_causes_are_followed_to_the_first_of_them() -> None:
    whole = told(views=course(-0.5), carts=course(-0.5), orders=course(-0.5), conversion=course(0.3))

    assert whole[0] == ("views", "cause", None, 0)
    assert [(measure, role) for measure, role, _, _ in whole[1:]] == [
        ("carts", "effect"),
        ("orders", "effect"),
        ("conversion", "effect"),
    ]


def test_what_is_not_declared_is_related() -> None:
    assert told(orders=course(-0.5), revenue=course(-0.5, after=3)) == [
        ("orders", "related", None, 0),
        ("revenue", "related", None, 3),
    ]


def test_no_measure_causes_itself() -> None:
    circle = msgspec.structs.replace(SHOP, funnel=["conversion", "views", "orders"])
    of = {name: course(-0.5) for name in ("conversion", "views", "orders")}

    assert [(r.measure, r.role) for r in relations(circle, of, "orders")] == [
        ("views", "cause"),
        ("orders", "effect"),
        ("conversion", "effect"),
    ]


def test_a_ratio_leaves_open_which_of_those_that_began_with_it_was_first() -> None:
    assert told(orders=course(-0.5), revenue=course(-0.5), conversion=course(-0.5)) == [
        ("orders", "related", None, 0),
        ("revenue", "related", None, 0),
        ("conversion", "effect", None, 0),
    ]


def test_an_unusual_combination_is_no_measure_and_leaves_the_first_place_to_the_clearest() -> None:
    assert told(JOINT, views=course(0.1, weight=100), revenue=course(-0.5)) == [
        ("revenue", "related", None, 0),
        ("views", "related", None, 0),
    ]


def test_one_measure_has_no_relations() -> None:
    assert relations(SHOP, {"orders": course(-0.5), "(joint)": course(0.0)}, "orders") == list[Relation]()


# The course of a measure.

LEAVES = LeafScores(
    [("web", "DE"), ("web", "FR"), ("app", "DE"), ("app", "FR")],
    [10.0, 60.0, 99.0, 101.0], [100.0, 100.0, 100.0, 100.0], [10.0] * 4,
)  # fmt: skip


def test_a_course_adds_up_what_is_at_the_places_of_its_group() -> None:
    courses = Courses()
    for minute in range(2):
        courses.go_on(
            MONDAY + timedelta(minutes=minute), [("web", None)], {"orders"}, {"orders": LEAVES}, SHOP
        )
    orders = courses.of["orders"]

    assert (orders.began, orders.away, round(orders.shift, 6)) == (MONDAY, -260.0, -0.65)
    assert orders.breadth == pytest.approx(1 / 3)
    (told,) = contributions(SHOP, courses.of, [("orders", ("web", "DE")), ("orders", ("web", None))])
    assert (told.measure, told.series) == ("orders", 1)
    assert told.shares == {"platform": {"web": 100}, "marketplace": {"DE": 69, "FR": 31}}


def test_how_a_measure_began_is_told_by_its_first_intervals() -> None:
    courses, used_to_it = Courses(), LeafScores(LEAVES.places, LEAVES.value, LEAVES.value, LEAVES.scale)
    for minute in range(9):
        of = LEAVES if minute < 3 else used_to_it
        courses.go_on(MONDAY + timedelta(minutes=minute), [("web", None)], {"orders"}, {"orders": of}, SHOP)

    assert courses.of["orders"].shift == pytest.approx(-0.65)


def test_faults_that_cancel_divide_by_nothing() -> None:
    cancelling = LeafScores(LEAVES.places, [50.0, 150.0, 100.0, 100.0], LEAVES.expected, LEAVES.scale)
    courses = Courses()
    courses.go_on(MONDAY, [(None, None)], {"orders"}, {"orders": cancelling}, SHOP)

    (told,) = contributions(SHOP, courses.of, [("orders", (None, None))])

    assert told.shares == {"marketplace": {"DE": 50, "FR": 50}}


def test_shares_are_whole_and_sum_to_a_hundred() -> None:
    assert percentages({"a": 1.0, "b": -1.0, "c": 1.0}) == {"a": 34, "b": 33, "c": 33}

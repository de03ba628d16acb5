"""Causes: a direction is claimed where it is declared and fits; all else is related."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from detectors.causes import relations
from detectors.config import Measure
from detectors.courses import Course, Courses, contributions, percentages
from detectors.leaf_scores import LeafScores
from detectors.onset import FIRST, Onset
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
    return [(r.measure, r.role, r.share, r.lag) for r in relations(SHOP, Courses(of), primary, {})]


def test_what_falls_as_much_as_what_is_before_it_in_the_funnel_is_its_effect() -> None:
    assert told(views=course(-0.5), orders=course(-0.48, after=2)) == [
        ("views", "cause", 100, 0),
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

    assert whole[0] == ("views", "cause", 100, 0)
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


def test_what_follows_another_when_all_is_well_is_its_effect() -> None:
    of = {"orders": course(-0.5), "revenue": course(-0.48)}

    assert [
        (r.measure, r.role) for r in relations(SHOP, Courses(of), "revenue", {"revenue": ["orders"]})
    ] == [
        ("orders", "cause"),
        ("revenue", "effect"),
    ]


def test_a_declared_funnel_is_believed_before_what_was_learnt() -> None:
    of, learnt = {"views": course(-0.5), "orders": course(-0.48)}, {"views": ["orders"]}

    assert relations(SHOP, Courses(of), "views", learnt)[0] == Relation("views", "cause", 100)


def test_what_is_hardly_off_causes_nothing() -> None:
    # Within their errors both are off by as much.
    assert all(
        role == "related" for _, role, _, _ in told(views=course(-0.02), orders=course(-0.08, weight=500))
    )


WELL, DOWN = (0.01, 0.05), (-0.5, 0.05)


@pytest.mark.parametrize(
    ("orders", "revenue", "lead"),
    [
        ([DOWN, DOWN, DOWN], [WELL, DOWN, DOWN], 1),
        ([DOWN, DOWN, DOWN], [WELL, WELL, DOWN], 2),
        ([DOWN, DOWN], [DOWN, DOWN], None),
        # It was off a little already.
        ([DOWN, DOWN], [(-0.15, 0.05), DOWN], None),
        # It may have been, but nobody could see it.
        ([DOWN, DOWN], [(-0.1, 0.3), DOWN], None),
        # What is over when the other begins was something else.
        ([DOWN, WELL], [WELL, DOWN], None),
    ],
)
def test_what_is_off_while_another_is_still_well_leads(
    orders: list[tuple[float, float]], revenue: list[tuple[float, float]], lead: int | None
) -> None:
    onset = Onset()
    for off in zip(orders, revenue, strict=True):
        onset.go_on(dict(zip(("orders", "revenue"), off, strict=True)))
    of = {"orders": course(-0.5), "revenue": course(-0.48, after=lead or 0)}

    assert onset.lead("orders", "revenue") == lead
    first, second = relations(SHOP, Courses(of, onset), "revenue", {})
    assert [first.role, second.role] == (["related", "related"] if lead is None else ["cause", "effect"])
    assert second.lag == (lead or 0)


def test_what_explains_little_of_another_is_no_cause_of_it() -> None:
    # Their errors are so large that both may well be off by as much.
    assert all(
        role == "related"
        for _, role, _, _ in told(views=course(-0.2, weight=200), orders=course(-0.45, weight=60))
    )


def test_a_cause_explains_of_its_effects_what_it_does_on_average() -> None:
    assert told(views=course(-0.4), carts=course(-0.4), orders=course(-0.5))[0] == ("views", "cause", 90, 0)


def test_a_lead_says_nothing_against_a_funnel() -> None:
    onset = Onset({"orders": [DOWN, DOWN], "views": [WELL, DOWN]}, 2)

    assert relations(
        SHOP, Courses({"orders": course(-0.9), "views": course(-0.3, after=1)}, onset), "orders", {}
    ) == [Relation("orders", "related"), Relation("views", "related", None, 1)]


def test_a_ratio_may_cause_what_follows_it_while_none_of_its_parts_is_off() -> None:
    of, learnt = {"conversion": course(-0.5), "revenue": course(-0.48)}, {"revenue": ["conversion"]}

    assert relations(SHOP, Courses(of), "revenue", learnt)[0] == Relation("conversion", "cause", 100)
    of["orders"] = course(-0.5)
    assert Relation("conversion", "cause", 100) not in relations(SHOP, Courses(of), "revenue", learnt)


def test_the_first_intervals_tell_of_measures_that_join_a_group_later() -> None:
    courses = Courses()
    for minute in range(9):
        at = MONDAY + timedelta(minutes=minute)
        courses.go_on(at, [("web", None)], {"orders"}, {"orders": LEAVES, "views": LEAVES}, SHOP)

    assert courses.of.keys() == {"orders"}
    assert courses.onset.of["views"] == courses.onset.of["orders"]
    assert len(courses.onset.of["views"]) == FIRST


def test_no_measure_causes_itself() -> None:
    circle = msgspec.structs.replace(SHOP, funnel=["conversion", "views", "orders"])
    of = {name: course(-0.5) for name in ("conversion", "views", "orders")}

    assert [(r.measure, r.role) for r in relations(circle, Courses(of), "orders", {})] == [
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
    of = {"orders": course(-0.5), "(joint)": course(0.0)}

    assert relations(SHOP, Courses(of), "orders", {}) == list[Relation]()


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

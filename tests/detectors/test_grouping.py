"""One incident is one group: it opens when it matters, takes in what is around it, and ends."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from typing import Any

import msgspec
import numpy as np
import pytest

from detectors import state
from detectors.config import AlertRule, Measure
from detectors.grouping import COOL_DOWN, HELD_FOR, Grouper, GrouperState
from detectors.open_group import MOST_MEMBERS, NAMED_MEMBERS, shortened
from detectors.records import AnomalyGroup, IntervalScores, Place
from tests.detectors.builders import MINUTE, detector, ms, scores

SHOP = detector(dimensions=("platform", "marketplace"), funnel=["views", "orders"])
TOTAL: Place = (None, None)
WEB: Place = ("web", None)
APP: Place = ("app", None)
GERMANY: Place = (None, "DE")
WEB_DE: Place = ("web", "DE")
WEB_FR: Place = ("web", "FR")
APP_FR: Place = ("app", "FR")

Rows = Mapping[tuple[str, Place], Any]
#: A fault at one leaf, as its roll-ups show it in two measures.
FAULT: Rows = {
    ("orders", TOTAL): {"severity": 75.0, "value": 900.0, "expected": 1000.0, "scale": 30.0},
    ("orders", WEB): {"severity": 85.0, "value": 400.0, "expected": 500.0, "scale": 20.0},
    ("orders", GERMANY): {"severity": 80.0, "value": 300.0, "expected": 400.0, "scale": 19.0},
    ("orders", WEB_DE): {"severity": 95.0, "value": 0.0, "expected": 100.0, "scale": 10.0},
    ("revenue", WEB_DE): {"severity": 90.0, "value": 0.0, "expected": 5000.0, "scale": 500.0},
    ("orders", APP_FR): {"severity": 10.0, "value": 98.0},
}


def grouper(*thresholds: float, shop: Any = SHOP) -> Grouper:
    return Grouper(shop, [AlertRule(f"rule-{n}", "shop", t) for n, t in enumerate(thresholds)])


def quiet(minute: int) -> IntervalScores:
    return scores(ms("12:00") + minute * MINUTE, {("orders", TOTAL): 0.0})


def reloaded(grouper: Grouper, *thresholds: float) -> Grouper:
    again = Grouper(grouper.detector, [AlertRule("rule", "shop", t) for t in thresholds])
    again.load(state.decode(state.encode(grouper.save()), GrouperState))
    return again


def members(group: AnomalyGroup) -> list[tuple[str, dict[str, str]]]:
    return [(member.measure, member.dimensions) for member in group.members]


# What belongs together.


def test_a_fault_and_its_roll_ups_in_several_measures_are_one_group() -> None:
    (group,) = grouper(70).group(scores("12:00", FAULT))

    assert members(group) == [
        ("orders", {"platform": "web", "marketplace": "DE"}),
        ("revenue", {"platform": "web", "marketplace": "DE"}),
        ("orders", {"platform": "web"}),
        ("orders", {"marketplace": "DE"}),
        ("orders", {}),
    ]
    assert (group.status, group.revision, group.severity, group.members_total) == ("open", 1, 95.0, 5)
    assert (group.start, group.end) == (quiet(0).interval_start, quiet(0).interval_end)


def leaves(**values: float) -> dict[tuple[str, Place], Any]:
    """Orders in three markets on two platforms, 100 expected each; severe where they are far from that."""
    rows: dict[tuple[str, Place], Any] = {}
    for platform, market in product(("web", "app"), ("DE", "FR", "UK")):
        value = values.get(f"{platform}_{market.lower()}", 101.0)
        rows["orders", (platform, market)] = {
            "value": value,
            "severity": 95.0 if abs(value - 100) > 20 else 3.0,
            "scale": 10.0,
        }
    return rows


def test_what_holds_two_faults_does_not_make_them_one() -> None:
    off = {"severity": 90.0, "value": 420.0, "expected": 600.0, "scale": 25.0}
    half = {"severity": 85.0, "value": 210.0, "expected": 300.0, "scale": 18.0}
    rows = leaves(web_de=10.0, app_fr=10.0) | {
        ("orders", TOTAL): off,
        ("orders", WEB): half,
        ("orders", APP): half,
    }

    groups = grouper(70).group(scores("12:00", rows))

    groups = sorted(groups, key=lambda group: group.elements[0]["marketplace"])
    assert [group.elements for group in groups] == [
        [{"platform": "web", "marketplace": "DE"}],
        [{"platform": "app", "marketplace": "FR"}],
    ]
    # What holds both is a member of one of them.
    assert sum(group.members_total for group in groups) == 5
    assert {"platform": "web"} in [member.dimensions for member in groups[0].members]
    assert {"platform": "app"} in [member.dimensions for member in groups[1].members]


def test_two_faults_in_one_platform_are_two_where_the_rest_of_it_is_well() -> None:
    rows = leaves(web_de=10.0) | {("orders", ("web", m)): {"value": 100.0, "scale": 10.0} for m in "abcdefgh"}
    rows["orders", ("web", "UK")] = rows["orders", WEB_DE]
    rows["orders", WEB] = {"severity": 90.0, "value": 900.0, "expected": 1100.0, "scale": 33.0}

    assert len(grouper(70).group(scores("12:00", rows))) == 2


@pytest.mark.parametrize("uk", [20.0, 50.0])
def test_a_platform_that_is_off_as_a_whole_is_one_fault_however_uneven(uk: float) -> None:
    rows = leaves(web_de=10.0, web_fr=35.0, web_uk=uk)
    rows |= {
        ("orders", place): {"severity": 90.0, "value": 500.0, "expected": 600.0} for place in (TOTAL, WEB)
    }

    (group,) = grouper(70).group(scores("12:00", rows))

    assert (group.elements, group.members_total) == ([{"platform": "web"}], 5)


def test_a_fault_between_monitored_levels_is_one() -> None:
    shop = detector(dimensions=("platform", "marketplace", "device"))
    rows: dict[tuple[str, Place], Any] = {}
    for platform, market, device in product(("web", "app"), ("DE", "FR"), "abcd"):
        is_off = (platform, market) == ("web", "DE")
        rows["orders", (platform, market, device)] = {
            "value": 20.0 if is_off else 99.0, "severity": 95.0 if is_off else 3.0, "scale": 10.0
        }  # fmt: skip

    told = msgspec.structs.replace(scores("12:00", rows), dimensions=shop.dimensions)
    (group,) = Grouper(shop, []).group(told)

    assert group.elements == [{"platform": "web", "marketplace": "DE"}]
    assert group.members_total == 4
    (orders,) = group.contributions
    assert (orders.series, orders.shares["platform"], orders.shares["marketplace"]) == (
        4,
        {"web": 100},
        {"DE": 100},
    )
    assert orders.shares["device"] == {"a": 25, "b": 25, "c": 25, "d": 25}


def test_of_each_element_it_is_told_how_much_of_the_change_it_is_and_how_sure() -> None:
    (group,) = grouper(70).group(scores("12:00", leaves(web_de=10.0)))

    (part,) = group.parts
    assert (part.element, part.measure) == (group.elements[0], "orders")
    assert (part.actual, part.expected) == (10.0, 100.0)
    # The others are one above what was expected, each.
    assert part.share == group.share == round(90 / 95, 3)
    assert part.confidence == group.confidence
    assert part.confidence > 0.9


def markets(*values: float) -> dict[tuple[str, Place], Any]:
    """All of a market is off alike, on each of three platforms."""
    return {
        ("orders", (platform, market)): {"value": value, "scale": 10.0}
        for platform in ("web", "app", "tv")
        for market, value in zip(("DE", "FR", "UK"), values, strict=True)
    }


def test_what_leaves_are_usually_off_by_is_learnt_and_then_not_localised() -> None:
    taught, chance = grouper(70), np.random.default_rng(1)
    for minute in range(40):
        taught.group(scores(ms("12:00") + minute * MINUTE, markets(*chance.normal(100, 25, 3).tolist())))
    now = scores(
        ms("12:00") + 40 * MINUTE,
        {
            **markets(104.0, 60.0, 97.0),
            ("orders", (None, "FR")): {"severity": 90.0, "value": 180.0, "expected": 300.0},
        },
    )

    (guess,), (answer,) = grouper(70).group(now), reloaded(taught, 70.0).group(now)

    assert guess.elements[0] == {"marketplace": "FR"}
    assert (answer.parts, answer.share, answer.confidence) == ([], None, None)


def test_two_faults_that_share_no_events_are_two_groups() -> None:
    groups = grouper(70).group(scores("12:00", {("orders", WEB_DE): 90.0, ("orders", APP_FR): 95.0}))

    assert [group.primary.dimensions for group in groups] == [
        {"platform": "app", "marketplace": "FR"},
        {"platform": "web", "marketplace": "DE"},
    ]
    assert len({group.id for group in groups}) == 2


def test_siblings_are_one_group_when_what_holds_both_is_anomalous() -> None:
    rows = {("orders", WEB_DE): 90.0, ("orders", WEB_FR): 80.0, ("orders", WEB): 60.0}

    (group,) = grouper(70).group(scores("12:00", rows))

    assert group.members_total == 3


def test_each_anomaly_goes_to_the_group_that_it_shares_events_with() -> None:
    shop = grouper(70)
    two = shop.group(scores("12:00", {("orders", WEB_DE): 90.0, ("orders", APP_FR): 95.0}))

    again = shop.group(scores("12:01", {("views", APP): 72.0, ("views", WEB): 71.0}))

    assert {group.id for group in again} == {group.id for group in two}
    assert {group.primary.dimensions["platform"]: group.members_total for group in again} == {
        "app": 2,
        "web": 2,
    }
    assert shop.open == 2


def test_places_that_are_not_monitored_count_for_nothing() -> None:
    shop = detector(dimensions=("platform", "marketplace"), levels=("total", "each"))

    (group,) = grouper(70, shop=shop).group(scores("12:00", FAULT))

    assert group.members_total == 3
    assert group.primary.dimensions == {"platform": "web"}


def test_a_series_that_is_learning_counts_for_nothing() -> None:
    rows = {("orders", WEB_DE): {"severity": 99.0, "phase": "learning"}}

    assert grouper(70).group(scores("12:00", rows)) == []


def test_a_feed_that_has_stopped_is_one_finding_at_the_total() -> None:
    stopped = {(m, p): {"severity": 80.0, "value": None} for m in ("orders", "views") for p in (TOTAL, WEB)}

    (group,) = grouper(70).group(scores("12:00", stopped, stopped=True))

    assert members(group) == [("views", {}), ("orders", {})]
    assert group.primary.direction == "stopped"


def test_a_series_that_is_low_since_its_feed_has_stopped_is_told_as_that() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", TOTAL): {"severity": 100.0, "value": 0.0}}))
    (group,) = shop.group(
        scores("12:01", {("orders", TOTAL): {"severity": 100.0, "value": None}}, stopped=True)
    )

    assert (group.revision, group.primary.direction, group.members_total) == (2, "stopped", 1)


@pytest.mark.parametrize("value", [None, 50.0])
def test_what_was_low_and_is_missing_now_is_not_over(value: float | None) -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", TOTAL): 90.0}))

    for minute in range(1, 10):
        told = scores(ms("12:00") + minute * MINUTE, {("orders", TOTAL): {"severity": 0.0, "value": value}})
        assert shop.group(told) == []
    assert shop.open == 1


def test_series_that_go_missing_while_the_feed_goes_on_are_findings_of_their_own() -> None:
    missing = {("orders", p): {"severity": 80.0, "value": None} for p in (WEB, WEB_DE)}

    (group,) = grouper(70).group(scores("12:00", {**missing, ("views", TOTAL): 0.0}))

    assert members(group) == [
        ("orders", {"platform": "web"}),
        ("orders", {"platform": "web", "marketplace": "DE"}),
    ]
    assert group.primary.direction == "missing"


def test_what_is_held_back_opens_no_group_and_keeps_none_open() -> None:
    shop = grouper(70)
    held = {"severity": 99.0, "held_by": "direction"}
    assert shop.group(scores("12:00", {("orders", WEB): held})) == []
    shop.group(scores("12:01", {("orders", WEB): 80.0}))
    shop.group(scores("12:02", {("orders", TOTAL): held}))

    (over,) = shop.group(scores("12:03", {("orders", TOTAL): held}))

    assert (over.status, over.members_total) == ("closed", 1)


@pytest.mark.parametrize(("of_all", "of_orders", "opens"), [(1, 0.1, 90.0), (10, 1, 50.0), (10, 0.1, 70.0)])
def test_a_sensitivity_multiplies_the_false_episodes_that_are_told(
    of_all: float, of_orders: float, opens: float
) -> None:
    orders = Measure(name="orders", aggregation="count", sensitivity=of_orders)
    shop = detector(dimensions=("platform", "marketplace"), measures=[orders], sensitivity=of_all)

    assert grouper(70, shop=shop).group(scores("12:00", {("orders", WEB): opens - 0.1})) == []
    (group,) = grouper(70, shop=shop).group(scores("12:00", {("orders", WEB): opens}))
    assert group.severity == opens


def test_no_sensitivity_hides_what_is_as_severe_as_can_be() -> None:
    shop = detector(dimensions=("platform", "marketplace"), sensitivity=0.001)

    assert len(grouper(90, shop=shop).group(scores("12:00", {("orders", WEB): 100.0}))) == 1


def test_what_joins_shares_events_with_where_it_was_anomalous_last() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", TOTAL): 90.0, **leaves(web_de=10.0)}))
    shop.group(scores("12:01", leaves(web_de=10.0)))

    (other,) = shop.group(scores("12:02", leaves(app_fr=10.0)))

    assert (other.members_total, shop.open) == (1, 2)


# What it is called after.


def test_the_primary_is_the_place_of_the_fault() -> None:
    (group,) = grouper(70).group(scores("12:00", FAULT))

    assert group.primary == group.members[0]
    assert (group.primary.measure, group.primary.dimensions) == (
        "orders",
        {"platform": "web", "marketplace": "DE"},
    )
    assert (group.primary.value, group.primary.expected, group.primary.direction) == (0.0, 100.0, "below")


def test_of_equal_severities_the_first_in_the_funnel_is_the_cause() -> None:
    rows = {
        ("revenue", WEB): {"severity": 100.0, "value": 0.0},
        ("orders", WEB): {"severity": 100.0, "value": 0.0},
        ("views", WEB): {"severity": 100.0, "value": 50.0},
    }

    (group,) = grouper(70).group(scores("12:00", rows))

    assert [member.measure for member in group.members] == ["views", "orders", "revenue"]


def test_of_equal_severities_in_one_measure_the_farthest_from_its_forecast_is_the_place() -> None:
    rows = {
        ("orders", TOTAL): {"severity": 100.0, "value": 900.0, "expected": 1000.0, "scale": 10.0},
        ("orders", WEB): {"severity": 100.0, "value": 0.0, "expected": 100.0, "scale": 4.0},
        ("orders", WEB_DE): {"severity": 100.0, "value": 0.0, "expected": 50.0, "scale": 3.0},
    }

    (group,) = grouper(70).group(scores("12:00", rows))

    assert group.primary.dimensions == {"platform": "web"}


def test_of_places_about_as_far_off_it_is_the_one_where_all_is_gone() -> None:
    rows = {
        ("orders", WEB): {"severity": 100.0, "value": 36.0, "expected": 77.0, "scale": 8.4},
        ("orders", WEB_DE): {"severity": 100.0, "value": 0.0, "expected": 35.0, "scale": 7.4},
    }

    (group,) = grouper(70).group(scores("12:00", rows))

    assert group.primary.dimensions == {"platform": "web", "marketplace": "DE"}


@pytest.mark.parametrize(
    ("row", "direction"),
    [
        ({"value": 10.0, "expected": 100.0}, "below"),
        ({"value": 200.0, "expected": 100.0}, "above"),
        ({"value": 0.0, "expected": None}, "above"),
        ({"value": None, "expected": 100.0}, "missing"),
    ],
)
def test_an_anomaly_has_a_direction(row: dict[str, Any], direction: str) -> None:
    (group,) = grouper(70).group(scores("12:00", {("orders", TOTAL): {"severity": 90.0, **row}}))

    assert group.primary.direction == direction


# When it opens.


@pytest.mark.parametrize(
    ("thresholds", "opens"),
    [((70.0,), 70.0), ((90.0, 80.0), 80.0), ((10.0,), 30.0), ((), 50.0)],
)
def test_a_group_opens_at_what_the_least_of_the_rules_asks_for(
    thresholds: tuple[float, ...], opens: float
) -> None:
    shop = grouper(*thresholds)

    assert shop.group(scores("12:00", {("orders", TOTAL): opens - 0.1})) == []
    assert len(shop.group(scores("12:01", {("orders", TOTAL): opens}))) == 1


def test_rules_of_other_detectors_do_not_count() -> None:
    shop = Grouper(SHOP, [AlertRule("waf", "waf", 30.0), AlertRule("shop", "shop", 90.0)])

    assert shop.group(scores("12:00", {("orders", TOTAL): 89.0})) == []


def test_lesser_anomalies_join_what_is_open_and_keep_it_open() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", WEB_DE): 90.0}))

    (joined,) = shop.group(scores("12:01", {("orders", WEB): 50.0, ("orders", TOTAL): 49.9}))
    assert joined.members_total == 2
    for minute in (2, 3, 4):
        assert shop.group(scores(ms("12:00") + minute * MINUTE, {("orders", WEB): 50.0})) == []

    assert shop.open == 1


# How it goes on.


def test_a_revision_is_told_only_when_there_is_something_new() -> None:
    shop = grouper(70)
    told = [
        shop.group(scores(ms("12:00") + minute * MINUTE, rows))
        for minute, rows in enumerate(
            [
                {("orders", WEB): 80.0},
                {("orders", WEB): 80.0},
                {("orders", WEB): 79.0},
                {("orders", WEB): 81.0},
                {("orders", WEB): 75.0, ("views", WEB): 60.0},
            ]
        )
    ]

    assert [[group.revision for group in groups] for groups in told] == [[1], [], [], [2], [3]]
    assert [group.severity for groups in told for group in groups] == [80.0, 81.0, 81.0]


def test_a_member_is_told_by_its_most_severe_interval() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", WEB): {"severity": 80.0, "value": 40.0}}))
    shop.group(scores("12:01", {("orders", WEB): {"severity": 95.0, "value": 5.0}}))
    shop.group(scores("12:02", {("orders", WEB): {"severity": 70.0, "value": 50.0}}))

    assert shop.group(quiet(3)) == []
    (over,) = shop.group(quiet(4))

    assert (over.primary.value, over.primary.interval_start) == (5.0, quiet(1).interval_start)


def test_a_group_closes_after_two_quiet_intervals_and_ends_where_it_was_last_anomalous() -> None:
    shop = grouper(70)
    (opened,) = shop.group(scores("12:00", {("orders", WEB): 90.0}))
    assert shop.group(quiet(1)) == []
    assert shop.group(scores("12:02", {("orders", WEB): 60.0})) == []
    assert shop.group(quiet(3)) == []

    (over,) = shop.group(quiet(4))

    assert (over.id, over.status, over.revision) == (opened.id, "closed", 2)
    assert over.end == quiet(2).interval_end
    assert (shop.open, shop.worst) == (0, 0.0)


@pytest.mark.parametrize(("value", "opens"), [(100.0, False), (81.0, False), (79.0, True), (None, True)])
def test_a_value_that_is_as_it_should_be_is_no_anomaly(value: float | None, opens: bool) -> None:
    row = {**OUTAGE, "value": value}
    others = {("orders", TOTAL): 0.0}
    assert bool(grouper(70).group(scores("12:00", {("orders", WEB_DE): row, **others}))) == opens


def falling(minute: int, value: float, severity: float = 20.0) -> IntervalScores:
    row = {
        "severity": severity,
        "value": value,
        "expected": value,
        "lower": 80.0,
        "upper": 120.0,
        "scale": 9.0,
    }
    return scores(ms("12:00") + minute * MINUTE, {("orders", WEB_DE): row})


OUTAGE = {"severity": 99.0, "value": 5.0, "expected": 100.0, "lower": 80.0, "upper": 120.0, "scale": 9.0}


def test_an_outage_that_the_forecast_has_got_used_to_is_not_over() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", WEB_DE): OUTAGE}))
    for minute in range(1, 20):
        assert shop.group(falling(minute, 6.0)) == []

    assert shop.group(falling(20, 99.0)) == []
    (over,) = shop.group(falling(21, 101.0))

    assert (over.status, over.reason) == ("closed", "over")
    assert over.end == falling(19, 6.0).interval_end


def test_the_night_does_not_hold_open_what_was_wrong_in_the_evening() -> None:
    shop = grouper(70, shop=msgspec.structs.replace(SHOP, interval=timedelta(hours=1)))
    shop.group(scores("12:00", {("orders", WEB_DE): OUTAGE}))
    # So few orders are ordinary now, and will be until the morning.
    told = [group for minute in range(1, 10) for group in shop.group(falling(minute, 60.0))]
    assert [(group.reason, group.revision) for group in told] == [("over", 2)]
    assert told[0].end == falling(2, 60.0).interval_end


def test_where_a_model_forgets_the_last_days_the_band_holds_alone() -> None:
    measures = [msgspec.structs.replace(measure, model="robust") for measure in SHOP.measures]
    shop = grouper(70, shop=msgspec.structs.replace(SHOP, interval=timedelta(hours=1), measures=measures))
    shop.group(scores("12:00", {("orders", WEB_DE): OUTAGE}))
    assert [group for minute in range(1, HELD_FOR) for group in shop.group(falling(minute, 60.0))] == []


def test_what_is_not_where_the_last_days_would_have_it_holds_a_group_longer() -> None:
    shop = grouper(70, shop=msgspec.structs.replace(SHOP, interval=timedelta(hours=1)))
    shop.group(scores("12:00", {("orders", WEB_DE): OUTAGE}))
    lasting = [
        msgspec.structs.replace(falling(minute, 60.0), off={0: "below"}) for minute in range(1, HELD_FOR + 3)
    ]
    told = [group for each in lasting for group in shop.group(each)]
    assert [(group.reason, group.end) for group in told] == [
        ("new_normal", lasting[HELD_FOR - 1].interval_end)
    ]


def test_an_outage_without_end_becomes_the_new_normal() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", WEB_DE): OUTAGE}))
    told = [group for minute in range(1, HELD_FOR + 3) for group in shop.group(falling(minute, 6.0))]
    assert [(group.status, group.reason) for group in told] == [("closed", "new_normal")]


@pytest.mark.parametrize(
    ("lasts", "off", "reason"),
    [(8, "below", "new_normal"), (8, "above", "over"), (8, None, "over"), (7, "below", "over")],
)
def test_what_a_day_takes_through_the_band_of_before_is_no_less_the_new_normal(
    lasts: int, off: str | None, reason: str
) -> None:
    shop = grouper(70)
    for minute in range(lasts):
        shop.group(scores(ms("12:00") + minute * MINUTE, {("orders", WEB_DE): OUTAGE}))
    now = [falling(lasts + quiet, 99.0) for quiet in (0, 1)]

    told = [shop.group(msgspec.structs.replace(s, off={0: off} if off else {})) for s in now]

    assert [[group.reason for group in groups] for groups in told] == [[], [reason]]


@pytest.mark.parametrize(("after", "is_same"), [(3, True), (COOL_DOWN, True), (COOL_DOWN + 1, False)])
def test_what_comes_back_soon_after_the_end_is_the_same_group(after: int, is_same: bool) -> None:
    shop = grouper(70)
    (first,) = shop.group(scores("12:00", {("orders", WEB): 90.0}))
    for minute in range(1, after):
        shop.group(quiet(minute))

    shop = reloaded(shop, 70.0)
    (second,) = shop.group(scores(ms("12:00") + after * MINUTE, {("orders", WEB_DE): 80.0}))

    assert (second.id == first.id) == is_same
    assert (second.revision, second.reopened, second.start == first.start) == (
        (3, 1, True) if is_same else (1, 0, False)
    )


def test_a_fault_of_which_only_parts_are_seen_later_is_still_one_group() -> None:
    shop = grouper(70)
    whole = {**leaves(web_de=10.0, web_fr=10.0, web_uk=10.0), ("orders", WEB): {"severity": 90.0}}
    (first,) = shop.group(scores("12:00", whole))
    shop.group(scores("12:01", leaves(web_de=10.0)))
    shop = reloaded(shop, 70.0)

    assert shop.group(scores("12:02", leaves(web_fr=10.0))) == []
    assert (first.elements, shop.open) == ([{"platform": "web"}], 1)


def test_a_group_that_is_all_of_its_detector_is_severer() -> None:
    everything = {
        key: {"severity": 80.0, "value": 10.0} for key in [*leaves(), ("orders", TOTAL)]
    }  # fmt: skip

    (one,) = grouper(70).group(
        scores("12:00", {**leaves(), ("orders", WEB_DE): {"severity": 80.0, "value": 10.0}})
    )
    (whole,) = grouper(70).group(scores("12:00", everything))

    assert (one.breadth, one.severity) == (0.0, 80.0)
    assert (whole.breadth, whole.severity, whole.elements) == (1.0, 90.0, [{}])


def test_what_is_elsewhere_does_not_reopen_a_group() -> None:
    shop = grouper(70)
    (first,) = shop.group(scores("12:00", {("orders", WEB_DE): 90.0}))
    shop.group(quiet(1))
    shop.group(quiet(2))

    (second,) = shop.group(scores("12:03", {("orders", APP_FR): 90.0}))

    assert second.id != first.id


def test_groups_that_turn_out_to_be_one_are_merged_and_the_older_goes_on() -> None:
    shop = grouper(70)
    (first,) = shop.group(scores("12:00", leaves(web_de=10.0)))
    (second,) = shop.group(scores("12:01", leaves(web_de=10.0, web_fr=8.0)))
    assert first.id != second.id
    worse = {**leaves(web_de=10.0, web_fr=9.0, web_uk=9.0), ("orders", WEB): {"severity": 90.0}}

    closed, kept = shop.group(scores("12:02", worse))

    assert (closed.id, closed.status, closed.reason, closed.merged_into) == (
        second.id, "closed", "merged", first.id,
    )  # fmt: skip
    assert (kept.id, kept.status, kept.elements) == (first.id, "open", [{"platform": "web"}])
    assert {"platform": "web", "marketplace": "FR"} in [member.dimensions for member in kept.members]
    assert shop.open == 1


def test_the_worst_open_group_is_known() -> None:
    shop = grouper(70)
    shop.group(scores("12:00", {("orders", WEB_DE): 90.0, ("orders", APP_FR): 95.0}))

    assert (shop.open, shop.worst) == (2, 95.0)


def test_of_very_many_members_the_most_severe_are_named() -> None:
    rows: dict[tuple[str, Place], Any] = {
        ("orders", (f"p{n}", None)): 70.0 + n / 10 for n in range(NAMED_MEMBERS + 10)
    }

    (group,) = grouper(70).group(scores("12:00", {**rows, ("orders", TOTAL): 100.0}))

    assert group.members_total == len(group.members) == NAMED_MEMBERS + 11
    group = shortened(group)
    assert len(group.members) == NAMED_MEMBERS
    assert [m.severity for m in group.members] == sorted((m.severity for m in group.members), reverse=True)
    assert group.members[-1].severity > 71.0


def test_a_full_group_takes_in_what_is_severer_than_the_least_of_it() -> None:
    shop = grouper(70)
    rows: dict[tuple[str, Place], Any] = {("orders", (f"p{n}", None)): 90.0 for n in range(MOST_MEMBERS)}
    (full,) = shop.group(scores("12:00", {**rows, ("orders", TOTAL): 100.0}))
    assert full.members_total == MOST_MEMBERS

    assert shop.group(scores("12:01", {("orders", WEB): 89.0, ("orders", TOTAL): 100.0})) == []
    (changed,) = shop.group(scores("12:02", {("orders", WEB): 91.0, ("orders", TOTAL): 100.0}))

    assert (changed.members_total, changed.members[1].dimensions) == (MOST_MEMBERS, {"platform": "web"})


# Replay.


def test_scores_that_are_sent_again_change_nothing() -> None:
    shop = grouper(70)
    told = [scores("12:00", FAULT), quiet(1)]
    for each in told:
        shop.group(each)

    assert [shop.group(each) for each in (*told, *told)] == [[], [], [], []]
    (over,) = shop.group(quiet(2))
    assert (over.revision, over.status) == (2, "closed")


def test_a_replay_and_a_restart_anywhere_give_the_same_groups() -> None:
    told = [
        scores(ms("12:00") + minute * MINUTE, rows)
        for minute, rows in enumerate(
            [
                {("orders", WEB_DE): 90.0, ("orders", APP_FR): 80.0},
                {("orders", WEB): 60.0},
                {("orders", TOTAL): 20.0},
                {("orders", APP_FR): 99.0},
                {},
                {},
                {("orders", TOTAL): 75.0},
            ]
        )
    ]
    shop = grouper(70)
    once = [group for each in told for group in shop.group(each)]
    assert len({group.id for group in once}) == 2
    assert [group.reopened for group in once if group.status == "open"][-1] == 1

    again, pieces = grouper(70), []
    for each in told:
        again = reloaded(again, 70.0)
        pieces += again.group(each)

    assert pieces == once


def test_the_id_of_a_group_is_the_same_for_ever() -> None:
    # Subscribers know an incident by it: a change of how it is made is a migration.
    (group,) = grouper(70).group(scores("12:00", {("orders", WEB_DE): 90.0}))

    assert group.id == "c7cf4c40-be70-5aef-8279-05e089e4a5c4"

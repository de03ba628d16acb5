"""Each rule tells of an incident once when it opens, when it has grown, and when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors import state
from detectors.alerting import NAMED_LEAVES, NAMED_MEMBERS, Alerter, Told, Withheld
from detectors.config import Advice, AlertRule, Matcher, Measure
from detectors.records import Alert, Anomaly, AnomalyGroup, Recommendation, Relation, utc
from tests.detectors.builders import ORDERS, detector, ms

SHOP = detector()
RULE = AlertRule("page", "shop", 70.0)
APP_DE = {"platform": "mobile_app", "marketplace": "DE"}


def anomaly(severity: float = 97.0, measure: str = "orders", **changes: Any) -> Anomaly:
    fall = Anomaly(
        measure=measure, dimensions=APP_DE, interval_start=utc(ms("12:05")), value=12.0, expected=240.0,
        lower=210.0, upper=268.0, severity=severity, confidence=0.9, direction="below",
    )  # fmt: skip
    return msgspec.structs.replace(fall, **changes)


def group(*members: Anomaly, total: int | None = None, **changes: Any) -> AnomalyGroup:
    opened = AnomalyGroup(
        id="g1", detector="shop", revision=1, status="open", start=utc(ms("12:05")), end=utc(ms("12:06")),
        severity=members[0].severity, primary=members[0], members=list(members),
        members_total=total or len(members),
    )  # fmt: skip
    return msgspec.structs.replace(opened, **changes)


def closed(*members: Anomaly, **changes: Any) -> AnomalyGroup:
    return group(*members or (anomaly(),), status="closed", end=utc(ms("12:20")), **changes)


def tell(alerter: Alerter, *groups: AnomalyGroup) -> list[Alert]:
    return [alert for each in groups for alert in alerter.alert(each)]


def said(alerts: list[Alert]) -> list[tuple[str, int]]:
    return [(alert.kind, alert.revision) for alert in alerts]


# When.


def test_a_group_is_told_of_when_it_opens_and_when_it_is_over() -> None:
    opened, over = tell(Alerter(SHOP, [RULE]), group(anomaly()), group(anomaly()), closed())

    assert said([opened, over]) == [("OPENED", 1), ("CLOSED", 2)]
    assert (opened.rule, opened.detector, opened.group) == ("page", "shop", "g1")
    assert (over.start, over.end) == (utc(ms("12:05")), utc(ms("12:20")))
    assert (over.reason, over.summary) == ("over", f"over after 15 min: {opened.summary}")


def test_what_people_have_to_live_with_from_now_on_is_not_over() -> None:
    opened, ended = tell(Alerter(SHOP, [RULE]), group(anomaly()), closed(reason="new_normal"))

    assert (ended.kind, ended.reason) == ("CLOSED", "new_normal")
    assert ended.summary == f"the new normal after 15 min: {opened.summary}"


def test_nothing_is_said_below_the_threshold_and_nothing_of_its_end() -> None:
    assert tell(Alerter(SHOP, [RULE]), group(anomaly(69.9)), closed(anomaly(69.9))) == []


def test_a_group_that_reaches_the_threshold_later_opens_then() -> None:
    alerts = tell(Alerter(SHOP, [RULE]), group(anomaly(69.9)), group(anomaly(70.0)))

    assert said(alerts) == [("OPENED", 1)]


def test_it_is_over_once() -> None:
    alerter = Alerter(SHOP, [RULE])
    tell(alerter, group(anomaly()), closed())

    assert tell(alerter, closed()) == []
    assert alerter.save() == ({}, Withheld())


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (group(anomaly(79.9)), False),
        (group(anomaly(80.0)), True),
        (group(anomaly(70.0), total=19), False),
        (group(anomaly(70.0), total=20), True),
        (group(anomaly(70.0), total=5), False),
    ],
)
def test_it_is_told_of_again_when_it_is_worse_or_broader(second: AnomalyGroup, told: bool) -> None:
    first = group(anomaly(70.0), total=10)

    alerts = tell(Alerter(SHOP, [RULE]), first, second, second)

    assert said(alerts) == [("OPENED", 1)] + [("UPDATED", 2)] * told


def test_that_a_feed_has_stopped_is_told_though_it_is_no_worse() -> None:
    low, stopped = anomaly(100.0, value=0.0), anomaly(100.0, value=None, direction="stopped")

    alerts = tell(Alerter(SHOP, [RULE]), group(low), group(stopped), group(stopped))

    assert said(alerts) == [("OPENED", 1), ("UPDATED", 2)]
    assert alerts[1].summary == "no events for shop any more, severity 100"


def test_revisions_count_what_was_said_and_growth_is_since_then() -> None:
    grown = [group(anomaly(severity)) for severity in (70.0, 75.0, 80.0, 85.0, 90.0, 95.0)]

    alerts = tell(Alerter(SHOP, [RULE]), *grown, closed())

    assert said(alerts) == [("OPENED", 1), ("UPDATED", 2), ("UPDATED", 3), ("CLOSED", 4)]
    assert [alert.severity for alert in alerts] == [70.0, 80.0, 90.0, 90.0]


def test_a_measure_that_is_more_sensitive_is_told_of_sooner() -> None:
    shop = detector(measures=[ORDERS, Measure(name="revenue", aggregation="count", sensitivity=10)])

    assert tell(Alerter(shop, [RULE]), group(anomaly(69.9), anomaly(49.9, "revenue"))) == []
    (alert,) = tell(Alerter(shop, [RULE]), group(anomaly(69.9), anomaly(50.0, "revenue")))

    assert (alert.measure, alert.severity) == ("orders", 69.9)


# Early.

EARLY = msgspec.structs.replace(RULE, provisional=True)


def test_what_is_told_early_is_confirmed_under_the_same_id() -> None:
    alerter = Alerter(SHOP, [EARLY])
    (early,) = alerter.foresee(group(anomaly(dimensions={})))

    alerts = tell(alerter, group(anomaly(), anomaly(dimensions={}), id="g2"), closed(anomaly(), id="g2"))

    assert (early.kind, early.provisional, early.summary[:7]) == ("OPENED", True, "so far:")
    assert [(alert.kind, alert.group, alert.provisional, alert.reason) for alert in alerts] == [
        ("UPDATED", "g1", False, None),
        ("CLOSED", "g1", False, "over"),
    ]
    assert list(alerter.withdraw(early.start)) == []


def test_what_does_not_come_true_is_withdrawn_when_its_interval_is_over() -> None:
    alerter = Alerter(SHOP, [EARLY])
    (early,) = alerter.foresee(group(anomaly()))

    assert list(alerter.withdraw(early.start - timedelta(minutes=1))) == []
    assert tell(alerter, group(anomaly(measure="revenue"), id="g2"))[0].group == "g2"
    (over,) = alerter.withdraw(early.start)

    assert (over.kind, over.reason, over.group, over.revision) == ("CLOSED", "withdrawn", "g1", 2)
    assert list(alerter.withdraw(early.start)) == []


def test_what_the_rule_does_not_ask_for_confirms_nothing() -> None:
    alerter = Alerter(SHOP, [EARLY])
    (early,) = alerter.foresee(group(anomaly()))

    # Another rule asks for less, and has opened the group.
    assert tell(alerter, group(anomaly(69.0))) == []
    (over,) = alerter.withdraw(early.start)

    assert (over.kind, over.reason) == ("CLOSED", "withdrawn")


def test_an_incident_that_two_shards_see_is_told_early_once() -> None:
    alerter = Alerter(SHOP, [EARLY])
    web, tv = ({"platform": name} for name in ("web", "tv"))
    told = [
        list(alerter.foresee(group(anomaly(dimensions=place), id=f"g{n}")))
        for n, place in enumerate([web, {}, {**web, "marketplace": "DE"}, tv])
    ]

    assert [len(alerts) for alerts in told] == [1, 0, 0, 1]


def test_a_rule_that_does_not_ask_hears_nothing_early() -> None:
    assert list(Alerter(SHOP, [RULE]).foresee(group(anomaly()))) == []
    assert list(Alerter(SHOP, [EARLY]).foresee(group(anomaly(69.9)))) == []


# To whom.


def test_each_rule_speaks_for_itself() -> None:
    alerter = Alerter(SHOP, [RULE, AlertRule("log", "shop", 30.0)])

    alerts = tell(alerter, group(anomaly(50.0)), group(anomaly(75.0)), closed())

    assert [(alert.rule, alert.kind) for alert in alerts] == [
        ("log", "OPENED"),
        ("page", "OPENED"),
        ("log", "UPDATED"),
        ("log", "CLOSED"),
        ("page", "CLOSED"),
    ]


def test_a_rule_for_some_measures_is_about_these_alone() -> None:
    alerter = Alerter(SHOP, [msgspec.structs.replace(RULE, measures=["revenue"])])
    both = group(anomaly(97.0), anomaly(71.0, "revenue"))

    assert tell(alerter, group(anomaly(97.0), anomaly(69.0, "revenue"))) == []
    (alert,) = tell(alerter, both)

    assert (alert.measure, alert.severity, alert.members_total) == ("revenue", 71.0, 1)
    assert [member.measure for member in alert.members] == ["revenue"]


def test_a_rule_for_some_places_is_about_these_alone() -> None:
    alerter = Alerter(SHOP, [msgspec.structs.replace(RULE, where={"marketplace": ["DE", "FR"]})])
    elsewhere = anomaly(99.0, dimensions={"marketplace": "IT"})

    assert tell(alerter, group(elsewhere, anomaly(99.0, dimensions={}))) == []
    (alert,) = tell(alerter, group(elsewhere, anomaly(80.0)))

    assert (alert.dimensions, alert.severity) == (APP_DE, 80.0)


def test_all_but_one_place_is_not_the_total() -> None:
    alerter = Alerter(SHOP, [msgspec.structs.replace(RULE, where={"platform": Matcher(excluded="web")})])

    assert tell(alerter, group(anomaly(dimensions={}), anomaly(dimensions={"platform": "web"}))) == []
    assert len(tell(alerter, group(anomaly()))) == 1


def test_an_alert_names_the_most_severe_members_and_counts_all() -> None:
    many = [anomaly(99.0 - n, dimensions={"platform": f"p{n}"}) for n in range(29)]

    (alert,) = tell(Alerter(SHOP, [RULE]), group(*many, total=75))

    assert alert.members == many[:NAMED_MEMBERS]
    assert alert.members_total == 75


def test_leaves_are_named_though_many_roll_ups_are_more_severe() -> None:
    shop = detector(dimensions=("platform", "marketplace"))
    roll_ups = [anomaly(99.0, dimensions={"platform": f"p{n}"}) for n in range(NAMED_MEMBERS + 5)]
    leaves = [
        anomaly(80.0, measure, dimensions={"platform": "web", "marketplace": f"m{n}"})
        for n in range(NAMED_LEAVES + 5)
        for measure in ("orders", "views")
    ]

    (alert,) = tell(Alerter(shop, [RULE]), group(*roll_ups, *leaves))

    assert alert.members == roll_ups[:NAMED_MEMBERS]
    assert alert.leaves == leaves[: 2 * NAMED_LEAVES]


# In which words.


def test_what_happened_is_said_in_one_sentence() -> None:
    opened, over = tell(Alerter(SHOP, [RULE]), group(anomaly()), closed())

    assert opened.summary == "orders on mobile_app in DE: 12, expected 240 (210–268), severity 97"
    assert over.summary == (
        "over after 15 min: orders on mobile_app in DE: 12, expected 240 (210–268), severity 97"
    )


def test_how_many_are_with_it_is_said() -> None:
    (alert,) = tell(Alerter(SHOP, [RULE]), group(anomaly(), anomaly(80.0, "revenue"), total=8))

    assert alert.summary.endswith("severity 97; 7 more series with it")


def test_a_feed_that_has_stopped_is_said_as_such() -> None:
    stopped = anomaly(88.0, value=None, dimensions={}, direction="stopped")

    (alert,) = tell(Alerter(SHOP, [RULE]), group(stopped))

    assert alert.summary == "no events for shop any more, severity 88"


def test_what_strangers_write_into_a_place_stays_on_the_line() -> None:
    (alert,) = tell(Alerter(SHOP, [RULE]), group(anomaly(dimensions={"platform": "x\r\nX-Header: 1\x1b[2J"})))

    assert alert.summary.startswith("orders on x X-Header: 1 [2J: 12,")


# After a restart.


class Stored(msgspec.Struct):
    told: dict[str, Told]
    withheld: Withheld


def reloaded(alerter: Alerter, *rules: AlertRule) -> Alerter:
    again = Alerter(SHOP, rules)
    stored = state.decode(state.encode(Stored(*alerter.save())), Stored)
    again.load(stored.told, stored.withheld)
    return again


def test_a_restart_says_nothing_twice() -> None:
    alerter = Alerter(SHOP, [RULE])
    tell(alerter, group(anomaly()))

    again = reloaded(alerter, RULE)

    assert tell(again, group(anomaly())) == []
    assert said(tell(again, closed())) == [("CLOSED", 2)]


def test_of_what_a_rule_that_is_gone_has_opened_only_the_end_is_told() -> None:
    alerter = Alerter(SHOP, [RULE])
    tell(alerter, group(anomaly()))

    again = reloaded(alerter, AlertRule("other", "shop", 99.0))

    (over,) = tell(again, group(anomaly(98.0)), closed())
    assert (over.kind, over.rule, over.revision) == ("CLOSED", "page", 2)
    assert again.save() == ({}, Withheld())


# Where it is, and how it goes on.


def test_what_comes_back_is_told_of_again_with_revisions_that_were_not_there() -> None:
    first = tell(Alerter(SHOP, [RULE]), group(anomaly()), closed(revision=2))
    # Even where nothing is remembered of it.
    again = tell(
        Alerter(SHOP, [RULE]),
        group(anomaly(), revision=3, reopened=1),
        group(anomaly(99.0), anomaly(), revision=4, reopened=1),
        closed(revision=5, reopened=1),
    )

    assert said(first + again) == [("OPENED", 1), ("CLOSED", 2), ("OPENED", 6), ("UPDATED", 7), ("CLOSED", 8)]


def test_what_comes_back_has_revisions_above_those_of_what_was_repeated() -> None:
    alerter = Alerter(SHOP, [msgspec.structs.replace(RULE, repeat=timedelta(minutes=1))])
    first = tell(alerter, group(anomaly()))
    first += [alert for minute in range(6, 16) for alert in alerter.wake(utc(ms(f"12:{minute:02}")))]
    first += tell(alerter, closed(revision=2))

    (again,) = tell(alerter, group(anomaly(), revision=3, reopened=1, end=utc(ms("12:17"))))

    assert len(first) == 12
    assert again.revision > max(alert.revision for alert in first)


def test_an_alert_says_where_it_is_and_what_it_began_with() -> None:
    where: dict[str, Any] = {"localised": True, "elements": [{"marketplace": "DE"}], "share": 0.876}
    began: dict[str, Any] = {"relations": [Relation("views", "cause"), Relation("orders", "effect", 100)]}

    (alert,) = tell(Alerter(SHOP, [RULE]), group(anomaly(), **where, **began))

    assert alert.summary.endswith("severity 97; in DE (88 % of the change); it began with views")
    assert (alert.localised, alert.elements, alert.share) == (True, [{"marketplace": "DE"}], 0.876)


@pytest.mark.parametrize("elements", [[APP_DE], []])
def test_what_goes_without_saying_is_not_said(elements: list[dict[str, str]]) -> None:
    own = [Relation("orders", "cause"), Relation("revenue", "effect")]

    (alert,) = tell(
        Alerter(SHOP, [RULE]),
        group(anomaly(), localised=bool(elements), elements=elements, share=0.9, relations=own),
    )

    assert alert.summary.endswith("severity 97")


def test_what_is_one_with_another_incident_says_with_which_and_what_it_came_to() -> None:
    over = tell(
        Alerter(SHOP, [RULE]),
        group(anomaly()),
        closed(anomaly(99.0), reason="merged", merged_into="g0", totals={"orders": -900.0}),
    )[-1]

    assert (over.kind, over.reason, over.merged_into) == ("CLOSED", "merged", "g0")
    assert over.summary.startswith("part of another incident after 15 min: orders")
    assert (over.totals, over.peak) == ({"orders": -900.0}, 99.0)


def test_what_to_do_and_how_bad_it_is_goes_with_an_alert() -> None:
    watched = detector(dimensions=("platform",), advice=[Advice("Call Anna.", "https://example.com/a")])
    (alert,) = Alerter(watched, [AlertRule("page", "shop")]).alert(group(anomaly()))
    assert alert.advice == [Recommendation("Call Anna.", "https://example.com/a")]
    assert alert.level == "HIGH"


def test_the_end_says_how_it_went() -> None:
    opened, over = tell(Alerter(SHOP, [RULE]), group(anomaly()), closed(shape="slope"))
    assert opened.shape is None
    assert over.shape == "slope"
    assert "a slope: orders" in over.summary

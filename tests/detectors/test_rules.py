"""What a rule asks for beyond severity, when it speaks, and what is snoozed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from detectors import conditions, loading, state
from detectors.alerting import Alerter
from detectors.config import AlertRule, ConfigError, Matcher, Where
from detectors.feedback import Snooze
from detectors.quiet_hours import QuietHours
from detectors.records import Alert, Anomaly, AnomalyGroup, utc
from tests.detectors.builders import MONDAY, detector, ms
from tests.detectors.test_alerting import APP_DE, Stored, anomaly, group, said

SHOP = detector(dimensions=("platform", "marketplace"))
APP_FR = {"platform": "mobile_app", "marketplace": "FR"}


def rule(**asked: Any) -> AlertRule:
    return AlertRule("page", "shop", 70.0, **asked)


def alerter(*rules: AlertRule, snoozes: Sequence[Snooze] = (), **changes: Any) -> Alerter:
    made = Alerter(detector(dimensions=SHOP.dimensions, **changes), rules)
    for snooze in snoozes:
        made.take(snooze)
    return made


def told(alerter: Alerter, *groups: AnomalyGroup, at: str = "12:05") -> list[Alert]:
    """What is said of groups, and then when the interval that begins at a time has passed."""
    alerts = [alert for each in groups for alert in alerter.alert(each)]
    return alerts + list(alerter.wake(utc(ms(at))))


# What it asks for.


def test_so_many_series_must_be_in_it() -> None:
    of_two = alerter(rule(minimum_series=2))

    assert told(of_two, group(anomaly())) == []
    assert said(told(of_two, group(anomaly(), anomaly(dimensions=APP_FR)))) == [("OPENED", 1)]
    assert said(told(alerter(rule(minimum_series=2)), group(anomaly(), total=2))) == [("OPENED", 1)]
    # Of places that match, those that match are counted.
    only_de = rule(minimum_series=2, where={"marketplace": "DE"})
    assert told(alerter(only_de), group(anomaly(), anomaly(dimensions=APP_FR))) == []


@pytest.mark.parametrize(
    ("when", "members", "asked"),
    [
        ("orders and views", [anomaly()], False),
        ("orders and views", [anomaly(), anomaly(measure="views")], True),
        ("orders and views", [anomaly(), anomaly(69.9, measure="views")], False),
        ("orders or views", [anomaly(measure="views")], True),
        ("orders below", [anomaly()], True),
        ("orders above", [anomaly()], False),
        ("orders and not views", [anomaly(), anomaly(measure="views")], False),
        ("not views and orders or errors", [anomaly(measure="errors"), anomaly(measure="views")], True),
        ("not (views or errors)", [anomaly(measure="errors"), anomaly()], False),
    ],
)
def test_measures_must_be_off_together(when: str, members: list[Anomaly], asked: bool) -> None:
    assert bool(told(alerter(rule(when=when)), group(*members))) == asked


@pytest.mark.parametrize(
    "when", ["", "orders and", "and orders", "(orders", "orders views", "orders & views", "or"]
)
def test_what_is_no_condition_is_refused(when: str) -> None:
    with pytest.raises(ValueError, match="is no condition"):
        conditions.read(when)


@pytest.mark.parametrize(
    ("where", "asked"),
    [
        ({"platform": Matcher(regex="mobile_.*")}, True),
        ({"platform": Matcher(regex="mobile")}, False),
        ({"platform": Matcher(regex=["web", "m.*p"])}, True),
        ({"platform": Matcher(regex="m.*", excluded="mobile_app")}, False),
        ({"platform": Matcher(prefix="mobile")}, True),
        ({"marketplace": Matcher(excluded=["FR", "IT"])}, True),
    ],
)
def test_places_match(where: Where, asked: bool) -> None:
    assert bool(told(alerter(rule(where=where)), group(anomaly()))) == asked


# When it speaks.


def test_a_group_must_last() -> None:
    patient = alerter(rule(delay=timedelta(minutes=10)))

    assert told(patient, group(anomaly()), at="12:05") == []
    assert told(patient, at="12:13") == []
    assert said(told(patient, at="12:14")) == [("OPENED", 1)]
    assert told(patient, at="12:15") == []
    assert said(told(patient, group(anomaly(), status="closed"))) == [("CLOSED", 2)]


def test_what_does_not_last_is_over_without_a_word() -> None:
    patient = alerter(rule(delay=timedelta(minutes=10)))
    told(patient, group(anomaly()))

    assert told(patient, group(anomaly(), status="closed"), at="12:30") == []


def test_in_quiet_hours_nothing_new_is_told_until_they_are_over() -> None:
    quiet = alerter(rule(quiet_hours=["12:00-12:30"]))

    assert told(quiet, group(anomaly()), at="12:28") == []
    assert said(told(quiet, at="12:29")) == [("OPENED", 1)]


def test_on_other_days_they_are_not_quiet() -> None:
    assert said(told(alerter(rule(quiet_hours=["tue 12:00-12:30"])), group(anomaly()))) == [("OPENED", 1)]


def test_quiet_hours_are_local() -> None:
    berlin = alerter(rule(quiet_hours=["13:00-14:00"]), timezone="Europe/Berlin")

    assert told(berlin, group(anomaly())) == []


def test_what_was_told_is_closed_in_quiet_hours_too() -> None:
    quiet = alerter(rule(quiet_hours=["12:10-12:30"]))

    alerts = told(quiet, group(anomaly()), group(anomaly(99.0), status="closed", end=utc(ms("12:20"))))

    assert said(alerts) == [("OPENED", 1), ("CLOSED", 2)]


@pytest.mark.parametrize(
    ("text", "at", "quiet"),
    [
        ("22:00-07:00", timedelta(hours=23), True),
        ("22:00-07:00", timedelta(hours=6, minutes=59), True),
        ("22:00-07:00", timedelta(hours=7), False),
        ("sat-sun 00:00-24:00", timedelta(days=5), True),
        ("sat-sun 00:00-24:00", timedelta(days=7), False),
        ("sun-mon 22:00-02:00", timedelta(days=1, hours=1), True),
        ("sun-mon 22:00-02:00", timedelta(days=1, hours=22), False),
        ("fri 22:00-07:00", timedelta(days=5, hours=1), True),
    ],
)
def test_hours_of_the_week(text: str, at: timedelta, quiet: bool) -> None:
    assert QuietHours.read(text).has(MONDAY + at) == quiet


@pytest.mark.parametrize("text", ["24:30-07:00", "22:00", "25:00-07:00", "someday 22:00-07:00"])
def test_hours_that_no_clock_shows_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="are no hours"):
        QuietHours.read(text)


def test_it_is_told_again_while_it_is_open() -> None:
    again = alerter(rule(repeat=timedelta(hours=1)))

    assert said(told(again, group(anomaly()))) == [("OPENED", 1)]
    assert told(again, at="13:04") == []
    (still,) = told(again, at="13:05")
    assert (still.kind, still.revision, still.end) == ("UPDATED", 2, utc(ms("13:06")))
    assert told(again, at="14:04") == []
    assert said(told(again, at="14:05")) == [("UPDATED", 3)]
    assert said(told(again, group(anomaly(), status="closed"), at="16:00")) == [("CLOSED", 4)]


def test_that_it_is_worse_may_be_left_out() -> None:
    once = alerter(rule(updates=False))

    assert said(told(once, group(anomaly(71.0)), group(anomaly(99.0)))) == [("OPENED", 1)]


# Snoozes.


def snooze(until: str = "13:00", **what: Any) -> Snooze:
    return Snooze("shop", "one", utc(ms(until)), **what)


def test_a_snoozed_group_is_told_of_when_that_is_over() -> None:
    silent = alerter(rule(), snoozes=[snooze(group="g1")])

    assert told(silent, group(anomaly()), at="12:58") == []
    assert said(told(silent, group(anomaly(), id="g2"))) == [("OPENED", 1)]
    assert [alert.group for alert in told(silent, at="12:59")] == ["g1"]


def test_a_snoozed_group_that_was_told_of_is_closed() -> None:
    silent = alerter(rule())
    told(silent, group(anomaly(71.0)))
    silent.take(snooze(group="g1"))

    assert told(silent, group(anomaly(99.0))) == []
    assert said(told(silent, group(anomaly(99.0), status="closed"))) == [("CLOSED", 2)]


@pytest.mark.parametrize(
    ("what", "silent"),
    [
        ({"where": {"platform": "mobile_app"}}, True),
        ({"where": {"platform": Matcher(prefix="mob")}}, True),
        ({"where": {"platform": "web"}}, False),
        ({"measures": ["orders"]}, True),
        ({"measures": ["views"]}, False),
        ({"where": {"platform": "mobile_app"}, "exactly": True}, False),
        ({"where": {"platform": "mobile_app", "marketplace": "DE"}, "exactly": True}, True),
        ({"where": {"platform": "mobile_app"}, "until": "12:05"}, False),
        ({"where": {"platform": "mobile_app"}, "undo": True}, False),
    ],
)
def test_series_and_places_are_snoozed(what: dict[str, Any], silent: bool) -> None:
    assert (told(alerter(rule(), snoozes=[snooze(**what)]), group(anomaly())) == []) == silent


def test_of_a_group_that_is_snoozed_in_part_the_rest_is_told() -> None:
    members = [anomaly(), anomaly(90.0, dimensions=APP_FR)]
    partly = alerter(rule(), snoozes=[snooze(where={"marketplace": "DE"})])

    (alert,) = told(partly, group(*members))

    assert (alert.severity, alert.members_total, alert.dimensions) == (90.0, 1, APP_FR)


@pytest.mark.parametrize(
    ("what", "silent"), [({"where": {**APP_DE}, "exactly": True, "measures": ["orders"]}, True), ({}, False)]
)
def test_a_series_that_is_snoozed_in_a_group_is_so_in_that_which_it_becomes_part_of(
    what: dict[str, Any], silent: bool
) -> None:
    alerts = alerter(rule(), snoozes=[snooze(group="g1", **what)])
    told(alerts, group(anomaly(), status="closed", reason="merged", merged_into="g0"))

    assert (told(alerts, group(anomaly(), id="g0")) == []) == silent


def test_a_restart_forgets_neither_what_is_snoozed_nor_what_waits() -> None:
    before = alerter(rule(delay=timedelta(minutes=10)), snoozes=[snooze(until="12:30", group="g1")])
    told(before, group(anomaly()), group(anomaly(), id="g2"))
    stored = state.decode(state.encode(Stored(*before.save())), Stored)
    after = alerter(rule(delay=timedelta(minutes=10)))

    after.load(stored.told, stored.withheld)

    assert [alert.group for alert in told(after, at="12:14")] == ["g2"]
    assert [alert.group for alert in told(after, at="12:29")] == ["g1"]


# In the configuration.

CONFIGURATION = """
[sources.shop]
topic = "clickstream"
format = "clickstream"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1M"
dimensions = ["platform"]
measures = [{ name = "orders", aggregation = "count" }, { name = "views", aggregation = "count" }]

[[alerts]]
name = "page"
detector = "shop"
"""


def test_a_rule_is_read() -> None:
    keys = """
    minimum_series = 3
    when = "orders below and views"
    delay = "PT10M"
    quiet_hours = ["22:00-07:00", "sat-sun 00:00-24:00"]
    updates = false
    repeat = "PT4H"
    where = { platform = { regex = "mobile_.*" } }
    """
    (read,) = loading.parse(CONFIGURATION + keys).alerts

    assert (read.minimum_series, read.when, read.delay) == (
        3,
        "orders below and views",
        timedelta(minutes=10),
    )
    assert (len(read.quiet_hours), read.updates, read.repeat) == (2, False, timedelta(hours=4))


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ('when = "orders and carts"', "no measure 'carts'"),
        ('when = "orders and"', "is no condition"),
        ('quiet_hours = ["at night"]', "are no hours"),
        ('repeat = "PT0S"', "repeat"),
        ('provisional = true\ndelay = "PT1M"', "cannot wait"),
        ('where = { platform = { regex = "(" } }', "no regular expression"),
        ("minimum_series = 0", "minimum_series"),
    ],
)
def test_what_makes_no_sense_is_refused(key: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        loading.parse(CONFIGURATION + key)

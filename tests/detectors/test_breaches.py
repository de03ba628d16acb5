"""Three of five: a measure that jumps about opens a group when it stays off, and once is not enough."""

from __future__ import annotations

from typing import Any

import pytest

from detectors import breaches, state
from detectors.config import AlertRule, Measure
from detectors.grouping import Grouper, GrouperState
from detectors.records import JOINT, AnomalyGroup, IntervalScores, Place
from tests.detectors.builders import MINUTE, ORDERS, detector, ms, scores

LATENCY = Measure(name="latency", aggregation="p99", field="amount", breaches=(3, 5))
SHOP = detector(dimensions=("platform", "marketplace"), measures=[ORDERS, LATENCY])
TOTAL: Place = (None, None)
WEB: Place = ("web", None)

#: Off and told of; off, but the forecast has got used to it; as it should be.
OFF = {"severity": 90.0, "value": 500.0}
USED = {"severity": 5.0, "value": 500.0, "expected": 480.0, "lower": 400.0, "upper": 600.0}
FINE = {"severity": 0.0, "value": 100.0}


def grouper() -> Grouper:
    return Grouper(SHOP, [AlertRule("page", "shop", 70.0)])


def at(minute: int, row: Any, measure: str = "latency", place: Place = TOTAL) -> IntervalScores:
    return scores(ms("12:00") + minute * MINUTE, {(measure, place): row})


def run(shop: Grouper, *rows: Any, measure: str = "latency") -> list[list[AnomalyGroup]]:
    return [shop.group(at(minute, row, measure)) for minute, row in enumerate(rows)]


def opened(groups: list[list[AnomalyGroup]]) -> list[int]:
    return [minute for minute, told in enumerate(groups) for group in told if group.revision == 1]


@pytest.mark.parametrize(
    ("rows", "minutes"),
    [
        ([OFF, OFF, OFF], [2]),
        ([OFF, FINE, OFF, FINE, OFF], [4]),
        ([OFF, FINE, FINE, OFF, FINE, OFF, FINE], []),
        ([OFF, USED, USED], [2]),
        ([OFF, FINE, USED, FINE, USED], [4]),
        ([USED, USED, USED, USED], []),
    ],
)
def test_three_of_five(rows: list[Any], minutes: list[int]) -> None:
    assert opened(run(grouper(), *rows)) == minutes


def test_measures_that_ask_for_nothing_open_at_once() -> None:
    assert opened(run(grouper(), OFF, measure="orders")) == [0]


def test_a_group_that_opens_late_begins_with_the_worst_and_ends_where_it_is() -> None:
    *_, (group,) = run(grouper(), OFF, USED, USED)

    assert (group.start, group.severity) == (at(0, FINE).interval_start, 90.0)
    assert group.end == at(2, FINE).interval_end


def test_what_is_anomalous_around_an_open_group_joins_at_once() -> None:
    shop = grouper()
    shop.group(at(0, OFF, "orders", WEB))

    (joined,) = shop.group(at(1, OFF))

    assert joined.members_total == 2


def test_all_measures_together_wait_as_long_as_the_one_that_waits_longest() -> None:
    together = {"severity": 90.0, "value": None, "lower": None, "upper": None}

    assert opened(run(grouper(), *[together] * 3, measure=JOINT)) == [2]


def test_a_feed_that_has_stopped_waits_for_nobody() -> None:
    row = {"severity": 80.0, "value": None}
    told = scores("12:00", {("latency", TOTAL): row, ("latency", WEB): row}, stopped=True)

    (group,) = grouper().group(told)

    assert [(member.direction, member.dimensions) for member in group.members] == [("stopped", {})]


def test_a_restart_forgets_no_suspect() -> None:
    shop = grouper()
    told = []
    for minute, row in enumerate([OFF, FINE, OFF, FINE, OFF]):
        again = grouper()
        again.load(state.decode(state.encode(shop.save()), GrouperState))
        shop = again
        told.append(shop.group(at(minute, row)))

    assert opened(told) == [4]
    assert shop.save().suspects == {}


def test_there_are_no_more_suspects_than_anomalies_of_an_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaches, "MOST_ANOMALIES", 3)
    shop = grouper()
    for minute in range(3):
        rows: dict[tuple[str, Place], Any] = {("latency", (f"p{minute}-{n}", None)): OFF for n in range(2)}
        shop.group(scores(ms("12:00") + minute * MINUTE, rows))

    assert len(shop.save().suspects) == 3


def test_suspects_that_stay_as_they_should_be_are_forgotten() -> None:
    shop = grouper()
    run(shop, OFF, *[FINE] * 5)

    assert shop.save().suspects == {}

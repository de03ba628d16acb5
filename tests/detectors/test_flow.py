"""A day through all steps: an incident is told once, at its place, however its events are spread."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise

import pytest

from detectors.alerting import Alerter
from detectors.closing import Closer
from detectors.config import AlertRule, Measure
from detectors.grouping import Grouper
from detectors.records import Alert, Event, IntervalScores, utc
from detectors.scorer import Scorer
from tests.detectors.builders import ORDERS, config, detector, event, fold, ms

FIVE_MINUTES = 300_000
#: Orders on the app in Germany all but cease for a quarter of an hour, after a day.
BEGINS, ENDS = ms("28:00"), ms("28:15")

SHOP = detector(
    interval=timedelta(minutes=5),
    lateness=timedelta(minutes=1),
    dimensions=("platform", "marketplace"),
    measures=[ORDERS, Measure(name="revenue", aggregation="sum", field="amount")],
)
CONFIG = config(SHOP, alerts=[AlertRule("page", "shop", 85.0)])


@lru_cache(maxsize=1)
def day() -> list[Event]:
    """A day and eight hours of orders, a little out of order, with an incident in it."""
    chance = random.Random(7)
    events: list[Event] = []
    for start in range(ms("00:00"), ms("32:00"), FIVE_MINUTES):
        wave = 1 + 0.4 * math.sin(2 * math.pi * start / 86_400_000)
        for platform, marketplace, usual in [("app", "DE", 30), ("app", "FR", 20), ("web", "DE", 25)]:
            down = platform == "app" and marketplace == "DE" and BEGINS <= start < ENDS
            expected = 0.1 * usual * wave if down else usual * wave
            for _ in range(max(0, round(chance.gauss(expected, math.sqrt(expected))))):
                time = start + chance.randrange(FIVE_MINUTES)
                amount = round(chance.lognormvariate(3, 0.2), 2)
                events.append(event(time, platform=platform, marketplace=marketplace, amount=amount))
    return sorted(events, key=lambda each: each.event_time + chance.randrange(30_000))


@lru_cache(maxsize=4)
def outcome(partitions: int) -> tuple[list[IntervalScores], list[Alert]]:
    """What comes of the day when its events are spread over so many partitions."""
    spread = random.Random(partitions)
    folds = [fold(CONFIG, partition, partitions) for partition in range(partitions)]
    closer, scorer = Closer(SHOP), Scorer(SHOP)
    grouper, alerter = Grouper(SHOP, CONFIG.alerts), Alerter(SHOP, CONFIG.alerts)
    scores: list[IntervalScores] = []
    alerts: list[Alert] = []
    for offset, each in enumerate(day()):
        into = spread.choice(folds)
        into.fold(offset, ms("12:00"), [each])
        for record in into.ready():
            for interval in closer.add(record):
                scores.append(scorer.score(interval))
                for group in grouper.group(scores[-1]):
                    alerts += alerter.alert(group)
    assert closer.late == 0
    assert [one.late for one in folds] == [[]] * partitions
    return scores, alerts


def test_an_incident_is_told_when_it_begins_and_when_it_is_over() -> None:
    alerts = outcome(2)[1]

    assert {alert.group for alert in alerts} == {alerts[0].group}
    kinds = [alert.kind for alert in alerts]
    assert (kinds[0], kinds[-1]) == ("OPENED", "CLOSED")
    assert set(kinds[1:-1]) <= {"UPDATED"}
    assert [alert.revision for alert in alerts] == list(range(1, len(alerts) + 1))


def test_it_is_told_in_time_and_of_the_right_place() -> None:
    opened, *_, over = outcome(2)[1]

    assert opened.start == utc(BEGINS)
    assert opened.dimensions == {"platform": "app", "marketplace": "DE"}
    assert opened.direction == "below"
    assert opened.summary.startswith("orders on app in DE: 4, expected 4")
    assert over.end <= utc(ENDS + 2 * FIVE_MINUTES)


@pytest.mark.parametrize("partitions", [1, 4])
def test_the_spread_over_partitions_changes_no_score_and_no_alert(partitions: int) -> None:
    scores, alerts = outcome(partitions)
    of_two = outcome(2)
    last = min(len(scores), len(of_two[0]))

    assert last > 370
    assert scores[:last] == of_two[0][:last]
    assert alerts == of_two[1]
    assert contiguous(scores)


def contiguous(scores: Sequence[IntervalScores]) -> bool:
    return all(a.interval_end == b.interval_start for a, b in pairwise(scores))

"""A level that changes for good, too little for any single value to be told of, is found and told as that."""

import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from detectors.config import AlertRule, Detector, Measure
from detectors.grouping import Grouper
from detectors.records import Interval, IntervalScores, Place, Score, utc
from detectors.scorer import Scorer
from detectors.words import anomaly_in_words
from tests.detectors.builders import MONDAY, detector

HOUR = 3_600_000
START = round(MONDAY.timestamp()) * 1000
#: Hour in which the level of the app begins to change.
AT = 24 * 28


def shop(**changes: object) -> Detector:
    orders = Measure(name="orders", aggregation="sum", field="amount", **changes)  # type: ignore[arg-type]  # of tests
    return detector(interval=timedelta(hours=1), dimensions=("platform",), measures=[orders])


def intervals(hours: int, share: float) -> Iterator[Interval]:
    """Orders on web and app with a season of the day and week; on the app they change by a share at last."""
    draw = random.Random(4)
    places: list[Place] = [(None,), ("web",), ("app",)]
    for hour in range(hours):
        usual = (100 + 40 * (8 <= hour % 24 < 20)) * (0.7 if hour // 24 % 7 > 4 else 1.0)
        web, app = (usual + draw.gauss(0, 8) for _ in range(2))
        app *= 1 + share * (hour >= AT)
        values = {"orders": [web + app, web, app]}
        yield Interval(
            "shop", START + hour * HOUR, START + (hour + 1) * HOUR, 300, places, [300, 200, 100], values
        )


def scored(scorer: Scorer, hours: int, share: float) -> list[IntervalScores]:
    return [scorer.score(interval) for interval in intervals(hours, share)]


def changes(told: list[IntervalScores], place: Place) -> list[Score]:
    return [
        score for scores in told for score in scores.rows() if score.level_change and score.place == place
    ]


@pytest.fixture(scope="module")
def told() -> list[IntervalScores]:
    return scored(Scorer(shop()), AT + 48, 0.1)


def test_a_small_change_that_no_single_value_tells_of_is_found_by_itself(told: list[IntervalScores]) -> None:
    (found,) = changes(told, ("app",))

    change = found.level_change
    assert change is not None
    assert change.now / change.before == pytest.approx(1.1, abs=0.03)
    assert abs(change.since - utc(START + AT * HOUR)) <= timedelta(hours=12)
    assert found.severity >= 70
    assert found.why[1].startswith("the level has changed: about ")
    assert changes(told, ("web",)) == []


def test_it_opens_a_group_that_ends_as_the_new_normal(told: list[IntervalScores]) -> None:
    grouper = Grouper(shop(), [AlertRule("page", "shop", severity_threshold=65)])
    groups = [group for scores in told for group in grouper.group(scores)]

    (closed,) = [group for group in groups if group.status == "closed" and group.primary.level_change]
    assert closed.reason == "new_normal"
    assert closed.primary.direction == "above"
    assert "orders on app: the level has changed to about" in anomaly_in_words(closed.primary)

"""A level that changes for good, too little for any single value to be told of, is found and told as that."""

import random
from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from detectors import state
from detectors.blocks import Table
from detectors.config import AlertRule, Detector, Measure
from detectors.grouping import Grouper
from detectors.holding import Holds
from detectors.records import Interval, IntervalScores, LevelChange, Place, Score, utc
from detectors.scorer import Scorer, ScorerState
from detectors.words import anomaly_in_words
from tests.detectors import builders
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


def restarted(scorer: Scorer) -> Scorer:
    head, blocks = scorer.save()
    again = Scorer(scorer.detector)
    assert again.load(state.decode(state.encode(head), ScorerState), list(blocks)) == {}
    return again


def scored(scorer: Scorer, hours: int, share: float) -> Iterator[IntervalScores]:
    for hour, interval in enumerate(intervals(hours, share)):
        yield scorer.score(interval)
        if hour == AT + 5:
            # What is found was heard on both sides of a restart.
            scorer = restarted(scorer)


def changes(told: list[IntervalScores], place: Place) -> list[Score]:
    return [
        score for scores in told for score in scores.rows() if score.level_change and score.place == place
    ]


@pytest.fixture(scope="module")
def told() -> list[IntervalScores]:
    return list(scored(Scorer(shop()), AT + 48, 0.1))


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


@pytest.mark.parametrize(
    ("rule", "holds"), [({"direction": "below"}, "direction"), ({"minimum_change": 50}, "minimum_change")]
)
def test_rules_of_a_measure_hold_it_back_by_how_far_the_level_went(
    rule: dict[str, object], holds: str
) -> None:
    held = Holds(shop(**rule)).of(Table.of(1, 1), [0], {0: LevelChange(140.0, 155.0, MONDAY)})
    assert held == {0: holds}


def test_it_needs_no_more_intervals_to_be_believed() -> None:
    grouper = Grouper(shop(breaches=(3, 5)), [AlertRule("page", "shop", severity_threshold=70)])
    change = LevelChange(140.0, 155.0, MONDAY)
    scores = builders.scores("12:00", {("orders", ("app",)): {"severity": 75.0}})
    (group,) = grouper.group(
        msgspec.structs.replace(scores, dimensions=("platform",), level_changes={0: change})
    )
    assert group.primary.level_change == change

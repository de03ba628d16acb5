"""The whole core in one object says the same of the same events, however many shards score them."""

from __future__ import annotations

import random
from functools import lru_cache

import msgspec

from detectors.detection import Detection
from detectors.places import shard_of
from detectors.records import Alert, AnomalyGroup, IntervalScores, Score
from tests.detectors.builders import config
from tests.detectors.test_flow import CONFIG, SHOP, day

PARTITIONS = 2


@lru_cache(maxsize=2)
def outcome(shards: int) -> tuple[list[IntervalScores], list[AnomalyGroup | Alert]]:
    """The scores of the day, and what people are told of it, in order."""
    shop = msgspec.structs.replace(SHOP, shards=shards)
    detection = Detection(config(shop, alerts=CONFIG.alerts), PARTITIONS)
    spread = random.Random(1)
    scores: list[IntervalScores] = []
    told: list[AnomalyGroup | Alert] = []
    for offset, event in enumerate(day()):
        for each in detection.feed("shop", spread.randrange(PARTITIONS), [offset], [event]):
            if isinstance(each, IntervalScores):
                scores.append(each)
            else:
                told.append(each)
    return scores, told


def rows(shards: int) -> set[Score]:
    return {row for scores in outcome(shards)[0] for row in scores.rows()}


def test_shards_change_no_score() -> None:
    assert len(rows(1)) > 5_000
    assert rows(3) == rows(1)


def test_shards_change_no_group_and_no_alert() -> None:
    assert any(isinstance(each, Alert) for each in outcome(1)[1])
    assert outcome(3)[1] == outcome(1)[1]


def test_every_shard_tells_of_every_interval_and_of_its_own_places_alone() -> None:
    starts = {scores.interval_start for scores in outcome(1)[0]}
    for shard in range(3):
        mine = [scores for scores in outcome(3)[0] if scores.shard == shard]
        assert [scores.interval_start for scores in mine] == sorted(starts)
        assert all(shard_of("shop", place, 3) == shard for scores in mine for place in scores.places)

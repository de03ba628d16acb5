"""What if: what is said of a threshold is what a run of its own comes to, with that in its rules."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from detectors.config import Config
from detectors.detection import Detection, Outcome
from detectors.episodes import Incident, Incidents
from detectors.feedback import Said, Snooze, Verdict
from detectors.loading import parse
from detectors.records import AnomalyGroup, Event, IntervalScores, event_type
from detectors.what_if import WhatIf

CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
time = "at"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
dimensions = ["platform", "country"]
measures = [
  { name = "views",  aggregation = "sum", field = "views" },
  { name = "orders", aggregation = "sum", field = "orders", BREACHES },
]

[[alerts]]
name = "page"
detector = "shop"
severity_threshold = 75
"""
START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 6 * 24


def events(config: Config) -> Iterator[list[Event]]:
    """Hours of a shop in which something small or large is wrong every few hours, at one place or two."""
    rng, event = random.Random(3), event_type(config.fields_of("shop"))
    wrong: dict[tuple[str, str], tuple[int, float]] = {}
    for hour in range(HOURS):
        told = []
        for platform in ("app", "web"):
            for country in ("DE", "FR", "US"):
                if hour > 72 and rng.random() < 0.04:
                    wrong[platform, country] = hour + rng.randint(1, 4), rng.choice([0.2, 0.6, 0.75, 1.3])
                until, factor = wrong.get((platform, country), (0, 1.0))
                views = (500 + 100 * (hour % 24 > 7)) * (factor if hour < until else 1.0) + rng.gauss(0, 15)
                at = round((START + timedelta(hours=hour)).timestamp() * 1000)
                what = {"platform": platform, "country": country, "views": views, "orders": views / 10}
                told.append(event(event_time=at, **what))
        yield told


def told(config: Config, said: Sequence[Said] = (), asked: WhatIf | None = None) -> list[Outcome]:
    """All that comes of a run, of which scores go to whom is asked what would be."""
    detection, outcomes, offset = Detection(config), list[Outcome](), 0
    for each in said:
        detection.hear(each)
        if asked is not None:
            asked.hear(each)
    for hour in events(config):
        for outcome in detection.feed("shop", 0, range(offset, offset + len(hour)), hour):
            outcomes.append(outcome)
            if asked is not None and isinstance(outcome, IntervalScores):
                asked.take(outcome)
        offset += len(hour)
    return outcomes


def alone(config: Config, threshold: float, said: Sequence[Said] = ()) -> list[Incident]:
    """The incidents of a run of its own, with that threshold in its rules."""
    rules = [msgspec.structs.replace(rule, severity_threshold=threshold) for rule in config.alerts]
    incidents = Incidents({"shop": timedelta(hours=1)})
    for outcome in told(msgspec.structs.replace(config, alerts=rules), said):
        if not isinstance(outcome, IntervalScores):
            incidents.take(outcome)
    return list(incidents)


@pytest.mark.parametrize("breaches", ["breaches = [1, 1]", "breaches = [2, 3]"])
def test_what_is_said_of_a_threshold_is_what_a_run_with_it_comes_to(breaches: str) -> None:
    config = parse(CONFIGURATION.replace("BREACHES", breaches))
    asked = WhatIf(config, [30.0, 50.0, 60.0, 90.0])

    told(config, asked=asked)

    for threshold, incidents in asked.incidents.items():
        assert list(incidents) == alone(config, threshold)
    # There was something to tell them apart by.
    assert len({len(list(incidents)) for incidents in asked.incidents.values()}) > 2


def test_what_people_have_said_holds_at_other_thresholds_as_well() -> None:
    config = parse(CONFIGURATION.replace("BREACHES", "breaches = [1, 1]"))
    groups = [group for group in told(config) if isinstance(group, AnomalyGroup)]
    first, of = groups[0], groups[0].primary
    settled = Verdict("shop", first.id, of.measure, of.dimensions, "new-normal", first.start, first.end)
    snooze = Snooze("shop", "app", groups[len(groups) // 2].start, where={"platform": ["app"]})
    unheard, asked = WhatIf(config, [60.0]), WhatIf(config, [60.0])

    told(config, asked=unheard)
    told(config, [settled, snooze], asked)

    assert list(asked.incidents[60.0]) == alone(config, 60.0, [settled, snooze])
    assert list(asked.incidents[60.0]) != list(unheard.incidents[60.0])


def test_asking_what_if_changes_nothing_of_what_is() -> None:
    config = parse(CONFIGURATION.replace("BREACHES", "breaches = [1, 1]"))

    assert told(config, asked=WhatIf(config)) == told(config)

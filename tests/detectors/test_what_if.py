"""What if: thresholds go together while nothing makes a difference, and come to what each would alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from detectors import what_if
from detectors.config import Config
from detectors.detection import Detection
from detectors.episodes import Incident
from detectors.loading import parse
from detectors.records import Event, IntervalScores, event_type
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


def incidents(config: Config) -> dict[float, list[Incident]]:
    detection = Detection(config)
    whats = WhatIf(config, {"shop": detection.localiser_of("shop")})
    offset = 0
    for told in events(config):
        for outcome in detection.feed("shop", 0, range(offset, offset + len(told)), told):
            if isinstance(outcome, IntervalScores):
                whats.take(outcome)
        offset += len(told)
    return {threshold: list(of) for threshold, of in whats.incidents.items()}


@pytest.mark.parametrize("breaches", ["breaches = [1, 1]", "breaches = [2, 3]"])
def test_together_thresholds_come_to_what_each_would_alone(
    monkeypatch: pytest.MonkeyPatch, breaches: str
) -> None:
    config = parse(CONFIGURATION.replace("BREACHES", breaches))
    together = incidents(config)

    made = what_if._Trials.__init__

    def alone(self: what_if._Trials, *arguments: object) -> None:
        made(self, *arguments)  # type: ignore[arg-type]
        self._together = [[trial] for trials in self._together for trial in trials]

    monkeypatch.setattr(what_if._Trials, "__init__", alone)
    monkeypatch.setattr(what_if._Trials, "_meet", lambda *_: None)
    apart = incidents(config)

    assert together == apart
    # There was something to tell them apart by.
    assert len({len(of) for of in together.values()}) > 3


def test_asking_what_if_changes_nothing_of_what_is() -> None:
    config = parse(CONFIGURATION.replace("BREACHES", "breaches = [1, 1]"))
    asked, unasked = Detection(config), Detection(config)
    whats = WhatIf(config, {"shop": asked.localiser_of("shop")})
    offset = 0
    for told in events(config):
        offsets = range(offset, offset + len(told))
        offset += len(told)
        came = []
        for outcome in asked.feed("shop", 0, offsets, told):
            came.append(outcome)
            if isinstance(outcome, IntervalScores):
                whats.take(outcome)
        assert came == list(unasked.feed("shop", 0, offsets, told))

"""Builders: alerts and notices of one incident, of which a test states only what matters to it.

Orders on the web in Germany fall from 240 to 12 at twelve o'clock; views and the total with them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from detectors.config import AlertRule, Config, Detector, Measure
from detectors.records import Alert, Anomaly, Contribution, Relation
from detectors.sinks import AnySink
from detectors.sources import Source
from streams.notices import Notice, Site, measures

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TOLD_AT = NOON + timedelta(minutes=5, seconds=11, milliseconds=500)
GROUP = "60359687-afb8-4c46-af3d-aea03614a53f"
SITE = Site("https://lookalive.example", "eu-central-1", "123456789012")


def anomaly(measure: str = "orders", value: float | None = 12.0, **dimensions: str) -> Anomaly:
    return Anomaly(
        measure, dimensions, NOON, value, 240.0, 210.0, 268.0, 97.25, 0.9, "below", ("one in a million",)
    )


def alert(**changes: Any) -> Alert:
    first = anomaly(marketplace="DE", platform="web")
    settings: dict[str, Any] = {
        "rule": "shop-page",
        "detector": "shop",
        "group": GROUP,
        "revision": 1,
        "kind": "OPENED",
        "summary": "orders on web in DE: 12, expected 240 (210–268), severity 97; 2 more series with it",
        "severity": 97.25,
        "confidence": 0.9,
        "start": NOON,
        "end": NOON + timedelta(minutes=5),
        "measure": "orders",
        "dimensions": first.dimensions,
        "value": 12.0,
        "expected": 240.0,
        "lower": 210.0,
        "upper": 268.0,
        "direction": "below",
        "members": [first, anomaly(value=900.0), anomaly("views", 3.0, marketplace="DE", platform="web")],
        "members_total": 3,
        "why": ("one in a million such intervals",),
        "localised": True,
        "elements": [{"marketplace": "DE", "platform": "web"}],
        "share": 0.82,
        "breadth": 0.1,
        "contributions": [
            Contribution("orders", 2, {"marketplace": {"DE": 73, "FR": 27}, "platform": {"web": 100}})
        ],
        "relations": [Relation("views", "cause"), Relation("orders", "effect", 80, 1)],
    }
    return Alert(**{**settings, **changes})


def updated(**changes: Any) -> Alert:
    return alert(**{"revision": 2, "kind": "UPDATED", "end": NOON + timedelta(minutes=10), **changes})


def closed(**changes: Any) -> Alert:
    return alert(
        **{"revision": 3, "kind": "CLOSED", "end": NOON + timedelta(minutes=15), "reason": "over", **changes}
    )


def notice(told: Alert | None = None, opened: Alert | None = None, site: Site = SITE) -> Notice:
    told = told or alert()
    return Notice(told, site, opened or alert(), tuple(measures(told)), TOLD_AT)


def configuration(sinks: dict[str, AnySink], *rules: AlertRule) -> Config:
    """A configuration of one detector with intervals of five minutes, and these sinks."""
    shop = Detector("shop", "shop", timedelta(minutes=5), [Measure("orders", aggregation="count")])
    source = Source(topic="clickstream", format="clickstream")
    return Config({"shop": source}, [shop], list(rules) or [AlertRule("shop-page", "shop")], sinks=sinks)


class Record(msgspec.Struct):
    """A record of the alerts topic."""

    offset: int
    value: bytes | None
    timestamp: int | None = round(TOLD_AT.timestamp() * 1000)


def record(offset: int, told: Alert, at: datetime = TOLD_AT) -> Record:
    return Record(offset, msgspec.json.encode(told), round(at.timestamp() * 1000))

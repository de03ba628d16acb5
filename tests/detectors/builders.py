"""Builders: records and configurations of which a test states only what matters to it.

Times are written as "12:05", on one Monday in UTC. The detector is called shop, has intervals of a
minute that wait for nobody, and counts orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from detectors.config import AlertRule, Config, Detector, Measure
from detectors.folding import Fold
from detectors.records import (
    Event,
    Interval,
    IntervalScores,
    Partial,
    Place,
    Value,
    Watermark,
    event_type,
    utc,
)
from detectors.sources import Source

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = 60_000
ORDERS = Measure(name="orders", aggregation="count")

Click = event_type(["platform", "marketplace", "kind", "amount", "user"])


def ms(at: str | int) -> int:
    """The milliseconds of "12:05", "12:05:30" or "12:05:30.250"; a number is what it is."""
    if isinstance(at, int):
        return at
    hours, minutes, *seconds = at.split(":")
    clock = timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds[0]) if seconds else 0)
    return round((MONDAY + clock).timestamp() * 1000)


def event(at: str | int = "12:00", **fields: Value) -> Event:
    return Click(ms(at), **fields)


def detector(**changes: Any) -> Detector:
    settings: dict[str, Any] = {
        "name": "shop",
        "source": "shop",
        "interval": timedelta(minutes=1),
        "lateness": timedelta(0),
        "measures": [ORDERS],
    }
    return Detector(**{**settings, **changes})


def config(*detectors: Detector, alerts: Iterable[AlertRule] = (), **source: Any) -> Config:
    """A configuration of one source, which is a replay if nothing else is said."""
    shop = Source(**{"topic": "clickstream", "format": "clickstream", "clock": "event", **source})
    return Config({"shop": shop}, list(detectors) or [detector()], list(alerts))


def fold(configuration: Config, partition: int = 0, partitions: int = 1) -> Fold:
    return Fold(configuration, "shop", partition, partitions)


def partial(at: str | int = "12:00", count: int = 1, **changes: Any) -> Partial:
    """What one partition counted in an interval of a minute, without dimensions."""
    settings: dict[str, Any] = {
        "detector": "shop",
        "fingerprint": "",
        "partition": 0,
        "shard": 0,
        "block": 0,
        "start": ms(at),
        "end": ms(at) + MINUTE,
        "events": count,
        "places": [()],
        "volumes": [count],
        "columns": [[count]],
    }
    settings |= changes
    if "places" in changes and "volumes" not in changes:
        settings["volumes"] = [1] * len(settings["places"])
    return Partial(**settings)


def watermark(
    at: str | int | None, *, partition: int = 0, partitions: int = 1, idle: bool = False
) -> Watermark:
    return Watermark("shop", "", partition, 0, partitions, None if at is None else ms(at), idle)


def interval(
    at: str | int,
    values: Mapping[Place, float | Mapping[str, float]],
    events: int | None = None,
    volumes: list[int] | None = None,
) -> Interval:
    """A closed interval: place → its orders, or its value of each measure."""
    rows = [{"orders": value} if isinstance(value, int | float) else value for value in values.values()]
    columns = {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}
    total = events if events is not None else len(values)
    heavy = volumes if volumes is not None else [1] * len(values)
    return Interval("shop", ms(at), ms(at) + MINUTE, total, list(values), heavy, columns)


def scores(
    at: str | int, rows: Mapping[tuple[str, Place], float | Mapping[str, Any]], *, stopped: bool = False
) -> IntervalScores:
    """The scores of an interval: (measure, place) → its severity, or all that matters of the row."""
    told = [{"severity": row} if isinstance(row, int | float) else row for row in rows.values()]

    def column(name: str, default: Any) -> list[Any]:
        return [row.get(name, default) for row in told]

    def sparse(name: str) -> dict[int, Any]:
        return {n: row[name] for n, row in enumerate(told) if name in row}

    return IntervalScores(
        detector="shop",
        shard=0,
        shards=1,
        chunk=0,
        chunks=1,
        interval_start=utc(ms(at)),
        interval_end=utc(ms(at) + MINUTE),
        dimensions=("platform", "marketplace"),
        measures=[measure for measure, _ in rows],
        places=[place for _, place in rows],
        value=column("value", 10.0),
        expected=column("expected", 100.0),
        lower=column("lower", 90.0),
        upper=column("upper", 110.0),
        scale=column("scale", 5.0),
        severity=column("severity", 0.0),
        confidence=column("confidence", 1.0),
        phase=column("phase", "active"),
        stopped=stopped,
        held_by=sparse("held_by"),
        why=sparse("why"),
    )

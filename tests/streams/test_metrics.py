"""Metrics are named as Prometheus has it, count what is dropped, and have labels that cannot grow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from prometheus_client import CollectorRegistry, Metric

from detectors.feedback import Saying
from detectors.loading import parse
from detectors.models import MODELS
from detectors.records import JOINT, Direction
from streams.formats.decoding import Reason
from streams.hop import Message
from streams.metrics import Metrics
from tests.detectors.builders import partial
from tests.streams.by_hand import ByHand

MINUTE = 60_000
NOW = 1_800_000_000_000 // MINUTE * MINUTE

CONFIG = """
[sources.shop]
topic = "clicks"
format = "clickstream"

[[detectors]]
name = "orders"
source = "shop"
interval = "PT1M"
lateness = "PT10S"
dimensions = ["product"]
max_series = 20
where = { event = "purchase" }
measures = [
  { name = "number", aggregation = "count" },
  { name = "revenue", aggregation = "sum", field = "amount" },
]

[[alerts]]
name = "page"
detector = "orders"
severity_threshold = 30
"""

#: Label → every value that it may have under CONFIG.
BOUNDS = {
    # Of events; of what no hop has written, its topic.
    "source": {"shop", "lookalive.partials", "lookalive.scores"},
    "detector": {"orders"},
    "measure": {"number", "revenue", JOINT},
    "direction": set(get_args(Direction)),
    "column": {"product", "revenue"},
    "model": {*MODELS, "joint", "levels"},
    "rule": {"page"},
    "verdict": {*get_args(Saying), "undone"},
    "kind": {"OPENED", "UPDATED", "CLOSED"},
    "reason": {*get_args(Reason), "ahead", "silent", "displaced"},
    "partition": {"0"},
    "topic": {"clicks", "lookalive.partials", "lookalive.scores"},
    "table": {"fold-shop", "score", "group"},
}
#: Units of Prometheus, and things that are counted.
UNITS = ("seconds", "bytes", "score", "records", "active", "learning", "waiting", "open", "ratio", "stopped")


def defined() -> list[Metric]:
    registry = CollectorRegistry()
    Metrics(registry)
    return list(registry.collect())


class Flow(ByHand):
    """The hops of a worker with what Prometheus sees of them."""

    def send(self, *values: bytes, at: int = NOW) -> None:
        """Source records that Kafka had at a time, now if nothing else is said."""
        super().send(*values, at=at)

    def labels(self) -> Iterator[tuple[str, str]]:
        """Every label with its value, but for those that Prometheus itself gives."""
        for metric in self.registry.collect():
            for sample in metric.samples:
                yield from ((k, v) for k, v in sample.labels.items() if k not in {"le", "version"})


@pytest.fixture
async def flow(tmp_path: Path) -> Flow:
    return Flow(CONFIG, tmp_path)


def partial_of(detector: str, **changes: Any) -> bytes:
    fingerprint = parse(CONFIG).detector(detector).fingerprint
    return msgspec.msgpack.encode(partial(NOW, detector=detector, fingerprint=fingerprint, **changes))


def purchase(at: int, product: str = "p", **more: object) -> bytes:
    return json.dumps({"ts": at, "event": "purchase", "product": product, "amount": 5, **more}).encode()


def test_every_metric_is_ours_in_lower_case_and_explained() -> None:
    for metric in defined():
        assert re.fullmatch(r"lookalive(_[a-z]+)+", metric.name)
        assert re.fullmatch(r"[A-Z].+\.", metric.documentation)


def test_names_end_in_what_is_counted_or_in_its_unit() -> None:
    for metric in defined():
        if metric.type in {"gauge", "histogram"}:
            assert metric.name.endswith(UNITS), metric.name
        # prometheus-client takes `_total` off the family's name, and gives it to the sample.
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))
        assert not re.search(r"_(ms|millis|milliseconds|minutes|hours|kb|mb|percent)(_|$)", metric.name)


def test_labels_are_those_that_the_configuration_bounds() -> None:
    registry = CollectorRegistry()
    for metric in vars(Metrics(registry)).values():
        assert set(getattr(metric, "_labelnames", ())) <= BOUNDS.keys()


async def test_what_strangers_send_makes_no_label(flow: Flow) -> None:
    strange = [b"", b"{", b"\xff", b"[]", b'{"ts":"x"}', b'{"ts":1,"event":{}}', b"[" * 5_000]
    for minute in range(30):
        at = NOW + minute * MINUTE
        products = [purchase(at + i, f"p{minute}-{i}", reason=f"r{i}") for i in range(30)]
        flow.send(*products, *strange, purchase(at + 2 * 86_400_000), at=at + 100)
    for _ in range(2):
        flow.send(*[purchase(NOW + 40 * MINUTE + i, "p0-0") for i in range(500)], at=NOW + 40 * MINUTE + 500)
    flow.send(purchase(NOW + 50 * MINUTE), at=NOW + 50 * MINUTE)
    used = set(flow.labels())
    assert {name for name, _ in used} >= {"source", "detector", "reason", "measure", "rule", "kind"}
    assert [(name, value) for name, value in used if value not in BOUNDS[name]] == []


async def test_what_is_dropped_is_counted(flow: Flow) -> None:
    flow.send(purchase(NOW), b'{"ts":%d,"event":"view"}' % NOW, b"{", at=NOW)
    flow.send(purchase(NOW + 5 * MINUTE), at=NOW + 5 * MINUTE)
    flow.send(purchase(NOW - 1), purchase(NOW + 86_400_000), at=NOW + 5 * MINUTE)
    assert flow.value("lookalive_events_total", source="shop") == 4
    assert flow.value("lookalive_events_filtered_total", detector="orders") == 1
    assert flow.value("lookalive_events_invalid_total", source="shop", reason="not_json") == 1
    assert flow.value("lookalive_events_invalid_total", source="shop", reason="ahead") == 1
    assert flow.value("lookalive_dead_letters_total", source="shop") == 2
    assert flow.value("lookalive_events_late_total", detector="orders") == 1
    # The watermark is five minutes less lateness on; the interval of the late event ended at NOW.
    assert flow.value("lookalive_event_lateness_seconds_sum", detector="orders") == 290


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("lookalive.partials", b"\xc1"),
        ("lookalive.partials", msgspec.msgpack.encode(["partial"])),
        ("lookalive.partials", partial_of("orders", columns=[[1]])),
        ("lookalive.partials", partial_of("orders", columns=[[1], ["many"]])),
        ("lookalive.partials", partial_of("orders", columns=[[None], [1]])),
        ("lookalive.scores", b""),
        ("lookalive.scores", b'{"detector": "orders"}'),
    ],
)
async def test_what_no_hop_has_written_is_counted_and_stops_nothing(
    flow: Flow, topic: str, value: bytes
) -> None:
    flow.send(purchase(NOW))
    flow.pass_on([Message(topic, b"orders", value)], NOW)
    flow.send(purchase(NOW + 5 * MINUTE), at=NOW + 5 * MINUTE)

    assert flow.value("lookalive_dead_letters_total", source=topic) == 1
    assert (flow.value("lookalive_intervals_closed_total", detector="orders") or 0) > 0


async def test_places_beyond_the_limit_are_counted(flow: Flow) -> None:
    flow.send(*[purchase(NOW + i, f"p{i}") for i in range(30)], at=NOW + 30)
    flow.send(purchase(NOW + 5 * MINUTE), at=NOW + 5 * MINUTE)
    rejected = flow.value("lookalive_series_rejected_total", detector="orders")
    series = flow.value("lookalive_series_active", detector="orders")
    assert series == 20
    assert rejected is not None
    assert rejected > 0


async def test_places_that_wait_and_that_give_way_are_counted(flow: Flow) -> None:
    for minute in range(4):
        at = NOW + minute * MINUTE
        flow.send(*[purchase(at + i, f"p{i}") for i in range(15)], at=at)
        flow.send(*[purchase(at + i, "popular") for i in range(50 if minute else 0)], at=at)
    flow.send(purchase(NOW + 5 * MINUTE), at=NOW + 5 * MINUTE)
    assert flow.value("lookalive_series_evicted_total", detector="orders", reason="displaced") == 1
    assert flow.value("lookalive_series_evicted_total", detector="orders", reason="silent") == 0
    waiting = flow.value("lookalive_series_waiting", detector="orders")
    assert waiting is not None
    assert waiting > 0


async def test_a_series_needs_a_bounded_space(flow: Flow) -> None:
    flow.send(purchase(NOW), at=NOW)
    flow.send(purchase(NOW + 5 * MINUTE), at=NOW + 5 * MINUTE)
    size = flow.value("lookalive_series_bytes", detector="orders")
    assert size is not None
    assert 0 < size <= 4096

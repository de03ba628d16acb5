"""The quality of the data of each interval, on its topic and as metrics; and a detector that watches it."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detectors.detection import Detection
from detectors.loading import parse
from detectors.records import Alert, DataQuality, utc
from streams import topics
from streams.cli.check import watch
from streams.formats import make_format
from streams.settings import Settings
from tests.streams.by_hand import ByHand
from tests.streams.worker import running_worker

MINUTE = 60_000
START = 1_800_000_000_000 // (24 * 60 * MINUTE) * 24 * 60 * MINUTE
#: Correctness does not depend on how fast a machine is: it is given time.
SECONDS = 240
PAGE = (Path(__file__).parents[2] / "docs" / "data-quality.md").read_text(encoding="utf-8")

CONFIG = """
[sources.shop]
topic = "clicks"
format = "json"
time = "ts"

[[detectors]]
name = "orders"
source = "shop"
interval = "PT1M"
lateness = "PT10S"
dimensions = ["platform"]
where = { event = "order" }
measures = [
  { name = "orders", aggregation = "count" },
  { name = "revenue", aggregation = "sum", field = "amount" },
]
"""


def order(at: int, **fields: object) -> bytes:
    return json.dumps({"ts": at, "event": "order", "platform": "web", "amount": 5, **fields}).encode()


def qualities(flow: ByHand, topic: str = "lookalive.quality") -> list[DataQuality]:
    return [msgspec.json.decode(each, type=DataQuality) for each in flow.published.get(topic, [])]


async def test_each_interval_is_told_with_what_came_and_what_it_lacks(tmp_path: Path) -> None:
    flow = ByHand(CONFIG, tmp_path)
    flow.send(order(START), order(START + 1, amount=None), order(START + 2, platform=None), at=START + 2)
    flow.send(order(START + 3, event="view"), b"{", order(START + 4, amount="five"), at=START + 4)
    flow.send(order(START + MINUTE), order(START + 2 * MINUTE), order(START + 5), at=START + 2 * MINUTE)
    flow.send(order(START + 3 * MINUTE + 20_000), at=START + 3 * MINUTE + 20_000)

    first, second, third = qualities(flow)

    # The total, and the platforms that are known: web and none.
    series = {"series": 6, "learning": 6}
    assert msgspec.to_builtins(first, builtin_types=()) == {
        "detector": "orders",
        "interval_start": utc(START).isoformat().replace("+00:00", "Z"),
        "interval_end": utc(START + MINUTE).isoformat().replace("+00:00", "Z"),
        "rows": 4,
        "measured": 3,
        "late": 0,
        "invalid": 2,
        "stopped": False,
        "completeness": {"platform": 2 / 3, "revenue": 2 / 3},
        **series,
    }
    assert (second.rows, second.late, second.completeness["revenue"]) == (1, 0, 1.0)
    assert (third.rows, third.late, third.invalid) == (1, 1, 0)
    assert flow.value("lookalive_data_quality_ratio", detector="orders", column="revenue") == 1.0
    assert flow.value("lookalive_data_quality_ratio", detector="orders", column="orders") is None
    assert flow.value("lookalive_feed_stopped", detector="orders") == 0


async def test_what_was_lacking_in_the_last_interval_is_shown_until_the_next(tmp_path: Path) -> None:
    flow = ByHand(CONFIG, tmp_path)
    flow.send(order(START, amount=None), order(START + 1), at=START + 1)
    flow.send(order(START + 3 * MINUTE), at=START + 3 * MINUTE)

    # Two empty intervals later: of no event nothing is known.
    assert flow.value("lookalive_data_quality_ratio", detector="orders", column="revenue") == 0.5
    flow.steps["lookalive.scores"].retire()
    assert flow.value("lookalive_data_quality_ratio", detector="orders", column="revenue") is None
    assert flow.value("lookalive_feed_stopped", detector="orders") is None


async def test_a_detector_that_reads_the_quality_of_data_is_not_told_of_there(tmp_path: Path) -> None:
    flow = ByHand(CONFIG.replace('"clicks"', '"lookalive.quality"'), tmp_path)
    for minute in range(4):
        flow.send(order(START + minute * MINUTE), at=START + minute * MINUTE)

    # All that is there is what was sent.
    assert len(flow.published["lookalive.quality"]) == 4
    assert flow.value("lookalive_intervals_closed_total", detector="orders") == 2


# The detector that the page shows.


def of_days(days: int, broken: range) -> Iterator[DataQuality]:
    """Quality of a shop every five minutes; in some of the intervals half of the amounts do not come."""
    chance = random.Random(1)
    for n in range(days * 288):
        lacking = 0.5 if n in broken else chance.uniform(0.001, 0.004)
        yield DataQuality(
            detector="shop",
            interval_start=utc(START + n * 5 * MINUTE),
            interval_end=utc(START + (n + 1) * 5 * MINUTE),
            rows=chance.randrange(900, 1_100),
            measured=800,
            late=chance.randrange(3),
            invalid=chance.randrange(3),
            stopped=False,
            completeness={"platform": 1.0, "revenue": 1 - lacking},
        )


def alerts(records: Iterator[DataQuality]) -> list[Alert]:
    """What the detector on the page tells of quality records."""
    (toml,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    what = watch_of(toml)
    ((name, source),) = what.streamed.items()
    format_ = make_format(name, source, what.fields_of(name))
    detection = Detection(what)
    told: list[Alert] = []
    for offset, record in enumerate(records):
        events = format_.parse(msgspec.json.encode(record))
        told += [o for o in detection.feed(name, 0, [offset], events) if isinstance(o, Alert)]
    return told


def watch_of(toml: str) -> Any:
    what = parse(toml)
    watch(what)
    return what


def test_the_detector_on_the_page_tells_of_a_column_that_fails_to_come() -> None:
    broken = range(3 * 288 + 100, 3 * 288 + 124)

    opened = [alert for alert in alerts(of_days(4, broken)) if alert.kind == "OPENED"]

    assert [(alert.measure, alert.direction) for alert in opened] == [("revenue_known", "below")]
    begun = utc(START + broken.start * 5 * MINUTE)
    assert begun <= opened[0].start <= begun + timedelta(minutes=5)


def test_the_detector_on_the_page_tells_of_nothing_where_all_is_well() -> None:
    assert alerts(of_days(4, range(0))) == []


# On a real broker.


@pytest.mark.kafka
def test_invalid_records_of_a_topic_are_told_with_the_next_interval(
    settings: Settings, producer: Any, read_all: Callable[..., list[Any]]
) -> None:
    topic = f"{settings.prefix}-clicks"
    topics.create(settings, [topic])
    config = CONFIG.replace('"clicks"', f'"{topic}"\nclock = "event"')

    def send(*values: bytes) -> None:
        for value in values:
            producer.send(topic, value, partition=0)
        producer.flush()

    def until(holds: Callable[[], bool]) -> None:
        end = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.2)

    def told() -> list[DataQuality]:
        records = read_all(f"{settings.prefix}.quality")
        return [msgspec.json.decode(record.value, type=DataQuality) for record in records]

    with running_worker(config, settings) as worker:
        send(order(START), order(START + 1, amount=None), b"{", b"[]")
        until(lambda: worker.count("lookalive_dead_letters_total", source="shop") == 2)
        send(order(START + MINUTE), order(START + 2 * MINUTE + 10_000))
        until(lambda: len(told()) >= 2)

    first, second = told()
    assert (first.rows, first.invalid, first.completeness) == (2, 2, {"platform": 1.0, "revenue": 0.5})
    assert (second.rows, second.invalid) == (1, 0)

"""Whole stretches become Partials whose intervals are the same, however often they are asked for."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.closing import Closer
from detectors.config import Config
from detectors.crawling import CrawledFold
from detectors.detector_fold import DetectorFoldState
from detectors.loading import parse
from detectors.records import Event, Interval, Partial, Watermark, event_type

CONFIGURATION = """
[sources.files]
type = "files"
path = "live/{date}/{time}"
time = "ts"

[[detectors]]
name = "shop"
source = "files"
interval = "PT5M"
lateness = "PT1M"
dimensions = ["platform"]
measures = [
  { name = "rows", aggregation = "count" },
  { name = "revenue", aggregation = "sum", field = "amount" },
  { name = "slowest", aggregation = "p95", field = "amount" },
]
"""
MINUTE = 60_000
START = 1_760_313_600_000
Row = event_type(["platform", "amount"])


def rows(count: int, seed: int) -> list[Event]:
    random_ = random.Random(seed)
    make: Any = Row
    return [
        make(
            event_time=START + random_.randrange(60 * MINUTE),
            platform=random_.choice(["web", "app"]),
            amount=None if random_.random() < 0.1 else round(random_.uniform(0, 100), 2),
        )
        for _ in range(count)
    ]


def of(events: Sequence[Event], start: int, end: int) -> list[Event]:
    return [event for event in events if start <= event.event_time < end]


def crawl(what: Config, events: Sequence[Event], borders: Sequence[int], again: frozenset[int]) -> list[Any]:
    """Crawl from border to border; stretches in `again` twice, from what was saved before them."""
    (detector,) = what.detectors
    published: list[Partial | Watermark] = []
    state: DetectorFoldState | None = None
    for n, (start, end) in enumerate(pairwise(borders)):
        for _ in range(2 if n in again else 1):
            fold = CrawledFold(detector, start, end, state)
            fold.add(of(events, start, end))
            records, saved = fold.close()
            published += records
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=DetectorFoldState)
    return published


def closed(what: Config, records: Sequence[Partial | Watermark]) -> list[Interval]:
    closer = Closer(what.detectors[0])
    return [interval for record in records for interval in closer.add(record)]


@given(
    cuts=st.sets(st.integers(1, 11)),
    again=st.frozensets(st.integers(0, 11)),
    seed=st.integers(0, 3),
)
def test_stretches_of_any_length_asked_for_once_or_twice_give_the_same(
    cuts: set[int], again: frozenset[int], seed: int
) -> None:
    what = parse(CONFIGURATION)
    events = rows(300, seed)
    whole = closed(what, crawl(what, events, [START, START + 60 * MINUTE], frozenset()))
    assert len(whole) == 12
    assert sum(interval.events for interval in whole) == len(events)
    borders = [START, *(START + cut * 5 * MINUTE for cut in sorted(cuts)), START + 60 * MINUTE]
    cut_up = closed(what, crawl(what, events, borders, again))
    as_bytes = [msgspec.msgpack.encode(interval) for interval in cut_up]
    assert as_bytes == [msgspec.msgpack.encode(interval) for interval in whole]


def test_an_interval_without_events_is_over_as_well() -> None:
    what = parse(CONFIGURATION)
    events = of(rows(300, 1), START, START + 5 * MINUTE)
    records = crawl(what, events, [START + n * 5 * MINUTE for n in range(4)], frozenset())
    assert [interval.events for interval in closed(what, records)] == [len(events), 0, 0]


def test_events_of_another_time_are_left_out_and_counted() -> None:
    what = parse(CONFIGURATION)
    fold = CrawledFold(what.detectors[0], START, START + 5 * MINUTE, None)
    events = rows(300, 1)
    fold.add(events)
    inside = of(events, START, START + 5 * MINUTE)
    assert fold.outside == len(events) - len(inside)
    records, _ = fold.close()
    assert [r.events for r in records if isinstance(r, Partial)] == [len(inside)]


def test_records_that_cannot_be_used_are_told_once_though_they_are_asked_for_twice() -> None:
    what = parse(CONFIGURATION)
    published: list[Partial | Watermark] = []
    for _ in range(2):
        fold = CrawledFold(what.detectors[0], START, START + 10 * MINUTE, None)
        fold.add(of(rows(300, 1), START, START + 10 * MINUTE))
        fold.refuse(3)
        published += fold.close()[0]
    intakes = [interval.intake for interval in closed(what, published)]
    assert [intake.invalid for intake in intakes if intake is not None] == [3, 0]


@pytest.mark.parametrize("shards", [1, 3])
def test_every_shard_hears_that_an_interval_is_over(shards: int) -> None:
    what = parse(CONFIGURATION.replace('interval = "PT5M"', f'interval = "PT5M"\nshards = {shards}'))
    fold = CrawledFold(what.detectors[0], START, START + 5 * MINUTE, None)
    records, _ = fold.close()
    assert [(r.shard, r.time) for r in records if isinstance(r, Watermark)] == [
        (shard, START + 5 * MINUTE) for shard in range(shards)
    ]

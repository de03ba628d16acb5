"""A detector in shards, on several workers: the same groups and alerts as in one piece, and as backtest."""

import itertools
import random
import re
import time
from typing import Any

import msgspec
import pytest

from detectors.places import shard_of
from detectors.records import Alert, AnomalyGroup, IntervalScores
from streams import topics
from tests.streams.truth import (
    SECONDS,
    backtested,
    configuration,
    in_order,
    published,
    send,
    traffic,
    truth,
    wait_for,
)
from tests.streams.worker import RunningWorker, running_worker

pytestmark = pytest.mark.kafka

SHARDS = 3
#: So many products make more than one chunk of each shard.
PRODUCTS = """
    [[detectors]]
    name = "products"
    source = "shop"
    interval = "PT1H"
    lateness = "PT20S"
    dimensions = ["product", "platform"]
    levels = ["leaves"]
    max_series = 40_000
    shards = 2
    measures = [
      { name = "views", aggregation = "count", where = { event = "view" } },
      { name = "carts", aggregation = "count", where = { event = "cart" } },
      { name = "checkouts", aggregation = "count", where = { event = "checkout" } },
      { name = "orders", aggregation = "count", where = { event = "purchase" } },
      { name = "sold", aggregation = "mean", field = "amount" },
      { name = "conversion", ratio = ["orders", "views"] },
    ]
"""


def sharded(config_text: str, shards: int = SHARDS) -> str:
    return config_text.replace('name = "shop"', f'name = "shop"\n    shards = {shards}', 1)


def told(outcomes: dict[type, list[Any]], kind: type, detector: str = "shop") -> list[Any]:
    return in_order(each for each in outcomes[kind] if each.detector == detector)


def test_workers_that_share_the_shards_say_the_same_as_one_piece(settings, producer, read_all, prefix):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    records = traffic()
    in_one_piece = backtested(configuration(topic), records)
    config_text = sharded(configuration(topic)) + PRODUCTS
    expected = backtested(config_text, records)
    # What people are told is the same, however the detector is cut.
    assert told(expected, AnomalyGroup) == told(in_one_piece, AnomalyGroup)
    assert told(expected, Alert) == told(in_one_piece, Alert)
    assert min(scores.chunks for scores in told(expected, IntervalScores, "products")[-4:]) > 1
    rest = iter(records)

    def other(name: str) -> Any:
        return msgspec.structs.replace(settings, data=settings.data / name)

    with running_worker(config_text, other("one")) as one, running_worker(config_text, other("two")) as two:
        send(producer, topic, itertools.islice(rest, len(records) // 3))
        wait_until_both_have_shards(one, two)
        send(producer, topic, itertools.islice(rest, len(records) // 3))
        time.sleep(random.Random(1).uniform(0, 2))
        two.kill()
        send(producer, topic, rest)
        found = {
            kind: wait_for(read_all, f"{prefix}.{name}", kind, len(expected[kind]))
            for kind, name in ((IntervalScores, "scores"), (AnomalyGroup, "groups"), (Alert, "alerts"))
        }
    assert found == {kind: in_order(values) for kind, values in expected.items()}
    # Shards lie in partitions side by side, and the scores of a detector in one.
    assert where(read_all(f"{prefix}.partials"), msgspec.msgpack.decode) == {"shop": 3, "products": 2}
    assert where(read_all(f"{prefix}.scores"), msgspec.json.decode) == {"shop": 1, "products": 1}


def where(records: list[Any], decode: Any) -> dict[str, int]:
    """In how many partitions there is something of each detector."""
    seen = {(decode(record.value)["detector"], record.partition) for record in records}
    return {detector: sum(name == detector for name, _ in seen) for detector, _ in seen}


def wait_until_both_have_shards(*workers: RunningWorker) -> None:
    until = time.monotonic() + SECONDS
    while not all(series(worker) for worker in workers):
        assert time.monotonic() < until, "one of the workers scores no shard"
        time.sleep(0.2)


def series(worker: RunningWorker) -> int:
    found = re.search(r'lookalive_series_active{detector="shop"} (\d+)', worker.get("/metrics"))
    return int(found[1]) if found else 0


@pytest.mark.parametrize(("before", "after"), [(1, SHARDS), (SHARDS, 2)])
def test_another_number_of_shards_begins_with_an_interval(
    before, after, settings, producer, read_all, prefix
):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    records = traffic()
    half = len(records) // 2
    settings = msgspec.structs.replace(settings, instance="worker-1")
    with running_worker(sharded(configuration(topic), before), settings) as worker:
        send(producer, topic, iter(records[:half]))
        wait_for(read_all, f"{prefix}.scores", IntervalScores, 30 * before)
        assert worker.terminate() == 0

    last = max(scores.interval_start for scores in truth()[IntervalScores])
    with running_worker(sharded(configuration(topic), after), settings) as worker:
        send(producer, topic, iter(records[half:]))
        until = time.monotonic() + SECONDS
        while True:
            scores = published(read_all(f"{prefix}.scores"), IntervalScores)
            ends = [each for each in scores if each.interval_start == last]
            if len(ends) == after:
                break
            assert time.monotonic() < until, "the last interval is not told of by all shards"
            time.sleep(0.2)

    assert '"shards_changed"' in worker.log()
    # No interval is told of by some shards of the one and some of the other.
    starts = {shards: {s.interval_start for s in scores if s.shards == shards} for shards in (before, after)}
    assert max(starts[before]) < min(starts[after])
    # A place that has stayed in its shard goes on, the others learn anew.
    seen = {row.place: row.confidence for each in ends for row in each.rows() if row.measure == "views"}
    stayed = {place for place in seen if shard_of("shop", place, before) == shard_of("shop", place, after)}
    assert min(seen[place] for place in stayed) > max(seen[place] for place in seen.keys() - stayed)

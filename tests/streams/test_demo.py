"""`lookalive demo --once` as people run it, while strangers send rubbish into both of its topics.

Whatever they send, both incidents are found, nothing that was sound is lost beside it, and every record
that was not is kept with its coordinates.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from detectors.records import IntervalScores
from streams.broker import Broker
from streams.clients import reader
from streams.samples.story import BEFORE_NOW, HISTORY, INTERVAL, Timeline
from streams.settings import PREFIX, Settings

pytestmark = pytest.mark.kafka

#: Rubbish in each topic, sent in three bursts.
RUBBISH = 1_500
MEGABYTE = "x" * 1_000_000
HOUR = 3_600_000


class Ran(NamedTuple):
    """What a demo left behind."""

    status: int
    output: list[str]
    #: Coordinates of the rubbish.
    sent: set[tuple[str, int, int]]
    #: Of these the ones that were read: on a crowded machine the last come when the demo is over.
    read: set[tuple[str, int, int]]
    dead_letters: list[dict[str, Any]]
    scores: list[IntervalScores]

    @property
    def summary(self) -> dict[str, Any]:
        return dict(json.loads(self.output[-1]))


def rubbish(topic: str, seed: int) -> Iterator[bytes | None]:
    """Records that are no events, without end."""
    shop = topic == "clickstream"
    time_key = "ts" if shop else "timestamp"

    def sound(**more: object) -> dict[str, object]:
        of_shop: dict[str, object] = {"event": "view", "platform": "pc_web", "marketplace": "US"}
        of_edge: dict[str, object] = {"action": "BLOCK", "terminatingRuleId": "r", "httpRequest": {}}
        return {time_key: int(time.time() * 1000), **(of_shop if shop else of_edge), **more}

    def dump(record: object) -> bytes:
        return json.dumps(record).encode()

    def wrong_type(value: object) -> bytes:
        return dump(sound(**{("amount" if shop else "httpRequest"): value}))

    random_ = random.Random(seed)
    makers: list[Callable[[], bytes | None]] = [
        lambda: dump(sound())[: random_.randrange(1, 60)],
        lambda: dump(sound()) + b"}",
        lambda: wrong_type("twelve"),
        lambda: wrong_type([1, 2]),
        lambda: dump(sound(**{("platform" if shop else "terminatingRuleId"): {"nested": 1}})),
        lambda: dump(sound(x=float("nan"))),
        lambda: dump(sound(**{time_key: float("inf")})),
        lambda: dump(sound(**{time_key: 10**300})),
        lambda: dump(sound(**{time_key: -(10**18)})),
        lambda: dump(sound(**{time_key: 253_402_300_799_000})),
        lambda: dump(sound(**{time_key: int(time.time() * 1000) + HOUR + 60_000})),
        lambda: dump(sound(**{time_key: None})),
        lambda: dump(sound(**{time_key: "noon"})),
        lambda: dump([sound()]),
        lambda: b'{"x":' * 20_000,
        lambda: random_.randbytes(random_.randrange(1, 300)),
        lambda: b"\xff\xfe" + dump(sound()),
        lambda: b"",
        lambda: None,
    ]
    number = 0
    while True:
        # A few large ones are enough to be in the way.
        yield wrong_type(MEGABYTE) if number % 150 == 0 else random_.choice(makers)()
        number += 1


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("demo")
    # A broker of its own: the demo's topics have their names, and nothing else may be in them.
    with Broker(folder / "broker") as broker:
        settings = Settings(bootstrap=broker.address)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        command = [sys.executable, "-m", "streams", "demo", "--once"]
        demo = subprocess.Popen(
            command, env={**environment, "LOOKALIVE_BOOTSTRAP": broker.address}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        try:
            output, sent = _watch(demo, settings)
            status = demo.wait(120)
        finally:
            demo.kill()
            demo.wait()
        dead_letters = [json.loads(value) for value in _read_all(settings, "dead-letters")]
        scores = [msgspec.json.decode(v, type=IntervalScores) for v in _read_all(settings, "scores")]
        with KafkaAdminClient(**settings.kafka_client()) as admin:
            ends = admin.list_group_offsets(settings.group)[settings.group]
        read = {one for one in sent if one[2] < ends[TopicPartition(*one[:2])].offset}
        yield Ran(status, output, sent, read, dead_letters, scores)


def _watch(demo: subprocess.Popen[str], settings: Settings) -> tuple[list[str], set[tuple[str, int, int]]]:
    """What the demo printed; rubbish is sent as its history begins, as its live part does, and in it."""
    output: list[str] = []
    sent: set[tuple[str, int, int]] = set()
    bursts: list[threading.Thread] = []

    def burst(seed: int, after_seconds: float = 0.0) -> None:
        thread = threading.Thread(target=_send_rubbish, args=(settings, seed, sent, after_seconds))
        thread.start()
        bursts.append(thread)

    assert demo.stdout is not None
    with demo.stdout:
        for line in demo.stdout:
            output.append(line.rstrip())
            if line.startswith("look "):
                burst(1)
            elif line.startswith("history "):
                burst(2)
                burst(3, after_seconds=10.0)
    for thread in bursts:
        thread.join()
    return output, sent


def _send_rubbish(
    settings: Settings, seed: int, sent: set[tuple[str, int, int]], after_seconds: float
) -> None:
    time.sleep(after_seconds)
    with contextlib.closing(
        KafkaProducer(**settings.kafka_client(), max_request_size=2_000_000, linger_ms=20)
    ) as producer:
        futures = [
            # Kafka wants a key of a record without a value.
            producer.send(topic, value, key=None if value is not None else str(number).encode())
            for topic in ("clickstream", "waf")
            for number, value in enumerate(islice(rubbish(topic, seed), RUBBISH // 3))
        ]
        producer.flush()
        for future in futures:
            told = future.get(timeout=120)
            sent.add((told.topic, told.partition, told.offset))


def _read_all(settings: Settings, topic: str) -> Iterator[bytes]:
    with reader(settings, f"{settings.prefix}.{topic}", from_beginning=True) as consumer:
        ends = consumer.end_offsets(consumer.assignment())
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=200).values():
                yield from (record.value for record in records)


def test_the_demo_finds_both_incidents_and_ends_well(ran: Ran, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran.status == 0, "\n".join(ran.output[-20:])
    assert ran.summary["ok"] is True
    assert len(ran.summary["incidents"]) == 2
    for incident in ran.summary["incidents"]:
        assert incident["opened"]
        assert incident["closed"]
        assert incident["place"] == incident["expected_place"]
    with capsys.disabled():
        sys.stdout.write(f" (first alert after {ran.summary['first_alert_seconds']} s) ")


def test_every_bad_record_is_kept_with_its_coordinates(ran: Ran) -> None:
    assert len(ran.sent) == 2 * RUBBISH
    kept = Counter((letter["topic"], letter["partition"], letter["offset"]) for letter in ran.dead_letters)
    assert len(ran.read) >= 4 / 3 * RUBBISH  # All but the last burst.
    assert ran.read <= kept.keys() <= ran.sent
    assert set(kept.values()) == {1}
    reasons = {letter["reason"] for letter in ran.dead_letters}
    assert reasons == {
        "not_utf8", "not_json", "too_deep", "not_an_object", "wrong_type", "no_time", "bad_time", "ahead"
    }  # fmt: skip


def test_nothing_sound_is_lost_beside_them(ran: Ran) -> None:
    """The totals of every closed interval are what the generators say that they sent."""
    first = min(_milliseconds(scores) for scores in ran.scores)
    timeline = Timeline(first + HISTORY + BEFORE_NOW, repeats=False)
    assert timeline.history == first
    for detector, measure, (topic, generator) in zip(
        ("shop", "edge"), ("views", "requests"), timeline.sources, strict=True
    ):
        totals: dict[int, list[float | None]] = defaultdict(list)
        for scores in ran.scores:
            if scores.detector == detector:
                totals[_milliseconds(scores)] += [
                    row.value for row in scores.rows() if row.measure == measure and not any(row.place)
                ]
        closed = range(first, first + len(totals) * INTERVAL, INTERVAL)
        assert sorted(totals) == list(closed)
        assert len(closed) > (HISTORY + 30 * 60_000) // INTERVAL
        expected: Counter[int] = Counter()
        for moment, record in generator.events(first, closed.stop):
            if topic == "waf" or b'"event":"view"' in record:
                expected[moment // INTERVAL * INTERVAL] += 1
        wrong = {
            start: (totals[start], expected[start]) for start in closed if totals[start] != [expected[start]]
        }
        assert wrong == {}


def _milliseconds(scores: IntervalScores) -> int:
    return round(scores.interval_start.timestamp() * 1000)

"""The worker as people run it: a process of its own, on a real broker, killed when it pleases us."""

import itertools
import os
import random
import shutil
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pytest
from kafka import TopicPartition

from detectors.detection import Detection
from detectors.loading import parse
from detectors.records import Alert, AnomalyGroup, IntervalScores
from streams import topics
from streams.formats import make_format
from streams.samples.shop import Incident, Shop
from tests.streams.worker import RunningWorker, running_worker

pytestmark = pytest.mark.kafka

MINUTE = 60_000
START = 1_764_000_000_000 // (24 * 60 * MINUTE) * 24 * 60 * MINUTE
PARTITIONS = 4
HOURS = 8
INCIDENT = Incident(
    name="checkouts fail",
    start=START + 7 * 60 * MINUTE,
    end=START + (7 * 60 + 20) * MINUTE,
    platform="mobile_app",
    marketplace="US",
    survives=0.0,
)


def configuration(topic: str) -> str:
    return f"""
    [sources.shop]
    topic = "{topic}"
    format = "clickstream"
    clock = "event"
    # Producers in tests pause; what they have not sent yet must not be called late.
    idle_timeout = "PT10M"

    [[detectors]]
    name = "shop"
    source = "shop"
    interval = "PT5M"
    lateness = "PT20S"
    dimensions = ["platform", "marketplace"]
    funnel = ["views", "checkouts", "orders"]
    measures = [
      {{ name = "views", aggregation = "count", where = {{ event = "view" }} }},
      {{ name = "checkouts", aggregation = "count", where = {{ event = "checkout" }} }},
      {{ name = "orders", aggregation = "count", where = {{ event = "purchase" }} }},
      {{ name = "revenue", aggregation = "sum", field = "amount" }},
      {{ name = "basket", aggregation = "p95", field = "amount" }},
      {{ name = "visitors", aggregation = "distinct", field = "user" }},
      {{ name = "conversion", ratio = ["orders", "views"] }},
    ]

    [[alerts]]
    name = "page"
    detector = "shop"
    severity_threshold = 80
    """


def traffic() -> list[tuple[int, bytes]]:
    """Records and their partitions: out of order by up to fifteen seconds, some late beyond hope."""
    rng = random.Random(5)
    events = list(Shop(3, [INCIDENT], volume=0.5).events(START, START + HOURS * 60 * MINUTE))
    shuffled = sorted(events, key=lambda event: event[0] + rng.random() * 15_000)
    for _ in range(50):
        shuffled.insert(rng.randrange(len(shuffled) // 2, len(shuffled)), events[rng.randrange(1000)])
    # One event far on in each partition, so that everything before it is over.
    last = list(Shop(3).events(START + (HOURS + 1) * 60 * MINUTE, START + (HOURS + 1) * 60 * MINUTE + MINUTE))
    return [(rng.randrange(PARTITIONS), raw) for _, raw in shuffled] + [
        (partition, last[0][1]) for partition in range(PARTITIONS)
    ]


def backtested(config_text: str, records: list[tuple[int, bytes]]) -> dict[type, list[Any]]:
    config = parse(config_text)
    parse_record = make_format("shop", config.sources["shop"], config.fields_of("shop")).parse
    detection = Detection(config, PARTITIONS)
    outcomes: dict[type, list[Any]] = {IntervalScores: [], AnomalyGroup: [], Alert: []}
    for offset, (partition, raw) in enumerate(records):
        for outcome in detection.feed("shop", partition, [offset], parse_record(raw)):
            outcomes[type(outcome)].append(outcome)
    return outcomes


def published(records: list[Any], kind: type) -> list[Any]:
    """What a topic holds; what was sent again after a crash must be the very same."""
    found: dict[Any, Any] = {}
    for record in records:
        value: Any = msgspec.json.decode(record.value, type=kind)
        assert found.setdefault(identity(value), value) == value
    return in_order(found.values())


def identity(value: Any) -> Any:
    match value:
        case IntervalScores():
            return (value.detector, value.interval_start, value.shard, value.chunk)
        case AnomalyGroup():
            return (value.id, value.revision)
        case _:
            return (value.group, value.rule, value.revision)


def in_order(values: Iterable[Any]) -> list[Any]:
    """Groups and alerts lie in several partitions: only those of one group have an order."""
    return sorted(values, key=identity)


def send(producer: Any, topic: str, records: Iterator[tuple[int, bytes]]) -> None:
    for partition, raw in records:
        producer.send(topic, raw, partition=partition)
    producer.flush()


def wait_for_scores(settings, read_all, intervals: int) -> list[Any]:
    return wait_for(read_all, f"{settings.prefix}.scores", IntervalScores, intervals)


def wait_for(read_all, topic: str, kind: type, number: int) -> list[Any]:
    until = time.monotonic() + 150
    while time.monotonic() < until:
        found = published(read_all(topic, until_idle=0.7), kind)
        if len(found) >= number:
            return found
    message = f"{len(found)} of {number} are on {topic}"
    raise AssertionError(message)


@pytest.mark.parametrize("interruption", ["none", "terminate", "kill", "kill and lose the directory"])
def test_worker_and_backtest_say_the_same_of_the_same_events(
    interruption, settings, producer, read_all, prefix
):
    topic = f"{prefix}-clicks"
    config_text = configuration(topic)
    topics.create(settings, [topic])
    records = traffic()
    expected = backtested(config_text, records)
    rest = iter(records)
    rng = random.Random(interruption)
    # A name that it keeps lets a worker that was killed come back without waiting for its session to end.
    settings = msgspec.structs.replace(settings, instance="worker-1")
    if interruption != "none":
        for _ in range(2):
            with running_worker(config_text, settings) as worker:
                send(producer, topic, itertools.islice(rest, len(records) // 3))
                time.sleep(rng.uniform(0.3, 3.0))
                if interruption == "terminate":
                    assert worker.terminate() == 0
                else:
                    worker.kill()
            if interruption == "kill and lose the directory":
                shutil.rmtree(settings.data / "tables")
    with running_worker(config_text, settings) as worker:
        send(producer, topic, rest)
        scores = wait_for_scores(settings, read_all, len(expected[IntervalScores]))
        wait_for(read_all, f"{prefix}.groups", AnomalyGroup, len(expected[AnomalyGroup]))
        wait_for(read_all, f"{prefix}.alerts", Alert, len(expected[Alert]))
        # Nothing is shown that Faust would show of itself, such as what is in the tables.
        with pytest.raises(urllib.error.HTTPError, match="404"):
            worker.get("/table/")
    assert scores == expected[IntervalScores]
    assert published(read_all(f"{prefix}.groups"), AnomalyGroup) == in_order(expected[AnomalyGroup])
    alerts = read_all(f"{prefix}.alerts")
    assert published(alerts, Alert) == in_order(expected[Alert])
    assert_alerts_are_cloud_events(alerts)


def test_workers_that_join_leave_and_die_say_the_same_as_one(settings, producer, read_all, prefix):
    topic = f"{prefix}-clicks"
    config_text = configuration(topic)
    topics.create(settings, [topic])
    records = traffic()
    expected = backtested(config_text, records)
    rest = iter(records)
    part = len(records) // 5

    def more() -> None:
        send(producer, topic, itertools.islice(rest, part))

    def other(name: str) -> Any:
        return msgspec.structs.replace(settings, data=settings.data / name)

    with running_worker(config_text, other("one")) as one:
        more()
        with running_worker(config_text, other("two")) as two:
            more()
            assert two.terminate() == 0
        more()
        with running_worker(config_text, other("three")):
            more()
            one.kill()
            send(producer, topic, rest)
            scores = wait_for_scores(settings, read_all, len(expected[IntervalScores]))
            wait_for(read_all, f"{prefix}.groups", AnomalyGroup, len(expected[AnomalyGroup]))
            wait_for(read_all, f"{prefix}.alerts", Alert, len(expected[Alert]))
    assert scores == expected[IntervalScores]
    assert published(read_all(f"{prefix}.groups"), AnomalyGroup) == in_order(expected[AnomalyGroup])
    assert published(read_all(f"{prefix}.alerts"), Alert) == in_order(expected[Alert])


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_kills_change_nothing(settings, producer, read_all, prefix):
    topic = f"{prefix}-clicks"
    config_text = configuration(topic)
    topics.create(settings, [topic])
    records = traffic()
    expected = backtested(config_text, records)
    rest = iter(records)
    rng = random.Random(7)
    settings = msgspec.structs.replace(settings, instance="worker-1")
    for _ in range(20):
        with running_worker(config_text, settings) as worker:
            send(producer, topic, itertools.islice(rest, len(records) // 21))
            time.sleep(rng.uniform(0, 2.5))
            worker.kill()
        if rng.random() < 0.5:
            shutil.rmtree(settings.data / "tables")
    with running_worker(config_text, settings):
        send(producer, topic, rest)
        assert wait_for_scores(settings, read_all, len(expected[IntervalScores])) == expected[IntervalScores]
        wait_for(read_all, f"{prefix}.alerts", Alert, len(expected[Alert]))
    assert published(read_all(f"{prefix}.alerts"), Alert) == in_order(expected[Alert])


def test_after_an_orderly_stop_nothing_is_read_again(settings, producer, prefix):
    topic = f"{prefix}-clicks"
    config_text = configuration(topic)
    topics.create(settings, [topic])
    records = traffic()
    send(producer, topic, iter(records))

    def read(worker: RunningWorker) -> int:
        return worker.count("lookalive_events_total", source="shop")

    with running_worker(config_text, settings) as worker:
        # In the midst of it: most of what was read is in no snapshot yet.
        while not (before := read(worker)):
            time.sleep(0.01)
        assert worker.terminate() == 0
    committed = sum(consumed(settings, topic).values())
    assert before <= committed
    with running_worker(config_text, settings) as worker:
        until = time.monotonic() + 60
        while read(worker) < len(records) - committed and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)
        assert read(worker) == len(records) - committed


def consumed(settings, topic: str) -> dict[int, int]:
    """How many records of each partition were acknowledged."""
    from kafka import KafkaAdminClient

    with KafkaAdminClient(**settings.kafka_client()) as admin:
        offsets = admin.list_group_offsets(settings.group)[settings.group]
    return {tp.partition: position.offset for tp, position in offsets.items() if tp.topic == topic}


def test_backtest_finds_the_incident_that_was_planted():
    alerts = backtested(configuration("any"), traffic())[Alert]
    opened = [a for a in alerts if a.kind == "OPENED" and a.end.timestamp() * 1000 > INCIDENT.start]
    assert opened[0].measure in {"checkouts", "orders", "revenue"}
    assert opened[0].dimensions == {"platform": "mobile_app", "marketplace": "US"}
    assert opened[0].group in [a.group for a in alerts if a.kind == "CLOSED"]


def assert_alerts_are_cloud_events(records: list[Any]) -> None:
    assert records
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        alert = msgspec.json.decode(record.value)
        assert headers["ce_specversion"] == "1.0"
        assert headers["ce_type"] == f"lookalive.alert.{alert['kind'].lower()}"
        assert headers["ce_id"] == f"{alert['group']}/{alert['rule']}/{alert['revision']}"
        assert headers["ce_source"] == f"/lookalive/detectors/{alert['detector']}"
        assert headers["ce_subject"] == alert["group"] == record.key.decode()
        assert headers["content-type"] == "application/json"


BAD = {
    "truncated": b'{"ts": 1764000000000, "event": "vi',
    "not JSON": b"hello",
    "binary": bytes(range(256)),
    "empty": b"",
    "wrong type": b'{"ts":1764000000000,"event":"purchase","amount":"a lot"}',
    "NaN": b'{"ts":1764000000000,"event":"purchase","amount":NaN}',
    "huge number": b'{"ts":1764000000000,"event":"purchase","amount":1e300}',
    "no time": b'{"event":"view"}',
    "the year 9999": b'{"ts":253370764800000,"event":"view"}',
    "a megabyte": b'{"ts":"' + b"x" * 1_000_000 + b'"}',
}


def test_bad_records_become_dead_letters_with_coordinates_and_lose_nothing_beside_them(
    settings, producer, read_all, prefix
):
    topic = f"{prefix}-clicks"
    config_text = configuration(topic).replace('clock = "event"', 'clock = "wall"')
    topics.create(settings, [topic])
    good = traffic()[:4000]
    sent: dict[tuple[int, int], str] = {}
    with running_worker(config_text, settings) as worker:
        for number, (partition, raw) in enumerate(good):
            producer.send(topic, raw, partition=partition)
            if number % 400 == 0:
                for name, bad in BAD.items():
                    metadata = producer.send(topic, bad, partition=partition).get(timeout=10)
                    sent[metadata.partition, metadata.offset] = name
        metadata = producer.send(topic, None, key=b"tombstone", partition=0).get(timeout=10)
        sent[metadata.partition, metadata.offset] = "tombstone"
        producer.flush()
        letters = read_all(f"{prefix}.dead-letters", until_idle=6, count=len(sent))
        until = time.monotonic() + 30
        while f'lookalive_events_total{{source="shop"}} {len(good)}.0' not in worker.get("/metrics"):
            assert time.monotonic() < until, worker.get("/metrics")
            time.sleep(0.2)
    found = [msgspec.json.decode(letter.value) for letter in letters]
    assert {(letter["partition"], letter["offset"]) for letter in found} == set(sent)
    assert {letter["topic"] for letter in found} == {topic}
    assert all(letter["reason"] and letter["detail"] for letter in found)
    assert max(len(letter.value) for letter in letters) < 200_000


def test_broken_state_stops_the_worker_instead_of_being_skipped(settings, producer, prefix):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    config_text = configuration(topic)
    with running_worker(config_text, settings) as worker:
        send(producer, topic, iter(traffic()[:2000]))
        time.sleep(3)
        assert worker.terminate() == 0
    # What a stranger could do who may write the changelog.
    changelog = f"{settings.group}-fold-shop-changelog"
    producer.send(changelog, b"\0" * 12 + b"\x01nonsense", key=b"1/head", partition=1)
    producer.flush()
    shutil.rmtree(settings.data / "tables")
    with running_worker(config_text, settings) as worker:
        assert worker.wait(30) == 1
        assert "the stored FoldState is damaged" in worker.log()


def test_the_position_is_that_of_the_snapshot_even_if_the_group_lost_its_offsets(
    settings, producer, read_all, prefix
):
    from kafka import KafkaAdminClient

    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    records = traffic()
    config_text = configuration(topic)
    with running_worker(config_text, settings) as worker:
        send(producer, topic, iter(records))
        wait_for_scores(settings, read_all, HOURS * 12 - 1)
        time.sleep(1.5)
        assert worker.terminate() == 0
    with KafkaAdminClient(**settings.kafka_client()) as admin:
        admin.delete_group_offsets(
            settings.group, [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        )
    before = {record.offset for record in read_all(f"{prefix}.partials")}
    more = list(Shop(9).events(START + (HOURS + 2) * 60 * MINUTE, START + (HOURS + 2) * 60 * MINUTE + MINUTE))
    with running_worker(config_text, settings):
        send(producer, topic, ((partition, more[0][1]) for partition in range(PARTITIONS)))
        wait_for_scores(settings, read_all, HOURS * 12 + 10)
    # Folded again from the start all intervals would be published again, from every partition.
    assert len({record.offset for record in read_all(f"{prefix}.partials")} - before) < HOURS * 12


def test_a_source_that_falls_silent_still_closes_its_intervals(settings, producer, read_all, prefix):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    config_text = (
        configuration(topic)
        .replace('clock = "event"', 'clock = "wall"')
        .replace('idle_timeout = "PT10M"', 'idle_timeout = "PT1S"')
        .replace('interval = "PT5M"', 'interval = "PT4S"')
        .replace('lateness = "PT20S"', 'lateness = "PT1S"')
    )
    with running_worker(config_text, settings):
        now = int(time.time() * 1000)
        for partition in range(2):  # the others never see an event
            producer.send(topic, b'{"ts":%d,"event":"view"}' % (now + partition), partition=partition)
        producer.flush()
        until = time.monotonic() + 30
        scores: list[Any] = []
        while len(scores) < 2 and time.monotonic() < until:
            scores = published(read_all(f"{prefix}.scores", until_idle=0.5), IntervalScores)
    total = [row for row in scores[0].rows() if row.measure == "views" and row.place == (None, None)]
    assert scores[0].interval_start.timestamp() * 1000 == now // 4_000 * 4_000
    assert total[0].value == 2
    assert scores[1].interval_start == scores[0].interval_end


def test_a_directory_or_port_that_another_has_is_refused_in_one_sentence(settings, prefix):
    topics.create(settings, [f"{prefix}-clicks"])
    config_text = configuration(f"{prefix}-clicks")
    with running_worker(config_text, settings) as worker:
        for port, sentence in ((0, "another worker uses"), (worker.port, "cannot listen on")):
            data = settings.data if port == 0 else settings.data / "other"
            second = subprocess.run(
                [sys.executable, "-m", "streams", "worker", "-c", str(settings.data / "lookalive.toml")],
                env={
                    **os.environ,
                    "LOOKALIVE_BOOTSTRAP": settings.bootstrap,
                    "LOOKALIVE_DATA": str(data),
                    "LOOKALIVE_WEB_PORT": str(port),
                },
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert second.returncode == 2
            assert sentence in second.stderr
            assert "Traceback" not in second.stderr
        assert worker.is_ready()

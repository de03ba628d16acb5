"""The worker as people run it: a process of its own, on a real broker."""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
from typing import Any

import msgspec
import pytest
from kafka import TopicPartition

from detectors import feedback
from detectors.migrations import VERSION
from detectors.records import Alert, IntervalScores
from streams import topics
from streams.samples.shop import Shop
from tests.streams.truth import (
    HOURS,
    INCIDENT,
    MINUTE,
    PARTITIONS,
    SECONDS,
    START,
    configuration,
    published,
    send,
    traffic,
    truth,
    wait_for,
)
from tests.streams.worker import RunningWorker, running_worker

pytestmark = pytest.mark.kafka


def test_worker_and_backtest_say_the_same_of_the_same_events(flow, read_all):
    with running_worker(flow.config_text, flow.settings) as worker:
        flow.send()
        flow.assert_exact()
        # Nothing is shown that Faust would show of itself, such as what is in the tables.
        with pytest.raises(urllib.error.HTTPError, match="404"):
            worker.get("/table/")
    assert_alerts_are_cloud_events(read_all(f"{flow.settings.prefix}.alerts"))
    assert_feedback_was_heard(published(read_all(f"{flow.settings.prefix}.scores"), IntervalScores))


def test_after_an_orderly_stop_nothing_is_read_again(flow):
    flow.send()

    def read(worker: RunningWorker) -> int:
        return worker.count("lookalive_events_total", source="shop")

    with running_worker(flow.config_text, flow.settings) as worker:
        # In the midst of it: most of what was read is in no snapshot yet.
        while not (before := read(worker)):
            time.sleep(0.01)
        assert worker.terminate() == 0
    committed = sum(consumed(flow.settings, flow.topic).values())
    assert before <= committed
    with running_worker(flow.config_text, flow.settings) as worker:
        flow.assert_exact()
        assert read(worker) == len(traffic()) - committed


def consumed(settings, topic: str) -> dict[int, int]:
    """How many records of each partition were acknowledged."""
    from kafka import KafkaAdminClient

    with KafkaAdminClient(**settings.kafka_client()) as admin:
        offsets = admin.list_group_offsets(settings.group)[settings.group]
    return {tp.partition: position.offset for tp, position in offsets.items() if tp.topic == topic}


def test_backtest_finds_the_incident_that_was_planted():
    alerts = truth()[Alert]
    opened = [a for a in alerts if a.kind == "OPENED" and a.end.timestamp() * 1000 > INCIDENT.start]
    first = min(opened, key=lambda alert: alert.end)
    assert first.measure in {"checkouts", "orders", "revenue", "conversion"}
    assert first.dimensions == {"platform": "mobile_app", "marketplace": "US"}
    assert first.group in [a.group for a in alerts if a.kind == "CLOSED"]


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


def assert_feedback_was_heard(scores: list[IntervalScores]) -> None:
    held = {
        (told.measures[row], told.places[row])
        for told in scores
        for row, why in told.why.items()
        if told.held_by.get(row) == "feedback" and why[-1] == feedback.EXPECTED
    }
    # Its roll-ups are off by what it is off by, where that shows in them.
    places = [("mobile_app", "US"), (None, "US"), ("mobile_app", None)]
    assert held == {("checkouts", place) for place in places}


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
                    metadata = producer.send(topic, bad, partition=partition).get(timeout=120)
                    sent[metadata.partition, metadata.offset] = name
        metadata = producer.send(topic, None, key=b"tombstone", partition=0).get(timeout=120)
        sent[metadata.partition, metadata.offset] = "tombstone"
        producer.flush()
        letters = read_all(f"{prefix}.dead-letters", until_idle=SECONDS, count=len(sent))
        until = time.monotonic() + SECONDS
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
    producer.send(changelog, b"\0" * 16 + bytes([VERSION]) + b"nonsense", key=b"1/head", partition=1)
    producer.flush()
    shutil.rmtree(settings.data / "tables")
    with running_worker(config_text, settings) as worker:
        assert worker.wait() == 1
        assert "the stored FoldState is damaged" in worker.log()


def test_the_position_is_that_of_the_snapshot_even_if_the_group_lost_its_offsets(flow, producer, read_all):
    from kafka import KafkaAdminClient

    prefix = flow.settings.prefix
    with running_worker(flow.config_text, flow.settings) as worker:
        flow.send()
        flow.assert_exact()
        assert worker.terminate() == 0
    partitions = [TopicPartition(flow.topic, partition) for partition in range(PARTITIONS)]
    with KafkaAdminClient(**flow.settings.kafka_client()) as admin:
        admin.delete_group_offsets(flow.settings.group, partitions)
    before = {record.offset for record in read_all(f"{prefix}.partials")}
    later = START + (HOURS + 2) * 60 * MINUTE
    more = [raw for _, raw in Shop(9).events(later, later + MINUTE)]
    with running_worker(flow.config_text, flow.settings):
        send(producer, flow.topic, ((partition, more[0]) for partition in range(PARTITIONS)))
        wait_for(read_all, f"{prefix}.scores", IntervalScores, len(truth()[IntervalScores]) + 10)
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
        until = time.monotonic() + SECONDS
        scores: list[Any] = []
        while len(scores) < 2 and time.monotonic() < until:
            scores = published(read_all(f"{prefix}.scores"), IntervalScores)
            time.sleep(0.2)
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
                timeout=120,
                check=False,
            )
            assert second.returncode == 2
            assert sentence in second.stderr
            assert "Traceback" not in second.stderr
        assert worker.is_ready()

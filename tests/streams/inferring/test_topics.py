"""Of a topic the last records of every partition are the sample, and looking changes nothing."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from detectors.loading import parse
from streams.cli import main
from streams.settings import Settings

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(settings: Settings, prefix: str) -> str:
    """A topic of three partitions."""
    from kafka.admin import NewTopic

    from streams.clients import admin_client

    name = f"{prefix}-orders"
    with admin_client(settings) as admin:
        admin.create_topics([NewTopic(name, 3, 1)])
    return name


def run(settings: Settings, *arguments: str) -> Any:
    environment = {"LOOKALIVE_BOOTSTRAP": str(settings.bootstrap)}
    return CliRunner().invoke(main, ["infer", *arguments], env=environment)


def send(producer: Any, topic: str, start: int, count: int = 3_000) -> None:
    """Events a tenth of a second apart, over all partitions; the last is at `start`."""
    for n in range(count):
        at = start - (count - n) * 100
        event = {"at": at, "kind": ("click", "view", "view")[n % 3], "place": "abcd"[n % 4], "n": n}
        producer.send(topic, msgspec.json.encode(event), partition=n % 3, timestamp_ms=at + 40)
    producer.flush()


def test_the_last_records_of_every_partition_become_a_configuration(
    settings: Settings, topic: str, producer: Any
) -> None:
    send(producer, topic, int(time.time() * 1000))
    result = run(settings, "--topic", topic, "--json", "--records", "900")

    assert result.exit_code == 0, result.output
    found = msgspec.json.decode(result.stdout)
    assert (found["looked_at"], found["sample"], found["topic"]) == (900, topic, topic)
    assert (found["time"]["value"], found["time_unit"]["value"]) == ("at", "ms")
    assert (found["clock"]["value"], found["clock"]["sure"]) == ("wall", "high")
    assert found["lateness"]["value"] == "PT10S"
    # Ten a second in three partitions, of which each is counted by itself.
    assert "some 600 events a minute" in found["interval"]["why"]
    configuration = parse(found["toml"])
    assert next(iter(configuration.streamed.values())).topic == topic
    assert configuration.detectors[0].dimensions == ("place",)


def test_a_replay_is_told_by_when_records_came_to_the_broker(
    settings: Settings, topic: str, producer: Any
) -> None:
    for n in range(300):
        at = 1_790_000_400_000 + n * 60_000
        producer.send(topic, msgspec.json.encode({"at": at, "place": "ab"[n % 2]}))
    producer.flush()
    result = run(settings, "--topic", topic, "--json")

    assert msgspec.json.decode(result.stdout)["clock"]["value"] == "event"


def test_looking_leaves_no_group_and_no_topic_behind(settings: Settings, topic: str, producer: Any) -> None:
    from streams.clients import admin_client

    send(producer, topic, int(time.time() * 1000), count=60)
    with admin_client(settings) as admin:
        before = set(admin.list_topics())
        assert run(settings, "--topic", topic).exit_code == 0
        assert set(admin.list_topics()) == before
        groups = {str(group) for group in admin.list_groups()}
    assert not any(topic in group for group in groups)


def test_an_empty_topic_and_one_of_rubbish_are_refused_in_a_sentence(
    settings: Settings, topic: str, producer: Any
) -> None:
    empty = run(settings, "--topic", topic)
    producer.send(topic, b"\x00\x01binary\xff")
    producer.send(topic, None, key=b"a mark of deletion")
    producer.flush()
    rubbish = run(settings, "--topic", topic)

    assert (empty.exit_code, rubbish.exit_code) == (2, 2)
    assert "has no record yet" in empty.stderr
    assert "offset 0: the record is not UTF-8" in rubbish.stderr


def test_a_topic_that_is_not_there_or_cannot_be_is_named(settings: Settings) -> None:
    absent, impossible = run(settings, "--topic", "nowhere"), run(settings, "--topic", "a b\x1b[2J")

    assert (absent.exit_code, impossible.exit_code) == (2, 2)
    assert "has no topic 'nowhere'" in absent.stderr
    assert "names of topics are letters" in impossible.stderr
    assert "\x1b" not in impossible.stderr


def test_a_cluster_that_does_not_answer_is_named() -> None:
    result = run(Settings(bootstrap="127.0.0.1:9"), "--topic", "x")

    assert result.exit_code == 2
    assert "no Kafka answers at 127.0.0.1:9" in result.stderr

"""`lookalive tail` prints what is on a topic, a line a series, and says clearly when it cannot."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.records import IntervalScores, Partial, Watermark
from streams.cli import main
from streams.cli.tail import _print
from streams.settings import Settings
from streams.topics import create
from tests.streams.incidents import alert, closed, updated

pytestmark = pytest.mark.kafka

START = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def topics(settings: Settings) -> None:
    create(settings, [])


def environment(settings: Settings) -> dict[str, str]:
    return {"LOOKALIVE_BOOTSTRAP": str(settings.bootstrap), "LOOKALIVE_PREFIX": settings.prefix}


def tail(settings: Settings, *arguments: str) -> Result:
    runner = CliRunner(env=environment(settings))
    return runner.invoke(main, ["tail", *arguments, "--from-beginning", "--until-idle", "0"])


def test_alerts_are_printed_as_a_sink_would_send_them(settings: Settings, producer: Any) -> None:
    # The second is a resend of the first, and the third names no new measure.
    for one in (alert(), alert(), updated(), closed()):
        producer.send(f"{settings.prefix}.alerts", msgspec.json.encode(one), one.group.encode())
    producer.flush()
    told = tail(settings, "alerts", "--format", "lookout")
    assert told.exit_code == 0, told.output
    messages = [json.loads(line) for line in told.stdout.splitlines()]
    assert [message["impactedMetric"]["metricName"] for message in messages] == ["orders", "views"]
    lines = tail(settings, "alerts", "--format", "short").stdout.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["OPENED", "UPDATED", "CLOSED"]


def test_only_alerts_are_sent(settings: Settings) -> None:
    result = tail(settings, "scores", "--format", "lookout")
    assert result.exit_code == 2
    assert "only alerts are sent" in result.stderr


def scores(severity: list[float]) -> bytes:
    """One interval of a detector with a measure at the total and at the web platform."""
    return msgspec.json.encode(
        IntervalScores(
            detector="shop",
            shard=0,
            shards=1,
            chunk=0,
            chunks=1,
            interval_start=START,
            interval_end=START + timedelta(minutes=1),
            dimensions=("platform", "marketplace"),
            measures=["orders", "orders"],
            places=[(None, None), ("web", None)],
            value=[12.0, None],
            expected=[10.0, None],
            lower=[8.0, None],
            upper=[12.0, None],
            scale=[1.0, None],
            severity=severity,
            confidence=[0.5, 0.0],
            phase=["active", "learning"],
        )
    )


def test_scores_are_one_line_a_series_and_interval(settings: Settings, producer: Any) -> None:
    producer.send(f"{settings.prefix}.scores", scores([70.0, 0.0]), key=b"shop")
    producer.flush()
    result = tail(settings, "scores")
    assert result.exit_code == 0, result.stderr
    total, web = (json.loads(line) for line in result.stdout.splitlines())
    assert total == {
        "detector": "shop",
        "measure": "orders",
        "dimensions": {},
        "interval_start": "2026-03-01T12:05:00Z",
        "value": 12.0,
        "expected": 10.0,
        "lower": 8.0,
        "upper": 12.0,
        "severity": 70.0,
        "confidence": 0.5,
        "phase": "active",
    }
    assert (web["dimensions"], web["value"], web["phase"]) == ({"platform": "web"}, None, "learning")


def test_json_values_are_printed_as_they_are_and_tombstones_are_not(
    settings: Settings, producer: Any
) -> None:
    topic = f"{settings.prefix}.groups"
    for value in (b'{"id":"a","x":1.50}', None, b'{"id":\n "b"}'):
        producer.send(topic, value, key=b"a")
    producer.flush()
    assert tail(settings, "groups").stdout.splitlines() == ['{"id":"a","x":1.50}', '{"id":"b"}']


def test_partials_become_json(settings: Settings, producer: Any) -> None:
    records = [
        Partial("shop", "f", 0, 0, 0, 0, 60_000, 3, [("web",)], [3], [[3], [b"\x00\x01"]]),
        Watermark("shop", "f", 0, 0, 4, 61_000, False),
    ]
    for record in records:
        producer.send(f"{settings.prefix}.partials", msgspec.msgpack.encode(record), key=b"shop")
    producer.flush()
    partial, watermark = (json.loads(line) for line in tail(settings, "partials").stdout.splitlines())
    assert (partial["type"], partial["places"], partial["columns"]) == ("partial", [["web"]], [[3], ["AAE="]])
    assert (watermark["type"], watermark["time"]) == ("watermark", 61_000)


def test_a_record_that_cannot_be_read_is_named_and_passed_over(settings: Settings, producer: Any) -> None:
    topic = f"{settings.prefix}.scores"
    for value in (b"rubbish", scores([1.0, 2.0])):
        producer.send(topic, value, partition=2)
    producer.flush()
    result = tail(settings, "scores")
    assert len(result.stdout.splitlines()) == 2
    assert f"{topic} partition 2 offset 0 cannot be read" in result.stderr


def test_max_stops_in_the_middle_of_a_record(settings: Settings, producer: Any) -> None:
    producer.send(f"{settings.prefix}.scores", scores([1.0, 2.0]))
    producer.flush()
    assert len(tail(settings, "scores", "--max", "1").stdout.splitlines()) == 1


def test_it_follows_from_the_end_until_it_is_interrupted(settings: Settings, producer: Any) -> None:
    topic = f"{settings.prefix}.alerts"
    producer.send(topic, b'"before"')
    producer.flush()
    command = [str(Path(sys.executable).with_name("lookalive")), "tail", "alerts"]
    with subprocess.Popen(
        command, env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        assert b"following" in following.stderr.readline()
        producer.send(topic, b'"after"')
        producer.flush()
        assert following.stdout.readline() == b'"after"\n'
        following.send_signal(signal.SIGINT)
        assert following.wait(60) == 0
        assert following.stderr.read() == b""


def test_a_reader_that_has_enough_is_no_error(settings: Settings, producer: Any) -> None:
    for _ in range(3000):
        producer.send(f"{settings.prefix}.scores", scores([1.0, 2.0]))
    producer.flush()
    lookalive = Path(sys.executable).with_name("lookalive")
    pipeline = f"{lookalive} tail scores --from-beginning --until-idle 5 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {pipeline}"],
        env={**environment(settings), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert done.stdout.count(b"\n") == 1
    assert b"rror" not in done.stderr
    assert done.returncode == 0


def test_a_missing_topic_is_one_sentence(settings: Settings) -> None:
    other = msgspec.structs.replace(settings, prefix="nobody")
    result = tail(other, "alerts")
    assert result.exit_code == 2
    assert "no topic 'nobody.alerts': create it with `lookalive topics --create`" in result.stderr


def test_an_unreachable_broker_is_one_sentence(settings: Settings) -> None:
    other = msgspec.structs.replace(settings, bootstrap="127.0.0.1:1")
    result = tail(other, "alerts")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: no Kafka answers at 127.0.0.1:1 ")
    assert result.stderr.count("\n") == 1


#: What would clear a screen, reorder a line or hide a part of it, and letters that do nothing.
HOSTILE = '{"x":"\x9b2J \x7f \u202e \U000e0041 ü\\n"}'.encode()


def test_a_terminal_gets_nothing_that_could_steer_it() -> None:
    ours, terminal = os.openpty()
    with open(terminal, "wb", buffering=0) as out, open(ours, "rb", buffering=0) as screen:
        _print([[HOSTILE, b"\xff\x1b]0;no JSON\x07"]], None, out)
        shown = screen.read(4096).splitlines()
    assert shown[0] == rb'{"x":"\u009b2J \u007f \u202e \udb40\udc41 \u00fc\n"}'
    assert json.loads(shown[0]) == json.loads(HOSTILE)
    assert shown[1] == rb"\ufffd\u001b]0;no JSON\u0007"


def test_a_pipe_gets_every_byte_as_it_is() -> None:
    out = io.BytesIO()
    _print([[HOSTILE]], None, out)
    assert out.getvalue() == HOSTILE + b"\n"

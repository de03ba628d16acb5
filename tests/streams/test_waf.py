"""A real WAF: ordinary traffic, then 150 requests with a script, and the alert names rule, path and address.

The hour of ordinary traffic before is that of some seconds, told again with other times; nothing else is
made up.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detectors.detection import Detection
from detectors.loading import load
from detectors.records import Alert, Event
from streams.formats import make_format
from tests.streams.apache import Apache, apache

DETECTOR = Path(__file__).parents[2] / "deploy" / "detectors" / "waf.toml"
ORDINARY = ["/", "/search?q=shoes", "/search?q=red+hats", "/cart", "/missing", "/search?q=select+a+gift"]
#: What a scanner that is always there sends now and then.
NOISE = ["/search?q=../../etc/passwd", "/?id=1'%20or%20'1'='1"]
SCRIPT = "/search?q=%3Cscript%3Ealert(1)%3C/script%3E"
ATTACKER, SCANNER = "127.0.0.66", "127.0.0.13"
START = datetime(2030, 1, 7, 9, tzinfo=UTC)
#: Of ordinary traffic; the attack comes in the last of them.
MINUTES = 61
FORM = "%d/%b/%Y:%H:%M:%S.%f %z"


@pytest.fixture(scope="module")
def server() -> Iterator[Apache]:
    with apache() as running:
        yield running


def at(line: bytes, time: datetime) -> bytes:
    """The same record at another time."""
    record: dict[str, Any] = json.loads(line)
    record["transaction"]["time"] = f"{time:{FORM}}"
    return json.dumps(record).encode()


def alerts(lines: Sequence[bytes]) -> list[Alert]:
    what = load(DETECTOR)
    format_ = make_format("waf", what.records_of("waf"), what.fields_of("waf"))
    detection = Detection(what)
    events: list[Event] = [event for line in lines for event in format_.parse(line)]
    found = [*detection.feed("waf", 0, range(len(events)), events), *detection.finish()]
    return [each for each in found if isinstance(each, Alert)]


def ordinary(server: Apache) -> list[bytes]:
    """An hour of what is usual, some of which is blocked."""
    chance = random.Random(4)
    before = len(server.audited())
    for _ in range(300):
        server.get(chance.choice(ORDINARY), client=f"127.0.1.{chance.randrange(1, 60)}")
    for path in NOISE * 3:
        assert server.get(path, client=SCANNER) == 403
    real = server.audited(before, 300 + 3 * len(NOISE))
    blocked = [line for line in real if b'"intercepted":true' in line]
    assert len(blocked) == len(NOISE) * 3
    lines = []
    for minute in range(MINUTES):
        drawn = chance.choices(real[:300], k=chance.randrange(25, 45)) + chance.choices(
            blocked, k=chance.randrange(3)
        )
        offsets = sorted(chance.uniform(0, 60) for _ in drawn)
        lines += [
            at(line, START + timedelta(minutes=minute, seconds=offset))
            for line, offset in zip(drawn, offsets, strict=True)
        ]
    return lines


def mixed(*records: Sequence[bytes]) -> list[bytes]:
    """Records in the order of their times."""

    def time(line: bytes) -> datetime:
        return datetime.strptime(json.loads(line)["transaction"]["time"], FORM)  # noqa: DTZ007

    return sorted((line for each in records for line in each), key=time)


def test_150_scripts_are_told_of_with_rule_path_and_address(server: Apache) -> None:
    usual = ordinary(server)
    assert alerts(usual) == []

    before = len(server.audited())
    assert {server.get(SCRIPT, client=ATTACKER) for _ in range(150)} == {403}
    attack = [
        at(line, START + timedelta(minutes=MINUTES - 1, seconds=0.2 * n))
        for n, line in enumerate(server.audited(before, 150))
    ]
    opened, *_ = alerts(mixed(usual, attack))

    assert (opened.kind, opened.severity, opened.level) == ("OPENED", 100.0, "HIGH")
    assert opened.measure == "blocked"
    assert opened.value == pytest.approx(150, abs=2)
    # One interval of a minute: it is told when that is over.
    assert (opened.start, opened.end) == (START + timedelta(hours=1), START + timedelta(hours=1, minutes=1))
    told = {evidence.field: evidence.values for evidence in opened.members[0].evidence}
    # The rule has never matched before: there is no series of it yet that could be off.
    first = {field: next(iter(values.items())) for field, values in told.items()}
    assert first["rule"] == ("941100", 150)
    assert first["client_ip"] == (ATTACKER, 150)
    assert first["uri"] == ("/search", 150)
    assert "mostly rule 941100 (" in opened.summary
    assert "cross-site scripting" in opened.advice[0].say


def test_rules_that_only_count_are_a_rehearsal(server: Apache) -> None:
    usual = ordinary(server)
    before = len(server.audited())
    for _ in range(60):
        server.get(SCRIPT, client=ATTACKER)
    rehearsal = []
    for n, line in enumerate(server.audited(before, 60)):
        record = json.loads(at(line, START + timedelta(minutes=MINUTES - 1, seconds=0.5 * n)))
        # As an engine that only detects writes it down.
        del record["audit_data"]["action"]
        record["audit_data"]["engine_mode"] = "DETECTION_ONLY"
        rehearsal.append(json.dumps(record).encode())
    opened, *_ = alerts(mixed(usual, rehearsal))
    assert opened.measure == "counted"
    told = {evidence.field: evidence.values for evidence in opened.members[0].evidence}
    assert next(iter(told["client_ip"].items())) == (ATTACKER, 180)

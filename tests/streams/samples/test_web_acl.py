"""The synthetic web ACL: full log records, mostly allowed, and one attack where it was ordered."""

from __future__ import annotations

import ipaddress
from collections import Counter
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streams.samples.web_acl import RULES, Attack, WebAcl

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_760_313_600_000
ATTACK = Attack("script in a query", START + HOUR + 17, START + HOUR + 3 * MINUTE)
DOCUMENTATION = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def records(acl: WebAcl, start: int, end: int) -> list[dict[str, Any]]:
    return [orjson.loads(raw) for _, raw in acl.events(start, end)]


def rule_of(record: dict[str, Any]) -> str | None:
    groups = record["ruleGroupList"]
    return next((g["terminatingRule"]["ruleId"] for g in groups if g["terminatingRule"]), None)


@given(cut=st.integers(0, 3 * MINUTE))
def test_a_stretch_holds_the_same_records_wherever_reading_began(cut: int) -> None:
    acl = WebAcl(3, [ATTACK])
    start, end = START + HOUR, START + HOUR + 3 * MINUTE
    assert [*acl.events(start, start + cut), *acl.events(start + cut, end)] == list(acl.events(start, end))


def test_records_are_in_time_order_and_carry_their_time() -> None:
    events = list(WebAcl(1, [ATTACK]).events(START, START + 2 * HOUR))
    assert all(orjson.loads(raw)["timestamp"] == time for time, raw in events)
    assert all(a[0] <= b[0] for a, b in pairwise(events))


def test_the_attack_is_150_scripts_from_three_addresses_and_nothing_else_changes() -> None:
    stretch = (START, START + 2 * HOUR)
    sound = list(WebAcl(1).events(*stretch))
    attacked = list(WebAcl(1, [ATTACK]).events(*stretch))
    added = [orjson.loads(raw) for _, raw in (Counter(attacked) - Counter(sound)).elements()]
    assert len(added) == len(attacked) - len(sound) == 150
    assert len({record["httpRequest"]["clientIp"] for record in added}) == 3
    assert all(ATTACK.start <= record["timestamp"] < ATTACK.end for record in added)
    for record in added:
        assert (record["action"], rule_of(record)) == ("BLOCK", "CrossSiteScripting_QUERYARGUMENTS")
        assert parse_qs(record["httpRequest"]["args"]) == {"test": ['<script>alert("hello")</script>']}


def test_ordinary_traffic_is_mostly_allowed_and_knows_every_rule() -> None:
    day = records(WebAcl(1), START, START + DAY)
    actions = Counter(record["action"] for record in day)
    blocked = Counter(rule_of(record) for record in day if record["action"] == "BLOCK")
    counted = [
        match
        for record in day
        for group in record["ruleGroupList"]
        for match in group["nonTerminatingMatchingRules"]
    ]
    assert 0.03 < actions["BLOCK"] / len(day) < 0.07
    assert set(blocked) == {rule.name for rule in RULES if rule.action == "BLOCK"}
    assert blocked["CrossSiteScripting_QUERYARGUMENTS"] < 60
    assert {match["action"] for match in counted} == {"COUNT"}
    assert len(day) * 3 < 150_000


def test_only_a_blocked_request_has_a_rule_that_ended_it() -> None:
    for record in records(WebAcl(1, [ATTACK]), START, START + 2 * HOUR):
        blocked = record["action"] == "BLOCK"
        assert (rule_of(record) is not None) == blocked == (record["terminatingRuleId"] != "Default_Action")


def test_addresses_are_set_aside_for_documentation() -> None:
    clients = {r["httpRequest"]["clientIp"] for r in records(WebAcl(1, [ATTACK]), START, START + DAY)}
    assert all(any(ipaddress.ip_address(client) in net for net in DOCUMENTATION) for client in clients)


def test_afternoons_are_busier_than_nights() -> None:
    night, afternoon = (len(records(WebAcl(1), START + h * HOUR, START + (h + 2) * HOUR)) for h in (2, 14))
    assert afternoon > 1.6 * night

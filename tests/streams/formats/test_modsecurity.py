"""What a WAF of one's own did with a request is told as AWS WAF tells it, whichever engine wrote it down."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.records import Event
from detectors.sources import Source
from streams.formats import BadEvent, make_format, modsecurity
from tests.streams.formats.test_formats import shown

FORMAT = make_format("s", Source("t", "modsecurity"), modsecurity.FIELDS)
APACHE = json.loads(shown("modsecurity"))

#: As libmodsecurity and Coraza document it; neither runs here.
VERSION_3: dict[str, Any] = {
    "transaction": {
        "client_ip": "203.0.113.9",
        "time_stamp": "Tue Dec  1 10:19:01 2026",
        "request": {
            "method": "GET", "http_version": 1.1, "uri": "/search?q=<script>",
            "headers": {"Host": "shop.example.com", "User-Agent": "curl"},
        },
        "response": {"http_code": 403, "headers": {}},
        "producer": {"modsecurity": "ModSecurity v3.0.12", "secrules_engine": "Enabled"},
        "messages": [
            {"message": "XSS Attack", "details": {
                "ruleId": "941100", "file": "/crs/REQUEST-941-APPLICATION-ATTACK-XSS.conf",
                "severity": "2", "tags": ["language-multi", "attack-xss"]}},
            {"message": "Inbound Anomaly Score Exceeded", "details": {
                "ruleId": "949110", "file": "/crs/REQUEST-949-BLOCKING-EVALUATION.conf"}},
        ],
    }
}  # fmt: skip
CORAZA: dict[str, Any] = {
    "transaction": {
        "unix_timestamp": 1_796_120_341_903_000_000,
        "client_ip": "203.0.113.9",
        "request": {
            "method": "GET", "protocol": "HTTP/1.1", "uri": "/search?q=<script>",
            "headers": {"host": ["shop.example.com"], "user-agent": ["curl"]},
        },
        "response": {"status": 403},
        "producer": {"connector": "coraza-caddy", "rule_engine": "On"},
        "is_interrupted": True,
    },
    "messages": [
        {"data": {"id": 941100, "msg": "XSS Attack", "severity": 2, "tags": ["attack-xss"],
                  "file": "@owasp_crs/REQUEST-941-APPLICATION-ATTACK-XSS.conf"}},
        {"data": {"id": 949110, "msg": "Score", "file": "@owasp_crs/REQUEST-949-BLOCKING-EVALUATION.conf"}},
    ],
}  # fmt: skip


def told(record: dict[str, Any]) -> list[Event]:
    return list(FORMAT.parse(json.dumps(record).encode()))


@pytest.mark.parametrize("record", [APACHE, VERSION_3, CORAZA], ids=["apache", "nginx", "coraza"])
def test_a_blocked_request_names_the_rule_that_it_broke(record: dict[str, Any]) -> None:
    event: Any = told(record)[0]
    assert (event.action, event.rule, event.rule_group, event.label) == (
        "BLOCK", "941100", "APPLICATION-ATTACK-XSS", "attack-xss",
    )  # fmt: skip
    assert (event.client_ip, event.host, event.method, event.uri) == (
        "203.0.113.9", "shop.example.com", "GET", "/search",
    )  # fmt: skip
    assert (event.response_code, event.http_version) == (403, "1.1")
    assert event.event_time // 1000 == 1_796_120_341


def changed(record: dict[str, Any], **audit: Any) -> dict[str, Any]:
    return {**record, "audit_data": {**record["audit_data"], **audit}}


def test_what_only_is_detected_is_allowed_and_counted() -> None:
    events: list[Any] = told(changed(APACHE, action=None))
    assert [(event.action, event.rule) for event in events] == [
        ("ALLOW", None), ("COUNT", "941100"), ("COUNT", "941110"),
    ]  # fmt: skip


def test_the_worst_rule_of_an_attack_comes_first() -> None:
    (first, *others) = APACHE["audit_data"]["messages"]
    numeric = (
        'Warning. [file "REQUEST-920-P.conf"] [id "920350"] [severity "WARNING"] [tag "attack-protocol"]'
    )
    events: list[Any] = told(changed(APACHE, messages=[numeric, first, *others]))
    assert [(event.action, event.rule) for event in events] == [("BLOCK", "941100")]


def test_a_request_that_one_rule_blocks_by_itself_names_that() -> None:
    own = 'Access denied with code 403 (phase 1). [file "/etc/own.conf"] [id "1001"] [msg "not from there"]'
    events: list[Any] = told(changed(APACHE, messages=[own]))
    assert [(e.action, e.rule, e.rule_group, e.rule_message) for e in events] == [
        ("BLOCK", "1001", "own", "not from there")
    ]


def test_an_answer_of_403_alone_is_no_block() -> None:
    quiet = {"transaction": {**VERSION_3["transaction"], "messages": []}}
    (event,) = told(quiet)
    assert event.action == "ALLOW"  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", ["", "GET", "GET /a b?c HTTP/1.1", "\x16\x03\x01"])
def test_a_line_that_is_no_request_does_no_harm(line: str) -> None:
    (event, *_) = told({**APACHE, "request": {"request_line": line}})
    assert event.action == "BLOCK"  # type: ignore[attr-defined]


def test_a_time_of_another_form_is_refused() -> None:
    with pytest.raises(BadEvent, match="transaction time: expected a time such as 31/Jan/2030"):
        told({**APACHE, "transaction": {"time": "yesterday"}})

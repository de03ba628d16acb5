"""Records as AWS WAF writes them, and the events that they are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from detectors.config import ConfigError, FieldKind
from detectors.records import Event
from detectors.sources import Source
from streams.formats import BadEvent
from streams.formats.aws_waf import FIELDS, AwsWaf

#: As published in AWS's documentation of the log, or captured; addresses and accounts are examples.
LINES = Path(__file__).with_name("aws_waf.jsonl").read_bytes().splitlines()
SQL_INJECTION, COUNTED, OWN_GROUP, MANAGED_GROUP, RATE_BASED, GROUP_COUNTED = LINES

WAF = Source("waf-logs", "aws-waf")


def parse(raw: bytes, fields: dict[str, FieldKind] = FIELDS) -> Sequence[Event]:
    return AwsWaf(WAF, fields).parse(raw)


def verdicts(raw: bytes) -> list[tuple[str | None, ...]]:
    """action, rule, rule_group and rule_type of each event."""
    of = ("action", "rule", "rule_group", "rule_type")
    return [tuple(getattr(event, name) for name in of) for event in parse(raw)]


def test_all_fields_of_a_blocked_request() -> None:
    blocked = parse(MANAGED_GROUP)[0]

    assert {name: getattr(blocked, name) for name in FIELDS} == {
        "action": "BLOCK",
        "rule": "CrossSiteScripting_QUERYARGUMENTS",
        "rule_group": "AWSManagedRulesCommonRuleSet",
        "rule_type": "MANAGED_RULE_GROUP",
        "webacl": "storefront",
        "webacl_arn": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/storefront/"
        "8acf338d-9594-449d-b99a-f4e88a4cbac5",
        "source_name": "CF",
        "source_id": "E2EXAMPLE1DIST",
        "country": "DE",
        "client_ip": "2001:db8::17",
        "method": "GET",
        "host": "shop.example.com",
        "uri": "/search",
        "args": "q=%3Cscript%3Ealert(1)%3C/script%3E",
        "http_version": "HTTP/2.0",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "response_code": 403,
        "body_size": 0,
        "label": "awswaf:managed:aws:anonymous-ip-list:HostingProviderIPList",
        "ja3": "579ccef312d18482fc42e2b822ca2430",
    }
    assert blocked.event_time == 1678254945919


def test_a_rule_of_the_web_acl_that_blocked_is_the_rule() -> None:
    assert verdicts(SQL_INJECTION) == [("BLOCK", "STMTest_SQLi_XSS", None, "REGULAR")]
    assert verdicts(RATE_BASED) == [("BLOCK", "RateBasedRule", None, "RATE_BASED")]


def test_a_rule_that_counted_is_an_event_of_its_own() -> None:
    assert verdicts(COUNTED) == [
        ("ALLOW", "Default_Action", None, "REGULAR"),
        ("COUNT", "TestRule", None, None),
    ]


def test_inside_a_group_the_rules_are_those_of_the_group() -> None:
    assert verdicts(OWN_GROUP) == [
        ("BLOCK", "RuleA-XSS", "hello-group", "GROUP"),
        ("COUNT", "RuleB-SQLi", "hello-group", None),
    ]


def test_rules_overridden_or_excluded_to_count_are_counted() -> None:
    assert verdicts(MANAGED_GROUP)[1:] == [
        ("COUNT", "AWSManagedReconnaissanceList", "AWSManagedRulesAmazonIpReputationList", None),
        ("COUNT", "HostingProviderIPList", "AWSManagedRulesAnonymousIpList", None),
    ]


def test_a_group_that_only_counts_did_not_decide_and_a_solved_captcha_is_no_count() -> None:
    assert verdicts(GROUP_COUNTED) == [
        ("ALLOW", "Default_Action", None, "REGULAR"),
        ("COUNT", "AWS-AWSManagedRulesCommonRuleSet", None, None),
        ("COUNT", "SizeRestrictions_BODY", "AWSManagedRulesCommonRuleSet", None),
    ]


def test_all_events_of_a_record_share_what_the_request_was() -> None:
    requests = {(event.event_time, event.client_ip, event.uri) for event in parse(GROUP_COUNTED)}  # type: ignore[attr-defined]

    assert requests == {(1684825816966, "198.51.100.186", "/account/avatar")}


def test_a_dash_and_null_lists_are_missing() -> None:
    event = parse(GROUP_COUNTED)[0]
    placeholders = parse(SQL_INJECTION)[0]

    assert [getattr(event, name) for name in ("country", "host", "user_agent", "label", "ja3")] == [None] * 5
    assert [getattr(placeholders, name) for name in ("source_name", "source_id")] == [None, None]


def test_a_record_gives_the_same_events_whatever_fields_are_read() -> None:
    for line in LINES:
        assert len(parse(line, {})) == len(parse(line, {"country": "any"})) == len(parse(line))


@pytest.mark.parametrize(
    ("old", "new", "reason", "message"),
    [
        (b'"timestamp":1576280412771,', b"", "no_time", "timestamp: missing"),
        (
            b"1576280412771",
            b'"2019-12-13"',
            "bad_time",
            "timestamp: expected a number of ms since 1970, got '2019",
        ),
        (b"1576280412771", b"-1", "bad_time", "timestamp: expected a time from 1970 to 9999, got -1"),
        (
            b'"ruleGroupList":[]',
            b'"ruleGroupList":"x"',
            "wrong_type",
            "ruleGroupList: expected a list, got 'x'",
        ),
        (b'"country":"AU"', b'"country":[1]', "wrong_type", "httpRequest.country: expected text, got a list"),
        (b'[{"name":"value"}]', b'[{"name":7}]', "wrong_type", "labels[0].name: expected text, got 7"),
    ],
)
def test_a_record_of_another_shape_is_refused_in_words(
    old: bytes, new: bytes, reason: str, message: str
) -> None:
    with pytest.raises(BadEvent) as bad:
        parse(SQL_INJECTION.replace(old, new))

    assert bad.value.reason == reason
    assert str(bad.value).startswith(message)


def test_long_records_leave_nothing_in_memory() -> None:
    parse(GROUP_COUNTED)
    tracemalloc.start()

    for n in range(32):
        rule = f"{n}".rjust(1_000_000, "x").encode()
        assert len(parse(b'{"timestamp":1,"terminatingRuleId":"%b","action":"BLOCK"}' % rule)) == 1

    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 4_000_000


def test_text_cannot_be_measured() -> None:
    with pytest.raises(
        ConfigError, match="'country' is text and cannot be added up; numbers: response_code, body_"
    ):
        AwsWaf(WAF, {"country": "number"})

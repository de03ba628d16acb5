"""Synthetic AWS WAF logs: what a web ACL would write about requests that nobody ever sent.

In: a seed and the attacks to suffer; out: full log records of any stretch of time as JSON bytes, in
time order, the same ones whenever that stretch is asked for again. Addresses are of the ranges that
are set aside for documentation, and so are the account and the host. Apart from the shop because
it is another format, and another kind of series: few, and mostly at zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, tau
from typing import Any, Literal

import numpy as np
import orjson

STEP = 60_000
#: Requests a minute, averaged over a day.
REQUESTS = 33.0
WEB_ACL = (
    "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/"
    "WebACLForWAFDemo/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
)
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
COUNTRIES = ("US", "US", "US", "GB", "DE", "DE", "FR", "JP", "IN", "BR", "NL", "-")
PAGES = ("/prod", "/prod/search", "/prod/products", "/prod/cart", "/prod/checkout", "/prod/account")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "ExampleShop/4.2 (Android 15)",
)


@dataclass(frozen=True)
class Attack:
    """Requests that carry a script in a query argument, from a handful of addresses."""

    name: str
    #: Milliseconds since the epoch, half-open.
    start: int
    end: int
    requests: int = 150
    addresses: tuple[str, ...] = ("198.51.100.23", "198.51.100.87", "203.0.113.151")


@dataclass(frozen=True)
class Rule:
    """A managed rule and how often ordinary traffic sets it off."""

    name: str
    group: str
    label: str
    action: Literal["BLOCK", "COUNT"]
    #: Of all requests.
    share: float
    args: str = ""
    method: str = "GET"
    details: tuple[dict[str, Any], ...] = ()
    user_agent: bool = True


SCRIPT = Rule(
    "CrossSiteScripting_QUERYARGUMENTS",
    "AWSManagedRulesCommonRuleSet",
    "core-rule-set:CrossSiteScripting_QueryArguments",
    "BLOCK",
    share=0.0005,
    args="test=%3Cscript%3Ealert%28%22hello%22%29%3C%2Fscript%3E",
    details=({"conditionType": "XSS", "location": "ALL_QUERY_ARGS", "matchedData": ["<", "script"]},),
)
RULES = (
    SCRIPT,
    Rule(
        "SQLi_QUERYARGUMENTS",
        "AWSManagedRulesSQLiRuleSet",
        "sql-database:SQLi_QueryArguments",
        "BLOCK",
        share=0.012,
        args="id=1%27%20OR%20%271%27%3D%271",
        details=(
            {
                "conditionType": "SQL_INJECTION",
                "sensitivityLevel": "LOW",
                "location": "ALL_QUERY_ARGS",
                "matchedData": ["1", "OR", "1"],
            },
        ),
    ),
    Rule(
        "NoUserAgent_HEADER",
        "AWSManagedRulesCommonRuleSet",
        "core-rule-set:NoUserAgent_Header",
        "BLOCK",
        share=0.014,
        user_agent=False,
    ),
    Rule(
        "SizeRestrictions_QUERYSTRING",
        "AWSManagedRulesCommonRuleSet",
        "core-rule-set:SizeRestrictions_QueryString",
        "BLOCK",
        share=0.008,
        # Over 2,048 bytes in truth, but the log need not be as long.
        args="q=" + "a" * 200,
    ),
    Rule(
        "AWSManagedIPReputationList",
        "AWSManagedRulesAmazonIpReputationList",
        "amazon-ip-list:AWSManagedIPReputationList",
        "BLOCK",
        share=0.016,
    ),
    Rule(
        "SizeRestrictions_BODY",
        "AWSManagedRulesCommonRuleSet",
        "core-rule-set:SizeRestrictions_Body",
        "COUNT",
        share=0.02,
        method="POST",
    ),
)
#: The order in which the web ACL asks its rule groups.
GROUPS = tuple(dict.fromkeys(rule.group for rule in RULES))


class WebAcl:
    """The synthetic web ACL.

    >>> when, record = next(WebAcl(seed=1).events(0, 60_000))
    >>> orjson.loads(record)["timestamp"] == when
    True
    """

    def __init__(self, seed: int, attacks: Sequence[Attack] = ()) -> None:
        self.seed = seed
        # A second word keeps it apart from other traffic of the same seed.
        self.attacks = [
            (time, attack.addresses[i % len(attack.addresses)])
            for attack in attacks
            for i, time in enumerate(
                np.random.default_rng([seed, 1, attack.start])
                .integers(attack.start, attack.end, attack.requests)
                .tolist()
            )
        ]

    def events(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, bytes]]:
        """Event time in milliseconds and a WAF log record, from start up to before end."""
        for step in range(start_ms // STEP, -(-end_ms // STEP)):
            for time, record in self._minute(step):
                if start_ms <= time < end_ms:
                    yield time, orjson.dumps(record)

    def _minute(self, step: int) -> list[tuple[int, dict[str, Any]]]:
        random = np.random.default_rng([self.seed, 2, step])
        day = step * STEP / 86_400_000
        number = random.poisson(REQUESTS * (1 + 0.35 * cos(tau * (day - 15 / 24))))
        times = (step * STEP + random.integers(0, STEP, number)).tolist()
        shares = [rule.share for rule in RULES]
        rules = random.choice(len(RULES) + 1, number, p=[*shares, 1 - sum(shares)]).tolist()
        # A few addresses send much, and many a little.
        clients = (760 * random.random(number) ** 2).astype(np.int64).tolist()
        agents = random.integers(0, len(AGENTS), number).tolist()
        pages = random.integers(0, len(PAGES), number).tolist()
        records = []
        for i in range(number):
            client = f"{NETWORKS[clients[i] % 3]}.{1 + clients[i] // 3}"
            rule = RULES[rules[i]] if rules[i] < len(RULES) else None
            request = _request(client, PAGES[pages[i]], AGENTS[agents[i]], rule, f"{step:x}-{i:x}")
            records.append((times[i], {"timestamp": times[i], **VERDICTS[rules[i]], "httpRequest": request}))
        for i, (time, client) in enumerate(self.attacks):
            if time // STEP == step:
                request = _request(client, PAGES[0], "curl/8.14.1", SCRIPT, f"{step:x}-a{i:x}")
                verdict = VERDICTS[RULES.index(SCRIPT)]
                records.append((time, {"timestamp": time, **verdict, "httpRequest": request}))
        return sorted(records, key=lambda pair: pair[0])


def _request(client: str, page: str, agent: str, rule: Rule | None, number: str) -> dict[str, Any]:
    headers = [{"name": "Host", "value": "api.example.com"}, {"name": "Accept", "value": "*/*"}]
    if rule is None or rule.user_agent:
        headers.append({"name": "User-Agent", "value": agent})
    return {
        "clientIp": client,
        "country": COUNTRIES[sum(map(int, client.split("."))) % len(COUNTRIES)],
        "headers": headers,
        "uri": page,
        "args": rule.args if rule else "",
        "httpVersion": "HTTP/2.0",
        "httpMethod": rule.method if rule else "GET",
        "requestId": f"1-{number}",
    }


def _verdict(rule: Rule | None) -> dict[str, Any]:
    """All of a record but its time and its request."""
    blocked = rule is not None and rule.action == "BLOCK"
    return {
        "formatVersion": 1,
        "webaclId": WEB_ACL,
        # A managed rule ends a request in the name of its group: which rule it was, the group's entry says.
        "terminatingRuleId": f"AWS-{rule.group}" if rule and blocked else "Default_Action",
        "terminatingRuleType": "MANAGED_RULE_GROUP" if blocked else "REGULAR",
        "action": "BLOCK" if blocked else "ALLOW",
        "terminatingRuleMatchDetails": list(rule.details) if rule else [],
        "httpSourceName": "APIGW",
        "httpSourceId": "111122223333:exampleapi:prod",
        "ruleGroupList": [_group(name, rule) for name in GROUPS],
        "rateBasedRuleList": [],
        "nonTerminatingMatchingRules": [],
        "requestHeadersInserted": None,
        "responseCodeSent": None,
        "labels": [{"name": f"awswaf:managed:aws:{rule.label}"}] if rule else [],
    }


def _group(name: str, rule: Rule | None) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "ruleGroupId": f"AWS#{name}",
        "terminatingRule": None,
        "nonTerminatingMatchingRules": [],
        "excludedRules": None,
    }
    if rule is not None and rule.group == name:
        match = {"ruleId": rule.name, "action": rule.action, "ruleMatchDetails": list(rule.details)}
        if rule.action == "BLOCK":
            entry["terminatingRule"] = match
        else:
            # The rule set itself would block: the owner of the web ACL only wants to know.
            entry["nonTerminatingMatchingRules"] = [{**match, "overriddenAction": "BLOCK"}]
    return entry


#: One a rule, made once; the last is of requests that set off none.
VERDICTS = [_verdict(rule) for rule in (*RULES, None)]

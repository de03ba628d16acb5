"""The audit log of ModSecurity and Coraza as JSON: a request becomes one event, and more where rules counted.

The first event has what was done with the request: BLOCK or ALLOW. A blocked one has the worst rule of an
attack that it broke; where rules add to a score, as in the OWASP core rule set, not the one that adds up.
Of a request that was let through, each rule that matched gives an event of its own with action COUNT: so what
only is detected can be watched before it blocks. Requests are counted with
`where = { action = { not = "COUNT" } }`. The names are those of `aws-waf`.

| field | what it is |
|---|---|
| action | what was done: ALLOW, BLOCK, COUNT |
| rule | the id of the rule, such as 941100 |
| rule_message | what the rule says of itself |
| rule_group | the file that the rule is in, without number: APPLICATION-ATTACK-XSS |
| label | the first tag of an attack that the rule has: attack-xss |
| client_ip | of the client |
| method, host, uri, args, http_version, user_agent | of the request |
| response_code | of the response; a number |
| server | the software of the server |

Read are the logs of ModSecurity 2 (`SecAuditLogFormat JSON`, parts A, B, F, H), of libmodsecurity 3, and of
Coraza.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from detectors.config import FieldKind
from detectors.records import Event, Value, event_type
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, bad_time, explain
from streams.formats.event_time import read_datetime, read_time
from streams.formats.vocabulary import check_fields

FIELDS: Mapping[str, FieldKind] = {
    "action": "any", "rule": "any", "rule_message": "any", "rule_group": "any", "label": "any",
    "client_ip": "any", "method": "any", "host": "any", "uri": "any", "args": "any", "http_version": "any",
    "user_agent": "any", "response_code": "number", "server": "any",
}  # fmt: skip

#: Files of the core rule set that only add up what others found.
_ADDING_UP = re.compile(r"(?:949|959|980)\b|BLOCKING-EVALUATION|CORRELATION")
_FILE = re.compile(r"(?:REQUEST|RESPONSE)-\d+-(.+)$")
#: The worst first: as texts in version 2, as numbers later.
SEVERITIES = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")
#: `[name "value"]`, in the messages of version 2.
_PART = re.compile(r'\[(\w+) "((?:[^"\\]|\\.)*)"\]')
_CLF, _CTIME, _CORAZA = "%d/%b/%Y:%H:%M:%S.%f %z", "%a %b %d %H:%M:%S %Y", "%Y/%m/%d %H:%M:%S"


class Rule(NamedTuple):
    """A rule that matched."""

    id: str
    message: str | None
    file: str
    tags: Sequence[str]
    severity: str = ""

    @property
    def rank(self) -> tuple[bool, int]:
        """Which of several rules a blocked request broke: the worst of an attack comes first."""
        worst = SEVERITIES.index(self.severity) if self.severity in SEVERITIES else len(SEVERITIES)
        return self.label is None, int(self.severity) if self.severity.isdecimal() else worst

    @property
    def group(self) -> str | None:
        """Its file, without number."""
        stem = self.file.rpartition("/")[2].removesuffix(".conf")
        found = _FILE.match(stem)
        return found[1] if found else stem or None

    @property
    def label(self) -> str | None:
        """The first tag of an attack."""
        return next((tag for tag in self.tags if tag.startswith("attack-")), None)


class Request(NamedTuple):
    """What a record says of a request."""

    blocked: bool
    rules: list[Rule]
    values: dict[str, Value]


class ModSecurity:
    """Reads all three forms of the log, told apart by what is in them."""

    #: Any record may be several events.
    decode = None

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        check_fields(source, fields, FIELDS)
        self._fields = sorted(fields)
        self._event = event_type(fields)

    def parse(self, raw: bytes) -> Sequence[Event]:
        """The event of the request, then one for each rule that matched a request that was let through.

        Raises:
            BadEvent: the record is no JSON object, has no time, or other types than the logs have.
        """
        raw = raw.removeprefix(BYTE_ORDER_MARK)
        try:
            record = _decode(raw)
        except FAILURES as error:
            raise explain(error, raw, time="transaction") from error
        time, request = _read(record)
        return [self._event(time, **values) for values in self._told(request)]

    def _told(self, request: Request) -> Iterator[dict[str, Value]]:
        rules = [rule for rule in request.rules if not _ADDING_UP.search(rule.file)] or request.rules
        if request.blocked:
            # What other rules found is why it was blocked, too.
            yield self._values("BLOCK", min(rules, key=lambda rule: rule.rank, default=None), request)
            return
        yield self._values("ALLOW", None, request)
        for rule in {rule.id: rule for rule in rules}.values():
            yield self._values("COUNT", rule, request)

    def _values(self, action: str, rule: Rule | None, request: Request) -> dict[str, Value]:
        known: dict[str, Value] = {**request.values, "action": action}
        if rule is not None:
            known |= {
                "rule": rule.id,
                "rule_message": rule.message,
                "rule_group": rule.group,
                "label": rule.label,
            }
        return {field: known.get(field) for field in self._fields}


class _Any(msgspec.Struct, gc=False):
    """A record, as much as is the same in all forms."""

    transaction: dict[str, Any]
    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    audit_data: dict[str, Any] | None = None
    messages: list[dict[str, Any]] | None = None


_decode = msgspec.json.Decoder(_Any).decode


def _read(record: _Any) -> tuple[int, Request]:
    transaction = record.transaction
    if record.audit_data is not None:
        return _time(transaction.get("time"), _CLF), _of_version_2(record, record.audit_data)
    request, response = _table(transaction.get("request")), _table(transaction.get("response"))
    producer = _table(transaction.get("producer"))
    values = _of_request(
        request.get("method"), request.get("uri"), request.get("http_version") or request.get("protocol"),
        _table(request.get("headers")),
    )  # fmt: skip
    code = response.get("http_code", response.get("status"))
    values |= {
        "client_ip": _text(transaction.get("client_ip")),
        "response_code": _code(code),
        "server": _text(producer.get("connector") or producer.get("modsecurity")),
    }
    if "unix_timestamp" in transaction:
        time = _since_1970(transaction["unix_timestamp"])
        rules = [_of_coraza(message) for message in record.messages or ()]
        return time, Request(bool(transaction.get("is_interrupted")), rules, values)
    rules = [
        _of_version_3(message) for message in _list(transaction.get("messages")) if isinstance(message, dict)
    ]
    stops = producer.get("secrules_engine") == "Enabled" and isinstance(code, int) and code >= 400
    blocked = bool(transaction.get("is_interrupted", stops and any(_ADDING_UP.search(r.file) for r in rules)))
    return _time(transaction.get("time_stamp"), _CTIME), Request(blocked, rules, values)


def _of_version_2(record: _Any, audit: Mapping[str, Any]) -> Request:
    request, response = record.request or {}, record.response or {}
    method, _, rest = str(request.get("request_line") or "").partition(" ")
    target, _, version = rest.rpartition(" ")
    values = _of_request(method, target or rest, version if target else None, _table(request.get("headers")))
    values |= {
        "client_ip": _text(record.transaction.get("remote_address")),
        "response_code": _code(response.get("status")),
        "server": _text(audit.get("server")),
    }
    rules = []
    for message in _list(audit.get("messages")):
        parts: dict[str, list[str]] = {}
        for name, value in _PART.findall(str(message)):
            parts.setdefault(name, []).append(value)
        if "id" in parts:
            said = parts.get("msg", [None])[0]
            file, severity = (parts.get(name, [""])[0] for name in ("file", "severity"))
            rules.append(Rule(parts["id"][0], said, file, parts.get("tag", []), severity))
    return Request(bool(_table(audit.get("action")).get("intercepted")), rules, values)


def _of_version_3(message: Mapping[str, Any]) -> Rule:
    details = _table(message.get("details"))
    return _rule(details, details.get("ruleId"), _text(message.get("message")))


def _rule(table: Mapping[str, Any], id_: object, said: str | None) -> Rule:
    file, severity = (str(table.get(name, "")) for name in ("file", "severity"))
    return Rule(str(id_ or ""), said, file, _texts(table.get("tags")), severity)


def _of_coraza(message: Mapping[str, Any]) -> Rule:
    data = _table(message.get("data"))
    said = _text(data.get("msg") or message.get("message"))
    return _rule(data, data.get("id"), said)


def _of_request(
    method: object, target: object, version: object, headers: Mapping[str, Any]
) -> dict[str, Value]:
    uri, _, args = str(target or "").partition("?")
    by_name = {
        name.lower(): value[0] if isinstance(value, list) and value else value
        for name, value in headers.items()
    }
    return {
        "method": _text(method),
        "uri": uri or None,
        "args": args or None,
        "http_version": str(version).removeprefix("HTTP/") if version else None,
        "host": _text(by_name.get("host")),
        "user_agent": _text(by_name.get("user-agent")),
    }


def _time(said: object, form: str) -> int:
    """A time as a log writes it; UTC where it names no zone."""
    try:
        time = datetime.strptime(str(said), form)  # noqa: DTZ007  (not all forms have a zone)
    except ValueError:
        raise bad_time(
            "transaction time", said, f"a time such as {datetime(2030, 1, 31, tzinfo=UTC):{form}}"
        ) from None
    return read_datetime(time, "transaction time")


def _since_1970(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise bad_time("transaction.unix_timestamp", value)
    return read_time(value, "auto", "transaction.unix_timestamp")


def _code(value: object) -> Value:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1000 else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []

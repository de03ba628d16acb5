"""The log of AWS WAF: one record a web request becomes one event, and one more for each rule that counted.

The first event has the action that ended the request: ALLOW, BLOCK, CAPTCHA or CHALLENGE. A rule that
matched but only counted gives an event of its own with action COUNT, its `rule` and `rule_group`, and
all else as in the request. So blocked, passed and counted requests can be watched by rule, and
requests are counted with `where = { action = { not = "COUNT" } }`.

| field | what it is |
|---|---|
| action | what was done: ALLOW, BLOCK, CAPTCHA, CHALLENGE, COUNT |
| rule | the rule that did it; inside a rule group the group's own rule; `Default_Action` if none did |
| rule_group | the group that the rule is in, by name |
| rule_type | REGULAR, RATE_BASED, GROUP or MANAGED_RULE_GROUP; of the first event only |
| webacl, webacl_arn | the name of the web ACL, and its ARN |
| source_name, source_id | what it protects: ALB, CF, APIGW…, and which |
| country, client_ip | of the client |
| method, host, uri, args, http_version, user_agent | of the request |
| response_code | where WAF answered itself with a code of its own; a number |
| body_size | bytes of the request's body; a number |
| label | the first label that rules put on the request |
| ja3 | fingerprint of the client's TLS |

What the log writes as `-` is missing. Format:
https://docs.aws.amazon.com/waf/latest/developerguide/logging-fields.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from detectors.config import FieldKind
from detectors.records import Event, Value, event_type
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, NUMBER, explain
from streams.formats.event_time import LATEST, read_time
from streams.formats.vocabulary import check_fields

TEXT = str | None


class Match(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A rule that matched."""

    rule_id: TEXT = None
    action: TEXT = None


class RuleGroup(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What the rules of a group did."""

    rule_group_id: TEXT = None
    #: The rule that ended the group's evaluation.
    terminating_rule: Match | None = None
    non_terminating_matching_rules: list[Match] | None = None
    #: Rules that the web ACL turned into counting ones.
    excluded_rules: list[Match] | None = None


class Named(msgspec.Struct, frozen=True, gc=False):
    """A header, or a label."""

    name: TEXT = None
    value: TEXT = None


def _known(value: str | None) -> str | None:
    return None if value == "-" else value


def _name_in_arn(value: str | None) -> str | None:
    """The name in arn:…:regional/webacl/NAME/ID; an id that is no ARN stands for itself."""
    parts = (value or "").split("/")
    return parts[-2] if len(parts) > 2 else _known(value)


def _first_label(labels: list[Named] | None) -> str | None:
    return labels[0].name if labels else None


def _header(name: str) -> Callable[[list[Named] | None], str | None]:
    def find(headers: list[Named] | None) -> str | None:
        return next((h.value for h in headers or () if h.name is not None and h.name.lower() == name), None)

    return find


def _same(value: Value) -> Value:
    return value


#: Field → its path in the record, the type there, and how it is read from that.
FROM_RECORD: Mapping[str, tuple[str, Any, Callable[[Any], Value]]] = {
    "webacl": ("webaclId", TEXT, _name_in_arn),
    "webacl_arn": ("webaclId", TEXT, _known),
    "source_name": ("httpSourceName", TEXT, _known),
    "source_id": ("httpSourceId", TEXT, _known),
    "country": ("httpRequest.country", TEXT, _known),
    "client_ip": ("httpRequest.clientIp", TEXT, _known),
    "method": ("httpRequest.httpMethod", TEXT, _known),
    "host": ("httpRequest.headers", list[Named] | None, _header("host")),
    "uri": ("httpRequest.uri", TEXT, _same),
    "args": ("httpRequest.args", TEXT, _same),
    "http_version": ("httpRequest.httpVersion", TEXT, _known),
    "user_agent": ("httpRequest.headers", list[Named] | None, _header("user-agent")),
    "response_code": ("responseCodeSent", NUMBER, _same),
    "body_size": ("requestBodySize", NUMBER, _same),
    "label": ("labels", list[Named] | None, _first_label),
    "ja3": ("ja3Fingerprint", TEXT, _known),
}
#: What every record is read for: they make the events of one record differ.
VERDICT: Mapping[str, Any] = {
    "timestamp": int | float | str | None,
    "action": TEXT,
    "terminatingRuleId": TEXT,
    "terminatingRuleType": TEXT,
    # As bytes: what rules had to say is mostly what they said of another request.
    "ruleGroupList": msgspec.Raw,
    "nonTerminatingMatchingRules": msgspec.Raw,
}
OF_VERDICT = ("action", "rule", "rule_group", "rule_type")
FIELDS: dict[str, FieldKind] = {name: "any" for name in (*OF_VERDICT, *FROM_RECORD)}
FIELDS.update(response_code="number", body_size="number")

#: What rules had to say is remembered by their words, but not those of longer records, in bytes.
LONGEST_REMEMBERED = 8 * 1024

_NULL = msgspec.Raw(b"null")
_decode_groups = msgspec.json.Decoder(list[RuleGroup] | None).decode
_decode_matches = msgspec.json.Decoder(list[Match] | None).decode

T = TypeVar("T")
#: action, rule, rule_group, rule_type
Verdict = tuple[str | None, str | None, str | None, str | None]


class AwsWaf:
    """Reads each record once; its events differ in what `OF_VERDICT` names."""

    #: Any record may be several events.
    decode = None

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        check_fields(source, fields, FIELDS)
        self._event = event_type(fields)
        record, request = _record_types(fields)
        self._decode = msgspec.json.Decoder(record).decode
        self._no_request = request()
        #: (event type, event time, record, verdict) → event.
        self._make = _maker(sorted(fields))

    def parse(self, raw: bytes) -> Sequence[Event]:
        """The event of the request, then one for each rule that counted.

        Raises:
            BadEvent: the record is no JSON object, has no time, or other types than the log has.
        """
        try:
            record: Any = self._decode(raw)
        except FAILURES:
            record = self._second_look(raw.removeprefix(BYTE_ORDER_MARK))
        time = record.timestamp
        if time.__class__ is not int or not 0 <= time <= LATEST:
            time = read_time(time, "ms", "timestamp")
        if record.httpRequest is None:
            record.httpRequest = self._no_request
        read = _verdicts if len(raw) <= LONGEST_REMEMBERED else _verdicts.__wrapped__
        verdicts = read(
            record.action,
            record.terminatingRuleId,
            record.terminatingRuleType,
            bytes(record.ruleGroupList),
            bytes(record.nonTerminatingMatchingRules),
        )
        if len(verdicts) == 1:
            # Most records; a loop would cost as much as the event.
            return (self._make(self._event, time, record, verdicts[0]),)
        return [self._make(self._event, time, record, verdict) for verdict in verdicts]

    def _second_look(self, raw: bytes) -> Any:
        try:
            return self._decode(raw)
        except FAILURES as error:
            raise explain(error, raw, time="timestamp") from error


def _record_types(fields: Iterable[str]) -> tuple[type[msgspec.Struct], type[msgspec.Struct]]:
    """Structs with what is read of a record and of the request in it, by the log's own names."""
    record, request = dict(VERDICT), dict[str, Any]()
    for path, kind, _ in (FROM_RECORD[name] for name in sorted(fields) if name in FROM_RECORD):
        name = path.removeprefix("httpRequest.")
        (record if name == path else request)[name] = kind
    inner = _struct("Request", request)
    return _struct("Record", {**record, "httpRequest": inner | None}), inner


def _struct(name: str, fields: Mapping[str, Any]) -> type[msgspec.Struct]:
    columns = [(field, kind, _NULL if kind is msgspec.Raw else None) for field, kind in fields.items()]
    return msgspec.defstruct(name, columns, gc=False)


def _maker(fields: Sequence[str]) -> Callable[[type[Event], int, Any, Verdict], Event]:
    """A function of one expression: it runs for every record, and a call a field would cost as much again."""
    objects: dict[str, Any] = {}
    columns = []
    for field in fields:
        if field in OF_VERDICT:
            columns.append(f"verdict[{OF_VERDICT.index(field)}]")
        else:
            path, _, objects[field] = FROM_RECORD[field]
            columns.append(f"{field}(record.{path})")
    source = f"lambda event, time, record, verdict: event(time, {', '.join(columns)})"
    return cast(Callable[..., Event], eval(source, objects))  # noqa: S307  # only names of this file


@lru_cache(maxsize=4096)
def _verdicts(
    action: str | None, rule: str | None, rule_type: str | None, groups: bytes, matches: bytes
) -> Sequence[Verdict]:
    """What ended the request, then each rule that counted, once.

    Raises:
        BadEvent: what rules had to say is not what the log has.
    """
    in_groups = _decoded(_decode_groups, groups, "ruleGroupList")
    alone = _decoded(_decode_matches, matches, "nonTerminatingMatchingRules")
    return tuple(_each_verdict(_known(action), _known(rule), _known(rule_type), in_groups, alone))


def _decoded(decode: Callable[[bytes], list[T] | None], raw: bytes, at: str) -> list[T]:
    try:
        return decode(raw) or []
    except FAILURES as error:
        raise explain(error, raw, time="timestamp", at=at) from error


def _each_verdict(
    action: str | None, rule: str | None, rule_type: str | None, groups: list[RuleGroup], matches: list[Match]
) -> Iterator[Verdict]:
    decided = _deciding_group(rule_type, groups)
    if decided is None or decided.terminating_rule is None:
        yield action, rule, None, rule_type
    else:
        yield action, decided.terminating_rule.rule_id, _group_name(decided), rule_type
    counted: dict[tuple[str | None, str | None], None] = {}
    for match in matches:
        if match.action == "COUNT":
            counted[match.rule_id, None] = None
    for group in groups:
        name = _group_name(group)
        for match in group.non_terminating_matching_rules or ():
            if match.action == "COUNT":
                counted[match.rule_id, name] = None
        for match in group.excluded_rules or ():
            counted[match.rule_id, name] = None
        if group.terminating_rule is not None and group is not decided:
            counted[group.terminating_rule.rule_id, name] = None  # the web ACL only counts this group
    for rule_id, name in counted:
        if rule_id is not None:
            yield "COUNT", rule_id, name, None


def _deciding_group(rule_type: str | None, groups: list[RuleGroup]) -> RuleGroup | None:
    """The group that ended the request: the last in which a rule did, if it was a group at all."""
    if rule_type not in {"GROUP", "MANAGED_RULE_GROUP"}:
        return None
    return next((group for group in reversed(groups) if group.terminating_rule is not None), None)


def _group_name(group: RuleGroup) -> str | None:
    """The name in VENDOR#NAME#VERSION, or in an ARN."""
    identity = group.rule_group_id
    parts = (identity or "").split("#")
    return parts[1] if len(parts) > 1 else _name_in_arn(identity)

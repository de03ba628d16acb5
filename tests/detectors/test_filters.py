"""Filters say what a plain reading of the configuration says, of events and of places."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.aggregation import columns
from detectors.config import Matcher, Where, as_list
from detectors.detector_fold import OpenInterval
from detectors.filters import matches_dimensions
from detectors.loop import Loop
from detectors.places import named, text
from detectors.records import Event, Value, event_type
from tests.detectors.builders import detector

Record = event_type(["action", "ip", "geo.country", "status"])


def record(**fields: Value) -> Event:
    return Record(0, **fields)


def where(toml: dict[str, Any]) -> Where:
    """A condition as it comes from a configuration file."""
    return msgspec.convert(toml, Where)


def matches_event(asked: Where) -> Callable[[Event], bool]:
    """Whether the loop of a detector with this filter lets an event through."""
    asking = detector(where=asked)
    loop = Loop(asking, columns(asking))

    def matches(event: Event) -> bool:
        return not loop.add_all([event], lambda time: OpenInterval(time, time + 1, 0, {}), lambda *_: [0, 0])

    return matches


def test_without_conditions_everything_matches() -> None:
    assert matches_event({})(record())
    assert matches_dimensions({})({})


def test_all_fields_must_match_and_any_of_the_values() -> None:
    matches = matches_event(where({"action": ["BLOCK", "CAPTCHA"], "geo.country": "DE"}))

    assert matches(record(action="CAPTCHA", geo__country="DE"))
    assert not matches(record(action="CAPTCHA", geo__country="FR"))
    assert not matches(record(action="ALLOW", geo__country="DE"))


@pytest.mark.parametrize(
    ("wanted", "value"),
    [(404, "404"), ("404", 404), (404, 404.0), (True, True), ("true", True), (True, "true"), (1.5, "1.5")],
)
def test_values_compare_as_text(wanted: Any, value: Value) -> None:
    assert matches_event(where({"status": wanted}))(record(status=value))
    assert matches_event(where({"status": ["other", wanted]}))(record(status=value))


@pytest.mark.parametrize(("wanted", "value"), [(1, True), (True, 1), ("1", True), (0, False), ("", None)])
def test_what_python_takes_for_equal_is_not(wanted: Any, value: Value) -> None:
    assert not matches_event(where({"status": wanted}))(record(status=value))
    assert not matches_event(where({"status": ["other", wanted]}))(record(status=value))


def test_an_absent_field_is_missing_and_nothing_else_is() -> None:
    absent = matches_event(where({"action": "(missing)"}))

    assert absent(record())
    assert not absent(record(action="(missing)"))  # a stranger's text
    assert matches_event(where({"action": {"not": "COUNT"}}))(record())
    assert not matches_event(where({"action": {"not": "(missing)"}}))(record())


def test_a_long_value_matches_itself_as_event_and_as_place() -> None:
    long = "x" * 300
    for matches in (matches_event(where({"ip": long})), matches_event(where({"ip": text(long)}))):
        assert matches(record(ip=long))
        assert not matches(record(ip=long + "y"))
    assert matches_dimensions(where({"ip": long}))({"ip": text(long)})


def test_all_parts_of_a_matcher_must_hold() -> None:
    matches = matches_event(where({"ip": {"cidr": "10.0.0.0/8", "not": ["10.0.0.1"], "prefix": "10.0."}}))

    assert matches(record(ip="10.0.0.2"))
    assert not matches(record(ip="10.0.0.1"))
    assert not matches(record(ip="10.1.0.2"))
    assert matches_event(where({"ip": {}}))(record(ip="10.1.0.2"))


@pytest.mark.parametrize(
    ("cidr", "address", "inside"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:0a01:0203", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:0DB8:0:0::1", True),
        ("2001:db8::/32", "10.0.0.1", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("10.0.0.0/8", "10.0.0.1:80", False),
        ("10.0.0.0/8", "unknown", False),
        ("10.0.0.0/8", "", False),
        ("10.0.0.0/8", None, False),
        ("0.0.0.0/0", 167772161, False),
        ("0.0.0.0/0", True, False),
        (["192.0.2.0/24", "2001:db8::/32"], "2001:db8::1", True),
    ],
)  # fmt: skip
def test_an_address_is_in_a_network(cidr: str | list[str], address: Value, inside: bool) -> None:
    assert matches_event(where({"ip": {"cidr": cidr}}))(record(ip=address)) is inside


def test_a_rolled_up_dimension_matches_no_condition_on_it() -> None:
    total: dict[str, str] = {}

    assert not matches_dimensions(where({"action": "BLOCK"}))(total)
    assert not matches_dimensions(where({"action": "(missing)"}))(total)
    assert not matches_dimensions(where({"action": {"not": "BLOCK"}}))(total)
    assert matches_dimensions(where({"action": {"not": "BLOCK"}}))({"action": "ALLOW"})


VALUES = st.sampled_from(
    [
        "a",
        "ab",
        "b",
        "",
        "404",
        "true",
        "(missing)",
        "(other)",
        "%28other)",
        "10.0.0.1",
        "::ffff:10.0.0.1",
        "z" * 250,
    ]
)
SCALARS = VALUES | st.sampled_from([404, 404.0, 1, True, 1.5])
CONDITIONS = (
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.builds(
        Matcher,
        excluded=st.none() | SCALARS | st.lists(SCALARS, max_size=3),
        prefix=st.none() | VALUES | st.lists(VALUES, max_size=2),
        cidr=st.none() | st.sampled_from(["10.0.0.0/8", "10.0.0.1/32", "::/0"]),
    )
)
FIELDS = st.sampled_from(["action", "ip", "status"])


def plainly(condition: Any, value: str) -> bool:
    """The rules as one would tell them, without a thought for speed."""

    def shown(wanted: Any) -> str:
        return wanted if wanted in ("(missing)", "(other)") else text(wanted)

    def within(network: str) -> bool:
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        return (getattr(address, "ipv4_mapped", None) or address) in ipaddress.ip_network(network)

    if not isinstance(condition, Matcher):
        return any(value == shown(wanted) for wanted in as_list(condition))
    return (
        (condition.excluded is None or all(value != shown(x) for x in as_list(condition.excluded)))
        and (condition.prefix is None or any(value.startswith(x) for x in as_list(condition.prefix)))
        and (condition.cidr is None or any(within(x) for x in as_list(condition.cidr)))
    )


@given(asked=st.dictionaries(FIELDS, CONDITIONS), fields=st.dictionaries(FIELDS, SCALARS | st.none()))
def test_compiled_filters_say_what_the_plain_rules_say(asked: Where, fields: dict[str, Value]) -> None:
    shown = {name: text(fields.get(name)) for name in ("action", "ip", "status")}
    expected = all(plainly(condition, shown[name]) for name, condition in asked.items())

    assert matches_event(asked)(record(**fields)) is expected
    assert matches_dimensions(asked)(named(list(shown), tuple(shown.values()))) is expected

"""The `where` of the configuration, compiled: a test of an event's field, or of the dimensions of a place.

Values compare as they look in a dimension (`places.text`): 404 matches "404", and true matches "true".
All fields must match; of a list of values, any. An absent field is `(missing)`, and may be asked for
by that name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from detectors.config import Matcher, Scalar, Where, as_list
from detectors.places import LONGEST, MISSING, OTHER, text

T = TypeVar("T")

Condition = Callable[[str], bool]


class NoneOf(frozenset[str]):
    """What a value must not be."""


Test = frozenset[str] | NoneOf | Condition
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def event_test(condition: Scalar | list[Scalar] | Matcher) -> Test:
    """What is asked of an event's field, as text: to be one of some, or none of some, or to pass a condition.

    >>> event_test(["order", "purchase"]) == {"order", "purchase"}
    True
    """
    if not isinstance(condition, Matcher):
        wanted = _texts(condition)
        if all(map(_is_itself, wanted)):
            return wanted
    elif condition.excluded is not None and condition == Matcher(excluded=condition.excluded):
        unwanted = _texts(condition.excluded)
        if all(map(_is_itself, unwanted)):
            return NoneOf(unwanted)
    return _condition(condition)


def matches_dimensions(where: Where) -> Callable[[Mapping[str, str]], bool]:
    """Whether a place, as dimension → value, has what is asked for.

    A place that does not carry a dimension, because it is rolled up there, matches no condition on
    it, `not` included: the total is not "all but web".

    >>> matches_dimensions({"platform": Matcher(excluded="web")})({"country": "DE"})
    False
    """
    tests = [(field, _condition(condition)) for field, condition in where.items()]
    return lambda place: all(field in place and test(place[field]) for field, test in tests)


def _is_itself(wanted: str) -> bool:
    """Whether the only text that looks like this as a dimension value is this one.

    Not so for what is shortened or escaped: then events must be brought into that form first.
    """
    return len(wanted) < LONGEST and not wanted.startswith(("%28", "("))


def _condition(condition: Scalar | list[Scalar] | Matcher) -> Condition:
    if not isinstance(condition, Matcher):
        wanted = _texts(condition)
        return lambda value: value in wanted
    tests: list[Condition] = []
    if condition.excluded is not None:
        tests.append(_none_of(_texts(condition.excluded)))
    if condition.prefix is not None:
        tests.append(_begins(tuple(as_list(condition.prefix))))
    if condition.regex is not None:
        tests.append(_matching([re.compile(regex) for regex in as_list(condition.regex)]))
    if condition.cidr is not None:
        tests.append(_within([network(cidr) for cidr in as_list(condition.cidr)]))
    return _every(tests)


def _every(tests: list[Callable[[T], bool]]) -> Callable[[T], bool]:
    """All of the tests as one; a loop, since `all` over a generator is three times as slow."""
    if len(tests) == 1:
        return tests[0]

    def every(subject: T) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(subject):
                return False
        return True

    return every


def _texts(values: Scalar | list[Scalar]) -> frozenset[str]:
    """Values as dimensions show them. Here `(missing)` and `(other)` mean just these."""
    listed = values if isinstance(values, list) else [values]
    return frozenset(value if value in {MISSING, OTHER} else text(value) for value in listed)


def _none_of(excluded: frozenset[str]) -> Condition:
    return lambda value: value not in excluded


def _begins(prefixes: tuple[str, ...]) -> Condition:
    return lambda value: value.startswith(prefixes)


def _matching(patterns: list[re.Pattern[str]]) -> Condition:
    return lambda value: any(pattern.fullmatch(value) for pattern in patterns)


def _within(networks: list[Network]) -> Condition:
    @lru_cache(maxsize=65_536)  # a client sends many requests, and reading an address takes microseconds
    def within(value: str) -> bool:
        found = address(value)
        return found is not None and any(found in network for network in networks)

    return within


def address(value: str) -> Address | None:
    """The address that a text is, if it is one; an IPv4 address mapped into IPv6 is that address."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def network(cidr: str) -> Network:
    """A network, where a mapped IPv4 network is that network, to fit what `address` returns."""
    found = ipaddress.ip_network(cidr)
    mapped = getattr(found.network_address, "ipv4_mapped", None)
    if mapped is not None and found.prefixlen >= 96:
        return ipaddress.IPv4Network((mapped, found.prefixlen - 96))
    return found

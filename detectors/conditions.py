"""Conditions across measures: which of them must be in an incident together, as a rule says it in words.

    when = "orders below and (errors or latency above)"

Names of measures, each of which may be followed by a direction; `not` before `and` before `or`, and
parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Set
from typing import NamedTuple, get_args

from detectors.records import Direction

_TOKENS = re.compile(r"\s*([()]|[A-Za-z0-9_-]+)")
_DIRECTIONS = frozenset(get_args(Direction))

#: A measure, and on which side it is off.
Off = tuple[str, Direction]
Test = Callable[[Set[Off]], bool]


class Condition(NamedTuple):
    """A condition, read."""

    measures: frozenset[str]
    holds: Test


def read(text: str) -> Condition:
    """A condition that is written so.

    >>> condition = read("orders below and not (errors or latency above)")
    >>> condition.holds({("orders", "below"), ("latency", "below")})
    True
    >>> condition.holds({("orders", "below"), ("errors", "above")})
    False

    Raises:
        ValueError: it is no condition.
    """
    reader = _Reader(text)
    test = reader.alternatives()
    if reader.tokens:
        reader.refuse("and, or")
    return Condition(frozenset(reader.measures), test)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.tokens = _TOKENS.findall(text)
        self.measures: list[str] = []
        if "".join(self.tokens) != re.sub(r"\s", "", text):
            self.refuse("names of measures, and, or, not, parentheses")

    def refuse(self, expected: str) -> None:
        found = repr(self.tokens[0]) if self.tokens else "its end"
        message = f"{self._text!r} is no condition: at {found} there should be {expected}"
        raise ValueError(message)

    def alternatives(self) -> Test:
        tests = [self._all_of()]
        while self._take({"or"}):
            tests.append(self._all_of())
        return lambda off: any(test(off) for test in tests)

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._take({"and"}):
            tests.append(self._one())
        return lambda off: all(test(off) for test in tests)

    def _one(self) -> Test:
        if self._take({"not"}):
            test = self._one()
            return lambda off: not test(off)
        if self._take({"("}):
            test = self.alternatives()
            if not self._take({")"}):
                self.refuse("')'")
            return test
        if not self.tokens or self.tokens[0] in {"and", "or", ")"}:
            self.refuse("a measure")
        measure = self.tokens.pop(0)
        self.measures.append(measure)
        direction = self._take(_DIRECTIONS)
        return lambda off: any(name == measure and direction in {None, side} for name, side in off)

    def _take(self, wanted: Iterable[str]) -> str | None:
        return self.tokens.pop(0) if self.tokens and self.tokens[0] in wanted else None

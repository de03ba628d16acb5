"""Writing: the source of a traced model for one series, each operation once and only those that tell.

Lines of Python come out, of a function of the columns which gives two: how to assess a value, and how to
learn it from what assessing has made. An operation that is used once stands where it is used, so that what
`where` leaves out is not computed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from detectors.models.tracing import Expression, Trace

#: How operations are written that say yes or no.
DECIDING = {
    "less": "({0} < {1})",
    "less_equal": "({0} <= {1})",
    "greater": "({0} > {1})",
    "greater_equal": "({0} >= {1})",
    "equal": "({0} == {1})",
    "not_equal": "({0} != {1})",
    "bitwise_and": "({0} and {1})",
    "logical_and": "({0} and {1})",
    "bitwise_or": "({0} or {1})",
    "invert": "(not {0})",
}
#: Operations of numpy. Its exp, log and power are not in their last bit those of the standard library.
NUMPYS = DECIDING | {
    "add": "({0} + {1})",
    "subtract": "({0} - {1})",
    "multiply": "({0} * {1})",
    "divide": "({0} / {1})",
    "floor_divide": "({0} // {1})",
    "remainder": "({0} % {1})",
    "negative": "(-{0})",
    "absolute": "({0} if {0} >= 0.0 else -{0})",
    "minimum": "({0} if {0} < {1} else {1})",
    "maximum": "({0} if {0} > {1} else {1})",
    "floor": "({0} // 1.0)",
    "sqrt": "sqrt({0})",
    "copysign": "copysign({0}, {1})",
    "exp": "float(exp({0}))",
    "log": "float(log({0}))",
    "power": "float(power({0}, {1}))",
}
WRITTEN = NUMPYS | {
    "value": "value",
    "second": "second",
    "read": "{0}[{1}]",
    "where": "({1} if {0} else {2})",
}
#: What the source refers to.
OBJECTS = {
    "sqrt": math.sqrt, "copysign": math.copysign, "exp": np.exp, "log": np.log, "power": np.power,
    "inf": math.inf, "nan": math.nan,
}  # fmt: skip


class Source:
    """The source of a trace."""

    def __init__(self, traced: Trace) -> None:
        #: Operations by the names of their results, each after those that it needs.
        self._operations: dict[str, tuple[str, tuple[Any, ...]]] = {}
        self._names: dict[tuple[str, tuple[Any, ...]], str] = {}
        self._simplified: dict[int, Any] = {}
        self._told = [self._name(told) for told in traced.told.values()]
        cells = [Expression("read", cell) for cell in traced.learnt]
        now = traced.learnt.values()
        self._learnt = dict(zip(map(self._name, cells), map(self._name, now), strict=True))
        self._columns = dict.fromkeys(parts[0] for name, parts in self._operations.values() if name == "read")
        self._uses = Counter[Any]()

    def _name(self, part: Any) -> Any:
        """The name of an operation's result; numbers and columns stand for themselves."""
        if not isinstance(part, Expression):
            return part.item() if isinstance(part, np.generic) else part
        if id(part) not in self._simplified:
            self._simplified[id(part)] = self._simplest(part.name, tuple(map(self._name, part.parts)))
        return self._simplified[id(part)]

    def _simplest(self, name: str, parts: tuple[Any, ...]) -> Any:
        if name == "where" and isinstance(parts[0], bool):
            return parts[1] if parts[0] else parts[2]
        if name == "multiply":
            for flag, other in (parts, parts[::-1]):
                if self._decides(flag):
                    return self._simplest("where", (flag, other, 0.0))
        if name in NUMPYS and not any(isinstance(part, str) for part in parts):
            return getattr(np, name)(*parts).item()
        key = name, tuple((part, type(part)) for part in parts)
        if key not in self._names:
            self._names[key] = f"_{len(self._names)}"
            self._operations[self._names[key]] = name, parts
        return self._names[key]

    def _decides(self, part: Any) -> bool:
        return isinstance(part, bool) or (part in self._operations and self._operations[part][0] in DECIDING)

    def lines(self) -> Iterator[str]:
        """The function of the columns, in lines."""
        assessing = self._needed(self._told)
        cells = [self._operations[cell] for cell in self._learnt]
        wanted = [*self._learnt.values(), *(line for _, (_, line) in cells)]
        learning = [name for name in self._needed(wanted) if name not in assessing]
        used = {part for name in learning for part in self._operations[name][1]}.union(wanted)
        made = [name for name in assessing if name in used]
        self._uses = Counter(self._told + wanted)
        for name in [*assessing, *learning]:
            operation, parts = self._operations[name]
            for place, part in enumerate(parts):
                self._uses[part] += WRITTEN[operation].count(f"{{{place}}}")
        # What is made has a name, and so has what is read before it is written over.
        reading = [name for name in learning if self._operations[name][0] == "read"]
        self._uses.update(made * 2 + reading * 2)
        yield "def bind(columns):"
        for column in self._columns:
            yield f"    {_identifier(column)} = columns[{column!r}]"
        yield "    def assess(value, second):"
        yield from self._assigned(assessing)
        yield f"        return {self._listed(self._told)}({self._listed(made)}),"
        yield "    def learn(made):"
        yield f"        {self._listed(made)} = made"
        yield from self._assigned(learning)
        for (_, (column, line)), now in zip(cells, self._learnt.values(), strict=True):
            yield f"        {_identifier(column)}[{self._text(line)}] = {self._text(now)}"
        yield "    return assess, learn"

    def _needed(self, wanted: Iterable[Any]) -> list[str]:
        """The operations that some come of, themselves among them, in order."""
        needed, open_ = set[str](), list(wanted)
        while open_:
            name = open_.pop()
            if name in self._operations and name not in needed:
                needed.add(name)
                open_ += self._operations[name][1]
        return [name for name in self._operations if name in needed]

    def _assigned(self, names: Iterable[str]) -> Iterator[str]:
        for name in names:
            if self._uses[name] > 1:
                yield f"        {name} = {self._written(name)}"

    def _listed(self, names: Iterable[Any]) -> str:
        return "".join(f"{self._text(name)}, " for name in names)

    def _text(self, part: Any) -> str:
        if part in self._operations:
            return self._written(part) if self._uses[part] == 1 else part
        return _identifier(part) if isinstance(part, str) else repr(part)

    def _written(self, name: str) -> str:
        operation, parts = self._operations[name]
        return WRITTEN[operation].format(*map(self._text, parts))


def _identifier(column: str) -> str:
    return column.replace(".", "_")

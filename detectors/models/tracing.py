"""Tracing: what a model in columns does with the value of one series, as a graph of operations on numbers.

The model runs once, on columns whose numbers are expressions instead: numpy hands every operation on them
over, and what is done is written down. So it is the model itself that says what a series by itself is to
do, and a change of the model is one of that too. A model that asks an expression whether it is true cannot
be traced, and neither can one that uses what is not known here: both say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np

from detectors.models.base import Model, Moment
from detectors.models.columns import Columns
from detectors.models.objects import Objects

#: Numbers of an assessment that a series by itself is told.
OUTPUTS = ("expected", "lower", "upper", "scale", "surprise", "confidence", "learning", "lasting")


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation, by the name that numpy gives it, and what it is done to: expressions or numbers.

    Other than numpy's there are the `value` and the `second` of the week, `where`, and `read`, whose parts
    are the name of a column and a line of it.
    """

    name: str
    parts: tuple[Any, ...] = ()

    def __mul__(self, other: Any) -> Expression:
        return Expression("multiply", (self, other))

    def __floordiv__(self, other: Any) -> Expression:
        return Expression("floor_divide", (self, other))

    def __mod__(self, other: Any) -> Expression:
        return Expression("remainder", (self, other))

    def __bool__(self) -> bool:
        message = f"what {self.name!r} gives is not known while a model is traced; np.where decides later"
        raise TypeError(message)


class Traceable(Model, Protocol):
    """A model whose state is in columns alone."""

    parts: dict[str, Columns | Objects[Any]]


#: A number that is kept: the name of its column, and which line of it.
Cell = tuple[str, int | Expression]


@dataclass(frozen=True)
class Trace:
    """What a model tells of a value, and what it then remembers, in cells of its columns."""

    told: dict[str, Expression]
    learnt: dict[Cell, Expression]


class Line(np.ndarray[Any, np.dtype[np.object_]]):
    """A column or some lines of it, one series wide, of expressions."""

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: tuple[Any, ...] = (), **how: Any
    ) -> Any:
        if method == "reduce" and how.get("axis") == 0:
            return reduce(ufunc, inputs[0])
        if method != "__call__" or how:
            message = f"{ufunc.__name__}.{method} of {', '.join(how) or 'an expression'} cannot be traced"
            raise TypeError(message)
        told = _each(ufunc.__name__, *inputs)
        if not out:
            return told
        out[0][...] = told
        return out[0]

    def __array_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: Iterable[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        if func not in FUNCTIONS:
            message = f"{func.__name__} cannot be traced"
            raise TypeError(message)
        return FUNCTIONS[func](*args, **kwargs)

    def astype(self, *_: Any, **__: Any) -> Any:
        """The same: numbers of a series by itself are read as float64."""
        return self.copy()


class Kept(Line):
    """A column that is kept; of a table, a line that is named by an expression is changed in place."""

    column: str
    lines: dict[Expression, Line]

    @classmethod
    def of(cls, column: str, shape: tuple[int, ...]) -> Kept:
        """The column as it is before the value is learnt."""
        cells = [Expression("read", (column, line)) for line in range(int(np.prod(shape)))]
        kept = np.array(cells, dtype=object).reshape(shape).view(cls)
        kept.column, kept.lines = column, {}
        return kept

    def __getitem__(self, line: Any) -> Any:
        if not isinstance(line, Expression):
            return super().__getitem__(line)
        return self.lines.setdefault(line, _line([Expression("read", (self.column, line))]))

    def __setitem__(self, line: Any, value: Any) -> None:
        if isinstance(line, Expression):
            self[line][...] = value
        else:
            super().__setitem__(line, value)


def trace(model: Traceable, *, special: bool) -> Trace:
    """What a model without series does with the value of one; it is of no use afterwards."""
    model.grow(1)
    kept = {column: Kept.of(column, array.shape) for column, array in model.save().items()}
    for title, part in model.parts.items():
        for name in part.save():
            setattr(part, name, kept[f"{title}.{name}"])
    second: Any = Expression("second")
    value: Any = _line([Expression("value")])
    assessment = model.assess(Moment(second, special), value)
    told = {name: getattr(assessment, name)[0] for name in OUTPUTS}
    model.learn(assessment)
    learnt: dict[Cell, Any] = {}
    for column, array in model.save().items():
        learnt |= {(column, line): now for line, now in enumerate(array.flat)}
        learnt |= {(column, at): line[0] for at, line in kept[column].lines.items()}
    learnt = {cell: now for cell, now in learnt.items() if now != Expression("read", cell)}
    return Trace(told, learnt)


def _line(cells: Sequence[Any]) -> Line:
    line: Line = np.array([*cells], dtype=object).view(Line)
    return line


def _each(name: str, *inputs: Any) -> Line:
    """The operation on each number of its inputs, which are broadcast."""
    operation = np.frompyfunc(lambda *parts: Expression(name, parts), len(inputs), 1)
    line: Line = operation(*[np.asarray(column, dtype=object) for column in inputs]).view(Line)
    return line


def _where(condition: Any, this: Any, that: Any) -> Line:
    return _each("where", condition, this, that)


def _copyto(to: Line, value: Any, where: Any = True) -> None:
    to[...] = _where(where, value, to)


def _clip(a: Any, lowest: Any, highest: Any) -> Line:
    return _each("minimum", _each("maximum", a, lowest), highest)


def _stack(lines: Sequence[Any]) -> Line:
    return np.stack([np.asarray(line, dtype=object) for line in lines]).view(Line)


def _full(value: float) -> Callable[..., Line]:
    def like(column: Line, dtype: Any = np.float64) -> Line:
        cells: Line = np.full(column.shape, np.dtype(dtype).type(value).item(), dtype=object).view(Line)
        return cells

    return like


#: Functions of numpy other than operations on each number.
FUNCTIONS: dict[Callable[..., Any], Callable[..., Any]] = {
    np.where: _where,
    np.copyto: _copyto,
    np.clip: _clip,
    np.stack: _stack,
    np.zeros_like: _full(0),
    np.ones_like: _full(1),
    np.empty_like: _full(0),
}

"""The loop over the events of a detector, written in Python for that detector alone.

It runs for every event, and little else does: so the fields, conditions and aggregations of the
configuration become lines of it, where a call for each would cost several times as much. Only names
and numbers of our own are written into it; what comes from the configuration are objects that it refers
to by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec

from detectors.aggregation import EXACT, ROUNDING, Aggregator, InSteps, exactly
from detectors.config import Detector, Measure, Where
from detectors.filters import NoneOf, Test, event_test
from detectors.intake import Counters, Taken
from detectors.places import text
from detectors.records import Event, Place, attribute

#: A place's numbers: how many events it had, then an accumulator for each additive measure.
Cell = list[Any]


class Span(Protocol):
    """An open interval, as the loop needs it; `leaves` by their values as events have them, None for none."""

    start: int
    end: int
    events: int
    leaves: dict[Place, Cell]
    taken: Taken


#: Finds or opens the interval of a time.
Enter = Callable[[int], Span]
#: Makes the cell of a leaf that is not in its interval yet, or sees to the event in another way.
Meet = Callable[[Any, Place, Event], Cell | None]


class Loop:
    """Adds the events of a detector to cells."""

    def __init__(self, detector: Detector, measures: Sequence[tuple[Measure, Aggregator[Any]]]) -> None:
        """`measures` are those that the detector has an accumulator of: see `aggregation.columns`."""
        self._objects: dict[str, Any] = {"text": text, "exactly": exactly}
        #: How many counters there are, and by additive measure which are its own; None if it reads no field.
        self.counters = 0
        self.counters_of: list[Counters | None] = [None] * len(detector.additive)
        self._number_counters(detector.additive)
        made = self._compile([*self._add_all(detector, measures), *self._add_one(measures)])
        #: (events, enter, meet) → how many the detector's own filter left out.
        self.add_all: Callable[[Iterable[Event], Enter, Meet], int] = made["add_all"]
        #: Adds one event, which the filter has let through, to one cell; returns what its counters are of it.
        self.add_one: Callable[[Event, Cell], Sequence[int]] = made["add_one"]

    def _number_counters(self, measures: Sequence[Measure]) -> None:
        """Give each condition and each field under it a counter; what is asked of all events needs none."""
        asked: dict[bytes, int] = {}
        without: dict[tuple[bytes, str], int] = {}
        for m, measure in enumerate(measures):
            if measure.field is None:
                continue
            where = msgspec.json.encode(measure.where)
            if measure.where and where not in asked:
                asked[where] = self.counters
                self.counters += 1
            if (where, measure.field) not in without:
                without[where, measure.field] = self.counters
                self.counters += 1
            self.counters_of[m] = Counters(asked.get(where), without[where, measure.field])

    def _counting(self, of: str) -> Iterator[str]:
        """A line for each counter, by its name and number."""
        return (of.format(name=f"count_{n}", n=n) for n in range(self.counters))

    def _add_all(
        self, detector: Detector, measures: Sequence[tuple[Measure, Aggregator[Any]]]
    ) -> Iterator[str]:
        yield "def add_all(events, enter, meet):"
        yield "    start = end = seen = filtered = 0"
        yield "    interval = None"
        yield from self._counting("    {name} = 0")
        yield "    for event in events:"
        yield "        if not start <= event.event_time < end:"
        yield "            if interval is not None:"
        yield "                interval.events += seen"
        yield "                seen = 0"
        yield from self._counting("                interval.taken.counts[{n}] += {name}; {name} = 0")
        yield "            interval = enter(event.event_time)"
        yield "            start, end, find = interval.start, interval.end, interval.leaves.get"
        yield "        seen += 1"
        read: set[str] = set()
        if detector.where:
            yield from _indented(self._texts(detector.where, read), 8)
            yield f"        if not ({self._condition(detector.where)}):"
            yield "            filtered += 1"
            yield "            continue"
        yield from _indented(self._texts(detector.dimensions, read), 8)
        yield f"        leaf = ({''.join(_text_of(name) + ', ' for name in detector.dimensions)})"
        yield "        cell = find(leaf)"
        yield "        if cell is None:"
        yield "            cell = meet(interval, leaf, event)"
        yield "            if cell is None:"
        yield "                continue"
        yield from _indented(self._measures(measures, read), 8)
        yield "    if interval is not None:"
        yield "        interval.events += seen"
        yield from self._counting("        interval.taken.counts[{n}] += {name}")
        yield "    return filtered"

    def _add_one(self, measures: Sequence[tuple[Measure, Aggregator[Any]]]) -> Iterator[str]:
        yield "def add_one(event, cell):"
        yield from self._counting("    {name} = 0")
        yield from _indented(self._measures(measures, set()), 4)
        yield f"    return ({''.join(self._counting('{name}, '))})"

    def _measures(self, measures: Sequence[tuple[Measure, Aggregator[Any]]], read: set[str]) -> Iterator[str]:
        """Measures of the same condition, field or step share what is done for it."""
        yield "cell[0] += 1"
        slots = {id(measure): slot for slot, (measure, _) in enumerate(measures, 1)}
        # Evidence, which comes last, has none of its own.
        counters = {id(m): c for (m, _), c in zip(measures, self.counters_of, strict=False)}
        for alike in _grouped(measures, lambda pair: msgspec.json.encode(pair[0].where)):
            where, depth = alike[0][0].where, 0
            if where:
                yield from self._texts(where, read)
                yield f"if {self._condition(where)}:"
                depth = 4
                asked = {c.asked for measure, _ in alike if (c := counters.get(id(measure))) is not None}
                yield from (f"    count_{n} += 1" for n in asked)
            for of_field in _grouped(alike, lambda pair: pair[0].field):
                inner, field = depth, of_field[0][0].field
                if field is not None:
                    yield " " * depth + f"value = event.{attribute(field)}"
                    yield " " * depth + "if value is not None:"
                    inner += 4
                for of_factor in _grouped(of_field, _factor):
                    if (factor := _factor(of_factor[0])) is not None:
                        yield " " * inner + f"steps = value * {factor!r} + {ROUNDING!r} - {ROUNDING!r}"
                    for measure, aggregate in of_factor:
                        cell = f"cell[{slots[id(measure)]}]"
                        for line in aggregate.adding:
                            yield " " * inner + line.format(cell=cell, factor=factor, exact=EXACT)
                if (counted := counters.get(id(of_field[0][0]))) is not None:
                    yield " " * depth + "else:"
                    yield " " * depth + f"    count_{counted.without} += 1"

    def _texts(self, fields: Iterable[str], read: set[str]) -> Iterator[str]:
        """Fields as text, None where an event has none; each is read once."""
        for field in fields:
            name = _text_of(field)
            if name not in read:
                read.add(name)
                yield f"{name} = event.{attribute(field)}"
                yield f"if {name}.__class__ is not str and {name} is not None:"
                yield f"    {name} = text({name})"

    def _condition(self, where: Where) -> str:
        return " and ".join(
            self._test(_text_of(field), event_test(condition)) for field, condition in where.items()
        )

    def _test(self, name: str, test: Test) -> str:
        if callable(test):
            return f"{self._named(test)}(text({name}))"
        excluded = isinstance(test, NoneOf)
        if len(test) == 1:
            (only,) = test
            return f"{name} {'!=' if excluded else '=='} {self._named(only)}"
        return f"{name} {'not in' if excluded else 'in'} {self._named(test)}"

    def _named(self, value: object) -> str:
        name = f"object_{len(self._objects)}"
        self._objects[name] = value
        return name

    def _compile(self, lines: Iterable[str]) -> dict[str, Any]:
        exec(compile("\n".join(lines), "<loop of a detector>", "exec"), self._objects)  # noqa: S102
        return self._objects


def _text_of(field: str) -> str:
    return f"text_{attribute(field)}"


def _factor(pair: tuple[Measure, Aggregator[Any]]) -> float | None:
    return pair[1].factor if isinstance(pair[1], InSteps) else None


def _indented(lines: Iterable[str], depth: int) -> Iterator[str]:
    for line in lines:
        yield " " * depth + line


def _grouped(pairs: Sequence[tuple[Measure, Any]], key: Callable[[Any], object]) -> list[list[Any]]:
    """Pairs of equal keys together, in the order of the first of each."""
    groups: list[tuple[object, list[Any]]] = []
    for pair in pairs:
        found = next((members for known, members in groups if known == key(pair)), None)
        if found is None:
            groups.append((key(pair), [pair]))
        else:
            found.append(pair)
    return [members for _, members in groups]

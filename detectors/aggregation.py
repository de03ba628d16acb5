"""Aggregations: values of events become accumulators that merge, and in the end one number.

An Aggregator holds no events and no state of its own: accumulators are handed in and out, so that one
object serves every place of a detector. Whatever the order in which events are added and accumulators
merged, the result is the same to the last bit; that is why sums are whole numbers of steps.
"""

# ruff: noqa: D102 - the methods of all aggregators are described once, in `Aggregator`.

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any, Protocol, TypeVar, cast

from detectors.config import Aggregation, ConfigError, Measure
from detectors.records import Value
from detectors.sketches import HyperLogLog, LogBuckets

#: No sum takes a value beyond this: a larger one is a defect of the feed, and would drown the rest.
LARGEST = 1e15
#: Steps that sums may be kept in; finer ones are below the noise of a float, see `LARGEST`.
FINEST, COARSEST = 1e-12, 1e12
#: What fits the wire as a number; larger sums travel as text.
_WIRE = 2**63

A = TypeVar("A")


class BadValue(ValueError):
    """An event's value cannot be aggregated; the message says which value, where, and why."""


class Aggregator(Protocol[A]):
    """How one measure is aggregated. `A` is its accumulator: a plain value, or a sketch.

    `add` and `merge` return the result and may reuse the first accumulator, never the second.
    """

    def start(self) -> A:
        """The accumulator of no event."""

    def add(self, accumulator: A, value: Any) -> A:  # a number, or for `distinct` any Value
        """Take in the value of one event.

        Raises:
            BadValue: the value cannot be aggregated; the accumulator is as it was.
        """

    def merge(self, accumulator: A, other: A) -> A:
        """What both hold together."""

    def pack(self, accumulator: A) -> object:
        """The wire form: equal accumulators have equal forms."""

    def unpack(self, wire: object) -> A:
        """The accumulator of a wire form."""

    def value(self, accumulator: A) -> float:
        """The aggregated number; NaN where no event leaves nothing to say."""


def aggregator(measure: Measure, interval: timedelta) -> Aggregator[Any]:
    """The Aggregator of a measure that is aggregated from events of intervals of this length."""
    if measure.aggregation is None:
        message = f"measure {measure.name!r} is a ratio: it is computed from two others, not aggregated"
        raise ConfigError(message)
    return AGGREGATORS[measure.aggregation](measure, interval)


class Count:
    """How many events."""

    def start(self) -> int:
        return 0

    def add(self, accumulator: int, value: object) -> int:
        return accumulator + 1

    def merge(self, accumulator: int, other: int) -> int:
        return accumulator + other

    def pack(self, accumulator: int) -> object:
        return accumulator

    def unpack(self, wire: object) -> int:
        return cast(int, wire)

    def value(self, accumulator: int) -> float:
        return float(accumulator)


class Rate(Count):
    """How many events a second of the interval."""

    def __init__(self, interval: timedelta) -> None:
        self._seconds = interval / timedelta(seconds=1)

    def value(self, accumulator: int) -> float:
        return accumulator / self._seconds


class Steps:
    """Numbers as whole multiples of a smallest step, exact in any order of addition.

    >>> cents = Steps("revenue", 0.01)
    >>> cents.number(cents.whole(0.1) + cents.whole(0.2))
    0.3
    """

    def __init__(self, measure: str, scale: float) -> None:
        if not FINEST <= scale <= COARSEST:
            message = f"measure {measure!r}: scale must be between {FINEST:g} and {COARSEST:g}, not {scale:g}"
            raise ConfigError(message)
        self._measure = measure
        # As written in decimals: 0.0001 is one ten-thousandth, and dividing by it leaves clean decimals.
        step = Fraction(repr(scale))
        self._numerator, self._denominator = step.numerator, step.denominator
        self._factor = self._denominator if self._numerator == 1 else self._denominator / self._numerator

    def whole(self, value: float) -> int:
        """The nearest number of steps."""
        if not -LARGEST <= value <= LARGEST:
            raise too_large(value, self._measure)
        return round(value * self._factor)

    def number(self, steps: int, divisor: int = 1) -> float:
        """The number that the steps make, divided."""
        return steps * self._numerator / (self._denominator * divisor)


class Sum:
    """The exact sum, in steps."""

    def __init__(self, measure: str, scale: float) -> None:
        self._steps = Steps(measure, scale)

    def start(self) -> int:
        return 0

    def add(self, accumulator: int, value: float) -> int:
        return accumulator + self._steps.whole(value)

    def merge(self, accumulator: int, other: int) -> int:
        return accumulator + other

    def pack(self, accumulator: int) -> object:
        return wide(accumulator)

    def unpack(self, wire: object) -> int:
        return int(cast("int | str", wire))

    def value(self, accumulator: int) -> float:
        return self._steps.number(accumulator)


class Mean:
    """The exact mean: steps and how many values they are of."""

    def __init__(self, measure: str, scale: float) -> None:
        self._steps = Steps(measure, scale)

    def start(self) -> tuple[int, int]:
        return 0, 0

    def add(self, accumulator: tuple[int, int], value: float) -> tuple[int, int]:
        return accumulator[0] + self._steps.whole(value), accumulator[1] + 1

    def merge(self, accumulator: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
        return accumulator[0] + other[0], accumulator[1] + other[1]

    def pack(self, accumulator: tuple[int, int]) -> object:
        return wide(accumulator[0]), accumulator[1]

    def unpack(self, wire: object) -> tuple[int, int]:
        steps, count = cast("tuple[int | str, int]", wire)
        return int(steps), count

    def value(self, accumulator: tuple[int, int]) -> float:
        steps, count = accumulator
        return self._steps.number(steps, count) if count else math.nan


class Max:
    """The largest value."""

    def __init__(self, measure: str) -> None:
        self._measure = measure

    def start(self) -> float | None:
        return None

    def add(self, accumulator: float | None, value: float) -> float | None:
        if not -LARGEST <= value <= LARGEST:
            raise too_large(value, self._measure)
        return self.merge(accumulator, value + 0.0)  # -0.0 and 0.0 are one number: it has one form

    def merge(self, accumulator: float | None, other: float | None) -> float | None:
        if accumulator is None or other is None:
            return other if accumulator is None else accumulator
        return other if other > accumulator else accumulator

    def pack(self, accumulator: float | None) -> object:
        return accumulator

    def unpack(self, wire: object) -> float | None:
        return cast("float | None", wire)

    def value(self, accumulator: float | None) -> float:
        return math.nan if accumulator is None else accumulator


class Min(Max):
    """The smallest value."""

    def merge(self, accumulator: float | None, other: float | None) -> float | None:
        if accumulator is None or other is None:
            return other if accumulator is None else accumulator
        return other if other < accumulator else accumulator


class Distinct:
    """About how many different values; exact while they are few."""

    def start(self) -> HyperLogLog:
        return HyperLogLog()

    def add(self, accumulator: HyperLogLog, value: Value) -> HyperLogLog:
        accumulator.add(value)
        return accumulator

    def merge(self, accumulator: HyperLogLog, other: HyperLogLog) -> HyperLogLog:
        accumulator.update(other)
        return accumulator

    def pack(self, accumulator: HyperLogLog) -> object:
        return accumulator.pack()

    def unpack(self, wire: object) -> HyperLogLog:
        return HyperLogLog.unpack(cast(bytes, wire))

    def value(self, accumulator: HyperLogLog) -> float:
        return accumulator.estimate()


class Quantile:
    """The value below which this share of the values lies, within one per cent."""

    def __init__(self, measure: str, share: float) -> None:
        self._measure = measure
        self._share = share

    def start(self) -> LogBuckets:
        return LogBuckets()

    def add(self, accumulator: LogBuckets, value: float) -> LogBuckets:
        if not -LARGEST <= value <= LARGEST:
            raise too_large(value, self._measure)
        accumulator.add(value)
        return accumulator

    def merge(self, accumulator: LogBuckets, other: LogBuckets) -> LogBuckets:
        accumulator.update(other)
        return accumulator

    def pack(self, accumulator: LogBuckets) -> object:
        return accumulator.pack()

    def unpack(self, wire: object) -> LogBuckets:
        return LogBuckets.unpack(cast("list[int]", wire))

    def value(self, accumulator: LogBuckets) -> float:
        return accumulator.quantile(self._share)


#: Name in the configuration → how it is made.
AGGREGATORS: dict[Aggregation, Callable[[Measure, timedelta], Aggregator[Any]]] = {
    "count": lambda measure, interval: Count(),
    "rate": lambda measure, interval: Rate(interval),
    "sum": lambda measure, interval: Sum(measure.name, measure.scale),
    "mean": lambda measure, interval: Mean(measure.name, measure.scale),
    "min": lambda measure, interval: Min(measure.name),
    "max": lambda measure, interval: Max(measure.name),
    "distinct": lambda measure, interval: Distinct(),
    "p50": lambda measure, interval: Quantile(measure.name, 0.50),
    "p95": lambda measure, interval: Quantile(measure.name, 0.95),
    "p99": lambda measure, interval: Quantile(measure.name, 0.99),
}


def too_large(value: float, measure: str) -> BadValue:
    """The error of a value that is no finite number within bounds."""
    return BadValue(f"measure {measure!r}: a value must be within ±{LARGEST:g}, got {value:g}")


def wide(number: int) -> int | str:
    """A whole number for the wire, which has 64 bits a number."""
    return number if -_WIRE <= number < _WIRE else str(number)

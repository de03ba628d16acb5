"""Aggregations: values of events become accumulators that merge, and in the end one number.

An Aggregator holds no events and no state of its own: accumulators are handed in and out, so that one
object serves every place of a detector. How an event is added is a line of Python, which
`detectors.loop` writes into the loop over the events of a detector: a call for each would cost more
than all the rest. Whatever the order in which events are added and accumulators merged, the result is
the same to the last bit; that is why sums are whole numbers of steps.
"""

# ruff: noqa: D102 - the methods of all aggregators are described once, in `Aggregator`.

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, ClassVar, NamedTuple, Protocol, TypeVar, cast

import msgspec
from msgspec import Meta

from detectors.config import Aggregation, ConfigError, Detector, Measure
from detectors.heavy_hitters import SpaceSaving
from detectors.records import Value
from detectors.sketches import HyperLogLog, LogBuckets

#: Values of evidence that are kept at a place: none is missed that weighs more than a twentieth there.
KEPT = 20
#: Steps that sums may be kept in; finer ones are below the noise of a float, since no value is beyond 1e15.
FINEST, COARSEST = 1e-12, 1e12
#: What fits the wire as a number; larger sums travel as text.
_WIRE = 2**63
#: What `wide` makes.
Wide = int | Annotated[str, Meta(pattern=r"^-?\d{1,60}$")]
#: Up to here sums of steps are kept in floats.
EXACT = 2.0**50
#: Adding it and taking it away again leaves of a float within ±2^51 the nearest whole number, and of two
#: that are as near the even one: what `round` does.
ROUNDING = 1.5 * 2.0**52

A = TypeVar("A")


class Many(NamedTuple):
    """What there is to say of events at one place that were added up elsewhere, in SQL for example."""

    events: int
    #: How many of them have the field; the sum of each one's steps; the least and the greatest value.
    values: int = 0
    steps: int = 0
    least: float | None = None
    greatest: float | None = None
    #: The values that differ, and how often each came.
    distinct: Sequence[Value] = ()
    times: Mapping[float, int] = {}


class Aggregator(Protocol[A]):
    """How one measure is aggregated. `A` is its accumulator: a plain value, or a sketch.

    `merge` returns the result and may reuse the first accumulator, never the second.
    """

    #: The type of a column of wire forms.
    column: ClassVar[Any]

    @property
    def adding(self) -> Sequence[str]:
        """How to add an event: lines of Python in which `{cell}` is the accumulator.

        `value` is what the event has in the field: a number within ±1e15, or for `distinct` any Value,
        and never None; that is for the formats to see to. For the rest see `InSteps` and `exactly`.
        """

    def start(self) -> A:
        """The accumulator of no event."""

    def of(self, many: Many) -> A:
        """The accumulator of many events that were counted elsewhere."""

    def merge(self, accumulator: A, other: A) -> A:
        """What both hold together."""

    def pack(self, accumulator: A) -> object:
        """The wire form: equal accumulators have equal forms."""

    def unpack(self, wire: object) -> A:
        """The accumulator of a wire form."""

    def value(self, accumulator: A) -> float:
        """The aggregated number; NaN where no event leaves nothing to say."""


def columns(detector: Detector) -> list[tuple[Measure, Aggregator[Any]]]:
    """What a detector has an accumulator of: each additive measure, then the evidence of each, by field."""
    return [
        *((measure, aggregator(measure, detector.interval)) for measure in detector.additive),
        *((evidence, Heaviest()) for evidence in evidences(detector)),
    ]


def evidences(detector: Detector) -> list[Measure]:
    """The evidence of additive measures, each as if it were a measure of its field."""
    return [
        msgspec.structs.replace(measure, field=field, aggregation=None)
        for measure in detector.additive
        for field in measure.evidence
    ]


def aggregator(measure: Measure, interval: timedelta) -> Aggregator[Any]:
    """The Aggregator of a measure that is aggregated from events of intervals of this length."""
    if measure.aggregation is None:
        message = f"measure {measure.name!r} is a ratio: it is computed from two others, not aggregated"
        raise ConfigError(message)
    return AGGREGATORS[measure.aggregation](measure, interval)


class Count:
    """How many events."""

    column: ClassVar[Any] = list[int]
    adding = ("{cell} += 1",)

    def start(self) -> int:
        return 0

    def of(self, many: Many) -> int:
        return many.events

    def merge(self, accumulator: int, other: int) -> int:
        return accumulator + other

    def pack(self, accumulator: int) -> object:
        return accumulator

    def unpack(self, wire: object) -> int:
        return cast(int, wire)

    def value(self, accumulator: int) -> float:
        return float(accumulator)


class Rate(Count):
    """How many events a second of the interval; or the sum of a field a second, where one is given."""

    def __init__(self, interval: timedelta) -> None:
        self._seconds = interval / timedelta(seconds=1)

    def value(self, accumulator: int) -> float:
        return accumulator / self._seconds


class InSteps:
    """Numbers as whole multiples of a smallest step, exact in any order of addition.

    A float is exact too while it is small, and its addition a fraction of the cost. So `steps` is the
    value in steps as a float, rounded with `ROUNDING`, and a sum of them is taken if it is within ±`EXACT`,
    as the sum before it is: then the value is within ±2^51, where rounding is right. Otherwise the sum
    goes on as a whole number of any size, which is `exactly` that.

    >>> cents = InSteps("revenue", 0.01)
    >>> cents.number(round(0.1 * cents.factor) + round(0.2 * cents.factor))
    0.3
    """

    def __init__(self, measure: str, scale: float) -> None:
        if not FINEST <= scale <= COARSEST:
            message = f"measure {measure!r}: scale must be between {FINEST:g} and {COARSEST:g}, not {scale:g}"
            raise ConfigError(message)
        # As written in decimals: 0.0001 is one ten-thousandth, and dividing by it leaves clean decimals.
        step = Fraction(repr(scale))
        self._numerator, self._denominator = step.numerator, step.denominator
        #: Steps in one unit: a value times this, rounded, is its number of steps.
        self.factor = self._denominator / self._numerator

    def number(self, steps: int, divisor: int = 1) -> float:
        """The number that the steps make, divided."""
        return steps * self._numerator / (self._denominator * divisor)


class Beyond(int):
    """A sum of steps that is beyond ±`EXACT`. As a float it might lose some, so with one it makes no sum."""

    def __add__(self, _: object) -> Any:  # no int, as mypy would have it of an int
        return math.inf


def exactly(steps: int) -> int:
    """A sum of steps that further ones may be added to."""
    return steps if -EXACT < steps < EXACT else Beyond(steps)


class Sum(InSteps):
    """The exact sum, in steps."""

    column: ClassVar[Any] = list[Wide]
    adding = (
        "total = {cell} + steps",
        "if -{exact} < total < {exact}:",
        "    {cell} = total",
        "else:",
        "    {cell} = exactly(int({cell}) + round(value * {factor}))",
    )

    def start(self) -> float:
        return 0

    def of(self, many: Many) -> float:
        return exactly(many.steps)

    def merge(self, accumulator: float, other: float) -> float:
        return exactly(int(accumulator) + int(other))

    def pack(self, accumulator: float) -> object:
        return wide(int(accumulator))

    def unpack(self, wire: object) -> float:
        return exactly(int(cast("int | str", wire)))

    def value(self, accumulator: float) -> float:
        return self.number(int(accumulator))


class RateOf(Sum):
    """The sum a second of the interval."""

    def __init__(self, measure: str, scale: float, interval: timedelta) -> None:
        super().__init__(measure, scale)
        self._seconds = interval / timedelta(seconds=1)

    def value(self, accumulator: float) -> float:
        return super().value(accumulator) / self._seconds


class Mean(InSteps):
    """The exact mean: steps and how many values they are of."""

    column: ClassVar[Any] = list[tuple[Wide, int]]
    adding = (
        "mean = {cell}",
        "mean[1] += 1",
        "total = mean[0] + steps",
        "if -{exact} < total < {exact}:",
        "    mean[0] = total",
        "else:",
        "    mean[0] = exactly(int(mean[0]) + round(value * {factor}))",
    )

    def start(self) -> list[float]:
        return [0, 0]

    def of(self, many: Many) -> list[float]:
        return [exactly(many.steps), many.values]

    def merge(self, accumulator: list[float], other: list[float]) -> list[float]:
        return [exactly(int(accumulator[0]) + int(other[0])), accumulator[1] + other[1]]

    def pack(self, accumulator: list[float]) -> object:
        return wide(int(accumulator[0])), accumulator[1]

    def unpack(self, wire: object) -> list[float]:
        steps, count = cast("tuple[int | str, int]", wire)
        return [exactly(int(steps)), count]

    def value(self, accumulator: list[float]) -> float:
        steps, count = accumulator
        return self.number(int(steps), int(count)) if count else math.nan


class Max:
    """The largest value."""

    column: ClassVar[Any] = list[float | None]
    adding = ("if {cell} is None or value > {cell}:", "    {cell} = value + 0.0")

    def start(self) -> float | None:
        return None

    def of(self, many: Many) -> float | None:
        return None if many.greatest is None else many.greatest + 0.0

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

    adding = ("if {cell} is None or value < {cell}:", "    {cell} = value + 0.0")

    def of(self, many: Many) -> float | None:
        return None if many.least is None else many.least + 0.0

    def merge(self, accumulator: float | None, other: float | None) -> float | None:
        if accumulator is None or other is None:
            return other if accumulator is None else accumulator
        return other if other < accumulator else accumulator


class Distinct:
    """About how many different values; exact while they are few."""

    column: ClassVar[Any] = list[bytes]
    adding = ("{cell}.add(value)",)

    def start(self) -> HyperLogLog:
        return HyperLogLog()

    def of(self, many: Many) -> HyperLogLog:
        sketch = HyperLogLog()
        for value in many.distinct:
            sketch.add(value)
        return sketch

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

    column: ClassVar[Any] = list[list[int]]
    adding = ("{cell}.add(value)",)

    def __init__(self, share: float) -> None:
        self._share = share

    def start(self) -> LogBuckets:
        return LogBuckets()

    def of(self, many: Many) -> LogBuckets:
        sketch = LogBuckets()
        for value, times in many.times.items():
            sketch.add_times(value, times)
        return sketch

    def merge(self, accumulator: LogBuckets, other: LogBuckets) -> LogBuckets:
        accumulator.update(other)
        return accumulator

    def pack(self, accumulator: LogBuckets) -> object:
        return accumulator.pack()

    def unpack(self, wire: object) -> LogBuckets:
        return LogBuckets.unpack(cast("list[int]", wire))

    def value(self, accumulator: LogBuckets) -> float:
        return accumulator.quantile(self._share)


#: Heaviest on the wire: how many events, and of each value that is kept its weight and error.
Tally = tuple[int, list[tuple[str, int, int]]]


class Heaviest:
    """The values that come most often, and of how many events: no number, but where a number comes from."""

    column: ClassVar[Any] = list[Tally]
    adding = ("tally = {cell}", "tally[0] += 1", "tally[1].add(text(value))")

    def start(self) -> list[Any]:
        return [0, SpaceSaving[str](KEPT)]

    def of(self, many: Many) -> list[Any]:
        # Events that were counted elsewhere are told apart by no more than what is measured.
        return self.start()

    def merge(self, accumulator: list[Any], other: list[Any]) -> list[Any]:
        accumulator[0] += other[0]
        accumulator[1].update(other[1])
        return accumulator

    def pack(self, accumulator: list[Any]) -> object:
        return accumulator[0], accumulator[1].save()

    def unpack(self, wire: object) -> list[Any]:
        events, kept = cast(Tally, wire)
        sketch = SpaceSaving[str](KEPT)
        sketch.load(kept)
        return [events, sketch]

    def value(self, accumulator: list[Any]) -> float:
        return math.nan


#: Name in the configuration → how it is made.
AGGREGATORS: dict[Aggregation, Callable[[Measure, timedelta], Aggregator[Any]]] = {
    "count": lambda measure, interval: Count(),
    "rate": lambda measure, interval: (
        Rate(interval) if measure.field is None else RateOf(measure.name, measure.scale, interval)
    ),
    "sum": lambda measure, interval: Sum(measure.name, measure.scale),
    "mean": lambda measure, interval: Mean(measure.name, measure.scale),
    "min": lambda measure, interval: Min(),
    "max": lambda measure, interval: Max(),
    "distinct": lambda measure, interval: Distinct(),
    "p50": lambda measure, interval: Quantile(0.50),
    "p95": lambda measure, interval: Quantile(0.95),
    "p99": lambda measure, interval: Quantile(0.99),
}


def wide(number: int) -> int | str:
    """A whole number for the wire, which has 64 bits a number."""
    return number if -_WIRE <= number < _WIRE else str(number)

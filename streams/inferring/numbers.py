"""Which fields are measured, and how: amounts and counts are summed, rates and durations have a mean.

What a number is, its name says best; where it does not, its values say a little. A number is measured only if
all of its values are numbers: a record with another type there would be refused.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import pairwise
from statistics import median
from typing import Literal, NamedTuple

from detectors.config import Measure
from streams.formats import BadEvent
from streams.formats.decoding import LARGEST_NUMBER
from streams.formats.event_time import read_time
from streams.inferring.chosen import FEW, Chosen, LeftOut, Sure, at_most, words
from streams.inferring.fields import Column, Fields
from streams.inferring.times import EARLIEST, LATEST

#: More than this are too many to look at.
MOST = 8

DURATIONS = frozenset({
    "latency", "duration", "elapsed", "took", "runtime", "rtt", "ttfb", "delay", "wait", "millis", "ms",
    "seconds", "milliseconds", "microseconds", "us", "ns", "secs",
})  # fmt: skip
MEANS = frozenset({
    "rate", "ratio", "pct", "percent", "percentage", "share", "avg", "average", "mean", "temp",
    "temperature", "score", "load", "usage", "utilization", "utilisation", "cpu", "humidity", "pressure",
    "speed", "price", "level", "rating", "fraction", "probability", "median", "quality", "voltage",
    "battery", "lag", "age", "depth", "free", "p50", "p90", "p95", "p99", "celsius", "fahrenheit", "size",
    "memory",
})  # fmt: skip
SUMS = frozenset({
    "amount", "total", "revenue", "count", "counts", "views", "clicks", "visits", "orders", "quantity",
    "qty", "sales", "sold", "spend", "cost", "costs", "fee", "fees", "tax", "discount", "bytes", "sessions",
    "sum", "impressions", "conversions", "requests", "errors", "hits", "items", "units", "events", "users",
    "kwh", "purchases", "payments", "income", "volume", "transactions", "downloads", "messages", "turnover",
    "refunds", "carts", "checkouts", "packets", "bookings", "calls", "failures", "signups", "rows",
    "passengers",
})  # fmt: skip
#: Numbers that are no quantities.
NAMES = frozenset({
    "id", "ids", "code", "zip", "postcode", "lat", "lon", "lng", "latitude", "longitude", "port", "year",
    "month", "day", "hour", "minute", "weekday", "version", "index", "number", "no", "nr", "seq", "sequence",
    "offset",
    "partition", "pid", "status", "phone", "line", "row", "x", "y", "z", "rank",
})  # fmt: skip
#: What somebody has found out, and not what was measured.
FOUND = frozenset({"label", "labels", "anomaly", "anomalous", "outlier", "expected", "forecast", "predicted"})
#: Whole numbers that differ in each record and are as large as this are ids, in whatever order.
LARGE_ID = 1e5
#: So few whole numbers may be codes.
FEW_VALUES = 20
#: A mean or sum has steps of a ten-thousandth, unless its values are nearly as small.
SMALL, USUAL_SCALE = 0.01, Measure("-").scale


class Measured(NamedTuple):
    """A field, and how it is measured."""

    column: Column
    aggregation: Literal["sum", "mean"]
    is_duration: bool
    #: The step of sums and means.
    scale: float


def find_numbers(fields: Fields, besides: Collection[str]) -> tuple[list[Chosen[Measured]], list[LeftOut]]:
    """The fields that are measured, but for some that are used already, and those that are not."""
    found, left_out = [], []
    for column in fields.columns.values():
        if column.path in besides or not column.values or _numeric(column) < 0.5:
            continue
        judged = _judged(column, fields.count)
        if isinstance(judged, str):
            left_out.append(LeftOut(column.path, judged))
        else:
            found.append(judged)
    # Those that are surest, in the order of the record.
    kept = sorted(range(len(found)), key=lambda n: (("high", "medium", "low").index(found[n].sure), n))[:MOST]
    more = [
        LeftOut(
            chosen.value.column.path, f"{MOST} other numbers are measured, which are surer or come before it"
        )
        for n, chosen in enumerate(found)
        if n not in kept
    ]
    return [found[n] for n in sorted(kept)], left_out + more


def _numeric(column: Column) -> float:
    numbers = sum(isinstance(value, int | float) and not isinstance(value, bool) for value in column.values)
    return numbers / (len(column.values) + column.nested)


def _judged(column: Column, rows: int) -> Chosen[Measured] | str:
    """How a field is measured, or why it is not."""
    numbers = column.numbers
    said = words(column.path.rpartition(".")[2])
    if numbers is None or any(not abs(number) <= LARGEST_NUMBER for number in numbers):
        return "not all of its values are numbers within ±1e15, and records with others would be refused"
    if why := _why_not(column, numbers, said, rows):
        return why
    aggregation, sure, why = _by_name(said) or _by_values(numbers, is_whole=column.is_whole)
    is_duration = aggregation == "mean" and bool(DURATIONS & set(said) or said[-1:] == ["time"])
    return Chosen(Measured(column, aggregation, is_duration, _scale(numbers)), at_most(sure, rows), why)


def _why_not(column: Column, numbers: Sequence[float], said: Sequence[str], rows: int) -> str | None:
    last = said[-1] if said else ""
    if FOUND & set(said):
        return "by its name it was found out later; `lookalive backtest --labels` takes labels"
    if last in NAMES and not SUMS & set(said[:-1]):
        return "by its name it is a number that names something, and no quantity"
    if len(column.known) == 1 and rows >= FEW:
        return "it is always the same"
    if _are_times(column):
        return "its numbers are times"
    is_each = column.is_whole and len(column.known) == len(numbers) >= FEW
    is_counter = all(a < b for a, b in pairwise(numbers)) or median(numbers) >= LARGE_ID
    if is_each and is_counter and _by_name(said) is None:
        return "each record has another whole number: it names the record"
    return None


How = tuple[Literal["sum", "mean"], Sure, str]


def _by_name(said: Sequence[str]) -> How | None:
    """What the last word of a name says that says anything."""
    for word in reversed(said):
        if word in DURATIONS or word == "time":
            return "mean", "high", f"{word!r} in its name says that it is a duration"
        if word in MEANS:
            return "mean", "high", f"{word!r} in its name says that it does not add up"
        if word in SUMS:
            return "sum", "high", f"{word!r} in its name says that it adds up"
    return None


def _by_values(numbers: Sequence[float], *, is_whole: bool) -> How:
    if min(numbers) < 0:
        return "mean", "medium", "it is below zero now and then, as what adds up hardly ever is"
    if is_whole and len(set(numbers)) <= FEW_VALUES and len(numbers) >= 2 * FEW_VALUES:
        return "sum", "low", "it has few values, all whole: if it is a code, it is rather a dimension"
    if is_whole:
        return "sum", "medium", "it has whole numbers only, as what is counted has"
    if max(numbers) <= 1:
        return "mean", "medium", "it is from 0 to 1, as a share is"
    return "mean", "low", "neither its name nor its values say whether it adds up; if it does, take sum"


def _are_times(column: Column) -> bool:
    for value in column.values[:50]:
        if not isinstance(value, int | float):
            return False
        try:
            time = read_time(value, "auto", column.path)
        except (BadEvent, OverflowError):
            return False
        # Seconds are told from large amounts by when they are.
        if not EARLIEST <= time < LATEST or (abs(value) < 1e11 and not column.is_whole):
            return False
    return True


def _scale(numbers: Sequence[float]) -> float:
    """The usual step, or a ten-thousandth of what values usually are where that is too coarse."""
    sizes = [abs(number) for number in numbers if number]
    if not sizes or (usual := median(sizes)) >= SMALL:
        return USUAL_SCALE
    return max(1e-12, 10.0 ** (math.floor(math.log10(usual)) - 4))

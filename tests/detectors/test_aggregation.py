"""Laws of aggregation: order, split and transport never show in the result."""

from __future__ import annotations

import math
from datetime import timedelta
from itertools import permutations
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.aggregation import AGGREGATORS, EXACT, ROUNDING, Aggregator, InSteps, aggregator, exactly
from detectors.config import Aggregation, ConfigError, Measure

MINUTE = timedelta(minutes=1)
NAMES = get_args(Aggregation)
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(-1e15, 1e15) | st.sampled_from([0.1, 0.2, -0.0, 1e-10])

every = pytest.mark.parametrize("name", NAMES)


def of(name: Any, scale: float = 0.0001) -> Aggregator[Any]:
    field = "amount" if name not in {"count", "rate"} else None
    return aggregator(Measure("m", aggregation=name, field=field, scale=scale), MINUTE)


def all_of(how: Aggregator[Any], values: list[Any]) -> Any:
    """The accumulator of values, each added as the loop over events adds it."""
    cell = [how.start()]
    factor = how.factor if isinstance(how, InSteps) else 1.0
    lines = [line.format(cell="cell[0]", factor=factor, exact=EXACT) for line in how.adding]
    adding = compile("\n".join(lines), "<adding>", "exec")
    for value in values:
        steps = value * factor + ROUNDING - ROUNDING
        exec(adding, {"cell": cell, "value": value, "steps": steps, "exactly": exactly})
    return cell[0]


def wire(how: Aggregator[Any], accumulator: Any) -> bytes:
    return msgspec.msgpack.encode(how.pack(accumulator))


def unwire(how: Aggregator[Any], data: bytes) -> Any:
    return how.unpack(msgspec.msgpack.decode(data))


def test_every_aggregation_of_the_configuration_exists() -> None:
    assert set(AGGREGATORS) == set(NAMES)


@every
@given(values=st.lists(NUMBERS, max_size=30), data=st.data())
def test_order_of_events_does_not_show(name: str, values: list[float], data: st.DataObject) -> None:
    how = of(name)
    shuffled = data.draw(st.permutations(values))

    assert wire(how, all_of(how, values)) == wire(how, all_of(how, shuffled))


@pytest.mark.parametrize("name", ["sum", "mean"])
@pytest.mark.parametrize("large", [1e15, 1e12, 2.0**50 / 10_000])
def test_a_step_is_not_lost_where_large_values_come_and_go(name: str, large: float) -> None:
    how = of(name, scale=0.0001)

    for values in permutations([large, 0.0001, -large]):
        assert how.value(all_of(how, list(values))) == how.value(all_of(how, [0.0, 0.0, 0.0001]))


@every
@given(parts=st.lists(st.lists(NUMBERS, max_size=10), max_size=5), data=st.data())
def test_split_anywhere_and_merged_in_any_order_is_all_at_once(
    name: str, parts: list[list[float]], data: st.DataObject
) -> None:
    how = of(name)
    at_once = all_of(how, [value for part in parts for value in part])

    merged = how.start()
    for part in data.draw(st.permutations(parts)):
        merged = how.merge(merged, all_of(how, part))

    assert wire(how, merged) == wire(how, at_once)
    assert repr(how.value(merged)) == repr(how.value(at_once))


@every
@given(a=st.lists(NUMBERS, max_size=9), b=st.lists(NUMBERS, max_size=9), c=st.lists(NUMBERS, max_size=9))
def test_merge_is_associative_and_commutative_and_start_changes_nothing(
    name: str, a: list[float], b: list[float], c: list[float]
) -> None:
    how = of(name)

    def made(values: list[float]) -> Any:
        return all_of(how, values)

    left = how.merge(how.merge(made(a), made(b)), made(c))
    right = how.merge(made(a), how.merge(made(b), made(c)))
    assert wire(how, left) == wire(how, right)
    assert wire(how, how.merge(made(a), made(b))) == wire(how, how.merge(made(b), made(a)))
    assert wire(how, how.merge(made(a), how.start())) == wire(how, made(a))
    assert wire(how, how.merge(how.start(), made(a))) == wire(how, made(a))


@every
@given(a=st.lists(NUMBERS, max_size=9), b=st.lists(NUMBERS, min_size=1, max_size=9))
def test_merging_leaves_the_other_as_it_was(name: str, a: list[float], b: list[float]) -> None:
    how = of(name)
    other = all_of(how, b)
    before = wire(how, other)

    how.merge(how.merge(all_of(how, a), other), all_of(how, [7.0]))

    assert wire(how, other) == before


@every
@given(values=st.lists(NUMBERS, max_size=100))
def test_what_comes_off_the_wire_is_what_went_on(name: str, values: list[float]) -> None:
    how = of(name)
    accumulator = all_of(how, values)

    back = unwire(how, wire(how, accumulator))

    assert back == accumulator
    assert repr(how.value(back)) == repr(how.value(accumulator))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("count", 3), ("rate", 0.05), ("sum", 30.3), ("mean", 10.1), ("min", 10.0), ("max", 10.2),
        ("distinct", 3), ("p50", 10.1), ("p99", 10.1),
    ],
)  # fmt: skip
def test_three_values_give_what_the_name_says(name: str, expected: float) -> None:
    how = of(name)
    tolerance = 0.01 if name.startswith("p") else 0

    assert how.value(all_of(how, [10.2, 10.0, 10.1])) == pytest.approx(expected, rel=tolerance, abs=0)


@pytest.mark.parametrize("name", ["count", "sum", "distinct", "rate"])
def test_no_event_counts_as_zero(name: str) -> None:
    assert of(name).value(of(name).start()) == 0


@pytest.mark.parametrize("name", ["mean", "min", "max", "p50", "p95", "p99"])
def test_no_event_has_no_mean_extreme_or_quantile(name: str) -> None:
    assert math.isnan(of(name).value(of(name).start()))


def test_ten_times_ten_cents_are_one() -> None:
    how = of("sum", scale=0.01)

    assert how.value(all_of(how, [0.1] * 10)) == 1.0


def test_a_sum_beyond_what_64_bits_hold_survives_the_wire() -> None:
    how = of("sum")
    accumulator = all_of(how, [10**15] * 7)

    assert accumulator == 7 * 10**19
    assert how.value(unwire(how, wire(how, accumulator))) == 7e15


@pytest.mark.parametrize(("scale", "total"), [(0.0001, 7.5), (0.5, 7.5), (1.0, 8.0), (5.0, 10.0), (0.3, 7.5)])
def test_a_sum_is_in_whole_steps(scale: float, total: float) -> None:
    how = of("sum", scale)

    assert how.value(all_of(how, [7.5])) == total


def test_zero_has_one_sign() -> None:
    how = of("min")

    assert repr(how.value(all_of(how, [-0.0, 0.0]))) == repr(how.value(all_of(how, [0.0, -0.0]))) == "0.0"


@pytest.mark.parametrize("scale", [math.inf, 1e-13, 1e13])
def test_a_scale_that_no_sum_can_be_kept_in_is_refused(scale: float) -> None:
    with pytest.raises(ConfigError, match="measure 'm': scale must be between"):
        of("sum", scale)


def test_a_ratio_is_not_aggregated() -> None:
    with pytest.raises(ConfigError, match="'m' is a ratio"):
        aggregator(Measure("m", ratio=("a", "b")), MINUTE)

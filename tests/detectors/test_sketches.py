"""Sketches keep their promises: accuracy over the whole range, and results free of order."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.records import Value
from detectors.sketches import EXACT, REGISTERS, HyperLogLog, LogBuckets, stable_hash


def seen(values: Sequence[Value]) -> HyperLogLog:
    sketch = HyperLogLog()
    for value in values:
        sketch.add(value)
    return sketch


def buckets(values: list[float]) -> LogBuckets:
    sketch = LogBuckets()
    for value in values:
        sketch.add(value)
    return sketch


def test_the_hash_is_the_same_for_ever() -> None:
    """Sketches of different workers and releases are merged: this number may never change."""
    assert stable_hash("192.0.2.1") == 15416733158586102224


def test_a_lone_surrogate_can_be_counted() -> None:
    assert seen(["\ud800", "\ud801"]).estimate() == 2


@pytest.mark.parametrize("n", [0, 1, 2, EXACT - 1, EXACT])
def test_few_distinct_values_are_counted_exactly(n: int) -> None:
    assert seen([f"user-{i}" for i in range(n)] * 3).estimate() == n


@pytest.mark.parametrize("n", [EXACT + 1, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000])
def test_many_distinct_values_are_counted_within_three_standard_errors(n: int) -> None:
    estimate = seen([f"address-{i}" for i in range(n)]).estimate()

    assert estimate == pytest.approx(n, rel=3 * 1.04 / REGISTERS**0.5)


def test_distinct_counts_are_unbiased_over_many_sets() -> None:
    errors = [seen([f"{k}/{i}" for i in range(2_000)]).estimate() / 2_000 - 1 for k in range(40)]

    assert abs(sum(errors) / len(errors)) < 3 * 0.0163 / 40**0.5
    assert (sum(error**2 for error in errors) / len(errors)) ** 0.5 < 0.0163 * 1.35


def test_the_same_value_as_number_and_text_is_one() -> None:
    assert seen([404, "404", 404.0, True, "true"]).estimate() == 2


@given(st.integers(0, 3 * EXACT), st.integers(0, 3 * EXACT), st.randoms(use_true_random=False))
def test_across_the_change_to_registers_neither_order_nor_split_shows(
    n: int, cut: int, chance: random.Random
) -> None:
    values: list[Value] = [f"v{i}" for i in range(n)]
    at_once = seen(values)
    chance.shuffle(values)
    first, second = seen(values[:cut]), seen(values[max(0, cut - 20) :])

    first.update(second)

    assert first.pack() == at_once.pack() == HyperLogLog.unpack(at_once.pack()).pack()


def test_a_distinct_count_needs_no_more_than_four_kibibytes() -> None:
    assert len(seen([str(i) for i in range(EXACT)]).pack()) == 8 * EXACT
    assert len(seen([str(i) for i in range(50_000)]).pack()) == 4096


@given(
    st.lists(
        st.floats(-1e15, 1e15, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-9), min_size=1
    ),
    st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]),
)
def test_a_quantile_is_within_one_per_cent(values: list[float], share: float) -> None:
    true = float(np.quantile(values, share, method="lower"))

    assert buckets(values).quantile(share) == pytest.approx(true, rel=0.0100001, abs=0)


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_quantiles_of_latencies_are_within_one_per_cent(share: float) -> None:
    chance = random.Random(7)
    values = [chance.lognormvariate(4, 1.5) for _ in range(20_000)]

    assert buckets(values).quantile(share) == pytest.approx(
        np.quantile(values, share, method="lower"), rel=0.01
    )


def test_what_is_nearer_to_zero_than_a_billionth_is_zero() -> None:
    assert buckets([1e-10, -1e-300]).quantile(1.0) == 0


def test_buckets_are_bounded_whatever_comes() -> None:
    chance = random.Random(1)
    sketch = buckets([chance.choice([-1, 1]) * 10 ** chance.uniform(-320, 15) for _ in range(20_000)])

    assert len(sketch.pack()) / 2 <= 2 * 2_765 + 1

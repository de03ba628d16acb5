"""A sample is stretches of neighbours from all over a file, and never more than was asked for."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from streams.inferring.sampling import STRETCH, spread


@given(count=st.integers(0, 20_000), most=st.integers(1, 3_000))
def test_a_sample_is_in_order_bounded_and_of_all_parts(count: int, most: int) -> None:
    sample, total = spread(range(count), most)

    assert total == count
    assert len(sample) <= most
    assert sample == sorted(set(sample))
    if count <= most:
        assert sample == list(range(count))
    else:
        # At least a quarter of what was asked for, and no stretch is left out that is longer than others.
        assert 4 * len(sample) >= most
        gaps = [b - a for a, b in pairwise([*sample, count])]
        assert max(gaps) <= 8 * count / len(sample) * max(1, min(STRETCH, most // 4))


def test_neighbours_stay_together() -> None:
    sample, _ = spread(range(100_000), 5_000)

    assert sum(b == a + 1 for a, b in pairwise(sample)) > 0.98 * len(sample)


def test_long_records_are_fewer() -> None:
    sample, total = spread([b"x" * 1_000] * 10_000, 10_000, len, most_size=500_000)

    assert total == 10_000
    assert 100 < len(sample) <= 500


def test_records_of_which_one_stretch_is_too_large_are_cut_off() -> None:
    sample, _ = spread([b"x" * 1_000_000] * 100, 10_000, len, most_size=5_000_000)

    assert len(sample) <= 6

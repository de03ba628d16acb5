"""Snapshots of all partitions together take a tenth of a core at most, and no partition starves."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.pace import SHARE, Pace


@given(st.lists(st.floats(0.0001, 5.0), min_size=1, max_size=12))
def test_snapshots_take_their_share_of_a_core_whatever_each_of_them_costs(costs: list[float]) -> None:
    pace = Pace()
    due = [(0.0, partition) for partition in range(len(costs))]
    saves = [0] * len(costs)
    now = spent = 0.0
    end = 100 * sum(costs) / SHARE
    # One loop runs all partitions: a snapshot that is due waits for the one before it.
    while due[0][0] < end:
        at, partition = heapq.heappop(due)
        now = max(now, at) + costs[partition]
        spent += costs[partition]
        saves[partition] += 1
        pace.took("score", partition, costs[partition])
        heapq.heappush(due, (now + pace.pause, partition))
    # The first round is due at once, before anything is known of its costs.
    assert spent - sum(costs) <= SHARE * now
    assert min(saves) >= 90


def test_a_partition_that_went_elsewhere_costs_nothing() -> None:
    pace = Pace()
    pace.took("score", 0, 1.0)
    pace.took("fold", 0, 0.5)
    pace.forget("score", 0)
    pace.forget("score", 7)
    assert pace.pause == pytest.approx(5)

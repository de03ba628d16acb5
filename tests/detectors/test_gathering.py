"""Shards and chunks change nothing: groups are those of the whole detector, and little is kept meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import state
from detectors.chunks import chunked
from detectors.config import AlertRule
from detectors.gathering import MOST_ANOMALIES, MOST_KEPT
from detectors.grouping import Grouper, GrouperState
from detectors.leaf_scores import size
from detectors.places import shard_of
from detectors.records import AnomalyGroup, IntervalScores, Place, utc
from tests.detectors.builders import MINUTE, detector, ms, scores

SHARDS = 3
DIMENSIONS = ("platform", "marketplace")
ONE = detector(dimensions=DIMENSIONS, funnel=["views", "orders"])
SHARDED = detector(dimensions=DIMENSIONS, funnel=["views", "orders"], shards=SHARDS)
PLACES: list[Place] = [(a, b) for a in (None, "web", "app", "tv") for b in (None, "DE", "FR")]
#: In a test a chunk is of two or three rows.
SMALL = 500
LARGE = 50_000

Row = dict[str, Any]


def grouper(shop: Any = SHARDED) -> Grouper:
    return Grouper(shop, [AlertRule("rule", "shop", 70.0)])


def reloaded(grouper: Grouper) -> Grouper:
    again = Grouper(grouper.detector, [AlertRule("rule", "shop", 70.0)])
    again.load(state.decode(state.encode(grouper.save()), GrouperState))
    return again


def told(
    minute: int, rows: dict[tuple[str, Place], Row], largest: int = SMALL, *, stopped: bool = False
) -> list[list[IntervalScores]]:
    """The chunks of each shard, of an interval with these rows."""
    of: list[dict[tuple[str, Place], Row]] = [{} for _ in range(SHARDS)]
    for key, row in rows.items():
        of[shard_of("shop", key[1], SHARDS)][key] = row
    return [
        chunked(msgspec.structs.replace(whole, shard=shard, shards=SHARDS), largest)
        for shard, mine in enumerate(of)
        for whole in [scores(at(minute), mine, stopped=stopped)]
    ]


def at(minute: int) -> int:
    return ms("12:00") + minute * MINUTE


def fed(shop: Grouper, chunks: Sequence[IntervalScores]) -> list[AnomalyGroup]:
    return [group for chunk in chunks for group in shop.group(chunk)]


ROWS = st.fixed_dictionaries(
    {
        "severity": st.sampled_from([0.0, 0.0, 0.0, 55.0, 75.0, 100.0]),
        "value": st.sampled_from([10.0, 100.0, 500.0, None]),
        "phase": st.sampled_from(["active", "active", "active", "learning"]),
    },
    optional={"held_by": st.just("direction")},
)
INTERVALS = st.lists(
    st.dictionaries(st.tuples(st.sampled_from(["orders", "views"]), st.sampled_from(PLACES)), ROWS),
    min_size=1,
    max_size=8,
)


@given(INTERVALS, st.data())
def test_shards_and_chunks_in_any_order_that_may_come_give_the_groups_of_the_whole(
    intervals: list[dict[tuple[str, Place], Row]], data: st.DataObject
) -> None:
    whole = grouper(ONE)
    expected = fed(whole, [scores(at(minute), rows) for minute, rows in enumerate(intervals)])

    # Each shard tells its chunks in order, now and then some of them again.
    left: list[list[IntervalScores]] = [[] for _ in range(SHARDS)]
    for minute, rows in enumerate(intervals):
        for shard, chunks in enumerate(told(minute, rows)):
            left[shard] += chunks
    shop, groups = grouper(), []
    behind: list[list[IntervalScores]] = [[] for _ in range(SHARDS)]
    while waiting := [shard for shard in range(SHARDS) if left[shard]]:
        shard = data.draw(st.sampled_from(waiting))
        behind[shard].append(left[shard].pop(0))
        again = data.draw(st.integers(0, 2))
        groups += fed(shop, [behind[shard][-1], *behind[shard][-again:]] if again else behind[shard][-1:])
        if data.draw(st.booleans()):
            shop = reloaded(shop)

    assert groups == expected
    assert shop.save().gatherer.pending == []
    assert shop.open == whole.open


FAULT: dict[tuple[str, Place], Row] = {
    (measure, place): {"severity": 90.0 if place == ("web", "DE") else 5.0}
    for measure in ("orders", "views")
    for place in PLACES
}


def test_an_interval_waits_for_its_slowest_shard() -> None:
    shop = grouper()
    one, two, three = told(0, FAULT)

    assert fed(shop, [*one, *three, *two[:-1]]) == []
    (group,) = fed(shop, two[-1:])

    assert group.members_total == 2


def test_a_shard_that_has_gone_on_is_not_waited_for() -> None:
    shop = grouper()
    one, two, _ = told(0, FAULT)

    assert fed(shop, [*one, *two]) == []
    (group,) = fed(shop, told(1, FAULT)[2])

    assert group.start == scores(at(0), {}).interval_start


@pytest.mark.parametrize("before", [1, 5])
def test_what_other_shards_have_begun_is_grouped_as_it_is(before: int) -> None:
    shop = grouper()
    begun = msgspec.structs.replace(
        scores(at(0), FAULT), shard=0, shards=before, chunk=0, chunks=2 if before == 1 else 1
    )
    assert fed(shop, [begun]) == []

    chunks = [chunk for shard in told(1, FAULT) for chunk in shard]
    (opened,) = fed(shop, chunks[:1])

    assert opened.start == begun.interval_start
    assert fed(shop, chunks[1:]) == []
    assert shop.open == 1


def test_of_series_that_are_well_only_what_leaves_were_is_kept() -> None:
    shop = grouper()
    many: dict[tuple[str, Place], Row] = {("orders", (f"p{n}", "DE")): {"severity": 5.0} for n in range(1000)}
    chunks = told(0, {**FAULT, **many})

    fed(shop, [*chunks[0], *chunks[1], *chunks[2][:-1]])

    (pending,) = shop.save().gatherer.pending
    assert len(pending.anomalies) <= 2
    assert pending.values == {}
    assert pending.leaves is not None
    assert size(pending.leaves) <= 1000 + len(FAULT)
    assert len(state.encode(shop.save())) < 40_000


@pytest.mark.parametrize("value", [5.0, None])
def test_of_very_many_anomalies_the_severest_count_but_for_those_of_the_total(value: float | None) -> None:
    shop = grouper()
    leaves: list[Place] = [(f"p{n}", "DE") for n in range(MOST_ANOMALIES + 100)]
    rows: dict[tuple[str, Place], Row] = {
        ("orders", place): {"severity": 80.0 + n % 20, "value": value} for n, place in enumerate(leaves)
    }
    total: dict[tuple[str, Place], Row] = {("orders", (None, None)): {"severity": 70.0, "value": value}}

    (group,) = fed(shop, list(chain(*told(0, total | rows, LARGE, stopped=value is None))))

    severest = sorted((80.0 + n % 20 for n in range(len(leaves))), reverse=True)
    # A feed that has stopped is told by its total alone, however lenient that is.
    expected = severest[:MOST_ANOMALIES] if value is not None else [70.0]
    assert [member.severity for member in group.members] == expected


def test_what_is_kept_while_a_shard_is_far_behind_is_bounded() -> None:
    shop = grouper()
    places: list[Place] = [p for n in range(3_000) if shard_of("shop", p := (f"p{n}", "DE"), SHARDS) == 0]
    down: dict[tuple[str, Place], Row] = {("orders", place): {"severity": 90.0} for place in places}
    worst: dict[tuple[str, Place], Row] = {("views", places[0]): {"severity": 99.0}}
    chunks = told(0, down | worst, LARGE)[0]
    for minute in range(150):
        start, end = utc(at(minute)), utc(at(minute + 1))
        fed(shop, [msgspec.structs.replace(c, interval_start=start, interval_end=end) for c in chunks])

    pending = shop.save().gatherer.pending

    assert len(pending) == 150
    assert sum(len(each.anomalies) + len(each.values) for each in pending) <= MOST_KEPT
    assert {each.anomalies[0].severity for each in pending[:100]} == {99.0}


def test_an_outage_is_followed_while_shards_are_apart() -> None:
    outage = {"severity": 99.0, "value": 5.0, "expected": 100.0, "lower": 80.0, "upper": 120.0, "scale": 9.0}
    used_to = {**outage, "severity": 10.0, "expected": 5.0}
    days: list[dict[tuple[str, Place], Row]] = [
        {("orders", ("web", "DE")): row} for row in (outage, used_to, used_to, used_to)
    ]
    apart = [
        chunk
        for shard in range(SHARDS)
        for minute, rows in enumerate(days)
        for chunk in told(minute, rows)[shard]
    ]

    shop = grouper()
    groups = fed(shop, apart)

    assert [group.status for group in groups] == ["open"]
    assert shop.open == 1


def test_intervals_of_other_dimensions_are_forgotten() -> None:
    shop = grouper()
    fed(shop, told(0, FAULT)[0])
    other = Grouper(detector(dimensions=("platform",), shards=SHARDS), [])
    other.load(shop.save())

    assert other.save().gatherer.pending == []

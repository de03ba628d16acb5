"""Intervals close once, in order, when all partitions have passed them, and their values do not move."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import state
from detectors.closing import MOST_EMPTY, BadPartial, Closer, CloserState
from detectors.config import Aggregation, AlertRule, Measure
from detectors.records import Event, Interval, Partial, Watermark
from tests.detectors.builders import MINUTE, ORDERS, config, detector, event, fold, ms, partial, watermark


def closed(closer: Closer, *records: Partial | Watermark) -> list[Interval]:
    return [interval for record in records for interval in closer.add(record)]


def started(closer: Closer, partitions: int = 2) -> Closer:
    """A closer that has closed through 12:00 and heard all partitions at 12:00."""
    closed(closer, partial("11:59"))
    closed(closer, *[watermark("12:00", partition=p, partitions=partitions) for p in range(partitions)])
    assert closer.closed_through == ms("12:00")
    return closer


def through(intervals: Iterable[Interval]) -> list[tuple[str, int]]:
    """The intervals as (minutes past twelve, events)."""
    return [(f"12:{(i.start - ms('12:00')) // MINUTE:02}", i.events) for i in intervals]


# Partials.


def test_a_partial_replaces_the_one_before_it() -> None:
    closer = Closer(detector())

    (interval,) = closed(closer, partial("12:00", 3), partial("12:00", 5), watermark("12:01"))

    assert interval == Interval("shop", ms("12:00"), ms("12:01"), 5, [()], [5], {"orders": [5.0]})


def test_a_resent_partial_changes_nothing() -> None:
    told = [partial("12:00", 3), partial("12:00", 4, partition=1)]
    passed = [watermark("12:01", partition=p, partitions=2) for p in (0, 1)]
    once, again = Closer(detector()), Closer(detector())

    assert closed(once, *told, *passed) == closed(again, *told, *told, *reversed(told), *passed)


def test_blocks_are_one_partial_and_count_their_events_once() -> None:
    shop = detector(dimensions=("platform",))
    first = partial("12:00", 3, places=[(None,)], columns=[[3]])
    second = partial("12:00", 3, block=1, places=[("web",)], columns=[[3]])

    (interval,) = closed(Closer(shop), first, second, watermark("12:01"))

    assert interval.events == 3
    assert interval.places == [(None,), ("web",)]
    assert interval.values == {"orders": [3.0, 3.0]}


def test_a_later_version_of_a_partition_replaces_all_blocks_of_the_one_before() -> None:
    shop = detector(dimensions=("platform",))
    first = [
        partial("12:00", 3, places=[(None,)], columns=[[3]]),
        partial("12:00", 3, block=1, places=[("web",)], columns=[[3]]),
    ]
    second = partial("12:00", 4, places=[(None,), ("(other)",)], columns=[[4, 4]])

    (interval,) = closed(Closer(shop), *first, watermark("12:00", idle=True), second, watermark("12:01"))

    assert interval.places == [(None,), ("(other)",)]


def test_a_version_of_which_blocks_are_on_their_way_does_not_count_yet() -> None:
    closer = Closer(detector(dimensions=("platform",)))
    idle = [watermark("12:00", partition=p, partitions=2, idle=True) for p in (0, 1)]
    whole = [
        partial("12:00", 5, partition=1, block=b, places=[place], columns=[[5]])
        for b, place in enumerate([(None,), ("web",)])
    ]
    half = partial("12:00", 8, partition=1, places=[(None,)], columns=[[8]])

    assert closed(closer, *whole, *idle, half) == []
    (interval,) = closed(closer, watermark("12:01", partitions=2, idle=True))

    assert (interval.events, interval.values) == (5, {"orders": [5.0, 5.0]})
    closed(closer, half, watermark("12:00", partition=1, partitions=2, idle=True))
    assert closer.late == 3


def test_blocks_that_are_sent_again_in_any_order_change_nothing() -> None:
    shop = detector(dimensions=("platform",))
    told = [partial("12:00", 3, block=b, places=[(f"p{b}",)], columns=[[3]]) for b in range(3)]
    half = watermark("12:00:30")

    (once,) = closed(Closer(shop), *told, watermark("12:01"))
    (again,) = closed(Closer(shop), *told, half, told[1], half, told[2], told[0], watermark("12:01"))

    assert again == once


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": [[1, 2]]},
        {"columns": [[1], [2]]},
        {"columns": [["4"]]},
        {"columns": [[None]]},
        {"columns": []},
        {"volumes": []},
        {"places": [("web", "DE")]},
    ],
)
def test_a_partial_that_is_not_made_as_others_is_refused_and_stops_nothing(wrong: dict[str, Any]) -> None:
    closer = Closer(detector(dimensions=("platform",)))
    good = partial("12:00", 3, places=[("web",)], columns=[[3]])

    with pytest.raises(BadPartial):
        closed(closer, partial("12:00", 4, **{"places": [("web",)], "columns": [[4]], **wrong}))

    assert through(closed(closer, good, watermark("12:01"))) == [("12:00", 3)]


def test_a_ratio_is_of_the_merged_measures_and_nothing_where_it_divides_by_none() -> None:
    views = Measure(name="views", aggregation="count")
    shop = detector(
        dimensions=("platform",), measures=[ORDERS, views, Measure(name="c", ratio=("orders", "views"))]
    )
    places = [(None,), ("web",)]
    one = partial("12:00", 9, places=places, columns=[[1, 1], [3, 0]])
    two = partial("12:00", 9, partition=1, places=places, columns=[[1, 0], [5, 0]])
    news = [watermark("12:01", partition=p, partitions=2) for p in (0, 1)]

    (interval,) = closed(Closer(shop), one, two, *news)

    assert interval.values["c"][0] == 0.25
    assert math.isnan(interval.values["c"][1])


# Watermarks.


def test_an_interval_closes_when_the_last_partition_has_passed_its_end() -> None:
    closer = started(Closer(detector()))
    told = [partial("12:00", 2), partial("12:00", 3, partition=1)]

    assert closed(closer, *told, watermark("12:05", partitions=2)) == []
    assert closed(closer, watermark("12:00:59.999", partition=1, partitions=2)) == []
    assert through(closed(closer, watermark("12:01", partition=1, partitions=2))) == [("12:00", 5)]


def test_nothing_closes_before_all_partitions_have_reported() -> None:
    closer = Closer(detector())
    one, two = (watermark("12:10", partition=p, partitions=3) for p in (0, 1))

    assert closed(closer, partial("12:00"), one, two, one, two) == []
    assert len(closed(closer, watermark("12:10", partition=2, partitions=3))) == 10


def test_the_first_interval_is_the_earliest_of_any_partition() -> None:
    closer = Closer(detector())
    ahead: list[Partial | Watermark] = [partial("12:05"), watermark("12:06", partitions=2)]
    behind: list[Partial | Watermark] = [
        watermark("12:00:30", partition=1, partitions=2),
        partial("12:00", 7, partition=1),
    ]

    assert closed(closer, *ahead, *behind) == []
    assert through(closed(closer, watermark("12:01", partition=1, partitions=2))) == [("12:00", 7)]
    assert closer.late == 0


def test_the_watermark_never_moves_back() -> None:
    closer = started(Closer(detector()), partitions=1)

    closed(closer, watermark("12:05"), watermark("12:02"), watermark(None, idle=True))

    assert closer.watermark == ms("12:05")


def test_empty_intervals_close_in_order() -> None:
    closer = started(Closer(detector()), partitions=1)

    gap = closed(closer, partial("12:03"), watermark("12:04:30"))

    assert through(gap) == [("12:00", 0), ("12:01", 0), ("12:02", 0), ("12:03", 1)]
    assert all(a.end == b.start for a, b in pairwise(gap))
    assert (gap[0].places, gap[0].values) == ([], {"orders": []})


def test_a_leap_over_a_gap_of_weeks_tells_only_so_many_empty_intervals() -> None:
    closer = Closer(detector())
    closed(closer, partial("12:00", 1), watermark("12:01"))
    much_later = ms("12:00") + 10 * MOST_EMPTY * MINUTE

    told = closed(closer, partial(much_later, 7), watermark(much_later + MINUTE))

    assert len(told) == MOST_EMPTY + 1
    assert (told[-1].start, told[-1].events) == (much_later, 7)


def test_a_leap_that_ends_in_silence_goes_on_with_the_clock() -> None:
    closer = Closer(detector())
    closed(closer, partial("12:00", 1), watermark("12:01"))
    much_later = ms("12:00") + 10 * MOST_EMPTY * MINUTE
    assert len(closed(closer, watermark(much_later))) == MOST_EMPTY
    assert [i.start for i in closed(closer, watermark(much_later + MINUTE))] == [much_later]


def test_a_changed_detector_opens_nothing_again_that_has_closed() -> None:
    closer = Closer(detector())
    closed(closer, partial("12:00", 1), watermark("12:01"), watermark("12:09", idle=True))
    changed = Closer(detector(interval=timedelta(minutes=5)))
    changed.load(closer.save())

    told = closed(changed, watermark("12:01"), watermark("12:16"))

    assert [i.start for i in told] == [ms("12:10")]


def test_a_partition_without_any_event_holds_nobody() -> None:
    closer = Closer(detector())
    silent = watermark(None, partition=1, partitions=2, idle=True)
    closed(closer, silent, watermark("12:01", partitions=2), silent, silent)

    assert len(closed(closer, partial("12:00"), watermark("12:02", partitions=2), silent, silent)) == 2


def test_an_idle_partition_vouches_for_what_the_others_had_reached_one_message_of_it_ago() -> None:
    closer = started(Closer(detector()))
    idle = watermark("12:00", partition=1, partitions=2, idle=True)

    assert closed(closer, idle, watermark("12:05", partitions=2)) == []
    assert closed(closer, idle) == []
    assert closer.watermark == ms("12:00")
    closed(closer, watermark("12:07", partitions=2), idle)
    assert closer.watermark == ms("12:05")
    closed(closer, idle)
    assert closer.watermark == ms("12:07")


def test_the_events_of_a_partition_that_was_idle_come_with_its_news_and_are_not_late() -> None:
    closer = started(Closer(detector()))
    idle = watermark("12:00", partition=1, partitions=2, idle=True)
    closed(closer, idle, idle, watermark("12:05", partitions=2))
    burst = [partial(at, 1, partition=1) for at in ("12:00", "12:01", "12:02")]

    closing = closed(closer, *burst, watermark("12:05", partition=1, partitions=2))

    assert through(closing)[:4] == [("12:00", 1), ("12:01", 1), ("12:02", 1), ("12:03", 0)]
    assert closer.late == 0


def test_when_all_are_idle_the_one_that_is_farthest_counts() -> None:
    closer = started(Closer(detector()))

    idle = [watermark(at, partition=p, partitions=2, idle=True) for p, at in enumerate(("12:03", "12:01"))]
    assert len(closed(closer, *idle)) == 3


def test_a_partition_that_is_added_is_waited_for() -> None:
    closer = started(Closer(detector()), partitions=1)

    assert closed(closer, watermark("12:05", partitions=2)) == []
    assert closed(closer, partial("12:00", 4, partition=1)) == []
    assert through(closed(closer, watermark("12:01", partition=1, partitions=2))) == [("12:00", 4)]


def test_when_all_partitions_end_everything_closes_whatever_the_order() -> None:
    for order in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        folds = [fold(config(), p, 3) for p in range(3)]
        closer, closing = Closer(detector()), []
        for p, at in enumerate(("12:00", "12:05", "12:02")):
            folds[p].fold(0, ms("12:00"), [event(at)])
            closing += closed(closer, *folds[p].ready())
        for p in order:
            closing += closed(closer, *folds[p].end()[1])

        assert through(closing) == [(f"12:0{n}", int(n in {0, 2, 5})) for n in range(6)]


# What comes too late.


def test_a_late_partial_is_counted_and_changes_nothing() -> None:
    closer = started(Closer(detector()))
    closed(closer, *[watermark("12:01", partition=p, partitions=2, idle=True) for p in (0, 1)])

    assert closed(closer, partial("12:00", 3, partition=1)) == []

    assert closer.late == 3
    assert through(closed(closer, *[watermark("12:02", partition=p, partitions=2) for p in (0, 1)])) == [
        ("12:01", 0)
    ]


def test_of_a_partial_that_came_before_only_the_new_events_are_late() -> None:
    closer = started(Closer(detector()), partitions=1)
    idle = watermark("12:01", idle=True)
    assert through(closed(closer, partial("12:00", 10), idle)) == [("12:00", 10)]

    closed(closer, partial("12:00", 10), partial("12:00", 11), partial("12:00", 11), partial("12:00", 13))

    assert closer.late == 3


def test_a_final_partial_that_is_sent_again_is_not_late() -> None:
    closer = started(Closer(detector()), partitions=1)
    told: list[Partial | Watermark] = [partial("12:00", 10), watermark("12:01:30")]

    closed(closer, *told, *told, partial("11:58", 5))

    assert closer.late == 0


def test_what_was_counted_of_closed_intervals_is_forgotten() -> None:
    closer = started(Closer(detector()), partitions=1)
    for minute in range(30):
        idle = watermark(ms("12:01") + minute * MINUTE, idle=True)
        closed(closer, partial(ms("12:00") + minute * MINUTE), idle)
    assert len(closer.save().progress[0].closed) == 30

    closed(closer, watermark("12:29:30"))

    assert list(closer.save().progress[0].closed) == [ms("12:29")]


# State.


def reloaded(closer: Closer) -> Closer:
    kept = state.decode(state.encode(closer.save()), CloserState)
    again = Closer(closer.detector)
    again.load(kept)
    return again


def test_a_restart_anywhere_changes_nothing() -> None:
    shop = detector(measures=[ORDERS, Measure(name="users", aggregation="distinct", field="user")])
    configuration = config(shop)
    folds = [fold(configuration, p, 2) for p in (0, 1)]
    records: list[Partial | Watermark] = []
    for n in range(40):
        one = folds[n % 2]
        one.fold(n, ms("12:00"), [event(ms("12:00") + n * 20_000, user=n)])
        records += one.ready() or one.idle(0)
    whole = closed(Closer(shop), *records)
    assert len(whole) == 12

    closer, pieces = Closer(shop), []
    for record in records:
        pieces += closed(closer, record)
        closer = reloaded(closer)

    assert pieces == whole


def test_a_changed_detector_begins_with_the_first_interval_that_all_partitions_have_whole() -> None:
    closer = started(Closer(detector()))
    closed(closer, partial("12:00", 5))
    changed = Closer(detector(where={"platform": "web"}))
    changed.load(closer.save())

    # At the restart one partition was at 12:01:30, the other at 12:03:10: they begin at 12:02 and 12:04.
    closed(
        changed, partial("12:02", 1), partial("12:03", 1), watermark("12:01:30", partition=0, partitions=2)
    )
    changed = reloaded(changed)
    assert closed(changed, watermark("12:03:10", partition=1, partitions=2)) == []

    closed(changed, partial("12:04", 1), partial("12:04", 2, partition=1))
    both = [watermark("12:05", partition=p, partitions=2) for p in (0, 1)]
    assert through(closed(changed, *both)) == [("12:04", 3)]


# Partitions.

AGGREGATIONS: list[tuple[Aggregation, str | None]] = [
    ("count", None), ("rate", None), ("sum", "amount"), ("mean", "amount"), ("min", "amount"),
    ("max", "amount"), ("distinct", "user"), ("p95", "amount"),
]  # fmt: skip
ALL = detector(
    dimensions=("platform", "marketplace"),
    lateness=timedelta(minutes=10),
    measures=[
        *[Measure(name=name, aggregation=name, field=field) for name, field in AGGREGATIONS],
        Measure(name="app", aggregation="count", where={"platform": "app"}),
        Measure(name="share", ratio=("app", "count")),
    ],
)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 599),
        st.sampled_from(["web", "app"]),
        st.sampled_from(["DE", "FR", None]),
        st.one_of(st.none(), st.floats(-1e9, 1e9), st.sampled_from([0.1, 0.2, 1e15, -1e15])),
        st.integers(0, 30),
        st.integers(0, 3),
    ),
    max_size=60,
)


@pytest.mark.parametrize(("partitions", "early"), [(2, False), (4, False), (3, True)])
@given(EVENTS, st.randoms(use_true_random=False))
def test_however_events_are_spread_over_partitions_the_intervals_are_the_same(
    partitions: int, early: bool, rows: Sequence[tuple[Any, ...]], random: Any
) -> None:
    spread: list[list[Event]] = [[] for _ in range(partitions)]
    for second, platform, marketplace, amount, user, where in rows:
        spread[where % partitions].append(
            event(
                ms("12:00") + second * 1_000,
                platform=platform,
                marketplace=marketplace,
                amount=amount,
                user=user,
            )
        )
    # All partitions begin, and end, at the same time.
    first, last = event("11:59", platform="web", marketplace="DE"), event("12:21", platform="web")
    together = [first] * partitions + [each for part in spread for each in part] + [last] * partitions

    whole = intervals([together], random, early=early)

    assert len(whole) == 12
    assert repr(intervals([[first, *part, last] for part in spread], random, early=early)) == repr(whole)


def intervals(partitions: Sequence[Sequence[Event]], random: Any, *, early: bool) -> list[Interval]:
    """Fold partitions, each in order but among themselves in any, and close."""
    rule = AlertRule("page", "shop", provisional=early)
    configuration = config(ALL, alerts=[rule], max_ahead=timedelta(days=1))
    folds = [fold(configuration, p, len(partitions)) for p in range(len(partitions))]
    closer, closing = Closer(ALL), []
    left = [list(part) for part in partitions]
    while any(left):
        p = random.choice([p for p, part in enumerate(left) if part])
        folds[p].fold(folds[p].offset + 1, ms("12:00"), [left[p].pop(0)])
        closing += closed(closer, *folds[p].ready())
    assert closer.late == 0
    return closing


@pytest.mark.parametrize(
    ("aggregation", "right", "wrong"),
    [
        ("count", 3, 3.0),
        ("sum", "9223372036854775808", "many"),
        ("sum", -3, b"3"),
        ("mean", (30_000, 1), (30_000,)),
        ("max", None, "3"),
        ("distinct", b"", ""),
        ("p50", [0, 3], [0, None]),
    ],
)
def test_what_is_no_wire_form_of_its_measure_is_refused(
    aggregation: Any, right: object, wrong: object
) -> None:
    shop = detector(measures=[Measure(name="m", aggregation=aggregation, field="amount")])
    closer = Closer(shop)

    with pytest.raises(BadPartial, match="not as its measures have them"):
        closed(closer, partial("12:00", 3, columns=[[wrong]]))

    assert len(closed(closer, partial("12:00", 3, columns=[[right]]), watermark("12:01"))) == 1

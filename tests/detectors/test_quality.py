"""What is said of the data of an interval is what a plain reading of its events says, however they came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import state
from detectors.closing import BadPartial, Closer, CloserState
from detectors.config import Detector, Matcher, Measure
from detectors.detection import Detection
from detectors.folding import FoldState
from detectors.grouping import Grouper
from detectors.quality import columns, quality
from detectors.records import DataQuality, Event, Intake, IntervalScores, Partial, Watermark
from tests.detectors.builders import (
    MINUTE,
    ORDERS,
    Click,
    config,
    detector,
    event,
    fold,
    ms,
    partial,
    watermark,
)

PARTITIONS = 2
SHOP = detector(
    dimensions=("platform", "marketplace"),
    where={"kind": Matcher(excluded="robot")},
    lateness=timedelta(minutes=5),
    measures=[
        ORDERS,
        Measure(name="revenue", aggregation="sum", field="amount"),
        Measure(name="price", aggregation="mean", field="amount"),
        Measure(name="sold", aggregation="sum", field="amount", where={"kind": "buy"}),
        Measure(name="buyers", aggregation="distinct", field="user", where={"kind": "buy"}),
        Measure(name="app_orders", aggregation="count", where={"platform": "app"}),
        Measure(name="share", ratio=("app_orders", "orders")),
        Measure(name="platform", aggregation="distinct", field="platform"),
    ],
)


def all_of(detector: Detector, records: Iterable[Partial | Watermark]) -> list[DataQuality]:
    """What is said of each interval that the records close."""
    closer = Closer(detector)
    return [quality(detector, i, stopped=False) for record in records for i in closer.add(record)]


def measured(events: Iterable[Any]) -> list[Any]:
    """Those that the filter of SHOP lets through."""
    return [each for each in events if each.kind != "robot"]


def plainly(events: Sequence[Event]) -> dict[str, float]:
    """The completeness of the columns of SHOP, read from the events of an interval."""
    seen = measured(events)
    bought = [each for each in seen if each.kind == "buy"]
    values = {
        "platform": [each.platform for each in seen],
        "marketplace": [each.marketplace for each in seen],
        "revenue": [each.amount for each in seen],
        "price": [each.amount for each in seen],
        "sold": [each.amount for each in bought],
        "buyers": [each.user for each in bought],
        "platform (measure)": [each.platform for each in seen],
    }
    return {
        name: sum(value is not None for value in column) / len(column)
        for name, column in values.items()
        if column
    }


EVENTS = st.lists(
    st.builds(
        lambda second, platform, marketplace, kind, amount, user: event(
            ms("12:00") + second * 1000,
            platform=platform,
            marketplace=marketplace,
            kind=kind,
            amount=amount,
            user=user,
        ),
        st.integers(0, 179),
        st.sampled_from(["web", "app", "(missing)", None]),
        st.sampled_from(["DE", "FR", "", None]),
        st.sampled_from(["buy", "view", "robot", None]),
        st.sampled_from([None, 0, 1.5]),
        st.sampled_from([None, "u1", "u2"]),
    ),
    max_size=40,
)


@given(
    events=st.tuples(EVENTS, EVENTS),
    ends=st.sets(st.integers(0, 40)),
    again=st.integers(0, 40),
    max_series=st.sampled_from([10_000, 2 * len(SHOP.measures)]),
)
def test_completeness_is_exact_however_events_come(
    events: tuple[list[Event], list[Event]], ends: set[int], again: int, max_series: int
) -> None:
    """In batches, with a crash after which some is folded and sent again, and with little room for places."""
    shop = msgspec.structs.replace(SHOP, max_series=max_series)
    what = config(shop)
    told: list[Partial | Watermark] = []
    final: list[Partial | Watermark] = []
    for partition, of_partition in enumerate(events):
        folds, kept = fold(what, partition, PARTITIONS), None
        for offset, each in enumerate(of_partition):
            folds.fold(offset, -1, [each])
            if offset in ends:
                told += folds.idle(0)
                kept = state.encode(folds.save())
            if offset == again and kept is not None:
                folds = fold(what, partition, PARTITIONS)
                folds.load(state.decode(kept, FoldState), Click)
                for earlier in range(folds.offset + 1, offset + 1):
                    folds.fold(earlier, -1, [of_partition[earlier]])
        told += folds.idle(0)
        folds.fold(1_000, -1, [event("12:30")])
        final += folds.ready()

    found = {each.interval_start: each for each in all_of(shop, [*told, *final, *final])}

    every = [each for of_partition in events for each in of_partition]
    starts = {each.event_time // MINUTE * MINUTE for each in every}
    by_start = {round(start.timestamp() * 1000): each for start, each in found.items()}
    for start in starts:
        came = [each for each in every if each.event_time // MINUTE * MINUTE == start]
        assert by_start[start].rows == len(came)
        assert by_start[start].measured == len(measured(came))
        assert by_start[start].completeness == plainly(came)


def test_an_interval_without_events_has_no_completeness() -> None:
    shop = fold(config(SHOP))
    shop.fold(0, -1, [event("12:00", kind="buy", platform="web")])
    shop.fold(1, -1, [event("12:10")])

    first, second, *_ = all_of(SHOP, shop.ready())

    assert first.completeness["platform"] == 1.0
    assert (second.rows, second.measured, second.late, second.invalid) == (0, 0, 0, 0)
    assert second.completeness == {}


def test_a_measure_that_is_called_like_a_dimension_is_told_apart() -> None:
    assert columns(SHOP) == [
        "platform", "marketplace", None, "revenue", "price", "sold", "buyers", None, "platform (measure)",
    ]  # fmt: skip


# What was not used.


def test_late_events_are_told_with_the_interval_in_which_they_came() -> None:
    shop = fold(config())
    for offset, at in enumerate(["12:00", "12:02", "12:00:30", "12:01:59", "12:02:30", "12:03"]):
        shop.fold(offset, -1, [event(at)])

    told = all_of(detector(), shop.ready())

    assert [(each.rows, each.late) for each in told] == [(1, 0), (0, 0), (2, 2)]


def test_records_that_cannot_be_used_are_told_once_though_they_are_sent_again() -> None:
    shop = fold(config())
    shop.refuse(2)  # before there is any event
    shop.fold(2, -1, [event("12:00")])
    early = shop.idle(0)
    shop.refuse(3)
    later = shop.idle(0)
    shop.fold(6, -1, [event("12:02")])
    last = shop.ready()

    told = all_of(detector(), [*early, *later, *later, *last, *last])

    assert [each.invalid for each in told] == [5, 0]


def test_what_comes_of_a_closed_interval_is_told_with_the_next_one() -> None:
    first = partial("12:00", 4, intake=Intake(4, [], [0], [0], late=1, invalid=2))
    more = partial("12:00", 5, intake=Intake(5, [], [0], [0], late=1, invalid=9))
    # Silent, so that time goes on without it; and then it says more of what is over.
    before: list[Partial | Watermark] = [
        first, watermark("12:01", idle=True), watermark("12:01:30", idle=True),
        more, watermark("12:01:40", idle=True),
    ]  # fmt: skip
    resent: list[Partial | Watermark] = [more, watermark("12:03", idle=True)]

    closer, copy = Closer(detector()), Closer(detector())
    intervals = [interval for record in before for interval in closer.add(record)]
    copy.load(state.decode(state.encode(closer.save()), CloserState))
    intervals += [interval for record in resent for interval in copy.add(record)]

    told = [quality(detector(), interval, stopped=False) for interval in intervals]
    assert [(each.rows, each.late, each.invalid) for each in told] == [(4, 1, 2), (0, 1, 7), (0, 0, 0)]


# Shards.


def told_by(shop: Detector, events: Sequence[Event]) -> list[DataQuality]:
    """What is said where the scores of all shards come together."""
    detection, grouper = Detection(config(shop)), Grouper(shop, [])
    scores: list[IntervalScores] = []
    for offset, each in enumerate(events):
        scores += [o for o in detection.feed("shop", 0, [offset], [each]) if isinstance(o, IntervalScores)]
    found = []
    for chunk in scores:
        grouper.group(chunk)
        found += grouper.qualities
    return found


@pytest.mark.parametrize("shards", [2, 3])
def test_a_detector_in_shards_is_told_of_once_and_as_a_whole(shards: int) -> None:
    events = [
        event(
            ms("12:00") + n * 5_000, platform=("web", "app", None)[n % 3], marketplace=f"m{n % 5}", kind="buy"
        )
        for n in range(120)
    ]
    whole = told_by(SHOP, events)

    cut = told_by(msgspec.structs.replace(SHOP, shards=shards), events)

    assert cut == whole
    assert len({each.interval_start for each in whole}) == len(whole) == 4
    # The total, two platforms and those without, five marketplaces, and fifteen leaves of eight measures.
    assert (whole[-1].series, whole[-1].learning) == ((1 + 3 + 5 + 15) * len(SHOP.measures),) * 2
    assert whole[-1].completeness["platform"] == 2 / 3


def test_a_feed_that_has_stopped_is_said_to() -> None:
    shop = detector()
    minutes = [event(ms("12:00") + n * MINUTE) for n in range(200)]

    told = told_by(shop, [*minutes, event(ms("12:00") + 210 * MINUTE)])

    assert [each.stopped for each in told[:200]] == [False] * 200
    assert told[-1].stopped


# What earlier versions have stored and sent.


def without(names: set[str], of: Any) -> Any:
    """A record in builtin types, as a version had it that knew nothing of some fields."""
    if isinstance(of, dict):
        return {key: without(names, value) for key, value in of.items() if key not in names}
    return [without(names, value) for value in of] if isinstance(of, list | tuple) else of


def test_an_interval_that_an_earlier_version_has_stored_goes_on() -> None:
    what = config(SHOP)
    before = fold(what)
    before.fold(0, -1, [event("12:00", kind="buy", platform="web", amount=1)])
    old = without({"taken", "refused"}, msgspec.to_builtins(before.save(), builtin_types=(bytes,)))
    after = fold(what)

    after.load(msgspec.convert(old, FoldState, builtin_types=(bytes,)), Click)
    after.fold(1, -1, [event("12:00:30", kind="buy", platform=None)])
    after.fold(2, -1, [event("12:10")])
    (told, *_) = all_of(SHOP, after.ready())

    # What measures lacked was not counted before; dimensions are read from the places.
    assert (told.rows, told.measured) == (2, 2)
    assert told.completeness["platform"] == 0.5


def test_what_an_earlier_version_has_sent_can_be_read() -> None:
    old = without({"intake"}, msgspec.to_builtins(partial("12:00", 3)))
    read = msgspec.convert({**old, "type": "partial"}, Partial)
    state_of = msgspec.to_builtins(Closer(detector()).save())

    (told,) = all_of(detector(), [read, watermark("12:01")])

    assert msgspec.convert(without({"since"}, state_of), CloserState).since is None
    assert (told.rows, told.completeness) == (3, {})


@pytest.mark.parametrize("intake", [Intake(1), Intake(1, [1], [1], [1]), Intake(1, [], [0], [])])
def test_an_intake_that_does_not_fit_is_refused(intake: Intake) -> None:
    with pytest.raises(BadPartial, match="an Intake says something of each dimension"):
        list(Closer(detector()).add(partial("12:00", intake=intake)))

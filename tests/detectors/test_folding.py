"""A fold depends on its records in offset order alone: not on batches, restarts or resends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import detector_fold, state
from detectors.clock import JUMP_AFTER, Refused
from detectors.config import AlertRule, Config, Measure
from detectors.detector_fold import BLOCK_BYTES
from detectors.folding import Fold, FoldState
from detectors.places import text
from detectors.records import Event, Partial, Watermark, event_type
from tests.detectors.builders import MINUTE, ORDERS, Click, config, detector, event, fold, ms

MEASURES = [
    ORDERS,
    Measure(name="app_orders", aggregation="rate", where={"platform": "app"}),
    Measure(name="revenue", aggregation="sum", field="amount"),
    Measure(name="price", aggregation="mean", field="amount"),
    Measure(name="dearest", aggregation="max", field="amount"),
    Measure(name="buyers", aggregation="distinct", field="user"),
    Measure(name="usual", aggregation="p95", field="amount"),
    Measure(name="share", ratio=("app_orders", "orders")),
]
SHOP = detector(dimensions=("platform", "marketplace"), measures=MEASURES, lateness=timedelta(seconds=30))

HOUR = timedelta(hours=1)

Key = tuple[str, int, int, int]


def send(fold: Fold, events: Iterable[Event], timestamp: str | int = "23:00") -> list[Refused]:
    """Fold events as the next records of a partition."""
    refused: list[Refused] = []
    for each in events:
        refused += fold.fold(fold.offset + 1, ms(timestamp), [each])
    return refused


def partials(records: Iterable[Partial | Watermark]) -> list[Partial]:
    return [record for record in records if isinstance(record, Partial)]


def watermarks(records: Iterable[Partial | Watermark]) -> list[Watermark]:
    return [record for record in records if isinstance(record, Watermark)]


def stored(fold: Fold) -> FoldState:
    """The state of a fold, through bytes."""
    return state.decode(state.encode(fold.save()), FoldState)


def reloaded(configuration: Config, kept: FoldState) -> Fold:
    again = fold(configuration)
    again.load(kept, Click)
    return again


# What a fold says.


def test_an_interval_is_told_once_it_has_passed_with_all_roll_ups() -> None:
    shop = fold(config(detector(dimensions=("platform", "marketplace"))))
    send(shop, [event("12:00", platform="web", marketplace="DE"), event("12:00:59", platform="app")])
    assert partials(shop.ready()) == []

    send(shop, [event("12:01", platform="web")])
    (told,) = partials(shop.ready())

    assert (told.start, told.end, told.events) == (ms("12:00"), ms("12:01"), 2)
    assert dict(zip(told.places, told.columns[0], strict=True)) == {
        (None, None): 2,
        ("web", None): 1,
        ("app", None): 1,
        (None, "DE"): 1,
        (None, "(missing)"): 1,
        ("web", "DE"): 1,
        ("app", "(missing)"): 1,
    }


def test_the_watermark_comes_after_the_partials_and_behind_by_the_lateness() -> None:
    shop = fold(config(detector(lateness=timedelta(seconds=10))))
    send(shop, [event("12:00"), event("12:01:10")])

    first, last = shop.ready()

    assert isinstance(first, Partial)
    assert isinstance(last, Watermark)
    assert last.time == ms("12:01")


def test_nothing_is_said_again_until_a_border_is_passed() -> None:
    shop = fold(config())
    send(shop, [event("12:00")])
    assert len(shop.ready()) == 1
    send(shop, [event("12:00:30")])
    assert shop.ready() == []


def test_where_a_rule_asks_for_early_news_what_is_open_is_told_after_each_tenth() -> None:
    configuration = config(alerts=[AlertRule("page", "shop", provisional=True)])
    shop, told = fold(configuration), []
    for second in (2, 3, 7, 8, 31, 59, 61):
        send(shop, [event(ms("12:00") + second * 1000)])
        told.append([(p.start, p.events, p.first) for p in partials(shop.ready())])
        if second == 31:
            shop = reloaded(configuration, stored(shop))

    noon, first, next_ = ms("12:00"), ms("12:00:02"), ms("12:01")
    early, more, whole = (noon, 3, first), (noon, 5, first), (noon, 6, first)
    assert told == [[(noon, 1, first)], [], [early], [], [more], [whole], [whole, (next_, 1, ms("12:01:01"))]]


def test_without_an_event_there_is_nothing_to_say() -> None:
    assert fold(config()).ready() == []
    (news,) = fold(config()).idle(carried=5_000)
    assert isinstance(news, Watermark)
    assert (news.time, news.idle) == (None, True)


def test_an_interval_of_filtered_events_is_told_empty() -> None:
    shop = fold(config(detector(where={"platform": "web"})))
    send(shop, [event("12:00", platform="app"), event("12:01")])

    (told,) = partials(shop.ready())

    assert (told.events, told.places) == (1, [])
    assert shop.filtered == {"shop": 2}


def test_a_partial_of_many_places_comes_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector_fold, "BLOCK_BYTES", 20)
    shop = fold(config(detector(dimensions=("platform",))))
    send(shop, [event("12:00", platform=name) for name in ("web", "app", "tv", "web")])
    send(shop, [event("12:01")])

    blocks = partials(shop.ready())

    assert [block.block for block in blocks] == [0, 1]
    assert [block.places for block in blocks] == [[(None,), ("web",)], [("app",), ("tv",)]]
    assert [block.columns for block in blocks] == [[[4, 2]], [[1, 1]]]
    assert {block.events for block in blocks} == {4}


def test_no_block_is_larger_than_a_record_may_be() -> None:
    users = Measure(name="users", aggregation="distinct", field="user")
    shop = fold(config(detector(dimensions=("platform",), measures=[users])))
    send(shop, [event("12:00", platform=f"p{n % 300}", user=f"u{n}") for n in range(30_000)])
    send(shop, [event("12:01")])

    blocks = partials(shop.ready())

    sizes = [len(msgspec.msgpack.encode(block)) for block in blocks]
    assert sum(sizes) > BLOCK_BYTES > max(sizes) / 1.1
    assert sum(len(block.places) for block in blocks) == 301


def test_a_number_without_end_in_an_event_that_waits_can_be_stored() -> None:
    shop = fold(config(max_ahead=HOUR))
    send(shop, [event("12:00"), event("20:00", platform=1 << 200)])

    again = reloaded(config(max_ahead=HOUR), stored(shop))
    send(again, [event("20:00")] * (JUMP_AFTER - 1))

    assert again.events == JUMP_AFTER


def test_places_beyond_max_series_are_other_and_still_count_in_their_roll_ups() -> None:
    shop = fold(config(detector(dimensions=("platform",), max_series=2)))
    send(shop, [event("12:00", platform=name) for name in ("web", "app", "tv", "radio", "web")])
    send(shop, [event("12:01")])

    (told,) = partials(shop.ready())

    assert dict(zip(told.places, told.columns[0], strict=True)) == {
        (None,): 5,
        ("web",): 2,
        ("app",): 1,
        ("(other)",): 2,
    }


def test_each_detector_has_its_own_intervals_and_lateness() -> None:
    slow = detector(name="slow", interval=timedelta(minutes=5), lateness=timedelta(minutes=1))
    shop = fold(config(detector(), slow))
    send(shop, [event("12:04"), event("12:05:30"), event("12:04:59")])

    said = shop.ready()

    assert [(told.detector, told.start) for told in partials(said)] == [("shop", ms("12:04"))]
    assert shop.late == [("shop", 30_000)]
    assert [(news.detector, news.time) for news in watermarks(said)] == [
        ("shop", ms("12:05:30")),
        ("slow", ms("12:04:30")),
    ]


# Late events.


def test_an_event_within_the_lateness_still_counts() -> None:
    shop = fold(config(detector(lateness=timedelta(seconds=10))))
    send(shop, [event("12:00:30"), event("12:01:09.999"), event("12:00:59"), event("12:01:10")])

    (told,) = partials(shop.ready())

    assert told.events == 2
    assert shop.late == []


def test_a_late_event_is_counted_with_how_late_and_changes_nothing() -> None:
    shop = fold(config(detector(lateness=timedelta(seconds=10))))
    send(shop, [event("12:00:30"), event("12:01:12"), event("12:00:59")])

    (told,) = partials(shop.ready())

    assert told.events == 1
    assert shop.late == [("shop", 2_000)]
    assert shop.newest == ms("12:01:12")


def test_an_event_of_an_interval_that_has_just_been_told_is_late_by_nothing() -> None:
    shop = fold(config())
    send(shop, [event("12:00:30"), event("12:01"), event("12:00:59")])

    assert shop.late == [("shop", 0)]
    assert [told.events for told in partials(shop.ready())] == [1]


# Silence.


def test_an_idle_partition_says_what_it_holds_once() -> None:
    shop = fold(config())
    send(shop, [event("12:00")])

    first, news = shop.idle(carried=1_000)
    assert isinstance(first, Partial)
    assert first.events == 1
    assert isinstance(news, Watermark)
    assert news.idle
    assert partials(shop.idle(carried=2_000)) == []

    send(shop, [event("12:00:30")])
    assert [told.events for told in partials(shop.idle(carried=1_000))] == [2]


@pytest.mark.parametrize(("clock", "time"), [("wall", "12:00:25"), ("event", "12:00:20")])
def test_the_time_of_a_silent_source_goes_on_only_if_it_is_live(clock: Any, time: str) -> None:
    shop = fold(config(detector(lateness=timedelta(seconds=10)), clock=clock))
    send(shop, [event("12:00:30")])

    assert watermarks(shop.idle(carried=5_000))[0].time == ms(time)


def test_a_partition_that_wakes_up_says_so_at_once() -> None:
    shop = fold(config())
    send(shop, [event("12:00")])
    shop.idle(carried=1_000)
    send(shop, [event("12:00:01")])

    (news,) = shop.ready()

    assert isinstance(news, Watermark)
    assert not news.idle


def test_a_partition_that_was_restarted_says_that_it_is_awake() -> None:
    shop = fold(config())
    send(shop, [event("12:00")])
    shop.ready()
    kept = stored(shop)
    shop.idle(carried=1_000)  # After the state was stored, so that it knows nothing of it.

    again = reloaded(config(), kept)
    send(again, [event("12:00:01")])

    assert [news.idle for news in watermarks(again.ready())] == [False]


def test_at_its_end_a_partition_says_all_that_is_open_and_passes_it() -> None:
    shop = fold(config(detector(lateness=timedelta(minutes=5))))
    send(shop, [event("12:02"), event("12:00"), event("12:02:30")])

    refused, (first, second, news) = shop.end()

    assert refused == []
    assert [(told.start, told.events) for told in partials([first, second])] == [
        (ms("12:00"), 1),
        (ms("12:02"), 2),
    ]
    assert isinstance(news, Watermark)
    assert (news.time, news.idle) == (ms("12:03"), True)


def test_what_is_set_aside_survives_a_restart_whatever_the_feed_calls_its_fields() -> None:
    class Feed(Event, frozen=True):
        """As formats make it that decode a record straight into its event."""

        event_time: int = msgspec.field(name="ts")
        platform: str = msgspec.field(name="meta")

    configuration = config(detector(dimensions=("platform",)))
    shop = fold(configuration)
    send(shop, [Feed(ms("12:00"), "web"), Feed(ms("12:00") + 48 * 60 * MINUTE, "web")])

    again = reloaded(configuration, stored(shop))

    assert [refused.offset for refused in again.end()[0]] == [1]


def test_what_is_set_aside_at_the_end_of_a_partition_is_refused() -> None:
    shop = fold(config())
    send(shop, [event("12:00"), event("12:00:01"), event(ms("12:00") + 100 * 24 * 3_600_000)])

    refused, _ = shop.end()

    assert [(refusal.offset, refusal.reason) for refusal in refused] == [(2, "ahead")]


# Events from the future.


def test_a_live_event_beyond_its_record_is_refused() -> None:
    shop = fold(config(clock="wall", max_ahead=timedelta(hours=1)))

    refused = send(shop, [event("13:00:00.001")], timestamp="12:00")

    assert [(r.offset, r.reason) for r in refused] == [(0, "ahead")]
    assert refused[0].detail == "event time is 1:00:00.001000 ahead of its Kafka record"
    assert (shop.newest, shop.events) == (None, 0)


def test_a_live_event_that_is_little_ahead_counts_but_moves_no_time() -> None:
    shop = fold(config(clock="wall", max_ahead=timedelta(hours=1)))
    send(shop, [event("13:00")], timestamp="12:00")
    assert shop.newest == ms("12:00")

    send(shop, [event("12:00:30")], timestamp="12:00:30")
    assert shop.late == []
    send(shop, [event("13:00:30")], timestamp="13:01")
    send(shop, [event("13:01")], timestamp="13:01")

    assert [(told.start, told.events) for told in partials(shop.ready())] == [
        (ms("12:00"), 1),
        (ms("13:00"), 2),
    ]


def test_in_a_replay_an_event_far_ahead_waits() -> None:
    shop = fold(config(max_ahead=timedelta(hours=1)))

    assert send(shop, [event("12:00"), event("13:00:00.001")]) == []

    assert (shop.newest, shop.events) == (ms("12:00"), 1)
    send(shop, [event("13:00")])
    assert shop.newest == ms("13:00")


def test_a_step_of_some_intervals_is_not_far() -> None:
    shop = fold(config(detector(interval=timedelta(days=1))))

    send(shop, [event("12:00"), event("156:00")])

    assert (shop.newest, shop.events) == (ms("156:00"), 2)


def test_a_live_record_without_a_time_is_judged_as_in_a_replay() -> None:
    shop = fold(config(clock="wall", max_ahead=HOUR))
    for offset, at in enumerate(("12:00", "20:00")):
        shop.fold(offset, -1, [event(at)])

    assert shop.newest == ms("12:00")


def test_it_is_refused_when_time_has_not_moved() -> None:
    shop = fold(config(max_ahead=HOUR))
    send(shop, [event("12:00"), event("20:00"), event("21:00")])

    refused = send(shop, [event("12:00:01")])

    assert [(r.offset, r.reason) for r in refused] == [(1, "ahead"), (2, "ahead")]
    assert refused[0].detail == "event time is 8:00:00 ahead of its partition"
    assert (shop.newest, shop.events) == (ms("12:00:01"), 2)


def test_one_that_is_very_old_does_not_say_that_time_has_not_moved() -> None:
    shop = fold(config(max_ahead=HOUR))
    send(shop, [event("12:00"), *[event("20:00")] * (JUMP_AFTER - 1)])

    assert send(shop, [event("10:59:59")]) == []
    send(shop, [event("20:00:01")])

    assert shop.newest == ms("20:00")


def test_after_sixteen_in_a_row_time_has_moved_and_all_are_folded() -> None:
    shop = fold(config(max_ahead=HOUR))
    run = [event(ms("20:01") - n * 1_000) for n in range(JUMP_AFTER)]
    send(shop, [event("12:00"), *run[:-1]])
    assert (shop.newest, shop.events) == (ms("12:00"), 1)

    send(shop, run[-1:])

    assert shop.newest == ms("20:00:45")
    assert (shop.events, shop.late) == (1 + JUMP_AFTER, [])
    send(shop, [event("20:02")])
    assert [(told.start, told.events) for told in partials(shop.ready())] == [
        (ms("12:00"), 1),
        (ms("20:00"), 15),
        (ms("20:01"), 1),
    ]


def test_a_run_goes_on_after_a_restart_in_its_middle() -> None:
    shop = fold(config(max_ahead=HOUR))
    send(shop, [event("12:00"), *[event("20:00", user="ada")] * 10])

    again = reloaded(config(max_ahead=HOUR), stored(shop))
    send(again, [event("20:00")] * (JUMP_AFTER - 10))

    assert again.newest == ms("20:00")
    assert again.events == JUMP_AFTER


# Replay.


def test_a_record_at_or_below_the_last_offset_changes_nothing() -> None:
    shop = fold(config())
    for offset in (0, 5, 5, 3, 0):
        shop.fold(offset, ms("12:00"), [event("12:00")])

    assert (shop.events, shop.offset) == (2, 5)


def test_a_record_that_was_no_event_moves_the_offset_alone() -> None:
    shop = fold(config())
    shop.fold(7, ms("12:00"), ())

    assert (shop.offset, shop.arrived, shop.newest) == (7, ms("12:00"), None)


SECONDS = st.one_of(st.integers(0, 240), st.integers(200, 420), st.integers(7_200, 7_300))
EVENTS = st.builds(
    lambda second, platform, marketplace, amount, user: event(
        ms("12:00") + second * 1_000, platform=platform, marketplace=marketplace, amount=amount, user=user
    ),
    SECONDS,
    st.sampled_from(["web", "app", None]),
    st.sampled_from(["DE", "FR"]),
    st.one_of(st.none(), st.floats(-1e6, 1e6), st.integers(0, 9)),
    st.integers(0, 20),
)
#: An event and what happens after it: where to restart from, or whether there is a batch's end.
STEPS = st.lists(
    st.tuples(EVENTS, st.sampled_from(["", "", "", "batch", "idle", "save", "crash"]), st.integers(0, 80)),
    max_size=60,
)


@given(STEPS, st.sampled_from(["wall", "event"]), st.sampled_from([10_000, 2 * len(MEASURES)]))
def test_batches_restarts_and_replays_do_not_matter(
    steps: Sequence[tuple[Event, str, int]], clock: Any, max_series: int
) -> None:
    configuration = config(msgspec.structs.replace(SHOP, max_series=max_series), clock=clock)
    log = [each for each, _, _ in steps]
    # The records of a live source came about when their events happened, in order.
    stamps = [max(each.event_time for each in log[: n + 1]) - n * 50 for n in range(len(log))]

    smooth: dict[Key, Partial] = {}
    once = fold(configuration)
    for offset, each in enumerate(log):
        once.fold(offset, stamps[offset], [each])
        keep(smooth, once.ready())
    keep(smooth, once.idle(0))

    rough: dict[Key, Partial] = {}
    again, kept, position = fold(configuration), stored(fold(configuration)), 0
    what = [(does, back) for _, does, back in steps]
    while position < len(log):
        first = position
        while position < len(log) - 1 and not what[position][0]:
            position += 1
        (does, back), what[position] = what[position], ("", 0)
        batch = slice(first, position + 1)
        again.fold_all(range(first, position + 1), stamps[batch], log[batch], position, stamps[position])
        position += 1
        if does == "batch":
            keep(rough, again.ready())
        elif does == "idle":
            keep(rough, again.idle(0))
        elif does == "save":
            keep(rough, again.ready())
            kept = stored(again)
        elif does == "crash":
            again = reloaded(configuration, kept)
            position = max(0, again.offset + 1 - back)
    said = again.ready()
    keep(rough, said)
    keep(rough, again.idle(0))

    assert rough == smooth
    assert comparable(again) == comparable(once)


def keep(told: dict[Key, Partial], records: Iterable[Partial | Watermark]) -> None:
    """What the receiver has: the last Partial of each key."""
    for each in partials(records):
        told[each.detector, each.start, each.partition, each.block] = each


def comparable(fold: Fold) -> FoldState:
    """The state but for what was announced, which is up to the batches between two borders."""
    kept = stored(fold)
    detectors = {name: msgspec.structs.replace(each, announced=0) for name, each in kept.detectors.items()}
    return msgspec.structs.replace(kept, detectors=detectors)


# A changed configuration.


@pytest.mark.parametrize("restarts", [1, 2])
def test_a_changed_detector_starts_with_the_next_interval(restarts: int) -> None:
    shop = fold(config())
    send(shop, [event("12:00"), event("12:01:30")])
    kept = stored(shop)
    changed = config(detector(where={"platform": "web"}))
    for _ in range(restarts):
        shop = reloaded(changed, kept)
        kept = stored(shop)

    send(shop, [event(at, platform="web") for at in ("12:01:40", "12:02", "12:02:30", "12:03")])

    assert [(told.start, told.events) for told in partials(shop.ready())] == [(ms("12:02"), 2)]


def test_a_new_detector_starts_with_the_next_interval_and_leaves_the_others_alone() -> None:
    shop = fold(config())
    send(shop, [event("12:00:10")])
    shop = reloaded(config(detector(), detector(name="new")), stored(shop))

    send(shop, [event("12:00:30"), event("12:01:30"), event("12:02")])

    assert [(told.detector, told.start, told.events) for told in partials(shop.ready())] == [
        ("shop", ms("12:00"), 2),
        ("shop", ms("12:01"), 1),
        ("new", ms("12:01"), 1),
    ]


def test_a_detector_that_begins_with_its_source_misses_nothing() -> None:
    shop = reloaded(config(), stored(fold(config())))
    send(shop, [event("12:00:10"), event("12:01")])

    assert [told.start for told in partials(shop.ready())] == [ms("12:01") - MINUTE]


def test_a_flood_of_values_leaves_what_is_known_as_it_is() -> None:
    """Ten minutes of a thousand values a minute that never come again, beside two that do."""
    shop = fold(config(detector(dimensions=("platform",), max_series=4)))
    told: list[Partial] = []
    for minute in range(10):
        steady = [event(ms("12:00") + minute * MINUTE, platform=name) for name in ["web"] * 5 + ["app"] * 3]
        flood = [event(ms("12:00") + minute * MINUTE, platform=f"{minute}-{n}") for n in range(1000)]
        send(shop, [*steady, *flood])
        told += partials(shop.ready())

    assert shop.detectors[0].leaves.turned_away == 10 * 1000 - 2
    for partial in told:
        rows = dict(zip(partial.places, partial.columns[0], strict=True))
        assert len(rows) <= 6
        assert (rows[None,], rows["web",], rows["app",]) == (1008, 5, 3)
    assert len(state.encode(shop.save())) < 100_000


def test_a_new_value_that_keeps_coming_gets_room_within_a_flood() -> None:
    shop = fold(config(detector(dimensions=("platform",), max_series=3)))
    rows: list[dict[Any, int]] = []
    for minute in range(6):
        flood = [event(ms("12:00") + minute * MINUTE, platform=f"{minute}-{n}") for n in range(200)]
        steady = [event(ms("12:00") + minute * MINUTE, platform="tv")] * (10 if minute >= 2 else 0)
        send(shop, [*flood, *steady])
        rows += [dict(zip(p.places, p.columns[0], strict=True)) for p in partials(shop.ready())]

    assert [row.get(("tv",)) for row in rows] == [None, None, None, 10, 10]
    assert [row[None,] for row in rows] == [200, 200, 210, 210, 210]


def test_what_has_no_room_still_counts_where_its_roll_ups_are_known() -> None:
    shop = fold(config(detector(dimensions=("platform", "marketplace"), max_series=1)))
    send(
        shop,
        [event("12:00", platform="web", marketplace="DE"), event("12:00", platform="web", marketplace="x")],
    )
    send(shop, [event("12:00", platform="(other)", marketplace="DE"), event("12:01")])

    (told,) = partials(shop.ready())

    assert dict(zip(told.places, told.columns[0], strict=True)) == {
        (None, None): 3,
        ("web", None): 2,
        ("(other)", None): 1,
        (None, "DE"): 2,
        (None, "(other)"): 1,
        ("web", "DE"): 1,
        ("(other)", "(other)"): 2,
    }


@pytest.mark.parametrize("value", ["(other)", "(missing)", "x" * 500, '"; import os', "{cell}", "\u2028\x00"])
def test_a_strangers_text_is_a_value_and_nothing_else(value: str) -> None:
    shop = fold(config(detector(dimensions=("platform",))))
    send(
        shop, [event("12:00", platform=value), event("12:00", platform=value), event("12:00", platform=None)]
    )
    send(shop, [event("12:01")])

    (told,) = partials(shop.ready())

    rows = {(None,): 3, (text(value),): 2, ("(missing)",): 1}
    assert dict(zip(told.places, told.columns[0], strict=True)) == rows


def test_a_field_may_be_called_like_a_word_of_python() -> None:
    kind: Any = event_type(["class", "lambda"])
    words = detector(dimensions=("class",), measures=[Measure(name="sum", aggregation="sum", field="lambda")])
    shop = fold(config(words))
    send(shop, [kind(ms("12:00"), "economy", 7.0), kind(ms("12:01"))])

    (told,) = partials(shop.ready())

    assert (told.places, told.columns) == ([(None,), ("economy",)], [[70_000, 70_000]])


def test_measures_of_like_conditions_are_told_apart() -> None:
    one = Measure(name="one", aggregation="count", where={"amount": 1})
    true = Measure(name="true", aggregation="count", where={"amount": True})
    shop = fold(config(detector(measures=[one, true])))
    send(shop, [event("12:00", amount=1), event("12:00", amount=1.0), event("12:01")])

    assert partials(shop.ready())[0].columns == [[2], [0]]


def test_a_changed_detector_begins_after_what_was_measured_before() -> None:
    shop = fold(config(clock="wall", max_ahead=HOUR))
    send(shop, [event("12:00:30"), event("12:03:10")], timestamp="12:00:30")

    again = fold(changed := config(detector(lateness=timedelta(seconds=1)), clock="wall", max_ahead=HOUR))
    again.load(stored(shop), Click)
    send(again, [event("12:03:20"), event("12:04:10"), event("12:05:10")], timestamp="12:05:30")

    assert changed.detectors[0].fingerprint != detector().fingerprint
    assert [(told.start, told.events) for told in partials(again.ready())] == [(ms("12:04"), 1)]

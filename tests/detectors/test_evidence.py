"""Who did it is told with an anomaly: exact over partitions and restarts, bounded, and never a series."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import state
from detectors.aggregation import KEPT
from detectors.closing import Closer
from detectors.config import AlertRule, ConfigError, Detector, Measure
from detectors.detection import Detection
from detectors.evidence import TOLD, evidence, lines
from detectors.folding import Fold, FoldState
from detectors.heavy_hitters import SpaceSaving
from detectors.loading import parse
from detectors.records import Alert, Event, Interval, Line, Partial
from tests.detectors.builders import MINUTE, Click, config, detector, event, fold, ms

BLOCKED = Measure(name="blocked", aggregation="count", where={"kind": "BLOCK"}, evidence=("user", "platform"))
WATCHED = detector(measures=[BLOCKED], dimensions=("marketplace",))
STREAMS = st.lists(st.integers(0, 40), max_size=200)


def closed(detector: Detector, *partitions: list[Event]) -> Interval:
    """The one interval that events of some partitions make."""
    closer = Closer(detector)
    configuration = config(detector)
    intervals: list[Interval] = []
    for n, events in enumerate(partitions):
        folded = fold(configuration, n, len(partitions))
        folded.fold_all(range(len(events)), [-1] * len(events), events, len(events) - 1, None)
        for record in folded.end()[1]:
            intervals += closer.add(record)
    (interval,) = intervals
    return interval


def told(interval: Interval, detector: Detector, measure: str = "blocked") -> dict[str, dict[str, int]]:
    """What is told of the total: field → value → events."""
    found = evidence(detector, interval, [(0, measure, (None,) * len(detector.dimensions))])
    return {each.field: each.values for each in found.get(0, ())}


def block(user: object, at: str = "12:00", **fields: object) -> Event:
    return event(at, **{"kind": "BLOCK", "marketplace": "DE", "user": user, **fields})  # type: ignore[arg-type]


def test_only_events_of_the_measure_count_and_the_most_come_first() -> None:
    events = [event(kind="ALLOW", marketplace="DE", user="many"), *[block("mallory")] * 3, block("eve")]
    assert told(closed(WATCHED, events * 2), WATCHED) == {"user": {"mallory": 6, "eve": 2}}


def test_each_place_has_its_own_evidence() -> None:
    events = [block("mallory"), block("eve", marketplace="FR")]
    interval = closed(WATCHED, events)
    found = evidence(
        WATCHED, interval, [(0, "blocked", ("FR",)), (1, "blocked", ("IT",)), (2, "other", (None,))]
    )
    assert {row: told[0].values for row, told in found.items()} == {0: {"eve": 1}}


def test_a_ratio_is_told_by_the_events_of_its_numerator() -> None:
    all_ = Measure(name="requests", aggregation="count")
    share = Measure(name="share", ratio=("blocked", "requests"))
    watched = detector(measures=[BLOCKED, all_, share], dimensions=("marketplace",))
    interval = closed(watched, [block("mallory"), event(marketplace="DE", user="alice")])
    assert told(interval, watched, "share") == {"user": {"mallory": 1}}


def test_of_many_values_the_heaviest_are_told_and_none_more_often_than_it_came() -> None:
    chance = random.Random(8)
    users = [f"u{n}" for n in range(3_000)] + ["mallory"] * 600 + ["eve"] * 300
    chance.shuffle(users)
    interval = closed(
        WATCHED, [block(user) for user in users[:2_000]], [block(user) for user in users[2_000:]]
    )
    values = told(interval, WATCHED)["user"]
    assert len(values) <= TOLD
    assert next(iter(values)) == "mallory"
    assert all(times <= Counter(users)[user] for user, times in values.items())
    (found,) = evidence(WATCHED, interval, [(0, "blocked", (None,))])[0]
    assert found.events == len(users)


def test_values_of_strangers_stay_text_and_bounded() -> None:
    hostile = ["<script>alert(1)</script>", "x" * 5_000, 404, True, "(missing)"]
    values = told(closed(WATCHED, [block(value) for value in hostile]), WATCHED)["user"]
    assert {"<script>alert(1)</script>", "404", "true", "%28missing)"} <= set(values)
    assert max(map(len, values)) == 200


@given(STREAMS, STREAMS)
def test_two_sketches_together_hold_their_bounds(one: list[int], other: list[int]) -> None:
    sketches = []
    for stream in (one, other):
        sketch = SpaceSaving[int](10)
        for key in stream:
            sketch.add(key)
        sketches.append(sketch)
    both, second = sketches
    both.update(second)
    true = Counter(one + other)
    kept = {hitter.key: hitter for hitter in both.items()}
    assert len(kept) <= 10
    assert all(h.weight - h.error <= true[h.key] <= h.weight for h in kept.values())
    least = min((h.weight for h in kept.values()), default=0)
    assert all(times <= least for key, times in true.items() if key not in kept)


def test_evidence_goes_on_after_a_restart_as_if_there_had_been_none() -> None:
    chance = random.Random(3)
    events = [block(f"u{chance.randrange(60)}", platform=chance.choice("abc")) for _ in range(400)]
    steady, first = fold(config(WATCHED)), fold(config(WATCHED))
    steady.fold_all(range(400), [-1] * 400, events, 399, None)
    first.fold_all(range(150), [-1] * 150, events[:150], 149, None)
    second = restarted(first)
    second.fold_all(range(150, 400), [-1] * 250, events[150:], 399, None)
    assert partials(second) == partials(steady) != []


def restarted(before: Fold) -> Fold:
    after = fold(config(WATCHED))
    after.load(state.decode(state.encode(before.save()), FoldState), Click)
    return after


def partials(folded: Fold) -> list[bytes]:
    return [msgspec.msgpack.encode(each) for each in folded.end()[1] if isinstance(each, Partial)]


def test_what_is_kept_of_a_place_is_bounded() -> None:
    folded = fold(config(WATCHED))
    events = [block(f"u{n}") for n in range(5_000)]
    folded.fold_all(range(5_000), [-1] * 5_000, events, 4_999, None)
    sent = [each for each in folded.end()[1] if isinstance(each, Partial)]
    assert {len(kept) for each in sent for column in each.columns[1:2] for _, kept in column} == {KEPT}


def attack() -> Iterator[Event]:
    """Two hours of a few blocked requests a minute, then 150 from one address."""
    chance = random.Random(5)
    start = ms("10:00")
    for minute in range(120):
        for _ in range(chance.randrange(2, 6)):
            time = start + minute * MINUTE + chance.randrange(MINUTE)
            yield block(f"198.51.100.{chance.randrange(250)}", time, platform=chance.choice("abcd"))  # type: ignore[arg-type]
    for n in range(150):
        yield block("203.0.113.9", start + 120 * MINUTE + n * 300, platform="/search")  # type: ignore[arg-type]
    yield event(start + 121 * MINUTE, kind="ALLOW", marketplace="DE")


def test_an_alert_names_who_did_it() -> None:
    rule = AlertRule(name="attacks", detector="shop")
    detection = Detection(config(WATCHED, alerts=[rule]))
    events = sorted(attack(), key=lambda event: event.event_time)
    outcomes = [*detection.feed("shop", 0, range(len(events)), events), *detection.finish()]
    (alert, *_) = [each for each in outcomes if isinstance(each, Alert)]
    assert "mostly user 203.0.113.9 (100 %), platform /search (100 %)" in alert.summary
    assert "by user: 203.0.113.9 100 %" in alert.why
    assert alert.members[0].evidence[0].values == {"203.0.113.9": 150}


def test_asking_for_evidence_makes_no_other_measure_of_it() -> None:
    plain = detector(measures=[msgspec.structs.replace(BLOCKED, evidence=())], dimensions=("marketplace",))
    events = [block("mallory"), event(kind="ALLOW", marketplace="DE")]
    one, other = closed(WATCHED, events), closed(plain, events)
    assert (one.places, one.values, one.volumes) == (other.places, other.values, other.volumes)
    assert other.evidence == {}
    assert (
        plain.fingerprint
        == detector(
            measures=[Measure("blocked", "count", None, {"kind": "BLOCK"})], dimensions=("marketplace",)
        ).fingerprint
    )


def test_a_ratio_has_no_evidence_of_its_own() -> None:
    with pytest.raises(ConfigError, match="give it to 'blocked', which tells it of both"):
        parse(
            """
            sources.shop = { topic = "shop", format = "clickstream" }
            [[detectors]]
            name = "shop"
            source = "shop"
            interval = "PT1M"
            measures = [
              { name = "blocked", aggregation = "count", where = { event = "BLOCK" } },
              { name = "all", aggregation = "count" },
              { name = "share", ratio = ["blocked", "all"], evidence = ["user"] },
            ]
            """
        )


def test_the_rate_of_a_field_is_its_sum_a_second() -> None:
    load = Measure(name="load", aggregation="rate", field="amount")
    interval = closed(detector(measures=[load]), [event(amount=90.0), event(amount=30.0)])
    assert interval.values == {"load": [2.0]}


def test_a_number_is_told_beside_its_line() -> None:
    load = Measure(name="load", aggregation="rate", field="amount", line="cpus")
    cpus = Measure(name="cpus", aggregation="max", field="amount")
    watched = detector(measures=[load, cpus], dimensions=("marketplace",))
    interval = closed(watched, [event(marketplace="DE", amount=4.0)])
    asked = [(7, "load", ("DE",)), (8, "cpus", ("DE",)), (9, "load", ("FR",))]
    assert lines(watched, interval, asked) == {7: Line("cpus", 4.0)}

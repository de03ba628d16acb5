"""The synthetic shop: same seed, same traffic, and incidents only where they were ordered."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.samples.shop import LEAVES, STAGES, Incident, Shop, expected_visits

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MONDAY = 1_760_313_600_000
INTERVALS = DAY // (5 * MINUTE)


def counts(shop: Shop, start: int, end: int) -> Counter[tuple[str, str, str]]:
    events = [orjson.loads(raw) for _, raw in shop.events(start, end)]
    return Counter((event["event"], event["platform"], event["marketplace"]) for event in events)


@given(cut=st.integers(0, 3 * MINUTE))
def test_a_stretch_holds_the_same_events_wherever_reading_began(cut: int) -> None:
    shop = Shop(seed=3)
    whole = list(shop.events(MONDAY, MONDAY + 3 * MINUTE))
    parts = [*shop.events(MONDAY, MONDAY + cut), *shop.events(MONDAY + cut, MONDAY + 3 * MINUTE)]
    assert parts == whole


def test_seeds_differ() -> None:
    one, other = (list(Shop(seed).events(MONDAY, MONDAY + MINUTE)) for seed in (1, 2))
    assert one != other


def test_events_are_json_in_time_order_within_the_stretch() -> None:
    events = list(Shop(seed=1).events(MONDAY + 7, MONDAY + HOUR - 11))
    assert all(orjson.loads(raw)["ts"] == time for time, raw in events)
    assert all(a[0] <= b[0] for a, b in pairwise(events))
    assert events[0][0] >= MONDAY + 7
    assert events[-1][0] < MONDAY + HOUR - 11


def test_every_session_goes_through_the_funnel_in_order() -> None:
    seen: dict[str, list[str]] = {}
    for _, raw in Shop(seed=1).events(MONDAY, MONDAY + HOUR):
        event = orjson.loads(raw)
        seen.setdefault(event["session"], []).append(event["event"])
        assert ("order" in event) == ("amount" in event) == (event["event"] == "purchase")
    assert all(stages == list(STAGES[: len(stages)]) for stages in seen.values())
    assert {len(stages) for stages in seen.values()} == {1, 2, 3, 4}


def test_an_incident_stops_checkouts_and_purchases_of_its_place_and_time_alone() -> None:
    start, end = MONDAY + HOUR, MONDAY + 3 * HOUR
    incident = Incident("checkout down", start, end, "mobile_app", "US")
    sound, broken = Shop(seed=1), Shop(seed=1, incidents=[incident])
    before, after = counts(sound, start, end), counts(broken, start, end)
    for stage in ("checkout", "purchase"):
        assert 0 < after.pop((stage, "mobile_app", "US")) < 0.08 * before.pop((stage, "mobile_app", "US"))
    assert after == before
    assert list(sound.events(end, end + HOUR)) == list(broken.events(end, end + HOUR))


def test_an_incident_at_a_place_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no 'pc_web' in 'MARS'"):
        Incident("nowhere", 0, 1, "pc_web", "MARS")


def test_each_marketplace_is_busy_in_its_own_evening() -> None:
    hours = [expected_visits(MONDAY + hour * HOUR) for hour in range(24)]
    peaks = {place: max(range(24), key=lambda h: float(hours[h][LEAVES.index(place)])) for place in LEAVES}
    # 20:00 in Tokyo is 11:00 UTC, in New York (summer time) midnight UTC.
    assert peaks["mobile_app", "JP"] == 11
    assert peaks["mobile_app", "US"] in {23, 0}


def test_weekends_are_busier() -> None:
    monday, sunday = (
        sum(expected_visits(MONDAY + d * DAY + h * HOUR).sum() for h in range(24)) for d in (0, 6)
    )
    assert sunday > 1.03 * monday


def test_quiet_places_still_have_checkouts_and_history_stays_small() -> None:
    per_interval = [expected_visits(MONDAY + i * 5 * MINUTE) * 5 for i in range(7 * INTERVALS)]
    checkouts_a_visit = 0.56 * 0.76
    smallest = min(float(visits.min()) for visits in per_interval) * checkouts_a_visit
    biggest = LEAVES.index(("mobile_app", "US"))
    assert smallest > 5.5
    assert min(float(visits[biggest]) for visits in per_interval) * checkouts_a_visit > 20
    visits_in_three_days = 3 * sum(float(visits.sum()) for visits in per_interval) / 7
    assert visits_in_three_days * (1 + 0.56 + checkouts_a_visit + checkouts_a_visit * 0.8) < 1_500_000


def test_volume_multiplies_the_visits() -> None:
    one, ten = (sum(1 for _ in Shop(1, volume=volume).events(MONDAY, MONDAY + HOUR)) for volume in (1, 10))
    assert 9 < ten / one < 11

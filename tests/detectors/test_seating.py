"""Where a row sits shows nowhere: not with many locales, not when places come and go, not after a restart."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from detectors import seating, state
from detectors.blocks import BlockState
from detectors.config import Calendar, Calendars, Detector, LocalTime, Occasion
from detectors.records import Interval, IntervalScores, Place
from detectors.scorer import Scorer, ScorerState
from tests.detectors.builders import MINUTE, detector, interval, ms

ZONES = {"DE": "Europe/Berlin", "US": "America/New_York", "JP": "Asia/Tokyo"}
MARKETS = [*ZONES, "FR"]
LOCAL = [LocalTime(where={"marketplace": market}, timezone=zone) for market, zone in ZONES.items()]
SALE: Calendars = {
    "sale": Calendar(
        occasions=[Occasion(name="Sale", start="2026-03-02T09:30+00:00", end="2026-03-02T10:00+00:00")],
        where={"marketplace": ["DE", "FR"]},
    )
}
EVERYONE: list[Place] = [(market, f"s{n}") for n in range(3) for market in MARKETS]


def shop(**changes: Any) -> Detector:
    dimensions = ("marketplace", "shop")
    return detector(**{"dimensions": dimensions, "levels": ("leaves",), "timezones": LOCAL, **changes})


def at(minute: int, places: list[Place]) -> Interval:
    rng = random.Random(minute)
    values = {place: 20.0 + minute * 7 % 5 + rng.randrange(5) for place in places}
    return interval(ms("08:00") + minute * MINUTE, values, events=30)


def only(market: str, now: Interval) -> Interval:
    orders = zip(now.places, now.values["orders"], strict=True)
    return interval(now.start, {place: value for place, value in orders if place[0] == market}, events=30)


def scorer(**changes: Any) -> Scorer:
    return Scorer(shop(calendars=["sale"], **changes), calendars=SALE)


def reloaded(stored: Scorer, changed: Detector | None = None) -> Scorer:
    """The scorer after a restart, through bytes."""
    head, blocks = stored.save()
    again = Scorer(changed or stored.detector, calendars=SALE)
    again.load(
        state.decode(state.encode(head), ScorerState),
        [state.decode(state.encode(block), BlockState) for block in blocks],
    )
    return again


def by_place(scores: IntervalScores) -> dict[Place, tuple[Any, ...]]:
    columns = zip(scores.places, scores.value, scores.expected, scores.severity, scores.phase, strict=True)
    return {place: tuple(told) for place, *told in columns}


@pytest.mark.parametrize("series", [1, 3, 4096])
def test_places_of_many_locales_score_as_each_would_alone(
    series: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seating, "BLOCK_SERIES", series)
    together, alone = scorer(), {market: scorer() for market in MARKETS}

    for minute in range(130):
        now = at(minute, EVERYONE)
        apart = [by_place(one.score(only(market, now))) for market, one in alone.items()]
        assert by_place(together.score(now)) == {
            place: told for some in apart for place, told in some.items()
        }


def test_a_place_that_takes_the_row_of_one_of_another_locale_starts_afresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(seating, "BLOCK_SERIES", 2)
    crowded = scorer(max_series=4, forget_after=timedelta(minutes=5))
    berlin, tokyo = [("DE", f"s{n}") for n in range(4)], [("JP", f"s{n}") for n in range(4)]
    for minute in range(30):
        crowded.score(at(minute, [*berlin]))

    before = crowded.state_bytes

    told = [by_place(crowded.score(at(minute, [*tokyo]))) for minute in range(30, 60)]

    fresh = scorer()
    again = [by_place(fresh.score(at(minute, [*tokyo]))) for minute in range(34, 60)]
    assert told[4:] == again
    assert (crowded.series, crowded.state_bytes) == (4, before)


@pytest.mark.parametrize("every", [1, 7])
def test_a_restart_changes_no_number(every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seating, "BLOCK_SERIES", 3)
    settings = {"max_series": 6, "forget_after": timedelta(minutes=6)}
    steady, restarted = scorer(**settings), scorer(**settings)
    rng = random.Random(4)

    for minute in range(60):
        now = at(minute, sorted(rng.sample(EVERYONE, 5)))
        assert by_place(restarted.score(now)) == by_place(steady.score(now))
        if minute % every == 0:
            restarted = reloaded(restarted)


def test_a_new_calendar_forgets_nothing_and_a_new_time_zone_only_where_it_is() -> None:
    known = Scorer(shop(), calendars=SALE)
    for minute in range(60):
        known.score(at(minute, EVERYONE))

    with_calendar = reloaded(known, shop(calendars=["sale"]))
    moved = reloaded(known, shop(timezones=LOCAL[:2]))

    now = at(60, EVERYONE)
    expected = by_place(known.score(now))
    assert by_place(with_calendar.score(now)) == expected
    told = by_place(moved.score(now))
    assert {place for place in told if told[place] != expected[place]} == {("JP", f"s{n}") for n in range(3)}
    assert all(told[place][-1] == ("learning" if place[0] == "JP" else "active") for place in told)

"""Days that the calendar knows, and days of 23 hours: what the whole scorer makes of them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from detectors import state
from detectors.blocks import BlockState
from detectors.config import Calendar, LocalTime, Measure, Occasion
from detectors.intervals import Intervals
from detectors.records import Interval, IntervalScores, Place
from detectors.scorer import Scorer, ScorerState
from tests.detectors.builders import detector

HOUR = timedelta(hours=1)
#: No rule asks for less, and a series that is well comes so high once in ten weeks.
ALARMING = 70.0

Rate = Callable[[datetime], float]


def shop(now: datetime) -> float:
    """Orders an hour at a local time: few at night, most in the evening, fewer on Sundays."""
    share = 1.2 + math.sin((now.hour - 8) / 24 * 2 * math.pi)
    return 200 * share * (0.6 if now.weekday() == 6 else 1.0)


def intervals(
    zone: str, first: datetime, last: datetime, length: timedelta = HOUR
) -> Iterator[tuple[int, int]]:
    borders = Intervals(length, zone)
    start = borders.start(round(first.timestamp() * 1000))
    while start < last.timestamp() * 1000:
        yield start, (start := borders.end(start))


def orders(rate: Rate, zone: str, start: int, end: int, noise: random.Random) -> int:
    """A count by the rate of every hour of an interval on the clocks of a zone."""
    hours = range(start, end, 3_600_000)
    mean = sum(rate(datetime.fromtimestamp(hour / 1000, ZoneInfo(zone))) for hour in hours)
    return max(0, round(noise.gauss(mean, math.sqrt(mean) + 0.02 * mean)))


def interval(start: int, end: int, values: dict[Place, float]) -> Interval:
    return Interval("shop", start, end, 1, list(values), [1] * len(values), {"orders": list(values.values())})


def scored(
    scorer: Scorer, rate: Rate, zone: str, first: str, last: str, length: timedelta = HOUR
) -> list[IntervalScores]:
    """The scores of one series, interval by interval."""
    noise = random.Random(6)
    begin, finish = (datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) for day in (first, last))
    return [
        scorer.score(interval(start, end, {(): orders(rate, zone, start, end, noise)}))
        for start, end in intervals(zone, begin, finish, length)
    ]


def alarms(scores: list[IntervalScores], zone: str, since: str = "") -> list[str]:
    """Local times of the intervals that are alarming."""
    times = [s.interval_start.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H") for s in scores]
    return [t for t, s in zip(times, scores, strict=True) if max(s.severity) >= ALARMING and t >= since]


def berlin(calendar: Calendar | None = None, **changes: Any) -> Scorer:
    settings = {"interval": HOUR, "timezone": "Europe/Berlin", **changes}
    if calendar is None:
        return Scorer(detector(**settings))
    return Scorer(detector(**settings, calendars=["own"]), calendars={"own": calendar})


def on_black_friday(now: datetime) -> float:
    return shop(now) * (2.0 if (now.month, now.day) == (11, 27) else 1.0)


def test_black_friday_alarms_unless_it_is_expected() -> None:
    told = {}
    for name, calendar in (("plain", None), ("known", Calendar(commercial=True))):
        scores = scored(berlin(calendar), on_black_friday, "Europe/Berlin", "2026-10-19", "2026-12-03")
        told[name] = alarms(scores, "Europe/Berlin", since="2026-11-27")

    assert told["plain"][0].startswith("2026-11-27")
    assert told["known"] == []


def test_an_outage_on_an_expected_day_still_stands_out() -> None:
    def broken(now: datetime) -> float:
        return 0.0 if (now.month, now.day, now.hour) == (11, 27, 18) else on_black_friday(now)

    scores = scored(berlin(Calendar(commercial=True)), broken, "Europe/Berlin", "2026-10-19", "2026-11-28")

    *_, outage = sorted(scores[-24:], key=lambda s: s.severity[0])
    assert (outage.value, outage.interval_start.hour) == ([0.0], 17)
    assert outage.severity[0] > 90
    assert max(s.severity[0] for s in scores[-24:] if s is not outage) < 50


def test_an_expected_day_teaches_nothing_of_plain_ones() -> None:
    def quiet_day(now: datetime) -> float:
        return shop(now) * (0.2 if (now.month, now.day) == (6, 10) else 1.0)

    fair = Calendar(occasions=[Occasion(name="Fair", start="2026-06-10")])
    with_fair, without = (
        scored(berlin(fair), rate, "Europe/Berlin", "2026-05-11", "2026-06-18") for rate in (quiet_day, shop)
    )

    week_later = [s.interval_start.astimezone(ZoneInfo("Europe/Berlin")).day == 17 for s in without]
    for one, other in ((a, b) for a, b, later in zip(with_fair, without, week_later, strict=True) if later):
        assert one.expected[0] == pytest.approx(other.expected[0], rel=0.05)


def test_what_is_not_to_be_learnt_is_scored_and_forgotten() -> None:
    def load_test(now: datetime) -> float:
        return shop(now) * (5.0 if (now.month, now.day) == (6, 10) else 1.0)

    window = [Occasion(name="Load test", start="2026-06-10")]
    days = "Europe/Berlin", "2026-05-18", "2026-06-12"
    forgotten, learnt = (
        scored(berlin(Calendar(occasions=window, mode=mode)), load_test, *days)
        for mode in ("do-not-learn", "do-not-alert")
    )

    for scores, held_by in ((forgotten, {}), (learnt, {0: "calendar"})):
        assert max(scores[-48].severity) >= ALARMING
        assert scores[-48].held_by == held_by
    first_hour = {"before": forgotten[-72], "forgotten": forgotten[-24], "learnt": learnt[-24]}
    expected = {name: scores.expected[0] or 0.0 for name, scores in first_hour.items()}
    assert expected["forgotten"] == pytest.approx(expected["before"], rel=0.2)
    assert expected["learnt"] > 1.5 * expected["before"]


def test_the_past_is_taken_out_by_going_back_and_learning_again_without_it() -> None:
    def broken_week(now: datetime) -> float:
        return shop(now) * (3.0 if now.month == 6 and 8 <= now.day < 15 else 1.0)

    zone, noise = "Europe/Berlin", random.Random(8)
    past = [
        interval(start, end, {(): orders(broken_week, zone, start, end, noise)})
        for start, end in intervals(
            zone, datetime(2026, 5, 11, tzinfo=UTC), datetime(2026, 6, 22, tzinfo=UTC)
        )
    ]
    scorer = berlin()
    for one in past[: 28 * 24 - 4]:
        scorer.score(one)
    head, blocks = scorer.save()
    copy = state.encode(head), [state.encode(block) for block in blocks]
    learnt = [scorer.score(one) for one in past[28 * 24 - 4 :]]

    week = Occasion(name="Bad import", start="2026-06-08", end="2026-06-15")
    again = berlin(Calendar(occasions=[week], mode="do-not-learn"))
    again.load(state.decode(copy[0], ScorerState), [state.decode(block, BlockState) for block in copy[1]])
    relearnt = [again.score(one) for one in past[28 * 24 - 4 :]]

    # Monday after it, at noon.
    (noon,) = [n for n, s in enumerate(learnt) if s.interval_start == datetime(2026, 6, 15, 10, tzinfo=UTC)]
    usual = orders(shop, zone, past[28 * 24 - 4 + noon].start, past[28 * 24 - 4 + noon].end, noise)
    assert relearnt[noon].expected[0] == pytest.approx(usual, rel=0.15)
    assert (learnt[noon].expected[0] or 0.0) > 1.4 * usual


ZONES = {"DE": "Europe/Berlin", "US": "America/New_York"}
#: The days on which clocks are changed in 2026, and the day after.
CHANGES = {"DE": ("03-29", "03-30", "10-25", "10-26"), "US": ("03-08", "03-09", "11-01", "11-02")}


@pytest.mark.parametrize("market", ZONES)
@pytest.mark.parametrize(
    ("length", "first", "last"),
    [
        (timedelta(hours=2), "2026-02-09", "2026-04-05"),
        (timedelta(hours=6), "2026-01-01", "2026-12-01"),
        (timedelta(days=1), "2025-12-01", "2026-12-01"),
    ],
    ids=str,
)
def test_counts_of_intervals_that_a_change_of_clocks_makes_shorter_or_longer_do_not_alarm(
    market: str, length: timedelta, first: str, last: str
) -> None:
    def told(zone: str) -> tuple[set[str], set[float]]:
        scores = scored(Scorer(detector(interval=length, timezone=zone)), shop, zone, first, last, length)
        hours = {(s.interval_end - s.interval_start) / HOUR for s in scores}
        return {time for time in alarms(scores, zone) if time[5:10] in CHANGES[market]}, hours

    alarmed, hours = told(ZONES[market])
    assert hours >= {length / HOUR, length / HOUR - 1}
    # Noise may alarm on any day; then it does so where no clocks are changed as well.
    assert not alarmed or alarmed <= told("UTC")[0]


def on_changed_clocks(first: str, last: str, timezones: list[LocalTime]) -> set[str]:
    """Where and when there was an alarm on a day of changed clocks, of a shop in two markets hour by hour."""
    scorer = Scorer(detector(interval=HOUR, dimensions=("marketplace",), timezones=timezones))
    noise, told = random.Random(7), set()
    begin, finish = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (first, last))
    for start, end in intervals("UTC", begin, finish):
        scores = scorer.score(
            interval(start, end, {(m,): orders(rush, zone, start, end, noise) for m, zone in ZONES.items()})
        )
        for (market,), severity in zip(scores.places, scores.severity, strict=True):
            now = scores.interval_start.astimezone(ZoneInfo(ZONES[market or ""]))
            if severity >= ALARMING and f"{now:%m-%d}" in CHANGES[market or ""]:
                told.add(f"{market} {now:%m-%d}")
    return told


LOCAL = [LocalTime(where={"marketplace": market}, timezone=zone) for market, zone in ZONES.items()]


def test_markets_of_one_detector_each_live_by_their_own_clock() -> None:
    spring = "2026-02-16", "2026-03-31"

    assert on_changed_clocks(*spring, timezones=LOCAL) == set()
    assert on_changed_clocks(*spring, timezones=[]) >= {"DE 03-29", "US 03-08"}


@pytest.mark.slow
def test_and_so_they_do_all_year() -> None:
    assert on_changed_clocks("2025-12-01", "2026-12-01", timezones=LOCAL) == set()


def rush(now: datetime) -> float:
    """A shop that opens and closes: what an hour off is plain to see."""
    return 400.0 if 9 <= now.hour < 18 else 10.0


@pytest.mark.parametrize("model", ["holt-winters", "snarimax"])
def test_models_that_count_intervals_go_by_local_time_too(model: str) -> None:
    """Clocks change on 29 March; in the early hours of the 18th nothing was learnt."""
    window = Calendar(
        occasions=[Occasion(name="Import", start="2026-03-18T04:00", end="2026-03-18T09:00")],
        mode="do-not-learn",
    )
    orders_of = Measure(name="orders", aggregation="count", model=model)

    scores = scored(berlin(window, measures=[orders_of]), rush, "Europe/Berlin", "2026-02-23", "2026-04-02")

    assert alarms(scores, "Europe/Berlin", since="2026-03-18") == []

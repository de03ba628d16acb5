"""Interval, lateness and clock come from the times of a sample."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta

import pytest

from detectors.words import duration_in_iso
from streams.inferring.chosen import Chosen
from streams.inferring.fields import Column, Fields
from streams.inferring.pace import choose_clock, choose_interval, choose_lateness, find_spacing

NOW = 1_790_000_400_000
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
INTERVAL = timedelta(minutes=5)


def sample(times: Sequence[int], parts: Sequence[int] = (), arrived: Sequence[int | None] = ()) -> Fields:
    return Fields({}, list(parts) or [0] * len(times), list(arrived))


def leaves(values: Sequence[str]) -> Column:
    return Column("place", list(range(len(values))), list(values))


def rows_apart(step: int, places: str = "ab", count: int = 60) -> Chosen[timedelta]:
    """The interval of rows that come so far apart, one of each place."""
    times = [NOW + n * step for n in range(count) for _ in places]
    fields, column = sample(times), leaves(places * count)
    spacing = find_spacing(fields, times, [column])
    return choose_interval(spacing, times, fields, [len(times)], len(places))


def events_a_minute(rate: float, minutes: int = 3_000, places: int = 2) -> Chosen[timedelta]:
    rng, at, times = random.Random(1), float(NOW), list[int]()
    while at < NOW + minutes * MINUTE and len(times) < 20_000:
        at += rng.expovariate(rate / MINUTE)
        times.append(int(at))
    fields = sample(times)
    return choose_interval(find_spacing(fields, times, []), times, fields, [len(times)], places)


@pytest.mark.parametrize(
    ("step", "interval", "sure"),
    [
        (MINUTE, "PT1M", "high"),
        (15 * MINUTE, "PT15M", "high"),
        (HOUR, "PT1H", "high"),
        (DAY, "P1D", "high"),
        (7 * MINUTE, "PT10M", "medium"),
        (5 * HOUR, "PT6H", "medium"),
        (7 * DAY, "P1D", "low"),
    ],
)
def test_rows_say_their_interval(step: int, interval: str, sure: str) -> None:
    chosen = rows_apart(step)

    assert (duration_in_iso(chosen.value), chosen.sure) == (interval, sure)


@pytest.mark.parametrize(
    ("rate", "interval"), [(100, "PT5M"), (1.5, "PT10M"), (0.2, "PT1H"), (0.03, "PT6H"), (0.01, "P1D")]
)
def test_events_have_an_interval_in_which_a_leaf_has_some(rate: float, interval: str) -> None:
    assert duration_in_iso(events_a_minute(rate).value) == interval


def test_too_few_events_or_too_short_a_sample_are_said() -> None:
    rare, short = events_a_minute(0.004, minutes=30_000), events_a_minute(100, minutes=6)

    assert (rare.value, rare.sure) == (timedelta(days=1), "low")
    assert "fewer dimensions" in rare.why
    assert (short.value, short.sure) == (INTERVAL, "low")
    assert "only" in short.why


def test_rounded_times_of_events_bound_the_interval_from_below() -> None:
    rng = random.Random(1)
    times = sorted(NOW // HOUR * HOUR + rng.randrange(200) * HOUR for _ in range(40_000))
    fields, column = sample(times), leaves([rng.choice("ab") for _ in times])
    spacing = find_spacing(fields, times, [column])

    assert not spacing.alone
    assert choose_interval(spacing, times, fields, [len(times)], 2).value == timedelta(hours=1)


def test_the_rate_of_a_topic_is_that_of_its_partitions_together() -> None:
    # One partition was read back for an hour, the other, which is slow, for a day.
    fast, slow = [NOW + n * 1_000 for n in range(3_601)], [NOW - DAY + n * MINUTE for n in range(1_441)]
    times = [*fast, *slow]
    fields = sample(times, [0] * len(fast) + [1] * len(slow))
    chosen = choose_interval(find_spacing(fields, [], []), times, fields, [len(fast), len(slow)], 1)

    assert "some 61 events a minute" in chosen.why


def test_partitions_are_each_in_an_order_of_their_own() -> None:
    times = [NOW + n * MINUTE for n in range(100)] + [NOW + n * MINUTE for n in range(100)]

    apart = choose_lateness(times, sample(times, [0] * 100 + [1] * 100), INTERVAL, by_time=False)
    together = choose_lateness(times, sample(times), INTERVAL, by_time=False)

    assert (apart.value, apart.sure) == (timedelta(seconds=10), "high")
    assert together.sure == "low"
    assert together.value >= timedelta(hours=1)


def test_what_one_in_a_thousand_needs_is_waited_for_only_within_an_interval() -> None:
    times = [NOW + n * 1_000 for n in range(5_000)]
    near, far = list(times), list(times)
    near[3_000] -= 4 * MINUTE
    far[3_000] -= 40 * MINUTE

    assert choose_lateness(near, sample(near), INTERVAL, by_time=False).value == timedelta(minutes=5)
    chosen = choose_lateness(far, sample(far), INTERVAL, by_time=False)
    assert chosen.value == timedelta(seconds=10)
    assert "1 of 5,000 would be late" in chosen.why


@pytest.mark.parametrize(
    ("ahead", "clock"),
    [(-200, "wall"), (-4 * MINUTE, "wall"), (-2 * HOUR, "event"), (20 * MINUTE, "event")],
)
def test_the_clock_is_told_by_when_records_reach_the_broker(ahead: int, clock: str) -> None:
    times = [NOW + n * 1_000 for n in range(100)]
    fields = sample(times, arrived=[time - ahead for time in times])

    assert choose_clock(times, fields, is_topic=True).value == clock


def test_without_times_of_the_broker_the_clock_is_a_guess() -> None:
    times = [NOW + n for n in range(100)]

    assert choose_clock(times, sample(times, arrived=[None] * 100), is_topic=True).sure == "low"

"""What the seasonal model finds, and what it leaves alone."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.models.base import Assessment, Column, Moment
from detectors.models.seasonal import Seasonal
from detectors.models.seasonal_assessment import SeasonalAssessment
from detectors.severity import severity

DAY, WEEK = 86_400, 7 * 86_400
Table = NDArray[np.float64]


class Watched:
    """A model that has learnt a table of values, one row an interval, and goes on from there."""

    def __init__(self, table: Table, interval: int) -> None:
        self.interval, self.time = interval, 0
        self.model = Seasonal(interval)
        self.model.grow(table.shape[1])
        self.surprises = np.array([self.next(row).surprise for row in table])

    def ask(self, value: Column | float, special: bool = False) -> SeasonalAssessment:
        row = np.full(len(self.model.save()["series.count"]), value, dtype=np.float64)
        return self.model.assess(Moment(self.time % WEEK, special), row)

    def next(self, value: Column | float, special: bool = False) -> SeasonalAssessment:
        told = self.ask(value, special)
        self.model.learn(told)
        self.time += self.interval
        return told


def daily(points: int, interval: int, level: float, swing: float = 0.5, series: int = 20) -> Table:
    random = np.random.default_rng(3)
    time = np.arange(points)[:, None] * interval + random.uniform(0, DAY, series)
    return random.poisson(level * (1 + swing * np.sin(time / DAY * 2 * np.pi))).astype(np.float64)


def worst(told: SeasonalAssessment) -> float:
    return float(severity(told.surprise).min())


def typically(told: SeasonalAssessment) -> float:
    return float(np.median(severity(told.surprise)))


@pytest.fixture(scope="module")
def shop() -> Watched:
    """Four weeks of hourly counts around 200 with a daily season."""
    return Watched(daily(24 * 28, 3600, 200), 3600)


def test_spike_and_dip_are_severe_and_ordinary_values_are_not(shop: Watched) -> None:
    usual = shop.ask(0).expected
    assert worst(shop.ask(2 * usual)) == 100
    assert worst(shop.ask(0)) == 100
    assert severity(shop.ask(np.round(usual)).surprise).max() < 40


def test_most_points_are_below_once_a_day(shop: Watched) -> None:
    assert np.mean(shop.surprises[24 * 14 :] < 0) > 0.75


def test_the_band_ends_where_a_point_gets_severe(shop: Watched) -> None:
    told = shop.ask(0)
    assert typically(shop.ask(told.upper)) == pytest.approx(50, abs=8)
    assert typically(shop.ask(told.lower)) == pytest.approx(50, abs=8)
    assert (told.scale < told.upper - told.expected).all()


def test_daily_season_is_used_after_two_days() -> None:
    series = Watched(daily(24 * 3, 3600, 1000, swing=0.8), 3600)
    ahead = daily(24 * 4, 3600, 1000, swing=0.8)[24 * 3 :]
    errors, naive = [], []
    last = daily(24 * 3, 3600, 1000, swing=0.8)[-1]
    for row in ahead:
        errors.append(np.abs(series.next(row).expected - row).mean())
        naive.append(np.abs(last - row).mean())
        last = row
    assert np.mean(errors) < 0.7 * np.mean(naive)


def test_a_level_shift_is_news_and_then_the_new_normal() -> None:
    series = Watched(daily(24 * 21, 3600, 100, swing=0.0), 3600)
    assert worst(series.next(200.0)) > 85
    random = np.random.default_rng(5)
    for _ in range(24 * 3):
        told = series.next(random.poisson(200, 20).astype(float))
    assert np.abs(told.expected - 200).max() < 60
    assert typically(told) < 50


def test_a_special_day_is_no_incident_and_teaches_nothing(shop: Watched) -> None:
    half = np.round(0.5 * shop.ask(0).expected)
    assert worst(shop.ask(half)) > 80
    assert severity(shop.ask(half, special=True).surprise).max() < 50
    day = shop.model.save()["seasons.day"]
    shop.next(half, special=True)
    np.testing.assert_array_equal(day, shop.model.save()["seasons.day"])


def test_small_counts_vary_in_peace_and_a_burst_is_found() -> None:
    random = np.random.default_rng(7)
    series = Watched(random.poisson(0.3, (288 * 9, 40)).astype(np.float64), 300)
    week = series.surprises[288 * 7 :]
    assert np.mean(severity(week).max(axis=0) > 90) == 0
    assert worst(series.ask(12)) > 90


def test_flat_line_then_jump() -> None:
    series = Watched(np.full((200, 1), 5.0), 300)
    told = series.ask(5)
    assert told.expected[0] == pytest.approx(5)
    assert told.lower[0] <= told.expected[0] <= told.upper[0]
    assert severity(told.surprise)[0] < 33
    assert worst(series.ask(50)) == 100


def test_a_gap_is_told_when_there_never_was_one_and_not_when_there_always_is() -> None:
    table = daily(24 * 14, 3600, 100, series=2)
    table[np.arange(len(table)) % 24 < 8, 1] = np.nan
    series = Watched(table, 3600)
    nothing = np.full(2, np.nan)
    severities = np.array([severity(series.next(nothing).surprise) for _ in range(6)])
    assert severities[-1, 0] > 90
    assert severities[:, 1].max() < 60


def test_missing_values_teach_nothing_of_values(shop: Watched) -> None:
    before = shop.ask(100).expected
    time = shop.time
    for _ in range(5):
        shop.next(np.nan)
    shop.time = time
    np.testing.assert_array_equal(before, shop.ask(100).expected)


def test_series_that_never_were_negative_are_not_expected_to_be() -> None:
    random = np.random.default_rng(1)
    signed = random.normal(0, 5, (300, 1))
    series = Watched(np.hstack([np.abs(signed), signed]), 3600)
    told = series.ask(0)
    assert told.lower[0] == 0
    assert told.lower[1] < 0


COUNTS: list[tuple[int, int, Callable[[Table], Column | float], float]] = [
    (300, 288 * 2, lambda usual: np.round(0.05 * usual), 100),
    (300, 288 * 3, lambda usual: np.round(0.05 * usual), 250),
    (60, 100, lambda usual: np.round(0.05 * usual), 100),
    (300, 288 * 2, lambda _: 150.0, 0.7),
    (60, 100, lambda _: 150.0, 0.7),
]


@pytest.mark.parametrize(("interval", "points", "incident", "level"), COUNTS)
def test_a_plain_incident_is_severe_even_on_a_young_series(
    interval: int, points: int, incident: Callable[[Column], Column | float], level: float
) -> None:
    series = Watched(daily(points, interval, level, swing=0.2), interval)
    assert worst(series.ask(incident(series.ask(np.nan).expected))) > 85


def test_a_young_series_is_not_cried_over() -> None:
    series = Watched(daily(288, 300, 100, swing=0.6, series=100), 300)
    alarmed = np.nanmax(series.surprises, axis=0) > np.log(70)
    assert series.surprises[:16].size == np.isnan(series.surprises[:16]).sum()
    assert alarmed.mean() < 0.1


@pytest.mark.parametrize(("interval", "days"), [(900, 28), (3600, 56), (DAY, 400)])
def test_severity_seventy_keeps_its_promise(interval: int, days: int) -> None:
    series = Watched(daily(days * DAY // interval, interval, 80, series=60), interval)
    known = max(14 * DAY // interval, 60)
    grown = series.surprises[known:] > np.log(70)
    begins = grown & ~np.vstack([grown[:1], grown[:-1]])
    weeks = len(grown) * interval / WEEK * 60
    assert 0.02 < begins.sum() / weeks < 0.3


def test_learn_refuses_what_another_model_assessed() -> None:
    model = Seasonal(60)
    nothing = np.empty(0)
    flags = np.empty(0, dtype=np.bool_)
    foreign = Assessment(Moment(0), nothing, nothing, nothing, nothing, nothing, nothing, nothing, flags)
    with pytest.raises(TypeError, match="not from Assessment"):
        model.learn(foreign)

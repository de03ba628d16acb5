"""Counts: how unlikely a number of events is around a seasonal rate, by the negative binomial law.

The rate is that of the hour of the week, as far as it is known, else of the hour of the day, else of
all; and it follows the level of now. The law is Poisson's where counts vary as independent events do, and
wider where they come in bursts. How unlikely a count is, in nats, is then measured against the tail of
its own past (`tails`), as the law is never quite true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from detectors.models.base import Column, Flags, Moment
from detectors.models.columns import Columns, Layout, Lines, Two, follow, half_life
from detectors.models.forecasting import Forecasting, Spread
from detectors.models.seasons import HOUR

#: Visits of an hour of the week after which half of its memory is new; of the day; days for the level.
WEEK_VISITS, DAY_VISITS, LEVEL_DAYS = 8, 14, 0.25
#: Visits that a prior is worth, and events that the level of now is.
PRIOR_VISITS, PRIOR_EVENTS = 1.5, 10.0
#: Limits of the dispersion: what bursts add to the variance, as a share of the squared mean.
LEAST_DISPERSION, MOST_DISPERSION, DISPERSION_RATE = 1e-4, 4.0, 0.002
#: The smallest mean; the largest that the law is asked about: beyond, it is a Gauss anyway.
LEAST_MEAN, MOST_MEAN = 1e-3, 1e12
#: Steps to the count of a given rarity.
STEPS = 3
#: The rarest there is, in nats.
RAREST = 690.0
#: Of surprising counts, learning believes this many standard deviations.
BELIEVED = 4.0

Weekly = Annotated[NDArray[np.float32], Layout(168, dtype=np.float32)]
Daily = Annotated[NDArray[np.float32], Layout(24, dtype=np.float32)]


class _Rates(Columns):
    """Events and intervals of each hour, fading; and of all."""

    week: Weekly
    week_times: Weekly
    day: Daily
    day_times: Daily
    all: Two
    #: Events of late, and how many the seasons expected.
    now: Two
    #: Squared distances from the mean beyond Poisson's, and squared means.
    spread: Two


@dataclass(frozen=True, slots=True)
class NegativeBinomial:
    """Counts of these means, whose variance is mean + dispersion × mean²."""

    mean: Column
    dispersion: Column

    @property
    def expected(self) -> Column:
        """The mean."""
        return self.mean

    @property
    def scale(self) -> Column:
        """One standard deviation."""
        return np.sqrt(self.mean + self.dispersion * self.mean * self.mean)

    def deviation(self, value: Column) -> Lines:
        """Nats: how unlikely so many or more are, and so few or fewer."""
        return np.stack((self._above(value), self._below(value)))

    def bounds(self, deviation: Lines) -> tuple[Column, Column]:
        """The counts so unlikely below and above, by two steps from where a Gauss has them."""
        return self._solve(self._below, deviation[1], -1.0), self._solve(self._above, deviation[0], 1.0)

    def believed(self, value: Column) -> Column:
        """Counts within some standard deviations."""
        reach = BELIEVED * self.scale + 1.0
        return np.clip(value, self.mean - reach, self.mean + reach)

    def _above(self, value: Column) -> Column:
        count = np.clip(value, 0.0, MOST_MEAN)
        size, share = self._size_and_share()
        chance = special.betainc(np.maximum(count, 1e-9), size, 1 - share)
        return _nats(np.where(count > 0, chance, 1.0))

    def _below(self, value: Column) -> Column:
        size, share = self._size_and_share()
        return _nats(special.betainc(size, np.clip(value, 0.0, MOST_MEAN) + 1, share))

    def _size_and_share(self) -> tuple[Column, Column]:
        size = 1 / self.dispersion
        return size, size / (size + self.mean)

    def _solve(self, nats: Callable[[Column], Column], target: Column, side: float) -> Column:
        """The count of so many nats: they grow with the square of the distance, or a little less."""
        target = np.clip(target, 0.7, RAREST / 2)
        away = np.sqrt(2 * target) * self.scale + 0.5
        for _ in range(STEPS):
            # There is nothing below zero.
            away = away if side > 0 else np.minimum(away, self.mean)
            found = nats(self.mean + side * away)
            away *= np.clip(target / np.maximum(found, 1e-6), 0.25, 4.0) ** 0.6
        return np.maximum(self.mean + side * away, 0.0)


class Counts(Forecasting):
    """Negative binomial tails around a seasonal rate, Poisson's where counts are as even as that.

    >>> model = Counts(interval_seconds=3600)
    >>> model.grow(1)
    >>> for hour in range(24 * 14):
    ...     model.learn(model.assess(Moment(hour * 3600 % 604_800), np.array([2.0 + 10 * (hour % 24 > 8)])))
    >>> told = model.assess(Moment(0), np.array([12.0]))
    >>> round(told.expected[0]), bool(told.surprise[0] > 5)
    (2, True)
    """

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        self._interval = interval_seconds
        an_hour = max(1.0, HOUR / interval_seconds)
        self._week_rate = half_life(WEEK_VISITS * an_hour, least=1)
        self._day_rate = half_life(DAY_VISITS * an_hour, least=1)
        self._all_rate = half_life(DAY_VISITS * self._points_a_day, least=10)
        self._now_rate = half_life(LEVEL_DAYS * self._points_a_day, least=6)
        self._prior = PRIOR_VISITS * an_hour
        self._rates = _Rates()
        self.parts["rates"] = self._rates

    def _forecast(self, moment: Moment) -> NegativeBinomial:
        rates = self._rates
        seen, expected = rates.now
        mean = self._season(moment) * (seen + PRIOR_EVENTS) / (expected + PRIOR_EVENTS)
        beyond, squares = rates.spread
        dispersion = beyond / np.maximum(squares, 1e-9)
        return NegativeBinomial(
            np.where(self._state.count > 0, np.clip(mean, LEAST_MEAN, MOST_MEAN), np.nan),
            np.clip(dispersion, LEAST_DISPERSION, MOST_DISPERSION),
        )

    def _season(self, moment: Moment) -> Column:
        """The rate at that moment: between those of the middles of two hours, where an hour has several."""
        hour, second = divmod(moment.second_of_week, HOUR)
        middle = (second + 0.5 * self._interval) / HOUR - 0.5 if self._interval < HOUR else 0.0
        beside = hour + (1 if middle > 0 else -1)
        return (1 - abs(middle)) * self._rate_of(hour) + abs(middle) * self._rate_of(beside % 168)

    def _rate_of(self, hour: int) -> Column:
        """The rate of an hour of the week, drawn to that of the day, drawn to that of all."""
        rates = self._rates
        usual = rates.all[0] / np.maximum(rates.all[1], 1e-9)
        daily = (rates.day[hour % 24] + self._prior * usual) / (rates.day_times[hour % 24] + self._prior)
        weekly: Column = (rates.week[hour] + self._prior * daily) / (rates.week_times[hour] + self._prior)
        return weekly

    def _take(self, moment: Moment, value: Column, spread: Spread, keep: Flags) -> None:
        count = np.clip(np.where(keep, self._believed(value, spread, keep), 0.0), 0.0, MOST_MEAN)
        week = moment.second_of_week // HOUR
        day = week % 24
        rates, one = self._rates, np.ones_like(count)
        # The first value is its own season.
        season = np.where(self._state.count > 0, self._season(moment), count)
        mean = np.where(keep & (self._state.count > 0), spread.expected, count)
        products = np.stack(((count - mean) ** 2 - mean, mean * mean))
        rate = np.maximum(DISPERSION_RATE, 1 / (self._state.count + 1))
        follow(rates.spread, products, np.where(keep, rate, 0.0))
        _fade(rates.now, np.stack((count, season)), self._now_rate, keep)
        _fade(rates.all, np.stack((count, one)), self._all_rate, keep)
        _fade(rates.day[day], count, self._day_rate, keep)
        _fade(rates.day_times[day], one, self._day_rate, keep)
        _fade(rates.week[week], count, self._week_rate, keep)
        _fade(rates.week_times[week], one, self._week_rate, keep)


def _fade(total: NDArray[Any], value: Lines, rate: float, keep: Flags) -> None:
    """Add to a sum that forgets, in place."""
    total += keep * (value - rate * total)


def _nats(chance: Column) -> Column:
    return np.minimum(-np.log(np.maximum(chance, 1e-300)), RAREST)

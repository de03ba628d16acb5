"""Seasonal: forecasts of many series at once, and how rarely a healthy one strays as far as this one.

In goes one value a series and interval, out comes what was expected and the surprise in nats. Several
simple forecasts are mixed by their recent errors (`mixture`, `seasons`). What that leaves of the value
is looked at in seven ways, each measured against the tail of its own past (`tails`): so no threshold is
set by hand, and a surprise means the same on a busy series and on a sparse one.

All is done in roots, where the noise of counts is even, and in columns. No series reads another, so
that it does not matter which of them share a block.
"""

from __future__ import annotations

import numpy as np

from detectors.models.base import BAND, HIGHEST, LARGEST, SEVENTY, Assessment, Column, Flags, Moment, Series
from detectors.models.columns import SIGMA, Gain, Lines, Three, Two, clip, follow, half_life, smallest
from detectors.models.gaps import Gaps
from detectors.models.lent import LENT, UNFITTED, Lent
from detectors.models.mixture import SCALE, Forecast, Mixture
from detectors.models.parts import Parted
from detectors.models.roots import root, slope, square
from detectors.models.seasonal_assessment import Given, Scales, SeasonalAssessment
from detectors.models.seasons import DAY, Seasons
from detectors.models.tails import Rarity, Tails
from detectors.models.trust import LEARNING_POINTS, confidence, handicap

#: How fast the fast level and offsets follow (a point); half-lives of the slow ones and of errors.
FAST, OFFSET, SLOW_DAYS, ERROR_DAYS = 0.3, 0.03, 1.0, 7.0
#: No scale is below this share of the usual value; small counts have at least Poisson's noise.
FLOOR, POISSON, SMALL_COUNT = 0.04, 0.4, 7.0
#: The mean of deviations, none beyond the limit, forgets at this rate a point. A value goes on as they
#: did if it is more than this share of their mean away, and so many standard errors.
MEAN_LIMIT, MEAN_RATE, GOES_ON, AWAY = 4.0, 1 / 6, 0.5, 1.0
#: What means say is rounded down to steps of ten in severity, three above the band at most: they go on
#: from point to point, and what grows is not to be news at each.
MEANS_STEP, MEANS_STEPS = (SEVENTY - BAND) / 2, 3.0
#: A mean is surprising for so many points, and so many days, until its level is the new normal.
ADOPTED_POINTS, ADOPTED_DAYS = 24, 0.25
#: Distance from the level, or a step, count at most this many times the forecast's own deviation.
CONTEXT = 1.5
#: On a special day, unlike any other, a deviation counts this many times less, and less so once some points
#: have shown how it compares with plain days; that comparison follows so fast, within limits.
SPECIAL, COMPARED_SPECIAL = 6.0, 3.0
COMPARED_POINTS, COMPARED_RATE, MOST_COMPARED = 2, 0.5, 10.0
#: Days after which the seasons of a series are its own, whatever it began with.
OWN_DAYS = 2
#: Lines of deviations: a point, the mean of the last ones and the distance from the level, each above and
#: below; and a step.
MEANS = slice(2, 4)
#: Typical size of deviations of a single point, which the prior expects at least; means may be smaller,
#: but what tables round off (float32) is no deviation: a series that never moves has no other.
LEAST_TYPICAL = np.array([[0.6], [0.6], [0.002], [0.002], [0.6], [0.6], [0.6]])


class _State(Gaps):
    """What is known of each series besides forecasts and tails."""

    #: The last value and the usual size, in roots.
    previous: Column
    magnitude: Column
    #: How many whole numbers came in a row, and whether there was ever a negative one.
    whole: Column
    negative: Column
    #: Values of the special day so far, and how they compare with what plain days would have brought.
    special: Column
    compared: Column
    fast: Column
    slow: Column
    #: Mean distance from the slow level.
    spread: Column
    #: The last two residuals of the slow mixture, and running products with them: power, lag 1, lag 2.
    residual: Two
    product: Three
    #: Mean deviation of the last points, and for how many it has been surprising.
    mean: Column
    lasted: Column
    #: How far the level of late was adopted as the new normal; it fades.
    moved: Column


class Seasonal(Parted):
    """A mixture of seasonal forecasts with self-calibrating tails, of many series.

    >>> model = Seasonal(interval_seconds=3600)
    >>> model.grow(1)
    >>> for hour in range(24 * 14):
    ...     moment = Moment(second_of_week=hour * 3600 % (7 * DAY))
    ...     model.learn(model.assess(moment, np.array([100.0 + hour % 24 + hour % 3])))
    >>> unusual = model.assess(Moment(second_of_week=0), np.array([20.0]))
    >>> bool(unusual.surprise[0] > 20), bool(unusual.learning[0])
    (True, False)
    """

    def __init__(self, interval_seconds: float) -> None:
        points = DAY / interval_seconds
        self._points_a_day = points
        self._slow_rate = half_life(SLOW_DAYS * points, least=10)
        self._product_rate = half_life(SLOW_DAYS * points, least=50)
        self._adopted_after = max(ADOPTED_POINTS, ADOPTED_DAYS * points)
        self._fading = 0.5 ** (1 / self._adopted_after)
        error_rate = half_life(ERROR_DAYS * points, least=20)
        self._state = _State()
        self._seasons = Seasons(interval_seconds)
        self._fast = Mixture(OFFSET, error_rate, candidates=6)
        self._slow = Mixture(self._slow_rate, error_rate, candidates=5)
        self._tails = Tails(points, LEAST_TYPICAL, MEANS)
        self._lent = Lent()
        super().__init__(
            {
                "series": self._state,
                "seasons": self._seasons,
                "fast": self._fast,
                "slow": self._slow,
                "tails": self._tails,
                "lent": self._lent,
            }
        )

    def assess(self, moment: Moment, value: Column) -> SeasonalAssessment:
        """Score an interval; reads only."""
        given = self._take(moment, value)
        slow, fast = self._forecasts(given)
        scales = self._scales(given)
        mean, deviation = self._evidence(given, fast, slow, scales)
        rarity = self._tails.measure(deviation, given.seen & (not moment.special))
        gap = self._state.lasting(given.seen)
        least = BAND + handicap(self._confidence)
        reach = self._tails.reach(rarity, least)
        band = self._band(given, fast, scales, reach)
        expected, lower, upper = band if moment.special else self._narrowed(slow, scales, reach, band)
        count = self._state.count
        return SeasonalAssessment(
            moment=moment,
            value=value,
            expected=self._in_unit(expected),
            lower=self._in_unit(lower),
            upper=self._in_unit(upper),
            scale=np.where(count > 0, slope(expected) * SIGMA * scales.fast, np.nan),
            surprise=self._surprise(given, rarity, gap),
            confidence=self._confidence,
            learning=count < LEARNING_POINTS,
            given=given,
            fast=fast,
            slow=slow,
            scales=scales,
            mean=mean,
            rarity=rarity,
            gap=gap,
            lasts=given.seen & (np.maximum(*rarity.nats[MEANS]) >= least),
            moved=self._state.moved,
            lent=(self._lent.stage == LENT) & (count < OWN_DAYS * self._points_a_day),
        )

    def _take(self, moment: Moment, value: Column) -> Given:
        seen = np.abs(value) <= LARGEST
        x = np.where(seen, root(np.where(seen, value, 0.0)), self._state.previous)
        first = self._state.count == 0
        magnitude = np.where(first, np.abs(x), self._state.magnitude)
        fits = self._lent.stage != UNFITTED
        return Given(moment, seen, x, first, magnitude, self._seasons.look(moment), fits)

    def _forecasts(self, given: Given) -> tuple[Forecast, Forecast]:
        """The slow mixture, and the fast one, which also hears what residuals of the slow one echo."""
        state, x, first, season = self._state, given.x, given.first, given.season
        positive = (given.magnitude > 0) & (self._fast.norm[0] > 0)
        lines, valid = self._slow.candidates(np.where(first, x, state.slow), season, positive, given.fits)
        slow = self._slow.mix(x, lines, valid, given.magnitude)
        lines, valid = self._fast.candidates(np.where(first, x, state.fast), season, positive, given.fits)
        np.add(slow.expected, self._echo(), out=lines[5])
        np.greater(state.count, 30, out=valid[5])
        return slow, self._fast.mix(x, lines, valid, given.magnitude)

    def _echo(self) -> Column:
        """What the last two slow residuals say of the next: an autoregression by Yule and Walker."""
        last, before = self._state.residual
        power, lag1, lag2 = self._state.product
        known = power > 1e-18
        power = np.where(known, power, 1.0)
        p1, p2 = lag1 / power, lag2 / power
        rest = 1 - p1 * p1
        known &= rest > 1e-4
        echo = (p1 * (1 - p2) * last + (p2 - p1 * p1) * before) / np.where(known, rest, 1.0)
        return np.where(known, echo, 0.0)

    def _scales(self, given: Given) -> Scales:
        floor = FLOOR * given.magnitude + 1e-9
        counts = self._state.whole >= np.minimum(self._state.count, 20)
        counts &= given.magnitude < SMALL_COUNT
        noise = np.where(counts, POISSON, 0.0)
        bare = np.maximum(self._fast.scale, floor)
        return Scales(
            floor=floor,
            bare=bare,
            fast=np.maximum(self._seasons.blend(given.moment, bare, floor), noise),
            slow=np.maximum(np.maximum(self._slow.scale, floor), noise),
            spread=np.maximum(self._state.spread, floor),
        )

    def _evidence(self, given: Given, fast: Forecast, slow: Forecast, scales: Scales) -> tuple[Column, Lines]:
        """The new mean, and the ways to be unusual.

        Each above and below: this point, the mean of the last ones, the distance from the level. And a
        step.
        """
        if given.moment.special:
            # It may be like any other day, or go on as it has begun.
            like, own = smallest(given.x - fast.candidates[:5]), given.x - self._expected(given, fast)
            away = np.where(np.abs(own) < np.abs(like), own, like)
            point = away / (self._width(given) * SIGMA * scales.fast)
            lasting = np.zeros_like(given.x)
        else:
            warm = self._state.count >= 3
            point = warm * fast.residual / (SIGMA * scales.fast)
            # What was so at this hour of the last weeks is no more than a Sunday.
            weekly = given.x - slow.candidates[2:5:2]
            away = smallest(np.stack((slow.residual, *weekly)))
            lasting = warm * away / (SIGMA * scales.slow)
        mean = self._state.mean.copy()
        mean += given.seen * MEAN_RATE * (clip(lasting, MEAN_LIMIT) - mean)
        deviation = np.zeros_like(self._tails.threshold)
        deviation[0], deviation[2] = point, mean
        np.negative(deviation[0:3:2], out=deviation[1:4:2])
        if not given.moment.special:
            away = (given.x - slow.level) / (SIGMA * scales.spread)
            np.minimum(away, CONTEXT * np.maximum(np.maximum(point, lasting), 0.0), out=deviation[4])
            np.minimum(-away, CONTEXT * np.maximum(np.maximum(-point, -lasting), 0.0), out=deviation[5])
            step = np.abs(given.x - np.where(given.first, given.x, self._state.previous)) / scales.bare
            plain = self._state.special == 0
            np.minimum(plain * step, CONTEXT * np.abs(point), out=deviation[6])
        return mean, deviation

    def _surprise(self, given: Given, rarity: Rarity, gap: Column) -> Column:
        """The most surprising evidence, in nats; NaN while there is nothing to say."""
        nats, young = rarity.nats, handicap(self._confidence)
        told = np.maximum(nats[:2].max(axis=0), nats[4:].max(axis=0)) - young
        means = nats[MEANS].max(axis=0) - young
        steps = np.minimum(np.floor((means - BAND) / MEANS_STEP), MEANS_STEPS)
        told = np.maximum(told, np.where(means < BAND, means, BAND + MEANS_STEP * steps))
        # A gap is rare by the point, and told by the day as all else.
        gap = gap - np.log(self._points_a_day) - young
        surprise = np.minimum(np.where(given.seen, told, gap), HIGHEST)
        return np.where(self._state.count < LEARNING_POINTS, np.nan, surprise)

    @property
    def _confidence(self) -> Column:
        return confidence(self._state.count, self._points_a_day)

    def _band(
        self, given: Given, fast: Forecast, scales: Scales, reach: Lines
    ) -> tuple[Column, Column, Column]:
        """Forecast, and from where to where a point is of less than severity 50."""
        expected = self._expected(given, fast)
        reach = np.maximum(reach[:2], 1.0) * self._width(given) * SIGMA * scales.fast
        return expected, expected - reach[1], expected + reach[0]

    def _narrowed(
        self, slow: Forecast, scales: Scales, reach: Lines, band: tuple[Column, Column, Column]
    ) -> tuple[Column, Column, Column]:
        """The band without the values that would make the mean of the last points of severity 50.

        Not those that are less than half as far away as the mean is: with them it is going back. So a shift
        or a drift is found though no single point of it is far away, and it is told beside the forecast
        that has not followed it.
        """
        expected, lower, upper = band
        mean, scale = self._state.mean, SIGMA * scales.slow
        above = np.maximum(mean + (reach[2] - mean) / MEAN_RATE, np.maximum(GOES_ON * mean, AWAY))
        below = np.maximum(-mean + (reach[3] + mean) / MEAN_RATE, np.maximum(-GOES_ON * mean, AWAY))
        upper = np.where(above < MEAN_LIMIT, np.minimum(upper, slow.expected + above * scale), upper)
        lower = np.where(below < MEAN_LIMIT, np.maximum(lower, slow.expected - below * scale), lower)
        lasts = (mean > reach[2]) | (-mean > reach[3])
        expected = np.where(lasts, slow.expected, expected)
        return expected, np.minimum(lower, expected), np.maximum(upper, expected)

    def _expected(self, given: Given, fast: Forecast) -> Column:
        """The forecast, as this special day has compared with it so far."""
        if not given.moment.special:
            return fast.expected
        compared = self._state.special >= COMPARED_POINTS
        return np.where(compared, self._state.compared, 1.0) * fast.expected

    def _width(self, given: Given) -> Column | float:
        """How many times less a deviation counts."""
        if not given.moment.special:
            return 1.0
        return np.where(self._state.special >= COMPARED_POINTS, COMPARED_SPECIAL, SPECIAL)

    def _in_unit(self, x: Column) -> Column:
        """From roots to the unit of the value; never below zero where no value ever was."""
        y = np.where(self._state.negative > 0, square(x), np.maximum(square(x), 0.0))
        return np.where(self._state.count > 0, y, np.nan)

    def learn(self, assessment: Assessment) -> None:
        """Take in what was assessed; special days teach nothing of plain ones."""
        if not isinstance(assessment, SeasonalAssessment):
            message = f"Seasonal learns from its own assessments, not from {type(assessment).__name__}"
            raise TypeError(message)
        given = assessment.given
        if not given.moment.special:
            self._tails.learn(assessment.rarity, given.seen)
            self._learn_forecasts(assessment)
        self._learn_series(assessment)
        if not given.moment.special:
            self._adopt(assessment)
        if len(self._lent.unfitted):
            self._fit()

    def _learn_forecasts(self, known: SeasonalAssessment) -> None:
        state, given, scales = self._state, known.given, known.scales
        gain = Gain(given.seen, state.count)
        offset = self._slow.offset.copy()
        self._fast.learn(given.x, known.fast, given.season, scales.fast, gain)
        residual = self._slow.learn(given.x, known.slow, given.season, scales.slow, gain)
        keep = given.seen & given.fits
        self._seasons.learn_means(given.moment, given.x, keep, offset, gain.believed(scales.slow))
        self._seasons.learn_scale(given.moment, known.fast.residual, keep, scales.floor)
        self._fast.learn_scale(known.fast, scales.floor, gain)
        self._slow.learn_scale(known.slow, scales.floor, gain)
        last, before = state.residual
        products = residual * np.stack((residual, last, before))
        follow(state.product, products, gain.at_least(self._product_rate))
        np.copyto(before, last, where=given.seen)
        np.copyto(last, residual, where=given.seen)

    def _learn_series(self, known: SeasonalAssessment) -> None:
        state, given, special = self._state, known.given, known.moment.special
        x, seen, y = given.x, given.seen, known.value
        gain = Gain(seen, state.count)
        away = clip(x - known.slow.level, gain.believed(known.scales.spread))
        state.slow = known.slow.level + (0.0 if special else gain.at_least(self._slow_rate)) * away
        state.fast = known.fast.level + gain.at_least(FAST) * (x - known.fast.level)
        follow(state.spread, np.abs(away), gain.at_least(min(SCALE, self._slow_rate)))
        follow(state.magnitude, np.abs(x), gain.at_least(SCALE))
        whole = seen & (y >= 0) & (y == np.floor(y))
        np.copyto(state.whole, np.where(whole, np.minimum(state.whole + 1, 1000.0), -1000.0), where=seen)
        np.copyto(state.negative, 1.0, where=seen & (y < 0))
        if special:
            plain = known.fast.expected
            ratio = np.where(plain < 1, 1.0, np.clip(x / np.maximum(plain, 1.0), 0.0, MOST_COMPARED))
            rate = np.where(state.special == 0, 1.0, COMPARED_RATE)
            follow(state.compared, ratio, np.where(seen, rate, 0.0))
            state.special += seen
        else:
            np.copyto(state.special, 0.0, where=seen)
        state.mean, state.previous = known.mean, x
        state.learn_gap(seen, known.gap)

    def _adopt(self, known: SeasonalAssessment) -> None:
        """Let a level that has stayed for long be the new normal."""
        state = self._state
        seen = known.given.seen
        state.lasted = np.where(seen, known.lasts * (state.lasted + 1), state.lasted)
        state.moved = np.where(seen, self._fading * state.moved, state.moved)
        self._take_for_normal(known, state.lasted >= self._adopted_after)

    def adopt(self, assessment: SeasonalAssessment, series: Flags) -> None:
        """Let values that were assessed, and learnt, be the new normal of some series at once."""
        self._state.fast = np.where(series, assessment.given.x, self._state.fast)
        self._take_for_normal(assessment, series)

    def _take_for_normal(self, known: SeasonalAssessment, adopted: Flags) -> None:
        state = self._state
        move = np.where(adopted, state.fast - known.slow.expected, 0.0)
        state.moved = state.moved + move
        self._slow.adopt(adopted, state.fast, known.slow)
        self._fast.adopt(adopted, state.fast, known.fast)
        state.slow = np.where(adopted, state.fast, state.slow)
        state.mean = np.where(adopted, 0.0, state.mean)
        state.lasted = np.where(adopted, 0.0, state.lasted)

    def lend(self, series: Series, other: Seasonal, lenders: Series) -> None:
        """Let series without history begin in the shape of others: their seasons and their noise."""
        scales = other._fast.scale, other._slow.scale, other._state.spread
        self._seasons.lend(series, other._seasons, lenders, other._fast.scale[lenders])
        self._lent.lend(series, other._fast.error[:, lenders], np.stack(scales)[:, lenders])

    def _fit(self) -> None:
        """Let those that have seen enough have what they were lent in their own size."""
        unfitted = self._lent.unfitted
        ready = unfitted[self._state.count[unfitted] >= LEARNING_POINTS]
        size = self._slow.size(ready)
        for part in (self._seasons, self._lent):
            part.reset(ready[size == 0])
        ready, size = ready[size > 0], size[size > 0]
        error, scale = size * self._lent.error[:, ready], size * self._lent.scale[:, ready]
        self._fast.fit(ready, size, error, scale[0])
        self._slow.fit(ready, size, error, scale[1])
        self._state.spread[ready] = np.maximum(self._state.spread[ready], scale[2])
        self._seasons.fit(ready, size, self._fast.scale[ready])
        self._lent.fit(ready)

"""Forecasting: what models have in common that forecast each series and look at nothing but the residual.

A model brings its forecast and how far values stray from it (`Spread`). Here that is measured against
the tail of its own past (`tails`), above and below: so severity keeps its promise however good or bad the
forecast is. Gaps, confidence, and what is believed of surprising values are the same for all of them too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from detectors.models.base import BAND, HIGHEST, LARGEST, Assessment, Column, Flags, Moment
from detectors.models.columns import BELIEVED, SIGMA, Lines, clip, follow, track
from detectors.models.gaps import Gaps
from detectors.models.parts import Parted
from detectors.models.roots import root, slope, square
from detectors.models.seasons import DAY
from detectors.models.tails import Rarity, Tails
from detectors.models.trust import LEARNING_POINTS, confidence, handicap

#: No scale is below this share of the usual value, in roots.
FLOOR = 0.04
#: Rate at which usual sizes and scales follow.
SCALE = 0.002
#: On a special day, unlike any other, a deviation counts this many times less.
SPECIAL = 6.0
#: Typical size of a deviation, which the prior expects at least.
LEAST_TYPICAL = np.full((2, 1), 0.6)


class Spread(Protocol):
    """A forecast of one interval, and how far from it values are, in columns."""

    @property
    def expected(self) -> Column:
        """The forecast, in the unit of the value; NaN where there is none yet."""

    @property
    def scale(self) -> Column:
        """One standard error, in the unit of the value."""

    def deviation(self, value: Column) -> Lines:
        """How far above and below the forecast values are, where larger is rarer."""

    def bounds(self, deviation: Lines) -> tuple[Column, Column]:
        """The values that are so far below and above."""

    def believed(self, value: Column) -> Column:
        """The values as far as they are believed."""


@dataclass(frozen=True, slots=True)
class Rooted:
    """A forecast in roots, where the noise of counts is even, and a standard deviation there."""

    root: Column
    sigma: Column

    @property
    def expected(self) -> Column:
        """The forecast in the unit of the value."""
        return square(self.root)

    @property
    def scale(self) -> Column:
        """The standard error in the unit of the value."""
        return slope(self.root) * self.sigma

    def deviation(self, value: Column) -> Lines:
        """Standard deviations above and below."""
        z = (root(value) - self.root) / self.sigma
        return np.stack((z, -z))

    def bounds(self, deviation: Lines) -> tuple[Column, Column]:
        """The values so many standard deviations away."""
        reach = np.maximum(deviation, 1.0) * self.sigma
        return square(self.root - reach[1]), square(self.root + reach[0])

    def believed(self, value: Column) -> Column:
        """Values within some standard deviations."""
        return square(self.root + clip(root(value) - self.root, BELIEVED * self.sigma))


class _State(Gaps):
    """What is known of each series beside its forecast and its tails."""

    #: The usual size of values, in roots.
    magnitude: Column
    #: Whether there was ever a negative one.
    negative: Column
    #: Mean size of residuals, in roots.
    residual: Column


@dataclass(frozen=True, slots=True)
class Forecasted(Assessment):
    """An assessment with what `learn` needs of how it was made."""

    seen: Flags
    spread: Spread
    rarity: Rarity
    gap: Column


class Forecasting(Parted, ABC):
    """A model of many series by their forecasts."""

    def __init__(self, interval_seconds: float) -> None:
        self._points_a_day = DAY / interval_seconds
        self._state = _State()
        self._tails = Tails(self._points_a_day, LEAST_TYPICAL)
        super().__init__({"series": self._state, "tails": self._tails})

    @abstractmethod
    def _forecast(self, moment: Moment) -> Spread:
        """What is expected at that moment; reads only."""

    @abstractmethod
    def _take(self, moment: Moment, value: Column, spread: Spread, keep: Flags) -> None:
        """Take in the values to keep, of which this was the forecast."""

    def assess(self, moment: Moment, value: Column) -> Forecasted:
        """Score an interval; reads only."""
        state = self._state
        seen = np.abs(value) <= LARGEST
        spread = self._forecast(moment)
        known = ~np.isnan(spread.expected)
        width = SPECIAL if moment.special else 1.0
        deviation = np.where(seen & known, spread.deviation(np.where(seen, value, 0.0)), 0.0) / width
        rarity = self._tails.measure(deviation, self._keeps(moment, seen & known))
        gap = state.lasting(seen)
        trusted = confidence(state.count, self._points_a_day)
        young = handicap(trusted)
        lower, upper = spread.bounds(self._tails.reach(rarity, BAND + young) * width)
        told = np.where(seen, rarity.nats.max(axis=0), gap - np.log(self._points_a_day)) - young
        learning = (state.count < LEARNING_POINTS) | ~known
        return Forecasted(
            moment=moment,
            value=value,
            expected=self._in_range(spread.expected),
            lower=self._in_range(lower),
            upper=self._in_range(upper),
            scale=spread.scale,
            surprise=np.where(learning, np.nan, np.minimum(told, HIGHEST)),
            confidence=trusted,
            learning=learning,
            seen=seen,
            spread=spread,
            rarity=rarity,
            gap=gap,
        )

    def learn(self, assessment: Assessment) -> None:
        """Take in what was assessed; special days teach nothing of plain ones."""
        if not isinstance(assessment, Forecasted):
            message = f"a forecast learns from its own assessments, not from {type(assessment).__name__}"
            raise TypeError(message)
        moment, value, seen = assessment.moment, assessment.value, assessment.seen
        state, spread = self._state, assessment.spread
        known = ~np.isnan(spread.expected)
        keep = self._keeps(moment, seen)
        self._tails.learn(assessment.rarity, keep & known)
        self._take(moment, value, spread, keep)
        size = np.abs(root(np.where(seen, value, 0.0)))
        rate = np.where(seen, np.maximum(SCALE, 1 / (state.count + 1)), 0.0)
        follow(state.magnitude, size, rate)
        strayed = root(np.where(keep & known, value, 0.0)) - root(
            np.where(keep & known, spread.expected, 0.0)
        )
        scale = track(state.residual, strayed, self._floor(), SCALE, self._tails.learnt)
        state.residual = np.where(keep & known, scale, state.residual)
        np.copyto(state.negative, 1.0, where=seen & (value < 0))
        state.learn_gap(seen, assessment.gap)

    def _believed(self, value: Column, spread: Spread, keep: Flags) -> Column:
        """What is to be learnt: at first any value, then within limits; the forecast itself for none."""
        known = ~np.isnan(spread.expected) & (self._state.count >= LEARNING_POINTS)
        return np.where(keep, np.where(known, spread.believed(value), value), spread.expected)

    def _sigma(self) -> Column:
        """The standard deviation of residuals so far, in roots."""
        return SIGMA * np.maximum(self._state.residual, self._floor())

    def _floor(self) -> Column:
        return FLOOR * self._state.magnitude + 1e-9

    def _keeps(self, moment: Moment, seen: Flags) -> Flags:
        return seen & (not moment.special)

    def _in_range(self, y: Column) -> Column:
        """Never below zero where no value ever was."""
        return np.where(self._state.negative > 0, y, np.maximum(y, 0.0))

"""What the seasonal model makes of an interval: what it says of it, and what it learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detectors.models.base import SEVENTY, Assessment, Column, Flags, Moment
from detectors.models.columns import SIGMA
from detectors.models.grounds import CANDIDATES, MISSING, PARENT, basis_in_words, evidence_in_words
from detectors.models.mixture import Forecast
from detectors.models.seasons import Season
from detectors.models.tails import Rarity


@dataclass(frozen=True, slots=True)
class Given:
    """An interval as it is taken in."""

    moment: Moment
    seen: Flags
    x: Column
    #: The first value of a series, which is its own level.
    first: Flags
    magnitude: Column
    season: Season
    #: Whether the seasons are of the size of the series.
    fits: Flags


@dataclass(frozen=True, slots=True)
class Scales:
    """Mean absolute residuals to expect, in roots."""

    floor: Column
    #: Without the hour's share and without Poisson's noise.
    bare: Column
    fast: Column
    slow: Column
    spread: Column


@dataclass(frozen=True, slots=True)
class SeasonalAssessment(Assessment):
    """An assessment with what `learn` needs of how it was made."""

    given: Given
    fast: Forecast
    slow: Forecast
    scales: Scales
    mean: Column
    rarity: Rarity
    gap: Column
    #: Whose last points are surprising together; how far they moved when that was adopted.
    lasts: Flags
    moved: Column
    #: Whose seasons are not their own yet.
    lent: Flags

    @property
    def lasting(self) -> Column:
        """How far values are from where they were before what is the new normal by now."""
        away = (self.slow.residual + self.moved) / (SIGMA * self.scales.slow)
        return np.where(self.given.seen & ~self.learning, away, 0.0)

    @property
    def from_season(self) -> Column:
        """How far values are from the season of the week, of series that are no longer young."""
        known = self.given.season.known[1] & self.given.fits & self.given.seen & (self.confidence == 1)
        away = (self.given.x - self.given.season.week) / (SIGMA * self.scales.fast)
        return np.where(known & (not self.moment.special), away, np.nan)

    def grounds(self, series: int) -> tuple[str, ...]:
        """The kind of evidence that is the most surprising, and the candidates that carry weight."""
        evidence = MISSING
        if self.given.seen[series]:
            # A single point that is rare enough by itself is said before what its mean is.
            kind = int(np.minimum(self.rarity.nats[:, series], SEVENTY).argmax())
            evidence = evidence_in_words(kind, above=bool(self.value[series] > self.expected[series]))
        basis = basis_in_words(CANDIDATES, self.fast.weight[:, series].tolist())
        return (evidence, basis, PARENT) if self.lent[series] else (evidence, basis)

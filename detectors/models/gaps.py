"""Gaps: how surprising it is that a value is missing, by how often gaps have begun and gone on before."""

from __future__ import annotations

import numpy as np

from detectors.models.base import Column, Flags
from detectors.models.columns import Columns

#: Chances that a gap begins and goes on, before any is seen, and how many points that is worth.
BEGINS, GOES_ON, PRIOR = 0.01, 0.3, 100.0


class Gaps(Columns):
    """The values of series, and those that were missing."""

    #: Values seen.
    count: Column
    #: Surprise of the gap that lasts, gaps begun, intervals missing.
    gap: Column
    gaps: Column
    missing: Column

    def lasting(self, seen: Flags) -> Column:
        """Surprise of the gap that lasts with an interval: that it has begun, or that it goes on."""
        begins = (self.gaps + PRIOR * BEGINS) / (self.count + PRIOR)
        goes_on = (self.missing - self.gaps + 10 * GOES_ON) / (self.missing + 10)
        grows = -np.log(np.minimum(np.where(self.gap > 0, goes_on, begins), 1.0))
        return np.where(seen, 0.0, self.gap + grows)

    def learn_gap(self, seen: Flags, gap: Column) -> None:
        """Take in which values there were, and the surprise of the gap that lasts now."""
        self.gaps += ~seen & (self.gap == 0)
        self.missing += ~seen
        self.gap = gap
        self.count += seen

"""Phase: how far the local time of an interval is ahead of the last that was learnt.

For models that count the intervals of a season: an hour is skipped or comes twice when clocks are changed,
and some intervals are not to be learnt. The season goes on by local time all the same.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np

from detectors.models.base import Column, Flags, Moment
from detectors.models.columns import Columns, Layout
from detectors.models.seasons import WEEK


class Phase(Columns):
    """Where each series is in its season.

    >>> phase = Phase(interval_seconds=3600, season=24)
    >>> phase.grow(1)
    >>> phase.learn(Moment(3600), np.array([True]))
    >>> [phase.ahead(Moment(3600 * hour)) for hour in (2, 4, 1)]
    [[1], [3], [24]]
    """

    #: Second of the week of the last interval that was learnt; less than none before the first.
    last: Annotated[Column, Layout(start=-1)]

    def __init__(self, interval_seconds: float, season: int) -> None:
        self._interval, self._season = interval_seconds, season
        super().__init__()

    def ahead(self, moment: Moment) -> list[int]:
        """How many intervals each series is to go on: one, as a rule; a whole season if time stood still."""
        steps = np.round((moment.second_of_week - self.last) % WEEK / self._interval) % self._season
        ahead: list[int] = (
            np.where(self.last < 0, 1, np.where(steps == 0, self._season, steps)).astype(int).tolist()
        )
        return ahead

    def learn(self, moment: Moment, there: Flags) -> None:
        """Take in that these series have learnt the interval of a moment."""
        np.copyto(self.last, moment.second_of_week, where=there)

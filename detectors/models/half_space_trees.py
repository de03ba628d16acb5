"""Half-Space Trees: River's, one object a series, which know how dense the past is around a value.

The forecasts are those of `seasonal`. What they leave of a value, and of the last ones on average, is a
point; the trees weigh how many points of the past were near it (`joint`). They know no bounds: a value inside
what is usual may be rare after those before it. Until they have grown, which takes some days and five hundred
points, and on special days, which teach them nothing, `seasonal` says how surprising a value is.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from detectors.models.base import Assessment, Column, Flags, Moment
from detectors.models.columns import SIGMA
from detectors.models.grounds import CANDIDATES, basis_in_words
from detectors.models.joint import HEIGHT, TREES, Joint
from detectors.models.objects import Memory, Objects
from detectors.models.seasonal import Seasonal
from detectors.models.seasonal_assessment import SeasonalAssessment

#: Days whose seasons are learnt before trees begin to grow.
FIRST_DAYS = 5


@dataclass(frozen=True, slots=True)
class Weighed(SeasonalAssessment):
    """An assessment with what the trees look at."""

    #: How far the value is from its forecast, in standard errors.
    away: Column
    #: Of which series the trees have a say.
    grown: Flags

    def grounds(self, series: int) -> tuple[str, ...]:
        """That it is rare for all that is known, and the candidates that carry weight."""
        if not self.grown[series]:
            # Slots make a class anew, so that `super()` would not find it.
            return SeasonalAssessment.grounds(self, series)
        rare = "hardly ever so far off, after values like the last ones"
        return (rare, basis_in_words(CANDIDATES, self.fast.weight[:, series].tolist()))


class HalfSpaceTrees(Seasonal):
    """River's Half-Space Trees over what `seasonal` leaves of the last values: 700 kB each, for few series.

    >>> model = HalfSpaceTrees(interval_seconds=3600)
    >>> model.grow(1)
    >>> for hour in range(24 * 35):
    ...     visits = np.array([100.0 + hour % 24 + hour * 7 % 5])
    ...     model.learn(model.assess(Moment(hour * 3600 % 604_800), visits))
    >>> usual, unusual = (model.assess(Moment(0), np.array([visits])) for visits in (102.0, 20.0))
    >>> bool(usual.surprise[0] < 0), bool(unusual.surprise[0] > 5)
    (True, True)
    """

    def __init__(self, interval_seconds: float) -> None:
        super().__init__(interval_seconds)
        self._trees = Objects(
            lambda: Joint(_MEASURES, interval_seconds), {"masses": _MASSES, "tail": _TAIL}, _read, _write
        )
        self.parts |= {"trees": self._trees}

    def assess(self, moment: Moment, value: Column) -> Weighed:
        """Score an interval; reads only."""
        said = super().assess(moment, value)
        away = said.fast.residual / (SIGMA * said.scales.fast)
        weighed = np.full(len(value), np.nan)
        if not moment.special:
            for n in np.flatnonzero(said.given.seen).tolist():
                weighed[n] = self._trees[n].assess([away[n], said.mean[n], 0.0])
        grown = ~np.isnan(weighed)
        known = {field.name: getattr(said, field.name) for field in fields(said)}
        known["surprise"] = np.where(grown, weighed, said.surprise)
        known["lower"], known["upper"] = (np.where(grown, np.nan, band) for band in (said.lower, said.upper))
        return Weighed(**known, away=away, grown=grown)

    def learn(self, assessment: Assessment) -> None:
        """Take in what was assessed; special days teach nothing of plain ones."""
        super().learn(assessment)
        if isinstance(assessment, Weighed) and not assessment.moment.special:
            ready = assessment.given.seen & (self._state.count > FIRST_DAYS * self._points_a_day)
            for n in np.flatnonzero(ready).tolist():
                self._trees[n].learn([assessment.away[n], assessment.mean[n], 0.0])


#: The value, the mean of the last ones, and what is usual: trees look at how these differ.
_MEASURES = 3


#: Numbers that are remembered: two masses of every node of every tree, and what is known of their tail.
_MASSES = TREES * (2 ** (HEIGHT + 1) - 1) * 2
_TAIL = len(Joint(_MEASURES, interval_seconds=3600).save()["tail"])


def _read(joint: Joint) -> Memory:
    state = joint.save()
    if not state["tail"][0]:
        return {"masses": [], "tail": []}
    return {"masses": state["masses"].ravel().tolist(), "tail": state["tail"].tolist()}


def _write(joint: Joint, memory: Memory) -> None:
    masses = np.array(memory["masses"], np.uint16).reshape(TREES, -1, 2)
    joint.load({"masses": masses, "tail": np.array(memory["tail"])})

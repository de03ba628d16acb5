"""The measures of a place together: a conversion that falls while orders and views stay in their bands.

Half-Space Trees are River's and cost a hundred times a column, so they watch few places: the total and
the single values of most volume. They know no expected value, only how unusual a combination is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from detectors.admission import Admission
from detectors.config import Detector
from detectors.models.joint import Joint
from detectors.records import Place
from detectors.state import Array

#: Places that are watched at most, and how many are taken up in one interval: trees take long to grow.
MOST_PLACES, AT_ONCE = 64, 4


class JointState(msgspec.Struct):
    """The trees of one place as they are stored."""

    place: Place
    arrays: dict[str, Array]


class Joints:
    """The joint models of a detector."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._measures = len(detector.measures)
        self._models: dict[Place, Joint] = {}

    @property
    def places(self) -> list[Place]:
        """The places that are watched."""
        return list(self._models)

    def watch(self, admission: Admission) -> None:
        """Let places go that have no row any more, and take up some of the largest of the others."""
        self._models = {place: model for place, model in self._models.items() if place in admission.rows}
        if self._measures < 2 or len(self._models) == MOST_PLACES:
            return
        largest = admission.largest(level=1, most=MOST_PLACES)
        new = [place for place in largest if place not in self._models]
        for place in new[: min(AT_ONCE, MOST_PLACES - len(self._models))]:
            self._models[place] = self._model()

    def score(self, residuals: Mapping[Place, list[float]]) -> dict[Place, float]:
        """The surprise of each place, without those whose trees are still learning; then learn.

        `residuals` are those of the measures of each watched place, in standard errors; NaN where a
        measure has no value or no forecast.
        """
        surprises: dict[Place, float] = {}
        for place, model in self._models.items():
            known = residuals[place]
            if all(map(math.isnan, known)):
                continue
            surprise = model.assess(known)
            if not math.isnan(surprise):
                surprises[place] = surprise
            model.learn(known)
        return surprises

    def _model(self) -> Joint:
        return Joint(self._measures, self._detector.interval.total_seconds())

    def save(self) -> list[JointState]:
        """The state as it is stored."""
        return [
            JointState(place, {name: Array.of(array) for name, array in model.save().items()})
            for place, model in self._models.items()
        ]

    def load(self, states: list[JointState]) -> int:
        """Go on from a stored state; tells how many places begin anew, for it is of other trees."""
        anew = 0
        for state in states:
            model = self._model()
            if model.load({name: array.array() for name, array in state.arrays.items()}):
                self._models[state.place] = model
            else:
                anew += 1
        return anew

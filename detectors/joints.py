"""The measures of a place together: a conversion that falls while orders and views stay in their bands.

Half-Space Trees are River's and cost a hundred times a column, so they watch few places: the total and
the single values. They know no expected value, only how unusual a combination is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np

from detectors.config import Detector
from detectors.models.base import Column
from detectors.models.joint import Joint
from detectors.records import Place
from detectors.state import Array

#: Places that are watched at most; the first that come.
MOST_PLACES = 64


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

    def score(self, places: Mapping[Place, int], residuals: Column) -> dict[Place, float]:
        """The surprise of each watched place, without those that are still learnt; then learn.

        `places` gives each place's row in `residuals`, which has a column a measure, in standard
        errors; NaN where a measure has no value or no forecast.
        """
        surprises: dict[Place, float] = {}
        if self._measures < 2:
            return surprises
        for place, row in places.items():
            model = self._models.get(place) or self._watch(place)
            known = residuals[row].tolist()
            if model is None or np.isnan(residuals[row]).all():
                continue
            surprise = model.assess(known)
            if not math.isnan(surprise):
                surprises[place] = surprise
            model.learn(known)
        return surprises

    def _watch(self, place: Place) -> Joint | None:
        single = sum(value is not None for value in place) <= 1
        if not single or len(self._models) >= MOST_PLACES:
            return None
        model = self._models[place] = self._model()
        return model

    def _model(self) -> Joint:
        return Joint(self._measures, self._detector.interval.total_seconds())

    def save(self) -> list[JointState]:
        """The state as it is stored."""
        return [
            JointState(place, {name: Array.of(array) for name, array in model.save().items()})
            for place, model in self._models.items()
        ]

    def load(self, states: list[JointState]) -> None:
        """Go on from a stored state."""
        for state in states:
            model = self._models[state.place] = self._model()
            model.load({name: array.array() for name, array in state.arrays.items()})

"""Alone: any model of a single series, asked for one value at a time and answering in numbers."""

from __future__ import annotations

import numpy as np

from detectors.models.base import Model, Moment
from detectors.models.scalar import Scalar, Told
from detectors.models.seasonal import Seasonal


class Alone:
    """One series of a model that is in columns of one, as it keeps more than numbers."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.model.grow(1)

    def assess(self, moment: Moment, value: float) -> Told:
        """Score a value, NaN where there is none; reads only."""
        said = self.model.assess(moment, np.array([value], dtype=np.float64))
        return Told(
            moment, value, said.expected.item(), said.lower.item(), said.upper.item(), said.scale.item(),
            said.surprise.item(), said.confidence.item(), said.learning.item(), said.lasting.item(), said,
        )  # fmt: skip

    def learn(self, told: Told) -> None:
        """Take in what was assessed."""
        self.model.learn(told.made)

    def grounds(self, told: Told) -> tuple[str, ...]:
        """What the model says of a value in words."""
        grounds: tuple[str, ...] = told.made.grounds(0)
        return grounds


def alone(model: Model, interval_seconds: float) -> Scalar | Alone:
    """A model without series, as that of one."""
    return Scalar(model, interval_seconds) if type(model) is Seasonal else Alone(model)

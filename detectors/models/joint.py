"""Joint: measures of one place that stay in their bands each, but not together.

In go the standardised residuals of the measures, (value − expected) / scale, out comes a surprise in
nats: orders that fall while views do not are unusual even if either could fall. What all measures do
together is left to the models of each. River's Half-Space Trees weigh how dense the past is around a
point; the tail of that weight is told by the day, as `tails` does.

It keeps Python objects and is not cheap, so it is for few places, apart from the columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river.anomaly import HalfSpaceTrees

from detectors.models.base import HIGHEST
from detectors.models.seasons import DAY
from detectors.models.tails import BELIEVED

TREES, HEIGHT, SEED = 12, 7, 20
#: Standard deviations that are half-way out: ordinary points take the middle, and leave room to be far.
SQUASH = 6.0
#: Points of which the trees hold the masses: a day, within these limits.
LEAST_WINDOW, MOST_WINDOW = 250, 1440
#: Sparseness is a logarithm already; its mean excess is taken for this much before any is seen.
PRIOR_EXCESS = 0.2
#: As of other tails, but slower: memory in exceedances, weight of the prior, and share of a nat.
MEMORY, PRIOR, RATE = 50.0, 10.0, 0.1
#: Trees are few and their masses change a window at a time: the tail is taken this much wider than seen.
WIDER = 1.5


class Joint:
    """The joint surprise of the measures of one place.

    >>> joint = Joint(measures=2, interval_seconds=3600)
    >>> for hour in range(24 * 40):
    ...     swing = math.sin(hour) + 0.3 * math.sin(hour * 1.7)
    ...     joint.learn([swing, swing + 0.2 * math.sin(hour * 2.3)])
    >>> joint.assess([0.5, 0.5]) < 0 < joint.assess([2.5, -2.5])
    True
    """

    def __init__(self, measures: int, interval_seconds: float) -> None:
        points_a_day = DAY / interval_seconds
        self._window = int(min(max(points_a_day, LEAST_WINDOW), MOST_WINDOW))
        self._share = min(0.03, 1 / points_a_day)
        self._measures = measures
        self._trees = HalfSpaceTrees(n_trees=TREES, height=HEIGHT, window_size=self._window, seed=SEED)
        self._learnt = 0
        self._judged = 0
        self._threshold = 0.0
        self._excess = 0.0
        self._exceeded = 0

    def assess(self, residuals: Sequence[float]) -> float:
        """The surprise in nats; NaN until the trees and their tail are known. Reads only."""
        if self._judged < self._window:
            return math.nan
        over = self._sparseness(self._features(residuals)) - self._threshold
        unknown = math.log(self._exceeding() / self._share)
        return min(over / (WIDER * self._nat()) - unknown, HIGHEST)

    def learn(self, residuals: Sequence[float]) -> None:
        """Take in the residuals of an interval, after they were assessed."""
        features = self._features(residuals)
        if self._learnt >= self._window:
            self._learn_tail(self._sparseness(features))
        self._trees.learn_one(features)  # type: ignore[no-untyped-call]  # River has no types
        self._learnt += 1

    def save(self) -> dict[str, NDArray[Any]]:
        """The state as named arrays. The shape of the trees is not in it: the seed gives the same again."""
        masses = [[(node.l_mass, node.r_mass) for node in nodes] for nodes in self._trees._tree_nodes]
        tail = [self._learnt, self._judged, self._threshold, self._excess, self._exceeded]
        return {
            "masses": np.array(masses or [[(0, 0)]], dtype=np.uint16),
            "tail": np.array(tail, dtype=np.float64),
        }

    def load(self, state: Mapping[str, NDArray[Any]]) -> bool:
        """Go on from a saved state, of as many measures; False if it is of other trees: nothing is known."""
        if state["tail"][0]:
            # The trees grow with the first point, whatever it is.
            first = self._features([0.0] * self._measures)
            self._trees.learn_one(first)  # type: ignore[no-untyped-call]  # River has no types
        if any(state[name].shape != array.shape for name, array in self.save().items()):
            return False
        learnt, judged, self._threshold, self._excess, exceeded = state["tail"].tolist()
        self._learnt, self._judged, self._exceeded = int(learnt), int(judged), int(exceeded)
        for nodes, masses in zip(self._trees._tree_nodes, state["masses"].tolist(), strict=False):
            for node, (latest, reference) in zip(nodes, masses, strict=True):
                node.l_mass, node.r_mass = latest, reference
        self._trees.counter = self._learnt % self._window
        self._trees._first_window = self._learnt < self._window
        return True

    def _features(self, residuals: Sequence[float]) -> dict[int, float]:
        """How far each residual is from the mean of all, squashed into 0–1: all alike is no news here."""
        if len(residuals) != self._measures:
            message = f"{len(residuals)} residuals, where the model knows {self._measures} measures"
            raise ValueError(message)
        z = [value if math.isfinite(value) else 0.0 for value in residuals]
        mean = sum(z) / len(z)
        return {i: 0.5 + 0.5 * math.tanh((value - mean) / SQUASH) for i, value in enumerate(z)}

    def _sparseness(self, features: dict[int, float]) -> float:
        """Minus the logarithm of the mass around a point: unlike the raw score, it has a long tail."""
        score: float = self._trees.score_one(features)  # type: ignore[no-untyped-call]  # River has no types
        return -math.log(max(1.0 - score, 1e-12))

    def _nat(self) -> float:
        weight = min(self._exceeded, MEMORY)
        return (weight * self._excess + PRIOR * PRIOR_EXCESS) / (weight + PRIOR)

    def _exceeding(self) -> float:
        return max(self._share, 1 / (self._judged + 2))

    def _learn_tail(self, sparseness: float) -> None:
        """The threshold goes where it is exceeded once a day; the excess over it is averaged."""
        if self._judged == 0:
            self._threshold = sparseness
        over, nat, share = sparseness - self._threshold, self._nat(), self._exceeding()
        step = nat * min(1.0, max(RATE, 1 / (self._share * (self._judged + 1))))
        if over > 0:
            self._exceeded += 1
            rate = max(1 / MEMORY, 1 / self._exceeded)
            self._excess += rate * (min(over, BELIEVED * nat) - self._excess)
            self._threshold += step * (1 - share)
        else:
            self._threshold -= step * share
        self._judged += 1

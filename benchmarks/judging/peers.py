"""Others' ways to score a stream, point by point: River's anomaly detectors as they come, and plain ones.

What they say has a scale of its own. To be held against the same thresholds as ours, it is turned into
severity by what severity promises: how often a week so high a score came where nothing was wrong, on
streams that thresholds are chosen on (`Promise`).
"""

from __future__ import annotations

import math
import pickle
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from river import anomaly, preprocessing, time_series

from benchmarks.judging.episodes import Scored, unlabelled
from benchmarks.judging.streams import WEEK, Stream
from detectors.models.base import Column
from detectors.severity import DECADE, ONCE_A_WEEK

DAY = 86400


class Peer(Protocol):
    """A scorer of one series; the more unusual, the higher the score."""

    def __init__(self, interval_seconds: int) -> None:
        """Without history."""

    def score_one(self, value: float) -> float:
        """How unusual a value is, before it is learnt."""

    def learn_one(self, value: float) -> None:
        """Take a value in."""


class Gaussian:
    """River's GaussianScorer over all that was seen."""

    def __init__(self, interval_seconds: int) -> None:
        self._river: Any = anomaly.GaussianScorer()  # type: ignore[no-untyped-call]  # River's edge

    def score_one(self, value: float) -> float:
        """Twice the distance of its quantile from the middle."""
        return float(self._river.score_one(None, value))

    def learn_one(self, value: float) -> None:
        """Update mean and variance."""
        self._river.learn_one(None, value)


class HalfSpaceTrees:
    """River's Half-Space Trees behind the scaler that they ask for."""

    def __init__(self, interval_seconds: int) -> None:
        self._river: Any = preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1)

    def score_one(self, value: float) -> float:
        """How empty the space around a value is."""
        return float(self._river.score_one({"value": value}))

    def learn_one(self, value: float) -> None:
        """Count it in its leaves."""
        self._river.learn_one({"value": value})


class Predictive:
    """River's PredictiveAnomalyDetection, on its Holt-Winters with a season of a day."""

    def __init__(self, interval_seconds: int) -> None:
        season = max(7, DAY // interval_seconds)
        model = time_series.HoltWinters(  # type: ignore[no-untyped-call]  # River's edge
            alpha=0.3, beta=0.1, gamma=0.6, seasonality=season
        )
        self._river: Any = anomaly.PredictiveAnomalyDetection(model, horizon=1, n_std=3.0)
        self._season, self._seen = season, 0

    def score_one(self, value: float) -> float:
        """The squared error, as a share of the largest that is thought normal."""
        if self._seen < self._season:
            return 0.0
        score = float(self._river.score_one(None, value + 1.0))
        return score if math.isfinite(score) else 0.0

    def learn_one(self, value: float) -> None:
        """Holt-Winters divides by the level of the first season, which is therefore kept from zero."""
        self._river.learn_one(None, value + 1.0)
        self._seen += 1


class SeasonalNaive:
    """What was a week ago, a day ago while there is no week; errors beside their running mean."""

    def __init__(self, interval_seconds: int) -> None:
        self._day, self._week = max(1, DAY // interval_seconds), max(1, WEEK // interval_seconds)
        self._past = deque[float](maxlen=self._week)
        self._error, self._seen = 0.0, 0

    def _expected(self) -> float | None:
        back = self._week if len(self._past) == self._week else self._day
        return self._past[-back] if len(self._past) >= back else None

    def score_one(self, value: float) -> float:
        """The error in mean errors."""
        expected = self._expected()
        if expected is None or self._error == 0:
            return 0.0
        return abs(value - expected) / self._error

    def learn_one(self, value: float) -> None:
        """Remember it for a week."""
        expected = self._expected()
        if expected is not None:
            self._seen += 1
            self._error += max(0.001, 1 / self._seen) * (abs(value - expected) - self._error)
        self._past.append(value)


class Ewma:
    """Distance from an exponentially weighted mean, in exponentially weighted standard deviations."""

    RATE = 0.05

    def __init__(self, interval_seconds: int) -> None:
        self._mean, self._variance, self._seen = 0.0, 0.0, 0

    def score_one(self, value: float) -> float:
        """The distance."""
        return abs(value - self._mean) / math.sqrt(self._variance) if self._variance > 0 else 0.0

    def learn_one(self, value: float) -> None:
        """Follow it."""
        self._seen += 1
        rate, away = max(self.RATE, 1 / self._seen), value - self._mean
        self._mean += rate * away
        self._variance = (1 - rate) * (self._variance + rate * away * away)


#: Name on the command line → scorer of one series.
PEERS: Mapping[str, Callable[[int], Peer]] = {
    "river-gaussian": Gaussian,
    "river-half-space-trees": HalfSpaceTrees,
    "river-predictive": Predictive,
    "seasonal-naive": SeasonalNaive,
    "ewma": Ewma,
}


def run(make: Callable[[int], Peer], streams: Sequence[Stream]) -> list[Scored]:
    """The scores of each stream, on the scale of the peer; what is missing is neither scored nor learnt."""
    return [Scored(_run(make(stream.interval_seconds), stream.value)) for stream in streams]


def _run(peer: Peer, value: Column) -> Column:
    scores = np.zeros(len(value))
    for point, y in enumerate(value.tolist()):
        if y == y:
            scores[point] = peer.score_one(y)
            peer.learn_one(y)
    return scores


def state_bytes(peer: Peer) -> int:
    """What keeping it takes, as River's own models are kept."""
    return len(pickle.dumps(peer))


class Promise:
    """Scores of a peer → severity: once a week where nothing was wrong is 50, ten times rarer 20 more."""

    def __init__(self, streams: Sequence[Stream], scored: Sequence[Scored]) -> None:
        free = [unlabelled(stream) for stream in streams]
        scores = [said.severity[there] for said, there in zip(scored, free, strict=True)]
        self._scores = np.sort(np.concatenate(scores))
        self._weeks = sum(
            float(there.sum()) * s.interval_seconds / WEEK for s, there in zip(streams, free, strict=True)
        )

    def severity(self, scored: Scored) -> Scored:
        """What the scores of a stream promise."""
        as_high = len(self._scores) - np.searchsorted(self._scores, scored.severity, side="left")
        # What was never seen is at most half as frequent as what was seen once.
        a_week = np.maximum(as_high, 0.5) / self._weeks
        return replace(scored, severity=np.clip(ONCE_A_WEEK - DECADE * np.log10(a_week), 0.0, 100.0))

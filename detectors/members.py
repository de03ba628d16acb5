"""Members of a group: series that were anomalous, each at its most severe, and which of them comes first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import msgspec

from detectors.breaches import direction
from detectors.config import Detector
from detectors.records import Anomaly, Place, Score


class Member(msgspec.Struct):
    """A series of an open group, at its most severe."""

    place: Place
    anomaly: Anomaly
    #: How far off it is: orders members of equal severity.
    deviation: float


def importance(detector: Detector, measure: str, severity: float, distance: float) -> tuple[float, ...]:
    """What a group is called after: the severest, of those the first in the funnel, the farthest off."""
    funnel = detector.funnel
    position = funnel.index(measure) if measure in funnel else len(funnel)
    return severity, -position, distance


def first_of_each(anomalies: Iterable[Anomaly], most: int) -> list[Anomaly]:
    """The first of each measure, so many at most."""
    named: Counter[str] = Counter()
    first = []
    for anomaly in anomalies:
        named[anomaly.measure] += 1
        if named[anomaly.measure] <= most:
            first.append(anomaly)
    return first


def deviation(score: Score) -> float:
    """How far a value is from its forecast, where several are equally rare; 0 where unknown.

    In standard errors of the forecast, times the root of the share that is missing or too much: where all
    of it is gone, it went wrong there, and not in what contains that place.
    """
    if score.value is None or score.expected is None or not score.scale:
        return 0.0
    away = abs(score.value - score.expected)
    share = min(1.0, away / max(abs(score.value), abs(score.expected)))
    return away / score.scale * math.sqrt(share)


def says_more(score: Score, known: Member | None) -> bool:
    """Whether a member is no longer low alone: its source has stopped."""
    return (
        score.stopped
        and known is not None
        and known.anomaly.direction != "stopped"
        and score.severity >= known.anomaly.severity
    )


def anomaly_of(score: Score, dimensions: dict[str, str]) -> Anomaly:
    """A score as it is told of."""
    return Anomaly(
        score.measure, dimensions, score.interval_start, score.value, score.expected,
        score.lower, score.upper, score.severity, score.confidence, direction(score), score.why,
        score.relief, score.level_change, score.evidence, score.line,
    )  # fmt: skip

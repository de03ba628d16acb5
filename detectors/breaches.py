"""m of n: measures that open a group only when they were off in several of the last intervals.

A forecast gets used to an outage, and then finds it less and less surprising. So what counts after the
first time is the value: it is off while it is outside the band that its most severe interval had.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import msgspec

from detectors.config import Detector
from detectors.gathering import MOST_ANOMALIES, SeriesKey
from detectors.records import JOINT, Direction, Score


class Suspect(msgspec.Struct):
    """A series that was severe enough to open a group, but not often enough yet."""

    worst: Score
    #: The last intervals, the newest in the lowest bit: whether it was off.
    recent: int = 0


class Breaches:
    """The suspects of one detector."""

    def __init__(self, detector: Detector) -> None:
        self._asked = {measure.name: measure.breaches for measure in detector.measures}
        # What all measures do together waits as long as the one that waits longest.
        self._asked[JOINT] = max(self._asked.values())
        self.suspects: dict[SeriesKey, Suspect] = {}

    def confirmed(
        self, severe: Iterable[Score], values: Mapping[SeriesKey, float | None]
    ) -> dict[SeriesKey, Score]:
        """The series that may open a group with this interval, each as it is now or was at its worst.

        `severe` are the scores that would open one, `values` those of the suspects.
        """
        now = {(score.measure, score.place): score for score in severe}
        told: dict[SeriesKey, Score] = {}
        for key, severe_now in now.items():
            if self.suffices(severe_now):
                told[key] = severe_now
            elif key not in self.suspects and len(self.suspects) < MOST_ANOMALIES:
                self.suspects[key] = Suspect(severe_now)
        for key, suspect in list(self.suspects.items()):
            breaches, intervals = self._asked_of(suspect.worst)
            score = now.get(key)
            if score is not None and score.severity > suspect.worst.severity:
                suspect.worst = score
            off = score is not None or (key in values and self._is_off(suspect.worst, values[key]))
            suspect.recent = (suspect.recent << 1 | off) & ((1 << intervals) - 1)
            if suspect.recent.bit_count() >= breaches:
                told[key] = score or suspect.worst
            if key in told or not suspect.recent:
                del self.suspects[key]
        return told

    def suffices(self, score: Score) -> bool:
        """Whether to be off once is enough; a level that has changed was for long."""
        return score.level_change is not None or self._asked_of(score)[0] == 1

    def _asked_of(self, score: Score) -> tuple[int, int]:
        return self._asked.get(score.measure, (1, 1))

    def _is_off(self, worst: Score, value: float | None) -> bool:
        return is_still_off(direction(worst), worst.lower, worst.upper, value)


def direction(score: Score) -> Direction:
    """On which side of what was expected a score is."""
    if score.measure == JOINT:
        return "together"
    if score.level_change is not None:
        return "below" if score.level_change.now < score.level_change.before else "above"
    if score.value is None:
        return "stopped" if score.stopped else "missing"
    return "below" if score.expected is not None and score.value < score.expected else "above"


def is_still_off(direction: Direction, lower: float | None, upper: float | None, value: float | None) -> bool:
    """Whether a value is still outside the band of an anomaly, on the same side."""
    match direction:
        case "missing" | "stopped":
            return value is None
        case "below":
            # To be missing is to fall.
            return value is None or value < (lower or 0)
        case "above":
            return value is not None and value > (math.inf if upper is None else upper)
        case "together":
            return False

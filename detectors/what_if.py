"""What if: the same scores, told from other severities on.

Groups open where a rule asks for them: so each threshold is grouped by itself. Of the scores of an
interval only the few rows are looked at that could matter at any of them, and the leaves if there are such.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from detectors.bars import FLOOR
from detectors.chunks import selected
from detectors.config import AlertRule, Config, Detector
from detectors.episodes import Incidents
from detectors.gathering import SeriesKey
from detectors.records import IntervalScores
from detectors.reporting import Reporter

THRESHOLDS = (30.0, 40.0, 50.0, 60.0, 65.0, 70.0, 75.0, 80.0, 90.0, 95.0)


class WhatIf:
    """The incidents of a configuration, had its rules other thresholds."""

    def __init__(
        self, config: Config, thresholds: Sequence[float] = THRESHOLDS, since: datetime | None = None
    ) -> None:
        """What began before `since` is no incident."""
        intervals = {detector.name: detector.interval for detector in config.detectors}
        self.incidents = {threshold: Incidents(intervals, since) for threshold in thresholds}
        self._trials = {
            detector.name: [_Trial(detector, _at(config, detector, t), self.incidents[t]) for t in thresholds]
            for detector in config.detectors
        }
        #: Series that were ever anomalous: a group may be called after them.
        self._ever: dict[str, set[SeriesKey]] = {detector.name: set() for detector in config.detectors}

    def take(self, scores: IntervalScores) -> None:
        """Take in the scores of an interval, or a chunk of them."""
        few = self._that_matter(scores)
        for trial in self._trials[scores.detector]:
            trial.take(few)

    def _that_matter(self, scores: IntervalScores) -> IntervalScores:
        ever = self._ever[scores.detector]
        severe = {row for row, severity in enumerate(scores.severity) if severity >= FLOOR}
        ever |= {(scores.measures[row], scores.places[row]) for row in severe}
        if ever:
            keys = enumerate(zip(scores.measures, scores.places, strict=True))
            severe |= {row for row, key in keys if key in ever}
        if severe:
            # By the leaves it is seen which of the severe rows are one fault.
            severe |= {row for row, place in enumerate(scores.places) if None not in place}
        return selected(scores, sorted(severe))


class _Trial:
    """A detector at one threshold."""

    def __init__(self, detector: Detector, rules: Sequence[AlertRule], incidents: Incidents) -> None:
        self._reporter = Reporter(detector, rules)
        self._incidents = incidents

    def take(self, scores: IntervalScores) -> None:
        for told in self._reporter.take(scores):
            self._incidents.take(told)


def _at(config: Config, detector: Detector, threshold: float) -> list[AlertRule]:
    """The rules of a detector at another threshold; one that tells of everything if there are none."""
    rules = config.rules_of(detector.name) or [AlertRule("what-if", detector.name)]
    return [msgspec.structs.replace(rule, severity_threshold=threshold) for rule in rules]

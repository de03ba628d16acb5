"""What if: the same scores, told from other severities on.

Groups open where a rule asks for them, and what is usual of leaves is learnt where no group is open: so each
threshold groups, learns and tells by itself, and comes to what a run with that threshold in its rules would.
Scores are the same for all, and are gathered once.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from detectors.bars import Bars
from detectors.config import AlertRule, Config, Detector
from detectors.episodes import Incidents
from detectors.feedback import Said, Verdict
from detectors.gathering import Gathered, Gatherer
from detectors.open_group import shortened
from detectors.records import JOINT, AnomalyGroup, IntervalScores
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
            detector.name: _Trials(
                detector,
                Bars(detector, _at(config, detector, min(thresholds))),
                [_Trial(detector, _at(config, detector, t), self.incidents[t]) for t in thresholds],
            )
            for detector in config.detectors
        }

    def hear(self, said: Said) -> None:
        """Take in what someone has said."""
        self._trials[said.detector].hear(said)

    def take(self, scores: IntervalScores) -> None:
        """Take in the scores of an interval, or a chunk of them."""
        self._trials[scores.detector].take(scores)


class _Trial:
    """A detector at one threshold."""

    def __init__(self, detector: Detector, rules: Sequence[AlertRule], incidents: Incidents) -> None:
        self.reporter = Reporter(detector, rules)
        self._incidents = incidents
        bars = Bars(detector, rules)
        self._joins = {name: bars.joins(name) for name in (*(m.name for m in detector.measures), JOINT)}

    def take(self, intervals: Sequence[Gathered], passed: datetime | None) -> None:
        for told in self.reporter.take_whole([self._its_own(interval) for interval in intervals], passed):
            self._incidents.take(shortened(told) if isinstance(told, AnomalyGroup) else told)

    def _its_own(self, interval: Gathered) -> Gathered:
        """The interval with the anomalies that matter at this threshold."""
        its_own = [s for s in interval.anomalies if s.severity + s.relief >= self._joins[s.measure]]
        return msgspec.structs.replace(interval, anomalies=its_own)


class _Trials:
    """A detector at all thresholds."""

    def __init__(self, detector: Detector, bars: Bars, trials: Sequence[_Trial]) -> None:
        self._trials = trials
        #: For all of them: with what matters to the one that asks for least.
        self._gatherer = Gatherer(detector, bars)
        #: Verdicts on what has not come yet.
        self._said: list[Verdict] = []

    def hear(self, said: Said) -> None:
        if isinstance(said, Verdict):
            self._said.append(said)
        else:
            self._pass_on(said)

    def _pass_on(self, said: Said) -> None:
        for trial in self._trials:
            trial.reporter.hear(said)

    def take(self, scores: IntervalScores) -> None:
        for said in [said for said in self._said if said.end <= scores.interval_start]:
            self._said.remove(said)
            self._pass_on(said)
        asked = set().union(*(trial.reporter.grouper.asked for trial in self._trials))
        whole = list(self._gatherer.add(scores, asked))
        for trial in self._trials:
            trial.take(whole, self._gatherer.passed)


def _at(config: Config, detector: Detector, threshold: float) -> list[AlertRule]:
    """The rules of a detector at another threshold; one that tells of everything if there are none."""
    rules = config.rules_of(detector.name) or [AlertRule("what-if", detector.name)]
    return [msgspec.structs.replace(rule, severity_threshold=threshold) for rule in rules]

"""The past of one source through a configuration: what comes of it, and what it all came to.

What happened before `--from` teaches the models, and is neither judged nor told of; what happened at `--to`
or later is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from detectors.config import Config
from detectors.detection import Detection, Outcome
from detectors.episodes import Incidents, Label, judge
from detectors.feedback import Said
from detectors.records import JOINT, Alert, IntervalScores
from detectors.what_if import THRESHOLDS, WhatIf
from streams.cli.past import replay
from streams.cli.verdicts import Tally, Threshold
from streams.csv_files.records import Record
from streams.formats import BadEvent


class Period(NamedTuple):
    """The part of the past that is judged; None is from the beginning, or to the end."""

    since: datetime | None = None
    until: datetime | None = None

    def has(self, start: datetime, end: datetime) -> bool:
        """Whether an interval lies in it."""
        return (self.since is None or start >= self.since) and (self.until is None or end <= self.until)


class Run:
    """The past of one source, run through a configuration."""

    def __init__(self, what: Config, source: str, said: Sequence[Said], period: Period) -> None:
        self._what, self._source, self._said, self._period = what, source, said, period
        self.tally = Tally()
        #: Of each reason for which records are refused, the first.
        self.examples: dict[str, str] = {}
        intervals = {detector.name: detector.interval for detector in what.detectors}
        self.incidents = Incidents(intervals, period.since)
        self._detection = Detection(what)
        # What would be at the threshold that the rules have is what is.
        self._what_if = WhatIf(what, [t for t in THRESHOLDS if not _is_at(what, t)], period.since)
        #: Detector → the interval that it told of last, how many series it had, and how many at most.
        self._series: dict[str, tuple[datetime, int, int]] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None

    @property
    def span(self) -> timedelta:
        """How long it was."""
        return timedelta(0) if self.first is None or self.last is None else self.last - self.first

    def run(self, inputs: Sequence[Path]) -> Iterator[Outcome]:
        """Everything that comes of it in the period."""
        detection = self._detection
        for each in self._said:
            detection.hear(each)
            self._what_if.hear(each)
        until = None if self._period.until is None else round(self._period.until.timestamp() * 1000)
        for outcomes in replay(self._what, self._source, detection, inputs, self._refuse, until=until):
            yield from filter(self._take, outcomes)
            self._count(detection)

    def labels(self, known: Sequence[Label]) -> list[Label]:
        """The labels that begin in the period."""
        since, until = self._period
        return [
            label
            for label in known
            if (since is None or label.start >= since) and (until is None or label.start < until)
        ]

    def judge(self, known: Sequence[Label] | None) -> None:
        """Hold what was told against what is known, in the tally."""
        if self.span:
            tally, labels = self.tally, None if known is None else self.labels(known)
            tally.judged = judge(list(self.incidents), labels, self.span)
            tally.alerts_a_day = tally.opened / (self.span / timedelta(days=1))
            tally.what_if = [
                Threshold(severity, judge(list(self._incidents_at(severity)), labels, self.span))
                for severity in THRESHOLDS
            ]

    def _incidents_at(self, severity: float) -> Incidents:
        return self._what_if.incidents.get(severity, self.incidents)

    def _refuse(self, record: Record, error: BadEvent) -> None:
        self._leave_out(error.reason, f"{record.file}: line {record.line}: {error}")

    def _leave_out(self, reason: str, example: str) -> None:
        self.tally.refused[reason] = self.tally.refused.get(reason, 0) + 1
        self.examples.setdefault(reason, example)

    def _count(self, detection: Detection) -> None:
        """Take what was left out of it, so that it does not pile up."""
        fold = detection.folds[self._source, 0]
        self.tally.events = fold.events
        self.tally.late += len(fold.late)
        fold.late.clear()
        for _, _, refused in detection.refused:
            self._leave_out(refused.reason, refused.detail)
        detection.refused.clear()

    def _take(self, outcome: Outcome) -> bool:
        """Count what comes; False if it is not of the period."""
        if isinstance(outcome, IntervalScores):
            return self._score(outcome)
        until = self._period.until
        if (until is not None and outcome.end > until) or not self.incidents.take(outcome):
            return False
        if isinstance(outcome, Alert):
            self.tally.alerts += 1
            self.tally.opened += outcome.kind == "OPENED"
        else:
            self.tally.groups += outcome.revision == 1
        return True

    def _score(self, scores: IntervalScores) -> bool:
        start, end, until = scores.interval_start, scores.interval_end, self._period.until
        # Groups of before go on, there as here; of an interval that is cut off nothing is known.
        if until is None or end <= until:
            self._what_if.take(scores)
        if not self._period.has(start, end):
            return False
        # However many shards and chunks it is told in.
        self.tally.intervals += scores.shard == scores.chunk == 0
        self.first, self.last = self.first or start, end
        before, series, most = self._series.get(scores.detector, (start, 0, 0))
        series = (series if before == start else 0) + sum(name != JOINT for name in scores.measures)
        self._series[scores.detector] = start, series, max(most, series)
        self.tally.series = sum(most for *_, most in self._series.values())
        return True


def _is_at(what: Config, threshold: float) -> bool:
    """Whether every detector has rules, and all of them this threshold."""
    rules = [what.rules_of(detector.name) for detector in what.detectors]
    return all(rules) and all(rule.severity_threshold == threshold for of in rules for rule in of)

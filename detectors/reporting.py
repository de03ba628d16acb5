"""Scores → groups and alerts: the last two steps of a detector as one, with what people say of them.

The worker, a backtest and whoever asks what would be at another threshold all go through the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from detectors.alerting import Alerter
from detectors.config import AlertRule, Detector
from detectors.feedback import Said, Snooze, silenced
from detectors.gathering import Gathered
from detectors.grouping import Grouper
from detectors.records import Alert, AnomalyGroup, IntervalScores


class Reporter:
    """What is told of one detector."""

    def __init__(self, detector: Detector, rules: Sequence[AlertRule]) -> None:
        self.grouper = Grouper(detector, rules)
        self.alerter = Alerter(detector, rules)

    def hear(self, said: Said) -> None:
        """Take in what someone has said; a group knows that it is expected, or the new normal."""
        if isinstance(said, Snooze):
            self.alerter.take(said)
            return
        self.alerter.take(silenced(said))
        if said.verdict == "new-normal" and not said.undo:
            self.grouper.settle(said.group)

    def take(self, scores: IntervalScores) -> Iterator[AnomalyGroup | Alert]:
        """Take in a chunk of scores; yields each group that it changes before what rules have to say of it.

        Of an interval that is still open, only what rules tell early.
        """
        if scores.provisional:
            for group in self.grouper.foresee(scores):
                yield from self.alerter.foresee(group)
            return
        yield from self._tell(self.grouper.group(scores), self.grouper.passed)

    def take_whole(
        self, intervals: Sequence[Gathered], passed: datetime | None
    ) -> Iterator[AnomalyGroup | Alert]:
        """Take in what a chunk of scores made whole, where scores are gathered elsewhere."""
        groups = [group for interval in intervals for group in self.grouper.group_whole(interval)]
        yield from self._tell(groups, passed)

    def _tell(
        self, groups: Sequence[AnomalyGroup], passed: datetime | None
    ) -> Iterator[AnomalyGroup | Alert]:
        for group in groups:
            yield group
            yield from self.alerter.alert(group)
        if passed is not None:
            yield from self.alerter.withdraw(passed)
            yield from self.alerter.wake(passed)

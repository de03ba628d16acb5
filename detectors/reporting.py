"""Scores → groups and alerts: the last two steps of a detector as one, with what people say of them.

The worker, a backtest and whoever asks what would be at another threshold all go through the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from detectors.alerting import Alerter
from detectors.config import AlertRule, Detector
from detectors.feedback import Said, Snooze, silenced
from detectors.grouping import Grouper
from detectors.records import Alert, AnomalyGroup, IntervalScores
from detectors.separating import Separator


class Reporter:
    """What is told of one detector."""

    def __init__(
        self, detector: Detector, rules: Sequence[AlertRule], separator: Separator | None = None
    ) -> None:
        """`separator` tells faults apart by what it knows already: then nothing is learnt."""
        self.grouper = Grouper(detector, rules, separator)
        self.alerter = Alerter(detector, rules)

    def is_idle(self, now: datetime) -> bool:
        """Whether nothing of before matters for what is told of an interval that ends now."""
        return self.alerter.is_idle and self.grouper.is_idle(now)

    def is_like(self, other: Reporter, now: datetime) -> bool:
        """Whether another of the same detector would tell the same from an interval that ends now on."""
        return self.grouper.is_like(other.grouper, now) and self.alerter.is_like(other.alerter)

    def follow(self, other: Reporter) -> None:
        """Go on from where another of the same detector is, which goes on by itself."""
        self.grouper.follow(other.grouper)
        self.alerter.follow(other.alerter)

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
        for group in self.grouper.group(scores):
            yield group
            yield from self.alerter.alert(group)
        if self.grouper.passed is not None:
            yield from self.alerter.withdraw(self.grouper.passed)
            yield from self.alerter.wake(self.grouper.passed)

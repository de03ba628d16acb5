"""What if: the same scores, told from other severities on.

Groups open where a rule asks for them: so each threshold is grouped by itself. What is usual of leaves, by
which faults are told apart, is what the configuration as it is has learnt: a threshold says what people hear
of, not what is usual. So thresholds only differ where an anomaly is as severe as one asks for and not as
another does; until then they go together, and again when all that was different is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from detectors.bars import FLOOR, Bars
from detectors.chunks import selected
from detectors.config import AlertRule, Config, Detector
from detectors.episodes import Incidents
from detectors.gathering import SeriesKey
from detectors.localisation_places import Localiser
from detectors.records import IntervalScores
from detectors.reporting import Reporter
from detectors.separating import Borrower

THRESHOLDS = (30.0, 40.0, 50.0, 60.0, 65.0, 70.0, 75.0, 80.0, 90.0, 95.0)

#: Of each severe row, whether it opens a group, only joins one, or neither.
Seen = tuple[int, ...]


class WhatIf:
    """The incidents of a configuration, had its rules other thresholds."""

    def __init__(
        self,
        config: Config,
        localisers: Mapping[str, Localiser],
        thresholds: Sequence[float] = THRESHOLDS,
        since: datetime | None = None,
    ) -> None:
        """`localisers` by the name of each detector; what began before `since` is no incident.

        Scores are to be taken in before these have learnt from them.
        """
        intervals = {detector.name: detector.interval for detector in config.detectors}
        self.incidents = {threshold: Incidents(intervals, since) for threshold in thresholds}
        self._trials = {
            detector.name: _Trials(config, detector, localisers[detector.name], self.incidents)
            for detector in config.detectors
        }

    def take(self, scores: IntervalScores) -> None:
        """Take in the scores of an interval, or a chunk of them."""
        self._trials[scores.detector].take(scores)


class _Trial:
    """A detector at one threshold, and at others as long as they make no difference."""

    def __init__(
        self, detector: Detector, rules: Sequence[AlertRule], localiser: Localiser, incidents: Incidents
    ) -> None:
        self.reporter = Reporter(detector, rules, Borrower(detector, localiser))
        self.bars = Bars(detector, rules)
        self.incidents = incidents

    def sees(self, scores: IntervalScores, rows: Sequence[int]) -> Seen:
        """What it makes of severe rows."""
        return tuple(self._sees(scores, row) for row in rows)

    def _sees(self, scores: IntervalScores, row: int) -> int:
        measure, severity = scores.measures[row], scores.severity[row] + scores.relief.get(row, 0.0)
        return (severity >= self.bars.joins(measure)) + (severity >= self.bars.opens(measure))


class _Trials:
    """A detector at all thresholds."""

    def __init__(
        self, config: Config, detector: Detector, localiser: Localiser, incidents: Mapping[float, Incidents]
    ) -> None:
        trials = [
            _Trial(detector, _at(config, detector, threshold), localiser, its_own)
            for threshold, its_own in incidents.items()
        ]
        #: Those that have seen the same; the first of them does the work.
        self._together = [trials]
        #: Series that were ever anomalous: a group may be called after them.
        self._ever: set[SeriesKey] = set()

    def take(self, scores: IntervalScores) -> None:
        severe = [row for row, severity in enumerate(scores.severity) if severity >= FLOOR]
        self._ever |= {(scores.measures[row], scores.places[row]) for row in severe}
        self._meet(scores.interval_end)
        self._part(scores, severe)
        is_whole = scores.shards == scores.chunks == 1
        few: IntervalScores | None = None
        for trials in self._together:
            reporter = trials[0].reporter
            if is_whole and not severe and reporter.is_idle(scores.interval_end):
                continue
            few = few or self._that_matter(scores, severe)
            for told in reporter.take(few):
                for trial in trials:
                    trial.incidents.take(told)

    def _meet(self, now: datetime) -> None:
        """Let those go together that are alike: whatever made a difference to them is over."""
        met: list[list[_Trial]] = []
        for trials in self._together:
            mine = trials[0].reporter
            alike = next((other for other in met if other[0].reporter.is_like(mine, now)), None)
            if alike is None:
                met.append(trials)
            else:
                alike += trials
        self._together = met

    def _part(self, scores: IntervalScores, severe: Sequence[int]) -> None:
        """Let those part that make something else of severe rows."""
        parted: list[list[_Trial]] = []
        for trials in self._together:
            seeing: dict[Seen, list[_Trial]] = {}
            for trial in trials:
                seeing.setdefault(trial.sees(scores, severe), []).append(trial)
            for alike in seeing.values():
                if alike[0] is not trials[0]:
                    alike[0].reporter.follow(trials[0].reporter)
                parted.append(alike)
        self._together = parted

    def _that_matter(self, scores: IntervalScores, severe: Sequence[int]) -> IntervalScores:
        """Of the scores of an interval the rows that could matter at any threshold."""
        rows = set(severe)
        if self._ever:
            keys = enumerate(zip(scores.measures, scores.places, strict=True))
            rows |= {row for row, key in keys if key in self._ever}
        if rows:
            # By the leaves it is seen which of the severe rows are one fault, and by the total how wrong
            # forecasts are in general.
            rows |= {
                row
                for row, place in enumerate(scores.places)
                if None not in place or all(value is None for value in place)
            }
        return selected(scores, sorted(rows))


def _at(config: Config, detector: Detector, threshold: float) -> list[AlertRule]:
    """The rules of a detector at another threshold; one that tells of everything if there are none."""
    rules = config.rules_of(detector.name) or [AlertRule("what-if", detector.name)]
    return [msgspec.structs.replace(rule, severity_threshold=threshold) for rule in rules]

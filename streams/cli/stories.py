"""Scores and alerts of a backtest → stories: each group that people were told of, with the scores around it.

There may be a hundred thousand intervals of ten thousand series, and ten thousand groups: so of scores only
the last intervals are at hand, as many as fit. A story takes from these what came before it, and hears of its
few series until some time after its end. Stories are kept whole for the most severe, of others a line each,
and of the rest their number.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from datetime import datetime

import msgspec

from detectors.bars import Bars
from detectors.config import Config, Detector
from detectors.places import named
from detectors.records import JOINT, Alert, IntervalScores, Place, Score
from streams.cli.charts import Drawn, thinned

#: Intervals that are shown before a group and after it.
BEFORE, AFTER = 48, 24
#: Rows of scores that are at hand of a detector; where it has very many series, fewer intervals.
MOST_ROWS = 250_000
#: Groups that are drawn, those that have a line each, and the series of each that are drawn.
DRAWN, LISTED, SERIES = 100, 1_000, 3
#: Points of a series that are kept.
MOST_POINTS = 400

Weight = tuple[float, int, datetime, int]


class Course(msgspec.Struct):
    """A series of a story, around it."""

    measure: str
    place: Place
    dimensions: dict[str, str]
    points: list[Drawn] = []
    #: Where its row was last: mostly it is there again.
    row: int = 0


class Story(msgspec.Struct):
    """A group that people were told of."""

    #: Counts the stories.
    number: int
    #: What they were told when it was at its worst.
    alert: Alert
    #: End of the interval that they were told with.
    told: datetime
    end: datetime
    severity: float
    rules: list[str]
    #: The last that was told, where that is that it is over.
    closed: Alert | None = None
    courses: list[Course] = []

    @property
    def weight(self) -> Weight:
        """The most severe count most, of these the broadest, then the newest."""
        return self.severity, self.alert.members_total, self.alert.start, self.number


class Stories:
    """The stories of a backtest."""

    def __init__(self, config: Config) -> None:
        self._of = {detector.name: _Around(config, detector) for detector in config.detectors}
        #: Group → its story, while it goes on or its aftermath is awaited.
        self._running: dict[str, Story] = {}
        self._whole: list[tuple[Weight, Story]] = []
        self._brief: list[tuple[Weight, Story]] = []
        #: How many there are besides.
        self.others = 0
        self._number = 0

    def take(self, outcome: IntervalScores | Alert) -> None:
        """Take in scores, or what is told of a group, in the order in which they come."""
        if isinstance(outcome, Alert):
            self._tell(outcome)
            return
        around = self._of[outcome.detector]
        around.take(outcome)
        for story in list(self._running.values()):
            if story.alert.detector != outcome.detector:
                continue
            if story.closed is not None and outcome.interval_start >= story.end + AFTER * around.interval:
                self._settle(story)
            else:
                around.go_on(story, outcome)

    def _tell(self, alert: Alert) -> None:
        story = self._running.get(alert.group)
        if story is None:
            self._number += 1
            story = Story(self._number, alert, alert.end, alert.end, alert.severity, [alert.rule])
            self._running[alert.group] = story
        elif alert.rule not in story.rules:
            story.rules.append(alert.rule)
        story.end = max(story.end, alert.end)
        if alert.kind == "CLOSED":
            story.closed = alert
            story.severity = max(story.severity, alert.peak or 0.0)
            return
        # What comes back soon is the same incident.
        story.closed = None
        story.severity = max(story.severity, alert.severity)
        if alert.severity >= story.alert.severity:
            story.alert = alert
        if sum(bool(other.courses) for other in self._running.values()) < 2 * DRAWN or story.courses:
            self._of[alert.detector].look_back(story)

    def _settle(self, story: Story) -> None:
        del self._running[story.alert.group]
        fell_out = _kept(self._whole, story, DRAWN)
        if fell_out is not None:
            fell_out.courses = []
            self.others += _kept(self._brief, fell_out, LISTED) is not None

    def finish(self) -> tuple[list[Story], list[Story]]:
        """The stories in full and those of which there is a line each, the most severe first."""
        for story in list(self._running.values()):
            self._settle(story)
        whole, brief = (
            [story for _, story in sorted(kept, key=lambda one: one[0], reverse=True)]
            for kept in (self._whole, self._brief)
        )
        return whole, brief


def _kept(kept: list[tuple[Weight, Story]], story: Story, most: int) -> Story | None:
    """Keep a story; returns the one that there is no room for."""
    if len(kept) < most:
        heapq.heappush(kept, (story.weight, story))
        return None
    return heapq.heappushpop(kept, (story.weight, story))[1]


class _Around:
    """The last scores of one detector."""

    def __init__(self, config: Config, detector: Detector) -> None:
        bars = Bars(detector, config.rules_of(detector.name))
        self._joins = {name: bars.joins(name) for name in (*(m.name for m in detector.measures), JOINT)}
        self._dimensions = detector.dimensions
        self.interval = detector.interval
        self._last: deque[IntervalScores] = deque()
        self._rows = 0

    def take(self, scores: IntervalScores) -> None:
        """Have scores at hand, and let go of those that are too long ago."""
        self._last.append(scores)
        self._rows += len(scores.measures)
        earliest = scores.interval_start - BEFORE * self.interval
        while len(self._last) > 1 and (self._last[0].interval_start < earliest or self._rows > MOST_ROWS):
            self._rows -= len(self._last.popleft().measures)

    def look_back(self, story: Story) -> None:
        """Choose the series of a story, while there is room for more of them, and take what came before."""
        for measure, place in self._wanted(story.alert):
            known = any((course.measure, course.place) == (measure, place) for course in story.courses)
            if known or len(story.courses) == SERIES:
                continue
            course = Course(measure, place, named(self._dimensions, place))
            for scores in self._last:
                self._add(course, scores)
            if course.points:
                story.courses.append(course)

    def _wanted(self, alert: Alert) -> Iterator[tuple[str, Place]]:
        """What a group is called after, then its other members, then the total."""
        first = alert.measure, alert.dimensions
        for measure, dimensions in (first, *((m.measure, m.dimensions) for m in alert.members)):
            if measure != JOINT:
                yield measure, tuple(dimensions.get(name) for name in self._dimensions)
        total: Place = tuple(None for _ in self._dimensions)
        measures = [alert.measure] if alert.measure != JOINT else list(self._joins)[:-1]
        yield from ((measure, total) for measure in measures)

    def go_on(self, story: Story, scores: IntervalScores) -> None:
        """Add what scores say of the series of a story."""
        for course in story.courses:
            self._add(course, scores)
            if len(course.points) > 2 * MOST_POINTS:
                kept = thinned(course.points, MOST_POINTS)
                # What stands out all the time does not stand out.
                course.points = list(kept if len(kept) <= MOST_POINTS else kept[::2])

    def _add(self, course: Course, scores: IntervalScores) -> None:
        row = _row(course, scores)
        if row is not None:
            score = scores.row(row)
            off = (
                score.severity + score.relief >= self._joins[course.measure]
                and score.phase == "active"
                and score.held_by is None
            )
            course.points.append(_drawn(score, off=off))


def _row(course: Course, scores: IntervalScores) -> int | None:
    measures, places = scores.measures, scores.places
    row = course.row
    if row < len(places) and places[row] == course.place and measures[row] == course.measure:
        return row
    for row, place in enumerate(places):
        if place == course.place and measures[row] == course.measure:
            course.row = row
            return row
    return None


def _drawn(score: Score, *, off: bool) -> Drawn:
    start = score.interval_start
    return Drawn(round(start.timestamp() * 1000), f"{start:%Y-%m-%d %H:%M}Z", score, off)

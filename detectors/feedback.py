"""Feedback: what people say of anomalies, and what that changes for scores like them.

*expected* holds later scores back that are like the anomaly: the same measure, where it was or in a roll-up
of it, on the same side, at the same hour of the week, and not much farther off. Said of two days it is
expected at that hour of every day. *missed* asks less of such scores, *new-normal* lets the model
adopt the level, *anomaly* is only kept. Severity is never changed, and all of it ends.

What holds follows from the log alone: a verdict is for the intervals that were not closed when it came, and
that begin after what it is said of. How long ago that was is reckoned in the time of events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import product
from typing import Literal

import msgspec

from detectors.bars import FLOOR
from detectors.breaches import direction
from detectors.config import DAY, ZERO_WITHOUT_EVENTS, Detector, Where
from detectors.gathering import SeriesKey
from detectors.intervals import HOUR
from detectors.places import series_id
from detectors.records import JOINT, Direction, IntervalScores, Place, Score
from detectors.severity import DECADE

Saying = Literal["anomaly", "expected", "new-normal", "missed"]

WEEK = 7 * DAY
#: How long what is said holds if nothing is said of that: nothing is held back for ever.
HOLDS = 90 * DAY
#: How much earlier or later than before something is still at its hour; clocks are changed by as much.
SLACK = HOUR
#: What is so many times as far off as what is expected is not like it.
FARTHER = 2.0
#: Whoever says twice that it is expected at an hour speaks of days that are at least so far apart.
OTHER_DAY = timedelta(hours=20)
#: How much less of severity is asked of what is like something missed: as much as ten times the sensitivity.
RELIEF = DECADE
#: However often it was missed.
MOST_RELIEF = 2 * RELIEF

EXPECTED = "affected by feedback: someone has said that the like of it is expected at this hour"
ADOPTED = "affected by feedback: someone has said that this is the new normal"
MISSED = "affected by feedback: the like of it was missed before, so that less severity is asked for,"


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """What someone says of one series of a group; the latest of a group and series counts."""

    detector: str
    group: str
    measure: str
    dimensions: dict[str, str]
    verdict: Saying
    #: When the group was anomalous.
    start: datetime
    end: datetime
    #: None: on either side.
    direction: Direction | None = None
    #: How far the value was from what was expected, in its own unit, at its most severe.
    change: float | None = None
    #: From then on it does not hold any more; None: until it is undone.
    expires: datetime | None = None
    #: Take back what was said.
    undo: bool = False

    @property
    def id(self) -> str:
        """What it is said of."""
        return f"{self.group}/{series_id(self.measure, self.dimensions)}"


class Snooze(msgspec.Struct, frozen=True, tag="snooze"):
    """Nothing is told of a group, or of places and measures, for a time; the latest of a name counts."""

    detector: str
    name: str
    #: An interval that begins then or later is told of again.
    until: datetime
    #: Only this group; or any.
    group: str | None = None
    #: Only these measures; all when empty.
    measures: list[str] = []
    #: Only places that match.
    where: Where = {}
    #: Only places that have these dimensions and no others: a series.
    exactly: bool = False
    #: Take it back.
    undo: bool = False

    @property
    def id(self) -> str:
        """What names it."""
        return self.name


Said = Verdict | Snooze

#: Verdicts that the group that they are said of should know of.
OF_ITS_GROUP: frozenset[Saying] = frozenset({"expected", "new-normal"})


def silenced(verdict: Verdict) -> Snooze:
    """Nothing more is told of a series in the very group of which it is said that it is expected.

    However long that group goes on: what comes later is another one, and may be at another hour.
    """
    return Snooze(
        detector=verdict.detector,
        name=f"feedback {verdict.id}",
        until=verdict.expires or verdict.end + HOLDS,
        group=verdict.group,
        measures=[verdict.measure],
        where={**verdict.dimensions},
        exactly=True,
        undo=verdict.undo or verdict.verdict not in OF_ITS_GROUP,
    )


class Feedback:
    """The verdicts that hold in one detector."""

    def __init__(self, detector: Detector) -> None:
        self._dimensions = detector.dimensions
        #: Measures that add up: what a place is off by, its roll-ups are off by.
        self._adds_up = {m.name for m in detector.measures if m.aggregation in ZERO_WITHOUT_EVENTS}
        self._ratios = {m.name: m.ratio for m in detector.measures if m.ratio is not None}
        self._verdicts: dict[str, Verdict] = {}
        #: What is expected, and what was missed, by the series that may be like it.
        self._expected: dict[SeriesKey, list[Verdict]] = {}
        self._missed: dict[SeriesKey, list[Verdict]] = {}

    def take(self, verdict: Verdict) -> None:
        """Take in what was said; the same again changes nothing."""
        self._let_go(verdict.id)
        if not verdict.undo:
            self._verdicts[verdict.id] = verdict
            for noted, series in self._notes(verdict):
                noted.setdefault(series, []).append(verdict)

    def expire(self, start: datetime) -> None:
        """Let go of what does not hold any more in an interval that begins then."""
        for verdict in list(self._verdicts.values()):
            if verdict.expires is not None and verdict.expires <= start:
                self._let_go(verdict.id)

    def _let_go(self, key: str) -> None:
        verdict = self._verdicts.pop(key, None)
        for noted, series in self._notes(verdict) if verdict is not None else ():
            noted[series] = [other for other in noted[series] if other.id != key]
            if not noted[series]:
                del noted[series]

    def save(self) -> dict[str, Verdict]:
        """The state as it is stored."""
        return self._verdicts

    def load(self, verdicts: Mapping[str, Verdict]) -> None:
        """Go on from a stored state."""
        self._verdicts, self._expected, self._missed = {}, {}, {}
        for verdict in verdicts.values():
            self.take(verdict)

    def _notes(self, verdict: Verdict) -> Iterator[tuple[dict[SeriesKey, list[Verdict]], SeriesKey]]:
        """Where a verdict is noted: with each series of which something may be like it."""
        if verdict.verdict == "expected":
            yield from ((self._expected, series) for series in self._alike(verdict))
        elif verdict.verdict == "missed":
            yield self._missed, (verdict.measure, self.place_of(verdict))

    def _alike(self, verdict: Verdict) -> Iterator[SeriesKey]:
        """The series of which something can be like what a verdict speaks of.

        Not those of a part of its place: what is said of the total is no help where an incident is elsewhere.
        """
        place = self.place_of(verdict)
        yield verdict.measure, place
        if verdict.measure != JOINT:
            # When one of its measures is off, all of them are unusual together.
            yield JOINT, place
        if verdict.measure in self._adds_up:
            kept = [(value, None) if value is not None else (None,) for value in place]
            yield from ((verdict.measure, holder) for holder in product(*kept) if holder != place)

    def adopted(self) -> Iterator[tuple[str, Verdict]]:
        """What is the new normal."""
        return ((key, v) for key, v in self._verdicts.items() if v.verdict == "new-normal")

    def place_of(self, verdict: Verdict) -> Place:
        """Where the series of a verdict is."""
        return tuple(map(verdict.dimensions.get, self._dimensions))

    def apply(self, scores: IntervalScores, adopted: Collection[Verdict] = ()) -> IntervalScores:
        """The scores with what was said of others like them: what holds them back, or asks less of them.

        `adopted` are levels that models adopt with these very scores.
        """
        if not self._verdicts:
            return scores
        series = {(verdict.measure, self.place_of(verdict)) for verdict in adopted}
        held_by, relief, why = dict(scores.held_by), dict[int, float](), dict(scores.why)
        surprising = [row for row, severity in enumerate(scores.severity) if severity >= FLOOR]
        for row in surprising:
            score = scores.row(row)
            if row not in held_by and (score.measure, score.place) in series:
                held_by[row] = "feedback"
                why[row] = (*score.why, ADOPTED)
            elif row not in held_by and self._expects(score):
                held_by[row] = "feedback"
                why[row] = (*score.why, EXPECTED)
            elif (less := self._relief(score)) > 0:
                relief[row] = less
                why[row] = (*score.why, f"{MISSED} by {less:.3g}")
        expected = {
            (scores.measures[row], scores.places[row]) for row in held_by.keys() - scores.held_by.keys()
        }
        for row in surprising:
            parts, place = self._ratios.get(scores.measures[row], ()), scores.places[row]
            if row not in held_by and any((part, place) in expected for part in parts):
                # How far off a ratio is says little: it follows from what its parts do.
                held_by[row] = "feedback"
                why[row] = (*scores.row(row).why, EXPECTED)
        return msgspec.structs.replace(scores, held_by=held_by, relief=relief, why=why)

    def _expects(self, score: Score) -> bool:
        """Whether someone has said that something like this is expected."""
        series = score.measure, score.place
        like = [verdict for verdict in self._expected.get(series, ()) if _is_like(score, verdict)]
        if any(_recurs(verdict, score.interval_start, WEEK) for verdict in like):
            return True
        days = [verdict.start for verdict in like if _recurs(verdict, score.interval_start, DAY)]
        return bool(days) and max(days) - min(days) >= OTHER_DAY

    def _relief(self, score: Score) -> float:
        """How much less is asked of something like this, since others like it were missed."""
        missed = [
            verdict
            for verdict in self._missed.get((score.measure, score.place), ())
            if verdict.direction in {None, direction(score)} and verdict.end <= score.interval_start
        ]
        return min(RELIEF * len(missed), MOST_RELIEF)


def _is_like(score: Score, verdict: Verdict) -> bool:
    """Whether a score is on the side that a verdict speaks of, and not much farther off."""
    if verdict.end > score.interval_start:
        return False
    if score.measure == JOINT != verdict.measure:
        return True
    if verdict.direction not in {None, direction(score)}:
        return False
    if score.value is None or score.expected is None or verdict.change is None:
        return (score.value is None) == (verdict.change is None)
    return abs(score.value - score.expected) <= FARTHER * abs(verdict.change)


def _recurs(verdict: Verdict, start: datetime, period: timedelta) -> bool:
    """Whether a time lies in the verdict's stretch some whole periods later, or close to it."""
    since = (start - verdict.start + SLACK) % period
    return since < verdict.end - verdict.start + 2 * SLACK

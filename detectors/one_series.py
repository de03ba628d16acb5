"""One series by itself: a value at a time in, its score and whether an alert opens out.

The same model, severity, grouping and alerting as of a detector with one measure and no dimensions, without
what a detector needs to have many.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import msgspec
import numpy as np

from detectors.bars import FLOOR
from detectors.config import AlertRule, Detector, Direction, Measure
from detectors.holding import holds
from detectors.models import model_of
from detectors.models.alone import alone
from detectors.models.base import Moment
from detectors.records import Alert, IntervalScores, Phase, Score
from detectors.reporting import Reporter
from detectors.scorer import sides
from detectors.severity import severity
from detectors.words import rarity_in_words

NAME = "series"


class OneSeries:
    """A series without history.

    >>> from datetime import UTC
    >>> series = OneSeries(timedelta(hours=1), threshold=70)
    >>> start = datetime(2030, 1, 7, tzinfo=UTC)
    >>> for hour in range(24 * 14):
    ...     moment = Moment(hour * 3600 % 604_800)
    ...     usual, _ = series.score(start + timedelta(hours=hour), moment, 100.0 + hour % 5)
    >>> score, alert = series.score(start + timedelta(days=14), Moment(0), 300.0)
    >>> usual.severity < 50, score.severity, alert is not None
    (True, 100.0, True)
    """

    def __init__(
        self, interval: timedelta, threshold: float, model: str = "seasonal", direction: Direction = "both"
    ) -> None:
        measure = Measure(name="value", aggregation="mean", field="value", model=model, direction=direction)
        detector = Detector(NAME, NAME, interval, [measure])
        rule = AlertRule("alert", NAME, severity_threshold=threshold)
        self._interval, self._measure = interval, measure
        seconds = interval.total_seconds()
        self._one = alone(model_of([measure], seconds), seconds)
        self._reporter = Reporter(detector, [rule])

    def score(self, start: datetime, moment: Moment, value: float) -> tuple[Score, Alert | None]:
        """Score a value, NaN where there is none, then learn it; with the alert that opens, if one does."""
        score, lasting = self._score(start, moment, value)
        if score.severity >= FLOOR and score.expected is not None:
            score = msgspec.structs.replace(score, held_by=holds(self._measure, value, score.expected, value))
        return score, self._tell(score, lasting)

    def pass_over(self, start: datetime, moment: Moment) -> None:
        """An interval of which there is nothing: nobody is told, but what was open may end."""
        score, lasting = self._score(start, moment, np.nan)
        self._tell(msgspec.structs.replace(score, held_by="missing"), lasting)

    def _score(self, start: datetime, moment: Moment, value: float) -> tuple[Score, float]:
        told = self._one.assess(moment, value)
        severe = round(float(severity(np.array(told.surprise))), 1)
        phase: Phase = "learning" if told.learning else "active"
        why: tuple[str, ...] = ()
        if severe >= FLOOR:
            why = rarity_in_words(severe, self._interval), *self._one.grounds(told)
        self._one.learn(told)
        score = Score(
            NAME, start, start + self._interval, "value", (),
            _optional(value), _optional(told.expected), _optional(told.lower), _optional(told.upper),
            _optional(told.scale), severe, round(told.confidence, 3), phase, why=why,
        )  # fmt: skip
        return score, told.lasting

    def _tell(self, score: Score, lasting: float) -> Alert | None:
        if score.severity < FLOOR and not self._reporter.grouper.open:
            # Nothing could open or close.
            return None
        told = list(self._reporter.take(_scores(score, lasting)))
        return next((alert for alert in told if isinstance(alert, Alert) and alert.kind == "OPENED"), None)


def _optional(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _scores(score: Score, lasting: float) -> IntervalScores:
    return IntervalScores(
        score.detector, 0, 1, 0, 1, score.interval_start, score.interval_end, (),
        [score.measure], [score.place],
        [score.value], [score.expected], [score.lower], [score.upper], [score.scale],
        [score.severity], [score.confidence], [score.phase],
        held_by={} if score.held_by is None else {0: score.held_by}, why={0: score.why},
        off=sides(np.array([lasting])),
    )  # fmt: skip

"""The Numenta Anomaly Benchmark: files of real series with windows in which something was wrong.

Scored by its published rules, version 1.1 (Lavin and Ahmad, "Evaluating Real-time Anomaly Detection
Algorithms", 2015), written from their description:

- The first 15 % of a file, at most 750 points, are not scored.
- A window counts once, by its best alert: from 1 at its left edge, along a sigmoid, to 0 at its right.
- An alert outside costs along the same sigmoid: little shortly after a window, and up to its full weight.
- One threshold for all files; 0 is what a detector gets that never alerts, 100 one that alerts at the left
  edge of each window and never else.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.judging.streams import Stream
from detectors.models.base import Column

CORPUS = Path(__file__).parents[1] / "data" / "nab"
PROBATION, PROBATION_POINTS = 0.15, 750
#: So many points after a score, only a higher one counts in full, for the benchmark charges every point.
HOLD, HELD_SHARE = 100, 0.1

Profile = Literal["standard", "low FP", "low FN"]


class Weights(NamedTuple):
    """What a window found, an alert outside, and a window missed count."""

    found: float
    false: float
    missed: float


PROFILES: Mapping[Profile, Weights] = {
    "standard": Weights(1.0, 0.11, 1.0),
    "low FP": Weights(1.0, 0.22, 1.0),
    "low FN": Weights(1.0, 0.11, 2.0),
}


@dataclass(frozen=True)
class File:
    """A series of the corpus; its windows are ranges of points, both ends within."""

    name: str
    times: tuple[datetime, ...]
    value: Column
    windows: tuple[tuple[int, int], ...]

    def stream(self) -> Stream:
        """The series as models see it, at the interval that most of its points are apart."""
        apart = Counter(int((later - time).total_seconds()) for time, later in pairwise(self.times))
        return Stream(
            name=self.name,
            family="nab",
            interval_seconds=apart.most_common(1)[0][0],
            second_of_week=np.array([_second_of_week(time) for time in self.times]),
            value=self.value,
            special=np.zeros(len(self.value), dtype=np.bool_),
            episodes=(),
            excused=(),
            judged_from=self.scored_from,
        )

    @property
    def scored_from(self) -> int:
        """The first point that is scored."""
        return math.ceil(min(math.floor(PROBATION * len(self.value)), PROBATION_POINTS))

    def window_of(self) -> NDArray[np.intp]:
        """Number of the window that each point is in; -1 outside."""
        number = np.full(len(self.value), -1)
        for window, (left, right) in enumerate(self.windows):
            number[left : right + 1] = window
        return number

    def worth(self) -> Column:
        """What an alert at each point is worth, before weights: up to 1 in a window, down to -1 outside."""
        position = np.full(len(self.value), np.inf)
        for window, (left, right) in enumerate(self.windows):
            inside = np.arange(left, right + 1)
            position[inside] = -(right - inside + 1) / len(inside)
            more = self.windows[window + 1 :]
            after = np.arange(right + 1, more[0][0] if more else len(self.value))
            position[after] = (after - right) / (right - left)
        with np.errstate(over="ignore"):
            worth: Column = 2 / (1 + np.exp(5 * position)) - 1
        worth[position > 3] = -1
        return np.where(self.window_of() >= 0, worth / (2 / (1 + math.exp(-5)) - 1), worth)


class Result(NamedTuple):
    """A score of 100, at a threshold."""

    score: float
    threshold: float
    found: int
    windows: int


def load(corpus: Path = CORPUS) -> list[File]:
    """All files."""
    labels = json.loads((corpus / "labels" / "combined_windows.json").read_text())
    return [_read(corpus, name, labels[name]) for name in sorted(labels)]


def _read(corpus: Path, name: str, windows: Sequence[tuple[str, str]]) -> File:
    with gzip.open(corpus / f"{name}.gz", "rt", newline="") as text:
        rows = list(csv.DictReader(text))
    times = tuple(datetime.fromisoformat(row["timestamp"]) for row in rows)
    # Of a time that comes twice, as in the autumn, the first.
    first = {time: point for point, time in reversed(list(enumerate(times)))}
    ranges = tuple((first[_time(left)], first[_time(right)]) for left, right in windows)
    return File(name, times, np.array([float(row["value"]) for row in rows]), ranges)


@cache
def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _second_of_week(time: datetime) -> int:
    return ((time.weekday() * 24 + time.hour) * 60 + time.minute) * 60 + time.second


def held(score: Column) -> Column:
    """Scores of which only the highest of the last points counts in full."""
    before = [score[max(0, point - HOLD) : point].max(initial=-np.inf) for point in range(len(score))]
    return np.where(score > before, score, HELD_SHARE * score)


def at_threshold(
    files: Sequence[File], scores: Sequence[Column], profile: Profile, threshold: float
) -> Result:
    """The result where every score from the threshold on is an alert."""
    weights = PROFILES[profile]
    raw, found, windows = 0.0, 0, 0
    for file, score in zip(files, scores, strict=True):
        alert = score >= threshold
        alert[: file.scored_from] = False
        window_of, worth = file.window_of(), file.worth()
        raw += weights.false * float(worth[alert & (window_of < 0)].sum())
        windows += len(file.windows)
        for window in range(len(file.windows)):
            alerts = worth[alert & (window_of == window)]
            found += len(alerts) > 0
            raw += weights.found * float(alerts.max()) if len(alerts) else -weights.missed
    nothing, everything = -weights.missed * windows, weights.found * windows
    return Result(100 * (raw - nothing) / (everything - nothing), threshold, found, windows)


def best(files: Sequence[File], scores: Sequence[Column], profile: Profile) -> Result:
    """The result at the threshold that is best for these files, as the benchmark is published."""
    return at_threshold(files, scores, profile, _best_threshold(files, scores, profile))


def _best_threshold(files: Sequence[File], scores: Sequence[Column], profile: Profile) -> float:
    """Lower the threshold from score to score, adding up what each further alert changes."""
    weights = PROFILES[profile]
    window_of, worth, score, windows = [], [], [], 0
    for file, said in zip(files, scores, strict=True):
        judged = slice(file.scored_from, None)
        number = file.window_of()[judged]
        window_of.append(np.where(number >= 0, number + windows, -1))
        worth.append(file.worth()[judged])
        score.append(said[judged])
        windows += len(file.windows)
    all_scores = np.concatenate(score)
    order = np.argsort(-all_scores, kind="stable")
    all_scores, windowed, worths = (
        all_scores[order],
        np.concatenate(window_of)[order],
        np.concatenate(worth)[order],
    )
    change = np.where(windowed < 0, weights.false * worths, 0.0)
    best_of = np.full(windows, -weights.missed)
    for alert in np.flatnonzero(windowed >= 0).tolist():
        window, gain = windowed[alert], weights.found * worths[alert]
        change[alert] = max(0.0, gain - best_of[window])
        best_of[window] = max(best_of[window], gain)
    # Equal scores become alerts together.
    last = np.append(np.flatnonzero(np.diff(all_scores)), len(all_scores) - 1)
    total = np.cumsum(change)[last]
    if total.max() <= 0:
        return math.inf
    return float(all_scores[last[int(np.argmax(total))]])

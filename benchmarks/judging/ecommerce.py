"""The labelled e-commerce set: hourly views and revenue of 21 places, in half a year."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.judging.faults import Episode
from benchmarks.judging.streams import WEEK, Stream
from detectors.models.base import Flags

FILE = Path(__file__).parents[1] / "data" / "ecommerce" / "labelled.csv.gz"
HOUR = 3600
#: Thresholds are chosen on the first part of it; what is reported comes from the rest.
FIRST = 0.4
#: Of the first part, so many weeks are only history.
HISTORY_WEEKS = 3


def reported() -> list[Stream]:
    """Whole series, of which the later part is judged."""
    return [_stream(name, rows, len(rows), int(FIRST * len(rows))) for name, rows in _series().items()]


def tuning() -> list[Stream]:
    """The first part of the series."""
    return [
        _stream(name, rows, int(FIRST * len(rows)), HISTORY_WEEKS * WEEK // HOUR)
        for name, rows in _series().items()
    ]


Row = tuple[datetime, float, bool]


def _series() -> dict[str, list[Row]]:
    series = defaultdict[str, list[Row]](list)
    with gzip.open(FILE, "rt", newline="") as text:
        for row in csv.DictReader(text):
            time = datetime.fromisoformat(row["timestamp"])
            for measure in ("views", "revenue"):
                name = f"{measure}, {row['platform']}, {row['marketplace']}"
                series[name].append((time, float(row[measure]), row[f"{measure}_label"] == "1"))
    return series


def _stream(name: str, rows: list[Row], points: int, judged_from: int) -> Stream:
    times, values, labels = zip(*rows[:points], strict=True)
    monday = times[0] - timedelta(days=times[0].weekday(), hours=times[0].hour)
    second_of_week = [int((time - monday).total_seconds()) % WEEK for time in times]
    return Stream(
        name=name,
        family="ecommerce",
        interval_seconds=HOUR,
        second_of_week=np.array(second_of_week),
        value=np.array(values),
        special=np.zeros(points, dtype=np.bool_),
        episodes=_episodes(np.array(labels)),
        excused=(),
        judged_from=judged_from,
    )


def _episodes(labels: Flags) -> tuple[Episode, ...]:
    """Rows in a row that are labelled."""
    borders = np.flatnonzero(np.diff(labels.astype(int), prepend=0, append=0)).tolist()
    return tuple(Episode("labelled", start, stop) for start, stop in list(pairwise(borders))[::2])

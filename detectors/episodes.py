"""Incidents against labels: what of that which is known to have happened was found, and what else was told.

An incident is a group from when people are first told of it to its end. A label is a stretch of time, at a
place and of a measure if it says so. They belong together where they share time, or the incident begins
just after, and where one of the members is at the label's place, in it or around it. So one label may have
several incidents, and one incident be about several labels.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

import msgspec

from detectors.config import DAY
from detectors.records import Alert, AnomalyGroup

#: An incident that begins so many intervals after the end of a label still belongs to it.
TOLERANCE = 2


class Label(msgspec.Struct, frozen=True):
    """Something that is known to have happened."""

    start: datetime
    end: datetime
    dimensions: dict[str, str] = {}
    measure: str | None = None
    kind: str | None = None


class Involved(msgspec.Struct, frozen=True):
    """A series of an incident, and the interval in which it became one, by its start."""

    measure: str
    dimensions: dict[str, str]
    joined: datetime


class Incident(msgspec.Struct):
    """A group that people are told of."""

    group: str
    start: datetime
    end: datetime
    interval: timedelta
    #: The interval in which they are told of it, by its start.
    told: datetime | None = None
    members: dict[str, Involved] = {}


class Judgement(msgspec.Struct, frozen=True):
    """How well incidents and labels fit; shares are None where there is nothing to share."""

    incidents: int
    incidents_a_day: float
    #: Only with labels.
    labels: int | None = None
    found: int | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    #: From the start of a label to that of the interval in which people are told of it, of those found.
    median_delay_seconds: float | None = None
    #: Kind → found, of how many; where labels say so.
    kinds: dict[str, tuple[int, int]] = {}


class Fit(NamedTuple):
    """Which incidents and labels belong together, each by its position."""

    #: Incidents that fit some label.
    right: set[int]
    #: Of each label, how late people were told of it; None if they never were.
    delays: list[timedelta | None]


class Incidents:
    """The incidents of some detectors, in the order of their groups."""

    def __init__(self, intervals: Mapping[str, timedelta], since: datetime | None = None) -> None:
        """`intervals` by the name of each detector; what began before `since` is no incident."""
        self._intervals, self._since = intervals, since
        self._known: dict[str, Incident] = {}

    def __iter__(self) -> Iterator[Incident]:
        return (incident for incident in self._known.values() if incident.told is not None)

    def take(self, outcome: AnomalyGroup | Alert) -> bool:
        """Take in a group, and then what is told of it; False if it began too early to count."""
        if isinstance(outcome, Alert):
            told = self._known.get(outcome.group)
            if told is not None and told.told is None:
                told.told = told.end - told.interval
            return told is not None
        interval = self._intervals[outcome.detector]
        incident = self._known.get(outcome.id)
        if incident is None:
            if self._since is not None and outcome.start < self._since:
                return False
            incident = Incident(outcome.id, outcome.start, outcome.end, interval)
            self._known[outcome.id] = incident
        incident.end = max(incident.end, outcome.end)
        for anomaly in outcome.members:
            key = f"{anomaly.measure}|{sorted(anomaly.dimensions.items())}"
            if key not in incident.members:
                joined = outcome.end - interval
                incident.members[key] = Involved(anomaly.measure, anomaly.dimensions, joined)
        return True


def fit(incidents: Sequence[Incident], labels: Sequence[Label]) -> Fit:
    """Hold incidents against labels."""
    right, delays = set[int](), list[timedelta | None]()
    # Each label is held against those alone that may share time with it: there may be thousands of both.
    order = sorted(range(len(incidents)), key=lambda n: incidents[n].start)
    starts = [incidents[n].start for n in order]
    longest = max((incident.end - incident.start for incident in incidents), default=timedelta(0))
    tolerance = TOLERANCE * max((incident.interval for incident in incidents), default=timedelta(0))
    for label in labels:
        near = order[bisect_right(starts, label.start - longest) : bisect_left(starts, label.end + tolerance)]
        fitting = [(n, at) for n in near if (at := _told(label, incidents[n])) is not None]
        right |= {n for n, _ in fitting}
        delays.append(min((max(at - label.start, timedelta(0)) for _, at in fitting), default=None))
    return Fit(right, delays)


def judge(incidents: Sequence[Incident], labels: Sequence[Label] | None, span: timedelta) -> Judgement:
    """Hold what was told in a span of time against what is known; `labels` is None where nothing is."""
    a_day = len(incidents) / (span / DAY) if span else 0.0
    if labels is None:
        return Judgement(len(incidents), a_day)
    right, delays = fit(incidents, labels)
    known = [delay for delay in delays if delay is not None]
    precision = len(right) / len(incidents) if incidents else None
    recall = len(known) / len(labels) if labels else None
    return Judgement(
        len(incidents),
        a_day,
        labels=len(labels),
        found=len(known),
        precision=precision,
        recall=recall,
        f1=_f1(precision, recall),
        median_delay_seconds=median(delay.total_seconds() for delay in known) if known else None,
        kinds=_kinds(labels, delays),
    )


def _f1(precision: float | None, recall: float | None) -> float | None:
    if recall is None:
        return None
    # Who tells of nothing finds nothing.
    precision = precision or 0.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _kinds(labels: Sequence[Label], delays: Sequence[timedelta | None]) -> dict[str, tuple[int, int]]:
    kinds: dict[str, tuple[int, int]] = {}
    for label, delay in zip(labels, delays, strict=True):
        if label.kind is not None:
            found, of = kinds.get(label.kind, (0, 0))
            kinds[label.kind] = found + (delay is not None), of + 1
    return kinds


def _told(label: Label, incident: Incident) -> datetime | None:
    """When people are told of what the label says, if the incident is about it."""
    until = label.end + TOLERANCE * incident.interval
    if incident.told is None or incident.start >= until or incident.end <= label.start:
        return None
    times = [max(incident.told, m.joined) for m in incident.members.values() if _is_about(label, m)]
    told = min(times, default=None)
    return told if told is not None and told < until else None


def _is_about(label: Label, member: Involved) -> bool:
    if label.measure is not None and member.measure != label.measure and not member.measure.startswith("("):
        return False
    return label.dimensions.items() <= member.dimensions.items() or (
        member.dimensions.items() <= label.dimensions.items()
    )

"""The records of the flow, in flow order: frozen, and the wire schema as well.

Event → Partial → Interval → IntervalScores → AnomalyGroup → Alert. Beside them: Watermark, the news
that time has passed in a source partition. Intervals are half-open, `[start, end)`; every time on
the wire is aware and UTC. Severity is 0–100, confidence 0–1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from keyword import iskeyword
from typing import Any, Literal, cast

import msgspec

#: A dimension's values in the detector's order; None where the dimension is rolled up.
Place = tuple[str | None, ...]

#: What an event may carry in a field.
Value = str | int | float | bool | None

Phase = Literal["learning", "active"]

#: Above or below what was expected; no value; no event of the whole source; all measures of a place together.
Direction = Literal["above", "below", "missing", "stopped", "together"]

#: On which side a value still is of what the last days would have brought, whatever is expected by now.
Side = Literal["above", "below"]

#: What keeps a surprising score from opening a group: a rule of its measure, a calendar, or what people said.
HeldBy = Literal["direction", "minimum_change", "minimum_volume", "missing", "calendar", "feedback"]

#: How a group ends: its values are as before, or people have to live with what they are now; or it turned out
#: to be one with another.
Ending = Literal["over", "new_normal", "merged"]

#: How an incident went: over at once, growing for a while, or there at once and lasting.
Shape = Literal["burst", "slope", "jump"]

#: A severity in one word.
Level = Literal["HIGH", "MEDIUM", "LOW"]

#: What a measure has to do with an incident.
Role = Literal["cause", "effect", "related"]

#: In the place of a measure: how unusual all measures of a place are together.
JOINT = "(joint)"


class Event(msgspec.Struct, frozen=True, gc=False):
    """Something that happened, with the fields that the detectors of its source read.

    Each source has a subclass of its own with one attribute a field: see `event_type`.
    """

    #: Milliseconds since the epoch.
    event_time: int


def attribute(field: str) -> str:
    """The attribute of an Event that holds a field: the field's name as an identifier.

    >>> attribute("geo.country"), attribute("class"), attribute("__typename")
    ('geo__country', 'class__', 'field__typename')
    """
    name = re.sub(r"\W", "__", field)
    if name.startswith("__"):
        # Python and msgspec keep such names for themselves.
        name = f"field{name}"
    return f"{name}__" if iskeyword(name) else name


def event_type(fields: Iterable[str]) -> type[Event]:
    """Make the Event subclass of a source from the names of the fields that are read.

    >>> Click = event_type(["platform", "amount"])
    >>> Click(event_time=0, platform="web").amount is None
    True
    """
    columns = [(attribute(name), Value, None) for name in sorted(set(fields))]
    return cast(type[Event], msgspec.defstruct("SourceEvent", columns, bases=(Event,), frozen=True, gc=False))


class Intake(msgspec.Struct, frozen=True):
    """What came of an interval, and what its events lack: what its data quality is made of."""

    #: Events that the detector's filter lets through.
    measured: int = 0
    #: By dimension: how many of these have no value there.
    missing: list[int] = []
    #: By additive measure that reads a field: how many of them its own condition lets through, and how many
    #: of those have no value in the field. Zeros of the others.
    asked: list[int] = []
    without: list[int] = []
    #: Events that came after their interval had closed, and records that could not be used, while this was
    #: the newest interval.
    late: int = 0
    invalid: int = 0


class Partial(msgspec.Struct, frozen=True, tag="partial"):
    """What one source partition holds of one interval, rolled up; replaces the one sent before it.

    One row a place of the shard. `columns[m]` holds the aggregates of the detector's m-th additive
    measure in the wire form of its aggregation. A large Partial is sent in several blocks.
    """

    detector: str
    fingerprint: str
    partition: int
    shard: int
    block: int
    start: int
    end: int
    #: Events of this partition in the interval, whatever the detector measures of them.
    events: int
    places: list[Place]
    #: How many events the detector measures at each place.
    volumes: list[int]
    columns: list[list[Any]]
    #: The earliest event time, where it is asked for.
    first: int | None = None
    #: Of the whole partition, in the first block for the first shard.
    intake: Intake | None = None


class Watermark(msgspec.Struct, frozen=True, tag="watermark"):
    """The news that time has passed in one source partition, in milliseconds of event time.

    An idle partition is read to its end and silent: it does not hold the others back. `time` is
    None where the partition has never had an event.
    """

    detector: str
    fingerprint: str
    partition: int
    shard: int
    #: How many partitions the source has.
    partitions: int
    time: int | None
    idle: bool


#: In the place of a source partition: what came before `live_from`, from elsewhere.
HISTORY = -1


class LiveFrom(msgspec.Struct, frozen=True, tag="live_from"):
    """The news that intervals before a time come from elsewhere, whole, as partition `HISTORY`.

    What the partitions of the source say of those counts for nothing, and of later ones only when the
    history has come up to there.
    """

    detector: str
    fingerprint: str
    shard: int
    #: A border of intervals, in milliseconds.
    time: int


class Interval(msgspec.Struct, frozen=True):
    """A closed interval: the value of every measure at every place that had events in it."""

    detector: str
    start: int
    end: int
    events: int
    places: list[Place]
    #: How many events were measured at each place.
    volumes: list[int]
    #: One column a measure, ratios included, one row a place; NaN where there is no value.
    values: dict[str, list[float]]
    #: The earliest event time, where it is asked for.
    first: int | None = None
    #: Of all partitions, for the first shard.
    intake: Intake | None = None
    #: Measure → field → for each place how many events have it, and the heaviest of its values: how many have
    #: each at most, and by how many that may be too many.
    evidence: dict[str, dict[str, list[tuple[int, list[tuple[str, int, int]]]]]] = {}


class Evidence(msgspec.Struct, frozen=True):
    """Where a number comes from: the values of a field that weigh most among the events of a measure."""

    field: str
    #: Events of the measure that have the field.
    events: int
    #: Value → how many of them have it at least, the most first.
    values: dict[str, int]

    @property
    def mostly(self) -> str | None:
        """The value that more than half of the events have; None where there is none."""
        value, events = next(iter(self.values.items()))
        return value if 2 * events > self.events else None


class Line(msgspec.Struct, frozen=True):
    """What a number is told beside: another measure, and what that was."""

    measure: str
    value: float


class DataQuality(msgspec.Struct, frozen=True):
    """How good what a detector was fed with in one interval is."""

    detector: str
    interval_start: datetime
    interval_end: datetime
    #: Events of the source, and how many of them the detector's filter lets through.
    rows: int
    measured: int
    #: Events that came after their interval had closed, and records of the source that could not be used,
    #: since the interval before.
    late: int
    invalid: int
    #: Whether the source says nothing any more.
    stopped: bool
    #: Dimension, or measure that reads a field → the share of the events that should have a value there and
    #: have one, 0 to 1; without those of which there was no event.
    completeness: dict[str, float]
    #: How many series there are, and how many of them have seen too little to be judged.
    series: int = 0
    learning: int = 0


class LevelChange(msgspec.Struct, frozen=True):
    """A level that is another one for good, or still drifts: what is usual at this time of day, and was."""

    before: float
    now: float
    #: About when it began.
    since: datetime


class IntervalScores(msgspec.Struct, frozen=True):
    """The scores of the series of a detector in one interval, in columns.

    Many series are scored in shards, and those of a shard told in chunks: an interval is complete when
    all chunks of all shards are there.
    """

    detector: str
    shard: int
    shards: int
    chunk: int
    chunks: int
    interval_start: datetime
    interval_end: datetime
    dimensions: tuple[str, ...]
    measures: list[str]
    places: list[Place]
    #: None: no value in the interval.
    value: list[float | None]
    #: None: no forecast yet.
    expected: list[float | None]
    lower: list[float | None]
    upper: list[float | None]
    #: One standard error of the forecast, in the unit of the value.
    scale: list[float | None]
    severity: list[float]
    confidence: list[float]
    phase: list[Phase]
    #: Whether the source itself says nothing any more.
    stopped: bool = False
    #: Of surprising rows alone, by row: what holds them back, and in words where they come from.
    held_by: dict[int, HeldBy] = {}
    why: dict[int, tuple[str, ...]] = {}
    #: Of rows that are not where the last days would have them.
    off: dict[int, Side] = {}
    #: Of surprising rows whose like was missed before: how much less severity is asked of them.
    relief: dict[int, float] = {}
    #: Of rows that are surprising since their level has changed.
    level_changes: dict[int, LevelChange] = {}
    #: Of surprising rows alone: where their values come from.
    evidence: dict[int, tuple[Evidence, ...]] = {}
    #: And what they are told beside.
    lines: dict[int, Line] = {}
    #: The interval is still open: what is impossible already, and there may be more.
    provisional: bool = False
    #: Of the first shard, which does not know of the series of the others.
    quality: DataQuality | None = None

    def rows(self) -> Iterator[Score]:
        """One Score a series, in column order."""
        return map(self.row, range(len(self.measures)))

    def row(self, row: int) -> Score:
        """The Score of one series."""
        return Score(
            self.detector, self.interval_start, self.interval_end, self.measures[row], self.places[row],
            self.value[row], self.expected[row], self.lower[row], self.upper[row], self.scale[row],
            self.severity[row], self.confidence[row], self.phase[row],
            self.stopped, self.held_by.get(row), self.why.get(row, ()), self.relief.get(row, 0.0),
            self.level_changes.get(row), self.evidence.get(row, ()), self.lines.get(row),
        )  # fmt: skip


class Score(msgspec.Struct, frozen=True):
    """How surprising one series was in one interval."""

    detector: str
    interval_start: datetime
    interval_end: datetime
    measure: str
    place: Place
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    scale: float | None
    severity: float
    confidence: float
    phase: Phase
    stopped: bool = False
    held_by: HeldBy | None = None
    why: tuple[str, ...] = ()
    relief: float = 0.0
    level_change: LevelChange | None = None
    evidence: tuple[Evidence, ...] = ()
    line: Line | None = None


class Anomaly(msgspec.Struct, frozen=True):
    """A series that was anomalous while a group was open, told by its most severe interval."""

    measure: str
    dimensions: dict[str, str]
    interval_start: datetime
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    severity: float
    confidence: float
    direction: Direction
    #: How unusual that is, and where what was expected comes from, in words.
    why: tuple[str, ...] = ()
    #: How much less severity is asked of it, since its like was missed before.
    relief: float = 0.0
    #: It is no single value that is surprising, but that the level has changed.
    level_change: LevelChange | None = None
    #: Where that came from, by field.
    evidence: tuple[Evidence, ...] = ()
    line: Line | None = None


class Contribution(msgspec.Struct, frozen=True):
    """How many series of a measure are in a group, and what values of each dimension contribute."""

    measure: str
    series: int
    #: Dimension → its values, the largest first → 0 to 100, together 100.
    shares: dict[str, dict[str, int]]


class Relation(msgspec.Struct, frozen=True):
    """What a measure of a group has to do with the one that it began with."""

    measure: str
    #: `related`: they are off together, and which of them causes the other is not known.
    role: Role
    #: How much of the effect the cause explains, 0 to 100, of the cause that of all effects on average; None
    #: where that is not known.
    share: int | None = None
    #: After how many intervals it followed.
    lag: int = 0


class Part(msgspec.Struct, frozen=True):
    """What is at one element of a group."""

    element: dict[str, str]
    #: Of which measure; of a ratio it is the numerator that is told, and what was to be expected of it.
    measure: str
    actual: float
    expected: float
    #: 0 to 1: how much of the change of the measure is there, and how sure it is that it is off.
    share: float
    confidence: float


class Recommendation(msgspec.Struct, frozen=True):
    """What people should do, and where to read on."""

    say: str
    runbook: str | None = None


class AnomalyGroup(msgspec.Struct, frozen=True):
    """Anomalies of one detector that belong together: one incident.

    The id comes from the detector, the first interval and the first primary series, so that the
    same data always give the same id. `revision` grows with every change.
    """

    id: str
    detector: str
    revision: int
    status: Literal["open", "closed"]
    start: datetime
    #: End of the last anomalous interval.
    end: datetime
    severity: float
    #: The most severe member: what the group is called after.
    primary: Anomaly
    #: The most severe first; `members_total` counts those that are not named here as well, up to 20,000.
    members: list[Anomaly]
    members_total: int
    #: Why a group is closed.
    reason: Ending | None = None
    #: The id of the group that it is one with.
    merged_into: str | None = None
    #: How often it was closed and opened again: what comes back soon is the same incident.
    reopened: int = 0
    #: Whether leaves say where it is.
    localised: bool = False
    #: Where it is then, the clearest first: each some dimension values, none for the total.
    elements: list[dict[str, str]] = []
    #: 0 to 1: how much of the change of its measure is in these, and how sure it is that they are off.
    share: float | None = None
    confidence: float | None = None
    #: Each of them by itself.
    parts: list[Part] = []
    #: 0 to 1: how much of the detector is in it.
    breadth: float = 0.0
    #: What contributed to it, by measure.
    contributions: list[Contribution] = []
    #: What the measures have to do with each other, the cause first.
    relations: list[Relation] = []
    #: Measure → how much was missing (below 0) or too much in all its intervals, of what can be added up.
    totals: dict[str, float] = {}
    #: How it went, as far as that can be told by now.
    shape: Shape | None = None


class Alert(msgspec.Struct, frozen=True):
    """What a rule tells people of a group: that it opened, that it grew, that it is over."""

    rule: str
    detector: str
    group: str
    revision: int
    kind: Literal["OPENED", "UPDATED", "CLOSED"]
    summary: str
    severity: float
    confidence: float
    start: datetime
    end: datetime
    measure: str
    dimensions: dict[str, str]
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    direction: Direction
    #: The most severe members first; `members_total` counts the others as well.
    members: list[Anomaly]
    members_total: int
    #: How unusual that is, where what was expected comes from, and why the rule tells of it, in words.
    why: tuple[str, ...] = ()
    #: The interval is still open: what is told next confirms it, or withdraws it.
    provisional: bool = False
    #: Why an alert is CLOSED.
    reason: Ending | Literal["withdrawn"] | None = None
    #: As of its group, with what they say there.
    localised: bool = False
    elements: list[dict[str, str]] = []
    share: float | None = None
    parts: list[Part] = []
    breadth: float = 0.0
    contributions: list[Contribution] = []
    relations: list[Relation] = []
    totals: dict[str, float] = {}
    #: Of what is CLOSED: the id of the group that it is one with, and how severe it was at its worst.
    merged_into: str | None = None
    peak: float | None = None
    #: Of each measure, the most severe leaves among the members that are not named.
    leaves: list[Anomaly] = []
    #: How severe that is in one word: from 70 and from 40 on.
    level: Level = "LOW"
    shape: Shape | None = None
    advice: list[Recommendation] = []


def utc(milliseconds: int) -> datetime:
    """The aware UTC time of an event time.

    >>> utc(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)

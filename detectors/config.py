"""What to detect: the configuration language, one struct a table; `loading` makes them of a TOML file.

Where to run (broker, ports, secrets) is not here: that is environment, read by the shell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from detectors.sinks import AnySink
from detectors.sources import AnyCrawled, AnySource, FieldName, Source, as_records

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Aggregation = Literal["count", "sum", "mean", "min", "max", "distinct", "p50", "p95", "p99", "rate"]
Scalar = str | int | float | bool
FieldKind = Literal["number", "any"]
Mode = Literal["expect", "do-not-learn", "do-not-alert"]

Direction = Literal["above", "below", "both"]
Fill = Literal["zero", "previous", "gap", "ignore", "alarm"]
NotNegative = Annotated[float, Meta(ge=0, le=1e15)]
Limit = Annotated[float, Meta(ge=-1e15, le=1e15)]
Sensitivity = Annotated[float, Meta(ge=0.0001, le=10_000)]
Breach = Annotated[int, Meta(ge=1, le=100)]

#: Aggregations that count events, and so read no field of them; `rate` may read one, and then sums it up.
NEEDS_NO_FIELD = frozenset({"count", "rate"})
#: Aggregations of which an interval without events says zero; the others then say nothing.
ZERO_WITHOUT_EVENTS = frozenset({"count", "sum", "distinct", "rate"})
#: Aggregations that only grow as events come, as a rule: a sum may also take something back.
GROWING = frozenset({"count", "sum", "distinct", "rate", "max"})

DAY = timedelta(days=1)

T = TypeVar("T")


class ConfigError(ValueError):
    """The configuration cannot be used; the message names what, where and what to do."""


class Matcher(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A condition on one field beyond equality; everything that is given must hold."""

    #: None of these values.
    excluded: Scalar | list[Scalar] | None = msgspec.field(default=None, name="not")
    #: Begins with one of these texts.
    prefix: str | list[str] | None = None
    #: As a whole matches one of these regular expressions.
    regex: str | list[str] | None = None
    #: An address in one of these networks, such as `10.0.0.0/8`.
    cidr: str | list[str] | None = None


#: Field → a value, a list of values (any of them), or a Matcher. All fields must match.
Where = dict[FieldName, Scalar | list[Scalar] | Matcher]


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that is watched: an aggregation of events, or the ratio of two other measures."""

    name: Name
    aggregation: Aggregation | None = None
    #: The field that is aggregated; `count` has none, and `rate` needs none.
    field: FieldName | None = None
    where: Where = {}
    #: Numerator and denominator: names of two other measures.
    ratio: tuple[str, str] | None = None
    #: Fields whose heaviest values among its events are told with an anomaly, such as the addresses that they
    #: came from: who did it. They make no series.
    evidence: tuple[FieldName, ...] = ()
    #: Name of another measure that is told beside it, and drawn as a line, such as how many CPUs there are.
    line: str | None = None
    #: The smallest step of a sum or mean; sums are kept exact in whole steps.
    scale: Annotated[float, Meta(ge=1e-12, le=1e12)] = 0.0001
    #: What an interval without a value means: `zero`, or the `previous` value; or there is none, and it is
    #: told of if that is unusual for the series (`gap`), never (`ignore`) or always (`alarm`). Unless given,
    #: `zero` for count, sum, distinct and rate, `gap` for the others.
    missing: Fill | None = None
    #: Name of the model that forecasts it.
    model: str = "seasonal"
    #: For `model = "static"`: the lowest value that is in order.
    lower: Limit | None = None
    #: For `model = "static"`: the highest value that is in order.
    upper: Limit | None = None
    #: What is told of: values `above` what was expected, values `below` it and missing ones, or `both`.
    direction: Direction = "both"
    #: How far from what was expected a value must be to be told of, in its own unit.
    minimum_change: NotNegative = 0.0
    #: The same as a share of what was expected: 0.1 is ten percent.
    minimum_relative_change: NotNegative = 0.0
    #: For a ratio: its denominator must be so large for it to be told of.
    minimum_volume: NotNegative = 0.0
    #: Multiplies how many false episodes are put up with, and so how small an anomaly is told of: 10 lowers
    #: what alert rules ask of this measure by 20 of severity, 0.1 raises it by as much.
    sensitivity: Sensitivity = 1.0
    #: A group opens when the measure was off in so many of so many intervals, such as `[3, 5]`.
    breaches: tuple[Breach, Breach] = (1, 1)

    @property
    def measured(self) -> tuple[Any, ...]:
        """All that says what the number is, and nothing of how it is judged."""
        return self.name, self.aggregation, self.field, self.where, self.ratio, self.scale

    @property
    def fill(self) -> Fill:
        """What an interval without a value means for this measure."""
        if self.missing is not None:
            return self.missing
        return "zero" if self.aggregation in ZERO_WITHOUT_EVENTS else "gap"


class Occasion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something known beforehand that is one's own: a sale, a broadcast, maintenance."""

    #: What stands in a score and an alert.
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    #: A date, or a date and time. Without an offset from UTC it is local time, wherever the series is.
    start: str
    #: When it is over: a time, or the first day after the last.
    end: str | None = None
    #: How long it takes, instead of `end`. A date with neither is one day.
    duration: timedelta | None = None
    #: `daily`, `weekly`, `monthly`, `yearly`, or a recurrence rule of iCalendar: `FREQ=MONTHLY;BYDAY=-1FR`.
    repeat: str | None = None


class CalendarFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An iCalendar file, read."""

    path: str
    text: str


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Occasions that make an interval unlike others at its hour of the week, and what is done then."""

    #: The country whose public holidays are in it, and whose days of trade: two letters, such as `DE`.
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$")] | None = None
    #: The part of the country whose own holidays are in it as well: `BE` of DE is Berlin, `CA` of US is
    #: California.
    subdivision: str | None = None
    #: Which holidays: `public`, or others that a country has, such as `bank`, `school`, `unofficial`.
    categories: tuple[str, ...] = ("public",)
    #: Days of trade: Black Friday to Cyber Monday, Singles' Day, Valentine's Day, Christmas Eve and New
    #: Year's Eve; of some countries Mother's Day and Boxing Day as well.
    commercial: bool = False
    #: One's own.
    occasions: list[Occasion] = []
    #: iCalendar files whose events are in it, beside the configuration.
    files: list[CalendarFile] = []
    #: Holds only for places that match.
    where: Where = {}
    #: Holds as well for the roll-ups of these places, such as the total.
    rollups: bool = False
    #: `expect`: values may be unlike those of other days, and teach nothing about these. `do-not-learn`:
    #: scored as ever, and not learnt. `do-not-alert`: scored and learnt as ever; a score is held back and
    #: opens no group. One, or a list of them.
    mode: Mode | list[Mode] = "expect"
    #: How long before each occasion it holds too.
    margin_before: timedelta = timedelta(0)
    #: How long after each occasion it holds too.
    margin_after: timedelta = timedelta(0)

    @property
    def modes(self) -> frozenset[Mode]:
        """All that is done."""
        return frozenset(self.mode if isinstance(self.mode, list) else [self.mode])


Calendars = Mapping[str, Calendar]


class Advice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people should do about an anomaly of this kind: it goes with the alert."""

    #: In a sentence or two.
    say: Annotated[str, Meta(min_length=1, max_length=500)]
    #: Where to read on: an address, or where a page is.
    runbook: Annotated[str, Meta(pattern=r"^\S{1,500}$")] | None = None
    #: Holds where these dimensions have these values, or most of the evidence has them.
    where: Where = {}
    #: Holds for anomalies of these measures; of all when empty.
    measures: list[str] = []


class LocalTime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time zone of some places."""

    #: Which places.
    where: Where
    #: Their time zone, such as `Europe/Berlin`.
    timezone: str


class Detector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Measures of one source, by dimensions, in intervals: the series that are watched together."""

    name: Name
    source: str
    interval: timedelta
    measures: Annotated[list[Measure], Meta(min_length=1)]
    dimensions: tuple[FieldName, ...] = ()
    #: How long an interval waits for events that are out of order.
    lateness: timedelta = timedelta(seconds=10)
    #: Only events that match are measured.
    where: Where = {}
    #: Which roll-ups are monitored: `total`, `each` (single dimensions), `leaves`, or lists of dimensions.
    levels: tuple[Literal["total", "each", "leaves"] | list[str], ...] = ("total", "each", "leaves")
    #: Sets the borders of days and the seasons.
    timezone: str = "UTC"
    #: Time zones of places by their dimension values; the first that matches, else `timezone`. They set
    #: seasons and the days of calendars; borders of intervals stay those of `timezone`.
    timezones: list[LocalTime] = []
    #: Names of the calendars that hold for its series.
    calendars: list[str] = []
    #: What people should do about its anomalies; of one alert the first three that fit.
    advice: list[Advice] = []
    #: Measures in the order in which one causes the next, such as views, carts, orders.
    funnel: list[str] = []
    #: Places whose series go beyond this many are not scored, and counted. While an interval is open,
    #: leaves beyond it fold into `(other)`.
    max_series: Annotated[int, Meta(ge=1)] = 10_000
    #: A place without events for this long is forgotten, and its series with it; but for the total.
    forget_after: timedelta = timedelta(days=28)
    #: The places are scored in so many parts, which workers share: more than one for a detector that is
    #: too large for one worker. Each part takes its share of `max_series`.
    shards: Annotated[int, Meta(ge=1, le=256)] = 1
    #: The same as that of a measure, for all of them; the two are multiplied.
    sensitivity: Sensitivity = 1.0

    @property
    def additive(self) -> list[Measure]:
        """The measures that are aggregated from events, in order; ratios come from these."""
        return [measure for measure in self.measures if measure.ratio is None]

    @property
    def most_places(self) -> int:
        """How many places a shard may have."""
        return self.max_series // (len(self.measures) * self.shards)

    @property
    def subsets(self) -> list[tuple[bool, ...]]:
        """The roll-ups to compute, as masks over the dimensions; leaves are always among them."""
        return [*self.monitored, *({(True,) * len(self.dimensions)} - set(self.monitored))]

    @property
    def monitored(self) -> list[tuple[bool, ...]]:
        """The roll-ups whose anomalies count, as masks over the dimensions, coarse first."""
        n = len(self.dimensions)
        masks: set[tuple[bool, ...]] = set()
        for level in self.levels:
            if level == "total":
                masks.add((False,) * n)
            elif level == "leaves":
                masks.add((True,) * n)
            elif level == "each":
                masks.update(tuple(i == j for i in range(n)) for j in range(n))
            else:
                masks.add(tuple(name in level for name in self.dimensions))
        return sorted(masks, key=lambda mask: (sum(mask), [not kept for kept in mask]))

    @property
    def fingerprint(self) -> str:
        """A short hash of what is measured: what was folded under another one are numbers of another kind.

        How numbers are judged is not in it, and can be changed without a gap.
        """
        evidence = [measure.evidence for measure in self.measures]
        return digest(
            self.name, self.source, self.interval, self.lateness, self.timezone, self.dimensions, self.where,
            self.levels, self.max_series, self.shards, [measure.measured for measure in self.measures],
            *([evidence] if any(evidence) else []),
        )  # fmt: skip


class AlertRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which groups of a detector people are told of."""

    name: Name
    detector: str
    severity_threshold: Annotated[float, Meta(ge=0, le=100)] = 70.0
    #: Only anomalies of these measures count; all when empty.
    measures: list[str] = []
    #: Only anomalies at places that match count.
    where: Where = {}
    #: Also tell of an interval that is still open, where it is impossible already: of what is too much, or
    #: of a steady source that is silent. When it closes, that is confirmed or withdrawn.
    provisional: bool = False
    #: So many of its series must be in a group.
    minimum_series: Annotated[int, Meta(ge=1)] = 1
    #: Which measures must be off together, such as `"orders below and (errors or latency above)"`: names,
    #: each of which may be followed by `above`, `below` or `missing`, joined by `and`, `or`, `not`.
    when: str | None = None
    #: A group must have lasted so long. Before that it is over without a word.
    delay: timedelta = timedelta(0)
    #: When nothing new is told, by the detector's time zone: `"22:00-07:00"`, `"sat-sun 00:00-24:00"`. What
    #: is still open afterwards is told then, and what was told before is closed at any hour.
    quiet_hours: list[str] = []
    #: Also tell of a group that has become worse, or has spread.
    updates: bool = True
    #: Tell of a group again when it is still open so long after it was told of last.
    repeat: timedelta | None = None
    #: Names of the sinks that are told; unless given, all are.
    sinks: list[str] | None = None


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is detected by one worker."""

    sources: dict[Name, AnySource]
    detectors: Annotated[list[Detector], Meta(min_length=1)]
    alerts: list[AlertRule] = []
    calendars: dict[Name, Calendar] = {}
    sinks: dict[Name, AnySink] = {}

    @property
    def streamed(self) -> dict[str, Source]:
        """The sources that are topics."""
        return {name: source for name, source in self.sources.items() if isinstance(source, Source)}

    def records_of(self, source: str) -> Source:
        """How the records of a source are read, whether it is a topic or not."""
        return as_records(self.sources[source])

    @property
    def crawled(self) -> dict[str, AnyCrawled]:
        """The sources that are asked for each interval."""
        return {name: source for name, source in self.sources.items() if not isinstance(source, Source)}

    @property
    def shards(self) -> int:
        """How many shards a detector has at most."""
        return max(detector.shards for detector in self.detectors)

    def detector(self, name: str) -> Detector:
        """The detector of that name."""
        return next(detector for detector in self.detectors if detector.name == name)

    def rules_of(self, detector: str) -> list[AlertRule]:
        """The alert rules of a detector, in order."""
        return [rule for rule in self.alerts if rule.detector == detector]

    def foresees(self, detector: str) -> bool:
        """Whether a rule asks for news of intervals of a detector that are still open."""
        return any(rule.provisional for rule in self.rules_of(detector))

    def detectors_of(self, source: str) -> list[Detector]:
        """The detectors that read a source, in order."""
        return [detector for detector in self.detectors if detector.source == source]

    def fields_of(self, source: str) -> dict[str, FieldKind]:
        """The event fields that the detectors of a source read, and which must be numbers."""
        fields: dict[str, FieldKind] = {}
        for detector in self.detectors_of(source):
            for name in (*detector.dimensions, *detector.where):
                fields.setdefault(name, "any")
            for measure in detector.additive:
                for name in (*measure.where, *measure.evidence):
                    fields.setdefault(name, "any")
                if measure.field is not None:
                    kind: FieldKind = "any" if measure.aggregation == "distinct" else "number"
                    fields[measure.field] = "number" if kind == "number" else fields.get(measure.field, kind)
        return fields


def digest(*parts: Any) -> str:
    """A short hash of parts of a configuration, the same in every process."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:16]


def as_list(value: T | list[T]) -> list[T]:
    """A value that may be given alone or as a list, as a list."""
    return value if isinstance(value, list) else [value]

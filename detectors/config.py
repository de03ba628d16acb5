"""What to detect: one TOML file becomes one valid Config, or one clear ConfigError.

Where to run (broker, ports, secrets) is not here: that is environment, read by the shell.
"""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from detectors.records import Event, attribute

#: A field of an event: letters, digits, `_`, `-`, and dots where the value is nested.
FieldName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Aggregation = Literal["count", "sum", "mean", "min", "max", "distinct", "p50", "p95", "p99", "rate"]
Scalar = str | int | float | bool
FieldKind = Literal["number", "any"]

#: Aggregations that read no field of the event.
NEEDS_NO_FIELD = frozenset({"count", "rate"})
#: Aggregations of which an interval without events says zero; the others then say nothing.
ZERO_WITHOUT_EVENTS = frozenset({"count", "sum", "distinct", "rate"})

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
    #: An address in one of these networks, such as `10.0.0.0/8`.
    cidr: str | list[str] | None = None


#: Field → a value, a list of values (any of them), or a Matcher. All fields must match.
Where = dict[FieldName, Scalar | list[Scalar] | Matcher]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where events come from: a Kafka topic and how its records are read."""

    topic: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    #: Name of an input format: `json`, `clickstream`, `aws-waf`.
    format: str
    #: `wall`: events are about now; when all is silent, time passes with the clock.
    #: `event`: a replay; only events move time.
    clock: Literal["wall", "event"] = "wall"
    #: A partition that is read to its end and silent for this long holds no interval open.
    idle_timeout: timedelta = timedelta(seconds=1)
    #: How far an event may be ahead of its time and still be believed: of its Kafka record with
    #: `clock = "wall"`, an hour if nothing is said; of its partition's newest event with `"event"`, a
    #: day or sixteen intervals, whichever is longer.
    max_ahead: timedelta | None = None
    #: For `json`: path of the event time, and its unit (`auto` tells s, ms, us, ns by magnitude).
    time: str | None = None
    time_unit: Literal["auto", "s", "ms", "us", "ns", "iso"] = "auto"
    #: For `json`: field name → path, where they differ, such as `country = "geo.country"`.
    fields: dict[FieldName, str] = {}


class Measure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that is watched: an aggregation of events, or the ratio of two other measures."""

    name: Name
    aggregation: Aggregation | None = None
    #: The field that is aggregated; `count` and `rate` need none.
    field: FieldName | None = None
    where: Where = {}
    #: Numerator and denominator: names of two other measures.
    ratio: tuple[str, str] | None = None
    #: The smallest step of a sum or mean; sums are kept exact in whole steps.
    scale: Annotated[float, Meta(ge=1e-12, le=1e12)] = 0.0001
    #: What an interval without events means: `zero` (default of count, sum, distinct, rate),
    #: `ignore` (default of the others), or `previous`.
    missing: Literal["zero", "ignore", "previous"] | None = None
    #: Name of the model that forecasts it.
    model: str = "seasonal"

    @property
    def fill(self) -> Literal["zero", "ignore", "previous"]:
        """What an interval without events means for this measure."""
        if self.missing is not None:
            return self.missing
        return "zero" if self.aggregation in ZERO_WITHOUT_EVENTS else "ignore"


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
        """A short hash that changes with anything that changes results."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:16]


class AlertRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which groups of a detector people are told of."""

    name: Name
    detector: str
    severity_threshold: Annotated[float, Meta(ge=0, le=100)] = 70.0
    #: Only anomalies of these measures count; all when empty.
    measures: list[str] = []
    #: Only anomalies at places that match count.
    where: Where = {}


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is detected by one worker."""

    sources: dict[Name, Source]
    detectors: Annotated[list[Detector], Meta(min_length=1)]
    alerts: list[AlertRule] = []

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
                for name in measure.where:
                    fields.setdefault(name, "any")
                if measure.field is not None:
                    kind: FieldKind = "any" if measure.aggregation == "distinct" else "number"
                    fields[measure.field] = "number" if kind == "number" else fields.get(measure.field, kind)
        return fields


def load(path: Path) -> Config:
    """Read and check a configuration file.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or does not make sense.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"cannot read the configuration {path}: {error.strerror}; name it with -c FILE"
        raise ConfigError(message) from error
    except UnicodeDecodeError as error:
        message = f"{path} is not valid TOML: it is no UTF-8 text"
        raise ConfigError(message) from error
    return parse(text, name=str(path))


def parse(text: str, name: str = "lookalive.toml") -> Config:
    """Make a Config from the text of a TOML file; `name` is used in messages.

    Raises:
        ConfigError: the text is not TOML, or does not make sense.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{name} is not valid TOML: {error}"
        raise ConfigError(message) from error
    try:
        for problem in _unknown_keys(document):
            raise ConfigError(problem)
        config = msgspec.convert(document, Config)
        for problem in _contradictions(config):
            raise ConfigError(problem)
    except msgspec.ValidationError as error:
        message = f"{name}: {_plain(error)}"
        raise ConfigError(message) from error
    except ConfigError as error:
        message = f"{name}: {error}"
        raise ConfigError(message) from None
    return config


def _plain(error: msgspec.ValidationError) -> str:
    text = str(error)
    if "duration" in text:
        text += '; durations are ISO 8601, such as "PT5M" or "P1D"'
    return text.replace("`$.", "`").replace("Expected `Literal[", "Expected one of `[")


def _unknown_keys(document: Mapping[str, object]) -> Iterator[str]:
    """A sentence for each key that no struct knows, with the nearest key that exists."""

    def check(table: object, struct: type[msgspec.Struct], path: str) -> Iterator[str]:
        if not isinstance(table, Mapping):
            return
        known = [field.encode_name for field in msgspec.structs.fields(struct)]
        for key in table:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
                yield f"unknown key {path + key!r}; {hint}"

    def filtered(table: object, struct: type[msgspec.Struct], path: str) -> Iterator[str]:
        yield from check(table, struct, path)
        where = table.get("where") if isinstance(table, Mapping) else None
        for field, condition in where.items() if isinstance(where, Mapping) else ():
            yield from check(condition, Matcher, f"{path}where.{field}.")

    def tables(value: object) -> list[object]:
        return value if isinstance(value, list) else []

    yield from check(document, Config, "")
    sources = document.get("sources")
    if isinstance(sources, Mapping):
        for name, table in sources.items():
            yield from check(table, Source, f"sources.{name}.")
    for i, table in enumerate(tables(document.get("detectors"))):
        yield from filtered(table, Detector, f"detectors[{i}].")
        if isinstance(table, Mapping):
            for j, measure in enumerate(tables(table.get("measures"))):
                yield from filtered(measure, Measure, f"detectors[{i}].measures[{j}].")
    for i, table in enumerate(tables(document.get("alerts"))):
        yield from filtered(table, AlertRule, f"alerts[{i}].")


def _contradictions(config: Config) -> Iterator[str]:
    yield from _repeated("detector", [detector.name for detector in config.detectors])
    yield from _repeated("alert", [rule.name for rule in config.alerts])
    topics = [source.topic for source in config.sources.values()]
    yield from (f"{problem}, one source a topic" for problem in _repeated("topic", topics))
    for name, source in config.sources.items():
        yield from _bad_source(source, config.fields_of(name), f"source {name!r}")
    for detector in config.detectors:
        where = f"detector {detector.name!r}"
        if detector.source not in config.sources:
            yield f"{where}: no source named {detector.source!r}; {_known(config.sources)}"
        yield from _bad_detector(detector, where)
        for measure in detector.measures:
            yield from _bad_measure(measure, detector, f"{where}, measure {measure.name!r}")
    for rule in config.alerts:
        names = [detector.name for detector in config.detectors]
        if rule.detector not in names:
            yield f"alert {rule.name!r}: no detector named {rule.detector!r}; {_known(names)}"
            continue
        detector = config.detector(rule.detector)
        measures = [measure.name for measure in detector.measures]
        for name in sorted(set(rule.measures) - set(measures)):
            yield f"alert {rule.name!r}: {rule.detector!r} has no measure {name!r}; {_known(measures)}"
        for name in sorted(set(rule.where) - set(detector.dimensions)):
            yield f"alert {rule.name!r}: {name!r} is no dimension; {_known(detector.dimensions)}"
        yield from _bad_where(rule.where, f"alert {rule.name!r}")


def _bad_source(source: Source, fields: Iterable[str], where: str) -> Iterator[str]:
    for name, length in (("idle_timeout", source.idle_timeout), ("max_ahead", source.max_ahead)):
        if length is not None and length < timedelta(0):
            yield f"{where}: {name} cannot be negative"
    names: dict[str, str] = {}
    for field in sorted({*fields, *source.fields}):
        name = attribute(field)
        if hasattr(Event, name):
            yield f"{where}: no field may be called {field!r}; rename it: fields = {{ other = {field!r} }}"
        elif name in names:
            yield (
                f"{where}: fields {names[name]!r} and {field!r} cannot be told apart; "
                f"rename one: fields = {{ other = {field!r} }}"
            )
        names[name] = field


def _bad_detector(detector: Detector, where: str) -> Iterator[str]:
    seconds = detector.interval / timedelta(seconds=1)
    if seconds < 1 or seconds != int(seconds) or DAY % detector.interval:
        yield f"{where}: interval must be whole seconds and divide a day, such as PT1M, PT5M, PT1H or P1D"
    if detector.lateness < timedelta(0):
        yield f"{where}: lateness cannot be negative"
    try:
        ZoneInfo(detector.timezone)
    except (KeyError, ValueError, OSError):
        yield f"{where}: no time zone {detector.timezone!r}; use a name such as Europe/Berlin"
    if detector.forget_after < detector.interval:
        yield f"{where}: forget_after must be at least an interval"
    yield from (f"{where}: {problem}" for problem in _repeated("dimension", detector.dimensions))
    yield from (f"{where}: {p}" for p in _repeated("measure", [m.name for m in detector.measures]))
    if not detector.levels:
        yield f'{where}: no levels, so nothing is monitored; leave levels out, or give ["total"]'
    if not detector.most_places:
        least = len(detector.measures) * detector.shards
        yield f"{where}: max_series must be at least {least}, one series a measure and shard"
    for level in detector.levels:
        for name in level if isinstance(level, list) else ():
            if name not in detector.dimensions:
                yield f"{where}: level {level}: {name!r} is no dimension; {_known(detector.dimensions)}"
    measures = [measure.name for measure in detector.measures]
    for name in detector.funnel:
        if name not in measures:
            yield f"{where}: funnel: no measure {name!r}; {_known(measures)}"
    yield from _bad_where(detector.where, where)


def _bad_measure(measure: Measure, detector: Detector, where: str) -> Iterator[str]:
    if (measure.ratio is None) == (measure.aggregation is None):
        yield f"{where}: give either an aggregation or a ratio"
    elif measure.ratio is not None:
        additive = [other.name for other in detector.additive]
        for name in measure.ratio:
            if name not in additive:
                yield f"{where}: ratio of unknown measure {name!r}; {_known(additive)}"
        if measure.field is not None or measure.where:
            yield f"{where}: a ratio has no field and no where of its own; its two measures have"
    elif measure.aggregation in NEEDS_NO_FIELD and measure.field is not None:
        yield f"{where}: {measure.aggregation} reads no field; leave out field = {measure.field!r}"
    elif measure.aggregation not in NEEDS_NO_FIELD and measure.field is None:
        yield f'{where}: {measure.aggregation} needs a field, such as field = "amount"'
    yield from _bad_where(measure.where, where)


def _bad_where(where: Where, owner: str) -> Iterator[str]:
    for field, condition in where.items():
        if condition in ([], Matcher()):
            yield f"{owner}: where.{field} asks for nothing; give a value, or not, prefix or cidr"
        if isinstance(condition, Matcher) and condition.cidr is not None:
            for network in as_list(condition.cidr):
                try:
                    ipaddress.ip_network(network)
                except ValueError as error:
                    yield f"{owner}: where.{field}.cidr: {error}"


def as_list(value: T | list[T]) -> list[T]:
    """A value that may be given alone or as a list, as a list."""
    return value if isinstance(value, list) else [value]


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{what} {name!r} is given twice; names must differ"
        seen.add(name)


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(names)) or 'none'}"

"""Loading: one TOML file becomes one valid Config, or one clear ConfigError that names what to do."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec

from detectors import conditions, crawled_metrics, sources
from detectors.calendars import countries, public_holidays, recurrences
from detectors.config import (
    DAY,
    NEEDS_NO_FIELD,
    AlertRule,
    Calendar,
    Config,
    ConfigError,
    Detector,
    Matcher,
    Measure,
    Where,
    as_list,
)
from detectors.quiet_hours import QuietHours
from detectors.records import JOINT, Event, attribute
from detectors.sinks import SINKS, contradictions
from detectors.sources import SOURCES, Source
from detectors.unknown_keys import tables, unknown_keys

#: An occasion casts its shadow no farther.
MOST_MARGIN = timedelta(days=31)


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
    return parse(text, name=str(path), folder=path.parent)


def parse(text: str, name: str = "lookalive.toml", folder: Path | None = None) -> Config:
    """Make a Config from the text of a TOML file; `name` is used in messages.

    `folder` is where the files are that it names.

    Raises:
        ConfigError: the text is not TOML, or does not make sense.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"{name} is not valid TOML: {error}"
        raise ConfigError(message) from error
    try:
        for table in _values(document.get("sources")):
            table.setdefault("type", "kafka")
        for problem in unknown_keys(document):
            raise ConfigError(problem)
        _read_calendars(document, folder or Path())
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


def _read_calendars(document: Mapping[str, Any], folder: Path) -> None:
    """Put the text of files beside their paths, and times as text where TOML has made objects of them."""
    calendars = document.get("calendars")
    for name, table in calendars.items() if isinstance(calendars, dict) else ():
        if not isinstance(table, dict):
            continue
        for occasion in tables(table.get("occasions")):
            for key in {"start", "end"} & set(occasion):
                if isinstance(occasion[key], date):
                    occasion[key] = occasion[key].isoformat()
        files = table.get("files")
        if isinstance(files, list):
            owner = f"calendar {name!r}"
            table["files"] = [_read_file(folder, str(path), owner) for path in files]


def _read_file(folder: Path, path: str, where: str) -> dict[str, str]:
    try:
        return {"path": path, "text": (folder / path).read_text(encoding="utf-8-sig")}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        message = f"{where}: cannot read the file {folder / path}: {why}"
        raise ConfigError(message) from error


def _values(value: object) -> list[dict[str, Any]]:
    return tables(list(value.values())) if isinstance(value, dict) else []


def _plain(error: msgspec.ValidationError) -> str:
    text = str(error)
    if "duration" in text:
        text += '; durations are ISO 8601, such as "PT5M" or "P1D"'
    if text.startswith("Invalid enum value"):
        text += f"; expected one of {', '.join(dict.fromkeys(_choices(text)))}"
    text = text.replace("`str` matching regex '^[A-Z]{2}$'", "two capital letters, such as DE")
    text = text.replace(
        "`str` matching regex '^(env|file):\\\\S+$'", "where the secret is: env:NAME or file:PATH"
    )
    return text.replace("`$.", "`").replace("Expected `Literal[", "Expected one of `[")


def _choices(text: str) -> Iterator[str]:
    """The words that the key may be that the text of an error ends with, such as `$.sources[...].clock`."""
    key = re.split(r"\W+", text.partition("`$.")[2].rstrip("0123456789[]`"))[-1]
    structs: tuple[type[msgspec.Struct], ...] = (*SOURCES, Detector, Measure, Calendar, *SINKS)
    for struct in structs:
        words = msgspec.json.schema(struct)["$defs"][struct.__name__]["properties"].get(key, {})
        for part in [words, *words.get("anyOf", [])]:
            yield from (word for word in _words(part) if isinstance(word, str))


def _words(schema: Mapping[str, Any]) -> list[Any]:
    return [*schema.get("enum", []), *schema.get("items", {}).get("enum", [])]


def _contradictions(config: Config) -> Iterator[str]:
    yield from _repeated("detector", [detector.name for detector in config.detectors])
    yield from _repeated("alert", [rule.name for rule in config.alerts])
    topics = [source.topic for source in config.streamed.values()]
    yield from (f"{problem}, one source a topic" for problem in _repeated("topic", topics))
    for name, source in config.sources.items():
        where = f"source {name!r}"
        if not isinstance(source, Source):
            yield from (f"{where}: {problem}" for problem in sources.contradictions(source))
        yield from _bad_source(config.records_of(name), config.fields_of(name), where)
    for name, calendar in config.calendars.items():
        yield from _bad_calendar(calendar, f"calendar {name!r}")
    for detector in config.detectors:
        where = f"detector {detector.name!r}"
        yield from _bad_use(detector, config.calendars, where)
        if detector.source not in config.sources:
            yield f"{where}: no source named {detector.source!r}; {_known(config.sources)}"
        yield from _bad_detector(detector, where)
        unfit = crawled_metrics.contradictions(config.sources.get(detector.source), detector)
        yield from (f"{where}: {problem}" for problem in unfit)
        for measure in detector.measures:
            yield from _bad_measure(measure, detector, f"{where}, measure {measure.name!r}")
    for name, sink in config.sinks.items():
        yield from (f"sink {name!r}: {problem}" for problem in contradictions(sink))
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
        for name in sorted(set(rule.sinks or ()) - set(config.sinks)):
            yield f"alert {rule.name!r}: no sink named {name!r}; {_known(config.sinks)}"
        yield from _bad_where(rule.where, f"alert {rule.name!r}")
        yield from _bad_rule(rule, measures)


def _bad_rule(rule: AlertRule, measures: Sequence[str]) -> Iterator[str]:
    where = f"alert {rule.name!r}"
    try:
        for hours in rule.quiet_hours:
            QuietHours.read(hours)
        asked = conditions.read(rule.when).measures if rule.when is not None else frozenset[str]()
    except ValueError as error:
        yield f"{where}: {error}"
        return
    for name in sorted(asked - {*measures, JOINT}):
        yield f"{where}: when: no measure {name!r}; {_known(measures)}"
    if rule.delay < timedelta(0) or (rule.repeat is not None and rule.repeat <= timedelta(0)):
        yield f"{where}: delay must not be below zero, and repeat be above"
    if rule.provisional and rule.delay:
        yield f"{where}: what is told early cannot wait: give provisional or delay"


def _bad_source(source: Source, fields: Iterable[str], where: str) -> Iterator[str]:
    for name, length in (("idle_timeout", source.idle_timeout), ("max_ahead", source.max_ahead)):
        if length is not None and length < timedelta(0):
            yield f"{where}: {name} cannot be negative"
    yield from (f"{where}: {problem}" for problem in sources.bad_timezone(source.timezone))
    if ("hash" in source.hidden.values()) != (source.hidden_key is not None):
        yield f'{where}: hidden_key goes with a hash: hidden_key = "env:NAME"'
    for field in sorted(set(source.hidden) - set(fields)):
        yield f"{where}: hidden: no detector reads {field!r}, so nothing keeps it anyway"
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


def _bad_calendar(calendar: Calendar, where: str) -> Iterator[str]:
    for name, length in (("margin_before", calendar.margin_before), ("margin_after", calendar.margin_after)):
        if not timedelta(0) <= length <= MOST_MARGIN:
            yield f"{where}: {name} must be from PT0S to P{MOST_MARGIN.days}D"
    if calendar.country is None and (calendar.subdivision is not None or calendar.categories != ("public",)):
        yield f'{where}: subdivision and categories are of a country; give one, such as country = "DE"'
    if calendar.country is not None and calendar.country not in countries():
        yield f"{where}: no public holidays of {calendar.country!r} are known; {_known(countries())}"
    elif not (calendar.country or calendar.commercial or calendar.occasions or calendar.files):
        yield f"{where} is empty; give it a country, commercial = true, occasions or files"
    if calendar.rollups and not calendar.where:
        yield f"{where}: rollups goes with where; without where it holds for all places anyway"
    if not calendar.modes:
        yield f'{where}: no mode, so nothing is done; leave mode out, or give "expect"'
    yield from _bad_where(calendar.where, where)
    try:
        recurrences(calendar)
        if calendar.country is not None:
            public_holidays(calendar, 2026)
    except ValueError as error:
        yield f"{where}: {error}"


def _bad_use(detector: Detector, calendars: Mapping[str, Calendar], where: str) -> Iterator[str]:
    """What does not fit of the calendars and time zones of a detector."""
    yield from (f"{where}: {problem}" for problem in _repeated("calendar", detector.calendars))
    scopes = []
    for name in detector.calendars:
        if name not in calendars:
            yield f"{where}: no calendar named {name!r}; {_known(calendars)}"
        else:
            scopes.append((f"{where}: calendar {name!r}", calendars[name].where))
    for local in detector.timezones:
        owner = f"{where}: timezones: {local.timezone!r}"
        if not local.where:
            yield f"{owner} has no where; the time zone of all places is timezone = {local.timezone!r}"
        yield from (f"{where}: {problem}" for problem in sources.bad_timezone(local.timezone))
        yield from _bad_where(local.where, owner)
        scopes.append((owner, local.where))
    for owner, scope in scopes:
        for field in sorted(set(scope) - set(detector.dimensions)):
            yield f"{owner}: where: {field!r} is no dimension; {_known(detector.dimensions)}"


def _bad_detector(detector: Detector, where: str) -> Iterator[str]:
    seconds = detector.interval / timedelta(seconds=1)
    if seconds < 1 or seconds != int(seconds) or DAY % detector.interval:
        yield f"{where}: interval must be whole seconds and divide a day, such as PT1M, PT5M, PT1H or P1D"
    if detector.lateness < timedelta(0):
        yield f"{where}: lateness cannot be negative"
    yield from (f"{where}: {problem}" for problem in sources.bad_timezone(detector.timezone))
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
    yield from _bad_advice(detector, measures, where)
    for name in detector.funnel:
        if name not in measures:
            yield f"{where}: funnel: no measure {name!r}; {_known(measures)}"
    yield from _bad_where(detector.where, where)


def _bad_company(measure: Measure, detector: Detector, where: str) -> Iterator[str]:
    """What does not fit of what is told with a measure."""
    if measure.ratio is not None and measure.evidence:
        yield f"{where}: evidence is of events: give it to {measure.ratio[0]!r}, which tells it of both"
    yield from (f"{where}: {problem}" for problem in _repeated("evidence", measure.evidence))
    others = [other.name for other in detector.measures if other.name != measure.name]
    if measure.line is not None and measure.line not in others:
        yield f"{where}: line: no other measure {measure.line!r}; {_known(others)}"


def _bad_advice(detector: Detector, measures: Sequence[str], where: str) -> Iterator[str]:
    evidence = {field for measure in detector.measures for field in measure.evidence}
    for advice in detector.advice:
        owner = f"{where}: advice {advice.say[:30]!r}"
        for name in sorted(set(advice.measures) - set(measures)):
            yield f"{owner}: no measure {name!r}; {_known(measures)}"
        for field in sorted(set(advice.where) - {*detector.dimensions, *evidence}):
            known = _known([*detector.dimensions, *evidence])
            yield f"{owner}: where: {field!r} is no dimension and no evidence; {known}"
        yield from _bad_where(advice.where, owner)


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
    elif measure.aggregation == "count" and measure.field is not None:
        yield f"{where}: count reads no field; leave out field = {measure.field!r}"
    elif measure.aggregation not in NEEDS_NO_FIELD and measure.field is None:
        yield f'{where}: {measure.aggregation} needs a field, such as field = "amount"'
    limits = measure.lower, measure.upper
    if (measure.model == "static") == (limits == (None, None)):
        yield f'{where}: lower and upper go with model = "static", which needs one of them or both'
    elif measure.lower is not None and measure.upper is not None and measure.lower >= measure.upper:
        yield f"{where}: lower must be less than upper"
    yield from _bad_company(measure, detector, where)
    breaches, intervals = measure.breaches
    if breaches > intervals:
        yield f"{where}: breaches: {breaches} of {intervals} intervals cannot be off"
    if measure.minimum_volume and measure.ratio is None:
        yield f"{where}: minimum_volume is of the denominator of a ratio, and this is none"
    yield from _bad_where(measure.where, where)


def _bad_where(where: Where, owner: str) -> Iterator[str]:
    for field, condition in where.items():
        if condition in ([], Matcher()):
            yield f"{owner}: where.{field} asks for nothing; give a value, or not, prefix, regex or cidr"
        if isinstance(condition, Matcher) and condition.regex is not None:
            for regex in as_list(condition.regex):
                try:
                    re.compile(regex)
                except re.error as error:
                    yield f"{owner}: where.{field}.regex: {regex!r} is no regular expression: {error}"
        if isinstance(condition, Matcher) and condition.cidr is not None:
            for network in as_list(condition.cidr):
                try:
                    ipaddress.ip_network(network)
                except ValueError as error:
                    yield f"{owner}: where.{field}.cidr: {error}"


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{what} {name!r} is given twice; names must differ"
        seen.add(name)


def _known(names: Iterable[str]) -> str:
    return f"known: {', '.join(sorted(names)) or 'none'}"

"""The configuration reference: what structs, aggregations, formats and settings say of themselves.

In: the code, with the `#:` comments of its fields. Out: a page in Markdown, on standard output:

    python -m streams.reference > docs/configuration.md

A test holds the committed page to this, so that page and code cannot drift apart.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from string import Template
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta

from detectors import config
from detectors.aggregation import AGGREGATORS
from detectors.config import (
    Advice,
    AlertRule,
    Calendar,
    CalendarFile,
    Detector,
    FieldKind,
    LocalTime,
    Matcher,
    Measure,
    Occasion,
)
from detectors.models import MODELS
from detectors.sinks import SINKS, Address, Secret, Sink
from detectors.sources import CRAWLED, Crawled, FieldName, Source
from streams.formats import FORMATS
from streams.settings import PREFIX, Settings

#: Where a reader of the page asks for more than the field's name and comment say.
BY_NAME: Mapping[str, str] = {
    "Source.topic": "The Kafka topic.",
    "Source.time": "For `json`: path of the event time.",
    "Source.time_unit": "For `json`: its unit; `auto` tells them apart by magnitude, and takes text.",
    "Detector.name": "Part of every series id, group and alert; unique.",
    "Detector.source": "Name of the source whose events are measured.",
    "Detector.interval": "The stretch of event time that gives one value: whole seconds that divide a day.",
    "Detector.measures": "What is measured: see [Measures](#measures).",
    "Detector.dimensions": "The fields by whose values every measure is split.",
    "Detector.calendars": "Names of the [calendars](#calendars) that hold for its series.",
    "Detector.timezones": "Time zones of some places, the first that matches: see [Time zones](#time-zones).",
    "Detector.advice": "What people should do then, the first three that fit: see [Advice](#advice).",
    "Measure.evidence": "Fields whose heaviest values are told with an anomaly: see [Evidence](#evidence).",
    "Measure.name": "Unique in its detector.",
    "Measure.aggregation": "How events become a number: see [Aggregations](#aggregations).",
    "Measure.where": "Only events that match are measured, beside the detector's own `where`.",
    "AlertRule.name": "Stands in every alert; unique.",
    "AlertRule.detector": "Name of the detector whose groups are told of.",
    "AlertRule.severity_threshold": "Groups are told of from this severity on: see [Severity](#severity).",
    "Settings.web_host": "Address on which metrics and probes are served; `0.0.0.0` in a container.",
    "Settings.web_port": "Their port.",
    "Settings.log_level": "From which level on there is a log line.",
    "Settings.log_format": "Form of the log lines. Unless given: text on a terminal, JSON lines elsewhere.",
    "Settings.partitions": "Partitions of topics that are created. At most so many workers have work.",
    "Settings.replication": "Copies of topics that are created; three in production.",
    "Settings.security": "How the brokers are spoken to.",
    "Settings.sasl_mechanism": "With `sasl_plaintext` or `sasl_ssl`, together with the next two.",
    "Settings.username": "With `sasl_plaintext` or `sasl_ssl`.",
    "Settings.password": "With `sasl_plaintext` or `sasl_ssl`. Never printed, never logged.",
}

#: Types with a word of their own; compared, since not all of them can be hashed.
WORDS: Sequence[tuple[Any, str]] = (
    (config.Name, "name"),
    (FieldName, "field"),
    (config.Where, "conditions"),
    (config.Scalar | list[config.Scalar] | None, "value or list of values"),
    (Measure, "measure"),
    (config.Mode, "mode"),
    (Occasion, "occasion"),
    (CalendarFile, "path"),
    (LocalTime, "table"),
    (Advice, "advice"),
    (Secret, "secret"),
    (Address, "address"),
    (str, "text"),
    (int, "whole number"),
    (float, "number"),
    (bool, "true or false"),
    (timedelta, "duration"),
)

#: The page around the tables.
PAGE = Path(__file__).with_suffix(".md")


def page() -> str:
    """The whole page."""
    return Template(PAGE.read_text(encoding="utf-8")).substitute(
        source=_keys(Source),
        detector=_keys(Detector),
        measure=_keys(Measure),
        alert=_keys(AlertRule),
        sink=_keys(Sink),
        sinks=_kinds(SINKS, Sink),
        crawled=_keys(Crawled),
        crawled_kinds=_kinds(CRAWLED, Crawled),
        matcher=_keys(Matcher),
        calendar=_keys(Calendar),
        occasion=_keys(Occasion),
        local=_keys(LocalTime),
        advice=_keys(Advice),
        aggregations=_aggregations(),
        models=_table(("model", "what it is"), ((f"`{name}`", _summary(m)) for name, m in MODELS.items())),
        formats=_table(("format", "fields", "numbers among them"), map(_format_row, FORMATS)),
        settings=_settings(),
    )


def comments(struct: type[msgspec.Struct]) -> dict[str, str]:
    """What the `#:` comments above the fields of a struct say.

    >>> comments(Matcher)["excluded"]
    'None of these values.'
    """
    said: dict[str, str] = {}
    pending: list[str] = []
    inherited = [part for part in reversed(struct.__mro__) if part.__module__ == struct.__module__]
    for line in "".join(map(inspect.getsource, inherited)).splitlines():
        if comment := re.match(r"\s+#: (.*)", line):
            pending.append(comment[1])
        elif field := re.match(r"    (\w+): ", line):
            if pending:
                said[field[1]] = " ".join(pending)
            pending = []
    return said


def _described(struct: type[msgspec.Struct]) -> list[tuple[msgspec.structs.FieldInfo, str]]:
    said = comments(struct)
    fields = msgspec.structs.fields(struct)
    return [(f, BY_NAME.get(f"{struct.__name__}.{f.name}") or said[f.name]) for f in fields]


def _keys(struct: type[msgspec.Struct]) -> str:
    rows = (
        (f"`{field.encode_name}`", text, kind(field.type), _default(field))
        for field, text in _described(struct)
    )
    return _table(("key", "what it is", "type", "default"), rows)


def _kinds(structs: Iterable[type[msgspec.Struct]], base: type[msgspec.Struct]) -> str:
    """A section for each of the tables that are told apart by their `type`, without the keys all have."""
    return "\n\n".join(_kind_of(struct, base.__struct_fields__) for struct in structs)


def _kind_of(struct: type[msgspec.Struct], shared: Sequence[str]) -> str:
    rows = (
        (f"`{field.encode_name}`", text, kind(field.type), _default(field))
        for field, text in _described(struct)
        if field.name not in shared
    )
    table = _table(("key", "what it is", "type", "default"), rows)
    return f"### `{struct.__struct_config__.tag}`\n\n{_summary(struct)}\n\n{table}"


def _settings() -> str:
    rows = (
        (f"`{PREFIX}{field.name.upper()}`", text, kind(field.type), _default(field).replace('"', ""))
        for field, text in _described(Settings)
    )
    return _table(("variable", "what it is", "type", "default"), rows)


def _aggregations() -> str:
    rows = []
    for name, make in AGGREGATORS.items():
        measure = Measure(name="any", aggregation=name)
        needs = {"count": "none", "rate": "none, or a number", "distinct": "any"}.get(name, "a number")
        said = _summary(type(make(measure, timedelta(minutes=1)))).replace("this share", f"{name[1:]} %")
        rows.append((f"`{name}`", said, needs, f"`{measure.fill}`"))
    return _table(("aggregation", "what it is", "field", "`missing` by default"), rows)


def _format_row(name: str) -> tuple[str, str, str]:
    fields: Mapping[str, FieldKind] | None = getattr(inspect.getmodule(FORMATS[name]), "FIELDS", None)
    if fields is None:
        return f"`{name}`", "yours: a field is at the path that is its name, or that `fields` says", "any"
    numbers = ", ".join(f"`{field}`" for field, its in fields.items() if its == "number")
    return f"`{name}`", ", ".join(f"`{field}`" for field in fields), numbers


def kind(type_: Any) -> str:  # noqa: PLR0911  (one line for each kind of type)
    """A type in words.

    >>> kind(Annotated[int, Meta(ge=1)] | None), kind(tuple[str, ...]), kind(Literal["wall", "event"])
    ('whole number, at least 1', 'list of texts', '`wall`, `event`')
    """
    for known, word in WORDS:
        if type_ == known:
            return word
    arguments = get_args(type_)
    origin = get_origin(type_)
    if origin is Annotated:
        return ", ".join([kind(arguments[0]), *_bounds(arguments[1:])])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in {Union, UnionType}:
        return " or ".join(kind(part) for part in arguments if part is not type(None))
    if origin is tuple and Ellipsis not in arguments:
        return f"list of {len(arguments)} {kind(arguments[0]).partition(',')[0]}s"
    if origin in {list, tuple}:
        word = kind(arguments[0])
        return f"list of {word}s" if word.isalpha() else f"list of {word}"
    if origin is dict:
        return f"table: {kind(arguments[0])} → {kind(arguments[1])}"
    return str(type_.__name__).lower()


def _bounds(metas: Iterable[Meta]) -> Iterable[str]:
    for meta in metas:
        if meta.ge is not None and meta.le is not None:
            yield f"{meta.ge:g} to {meta.le:g}"
        elif meta.ge is not None:
            yield f"at least {meta.ge:g}"
        elif meta.gt is not None:
            yield f"above {meta.gt:g}"
        if meta.min_length is not None:
            yield f"at least {meta.min_length}"
        if meta.pattern is not None:
            yield f"matching `{meta.pattern}`"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "**needed**"
    value = field.default
    if value is None or value == () or value is msgspec.NODEFAULT:
        return "–"
    if isinstance(value, timedelta):
        value = _iso(value)
    return f"`{msgspec.json.encode(value, enc_hook=str).decode()}`"


def _iso(duration: timedelta) -> str:
    """A default duration, in its largest unit."""
    for form, unit in (
        ("P{}D", timedelta(days=1)),
        ("PT{}H", timedelta(hours=1)),
        ("PT{}M", timedelta(minutes=1)),
    ):
        if not duration % unit:
            return form.format(duration // unit)
    return f"PT{duration.total_seconds():g}S"


def _summary(described: type) -> str:
    return (inspect.getdoc(described) or "").partition("\n")[0]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page())

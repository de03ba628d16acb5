"""Keys of a configuration that mean nothing: each with its path and the nearest key that does.

Apart from what msgspec refuses, which names neither.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from detectors.config import (
    Advice,
    AlertRule,
    Calendar,
    Config,
    Detector,
    LocalTime,
    Matcher,
    Measure,
    Occasion,
)
from detectors.sinks import SINKS
from detectors.sources import SOURCES


def tables(value: object) -> list[dict[str, Any]]:
    """What of a list in a document are tables."""
    return [table for table in value if isinstance(table, dict)] if isinstance(value, list) else []


def unknown_keys(document: Mapping[str, object]) -> Iterator[str]:
    """A sentence for each key that no struct knows, with the nearest key that exists."""

    def filtered(table: object, struct: type[msgspec.Struct], path: str) -> Iterator[str]:
        yield from _unknown(table, struct, path)
        where = table.get("where") if isinstance(table, Mapping) else None
        for field, condition in where.items() if isinstance(where, Mapping) else ():
            yield from _unknown(condition, Matcher, f"{path}where.{field}.")

    yield from _unknown(document, Config, "")
    yield from _unknown_in_kinds("sources", document.get("sources"), SOURCES)
    calendars = document.get("calendars")
    if isinstance(calendars, Mapping):
        for name, table in calendars.items():
            yield from filtered(table, Calendar, f"calendars.{name}.")
            if isinstance(table, Mapping):
                for j, occasion in enumerate(tables(table.get("occasions"))):
                    yield from _unknown(occasion, Occasion, f"calendars.{name}.occasions[{j}].")
    for i, table in enumerate(tables(document.get("detectors"))):
        yield from filtered(table, Detector, f"detectors[{i}].")
        for j, measure in enumerate(tables(table.get("measures"))):
            yield from filtered(measure, Measure, f"detectors[{i}].measures[{j}].")
        for j, local in enumerate(tables(table.get("timezones"))):
            yield from filtered(local, LocalTime, f"detectors[{i}].timezones[{j}].")
        for j, advice in enumerate(tables(table.get("advice"))):
            yield from filtered(advice, Advice, f"detectors[{i}].advice[{j}].")
    for i, table in enumerate(tables(document.get("alerts"))):
        yield from filtered(table, AlertRule, f"alerts[{i}].")
    yield from _unknown_in_kinds("sinks", document.get("sinks"), SINKS)


def _unknown_in_kinds(key: str, tables: object, structs: Iterable[type[msgspec.Struct]]) -> Iterator[str]:
    """The same of tables that say their `type`."""
    kinds = {str(struct.__struct_config__.tag): struct for struct in structs}
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        kind = kinds.get(str(table.get("type"))) if isinstance(table, Mapping) else None
        if kind is None:
            yield f"{key}.{name}: type must be one of {', '.join(kinds)}"
        else:
            yield from _unknown(table, kind, f"{key}.{name}.")


def _unknown(table: object, struct: type[msgspec.Struct], path: str) -> Iterator[str]:
    if not isinstance(table, Mapping):
        return
    known = [field.encode_name for field in msgspec.structs.fields(struct)]
    for key in table:
        if key not in known and key != struct.__struct_config__.tag_field:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            yield f"unknown key {path + key!r}; {hint}"

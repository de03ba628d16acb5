"""A proposal → the text of a configuration, with a comment above each choice.

Written by a library, so that no value can end its string. Comments hold one printable line each, whatever
strangers wrote.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import tomlkit
from tomlkit.items import Array, InlineTable, Table

from detectors.config import Measure
from detectors.words import duration_in_iso, many, plain
from streams.inferring.chosen import Chosen
from streams.inferring.proposing import Proposal

WIDTH = 110
#: Of the fields that are not used so many are named.
MOST_LEFT_OUT = 30
#: Stands where the path of the event time is to be put.
NO_TIME = "timestamp"


def as_toml(proposal: Proposal) -> str:
    """The text of the configuration."""
    document = tomlkit.document()
    for line in _head(proposal):
        document.add(tomlkit.comment(line))
    document["sources"] = _super({proposal.name: _source(proposal)})
    detectors = tomlkit.aot()
    detectors.append(_detector(proposal))
    document["detectors"] = detectors
    alerts = tomlkit.aot()
    alerts.append(_alert(proposal))
    document["alerts"] = alerts
    return tomlkit.dumps(document)


def _head(proposal: Proposal) -> Iterator[str]:
    yield from _wrapped(
        f"Proposed by lookalive infer; {proposal.looked_at_in_words}. Each choice says how sure it is, and "
        "why: look at what is medium or low. lookalive check says what it watches."
    )
    if proposal.refused:
        first = "" if proposal.first_refused is None else f"; {plain(proposal.first_refused, 200)}"
        yield from _wrapped(
            f"{many(proposal.refused, 'record')} cannot be read and will be dead letters{first}"
        )


def _source(proposal: Proposal) -> Table:
    table = tomlkit.table()
    _add(table, "topic", proposal.topic)
    _add(table, "format", proposal.format.value, proposal.format)
    if proposal.format.value == "json":
        _add(table, "time", proposal.time.value or NO_TIME, proposal.time)
        if proposal.time_unit.value != "auto":
            _add(table, "time_unit", proposal.time_unit.value, proposal.time_unit)
    if proposal.fields:
        _add(table, "fields", _inline(proposal.fields))
    _add(table, "clock", proposal.clock.value, proposal.clock)
    return table


def _detector(proposal: Proposal) -> Table:
    table = tomlkit.table()
    _add(table, "name", proposal.name)
    _add(table, "source", proposal.name)
    _add(table, "interval", duration_in_iso(proposal.interval.value), proposal.interval)
    _add(table, "lateness", duration_in_iso(proposal.lateness.value), proposal.lateness)
    for chosen in proposal.dimensions:
        _comment(table, chosen, plain(chosen.value))
    for field in proposal.left_out[:MOST_LEFT_OUT]:
        _say(table, f"not {plain(field.field) or 'without a name'}: {field.why}")
    if len(proposal.left_out) > MOST_LEFT_OUT:
        _say(table, f"and not {many(len(proposal.left_out) - MOST_LEFT_OUT, 'other field')}")
    table["dimensions"] = [chosen.value for chosen in proposal.dimensions]
    table["measures"] = _measures(proposal)
    return table


def _measures(proposal: Proposal) -> Array:
    array = tomlkit.array()
    for chosen in proposal.measures:
        for line in _wrapped(_in_words(chosen)):
            array.add_line(indent="  ", comment=line)
        array.add_line(_inline(keys_of(chosen.value)), indent="  ")
    for hint in proposal.hints:
        array.add_line(indent="  ", comment=f"suggests itself: {hint}")
    array.add_line(indent="")
    return array


def _alert(proposal: Proposal) -> Table:
    table = tomlkit.table()
    _add(table, "name", f"{proposal.name}-page")
    _add(table, "detector", proposal.name)
    _add(table, "severity_threshold", proposal.severity_threshold.value, proposal.severity_threshold)
    return table


def keys_of(measure: Measure) -> dict[str, Any]:
    """A measure as it is written: what differs from the defaults."""
    keys: dict[str, Any] = {}
    for field in msgspec.structs.fields(Measure):
        value = getattr(measure, field.name)
        if field.required or value not in (field.default, {}):
            keys[field.encode_name] = msgspec.to_builtins(value)
    if "where" in keys:
        keys["where"] = {
            name: {k: v for k, v in condition.items() if v is not None}
            if isinstance(condition, dict)
            else condition
            for name, condition in keys["where"].items()
        }
    return keys


def _inline(values: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    for key, value in values.items():
        table[key] = _inline(value) if isinstance(value, dict) else value
    return table


def _super(tables: Mapping[str, Table]) -> Table:
    """A table that only holds others, and needs no line of its own."""
    table = tomlkit.table(is_super_table=True)
    for name, inner in tables.items():
        table[name] = inner
    return table


def _add(table: Table, key: str, value: object, chosen: Chosen[Any] | None = None) -> None:
    if chosen is not None:
        _comment(table, chosen, key)
    table[key] = value


def _comment(table: Table, chosen: Chosen[Any], what: str) -> None:
    _say(table, f"{what}: {chosen.sure}: {chosen.why}")


def _say(table: Table, sentence: str) -> None:
    for line in _wrapped(sentence):
        table.add(tomlkit.comment(line))


def _in_words(chosen: Chosen[Measure]) -> str:
    return f"{chosen.value.name}: {chosen.sure}: {chosen.why}"


def _wrapped(sentence: str) -> list[str]:
    return textwrap.wrap(plain(sentence, 1_000), WIDTH, break_long_words=False, break_on_hyphens=False)

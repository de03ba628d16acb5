"""A proposal → the text of a configuration, with how sure each choice is, and why, above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from detectors.config import Measure
from detectors.words import duration_in_iso, many, plain
from streams.inferring.chosen import Chosen
from streams.inferring.proposing import Proposal
from streams.toml_text import Entry, Listed, Section, toml_text

#: Of the fields that are not used so many are named.
MOST_LEFT_OUT = 30
#: Stands where the path of the event time is to be put.
NO_TIME = "timestamp"


def as_toml(proposal: Proposal) -> str:
    """The text of the configuration."""
    sections = [
        Section("sources", proposal.name, list(_source(proposal))),
        Section("detectors", None, list(_detector(proposal))),
        Section("alerts", None, list(_alert(proposal))),
    ]
    return toml_text(list(_head(proposal)), sections)


def _head(proposal: Proposal) -> Iterator[str]:
    yield (
        f"Proposed by lookalive infer; {proposal.looked_at_in_words}. Each choice says how sure it is, and "
        "why: look at what is medium or low. lookalive check says what it watches."
    )
    if proposal.refused:
        first = "" if proposal.first_refused is None else f"; {plain(proposal.first_refused, 200)}"
        yield f"{many(proposal.refused, 'record')} cannot be read and will be dead letters{first}"


def _source(proposal: Proposal) -> Iterator[Entry]:
    yield Entry("topic", proposal.topic)
    yield _chosen("format", proposal.format.value, proposal.format)
    if proposal.format.value == "json":
        yield _chosen("time", proposal.time.value or NO_TIME, proposal.time)
        if proposal.time_unit.value != "auto":
            yield _chosen("time_unit", proposal.time_unit.value, proposal.time_unit)
    if proposal.fields:
        yield Entry("fields", dict(proposal.fields))
    yield _chosen("clock", proposal.clock.value, proposal.clock)


def _detector(proposal: Proposal) -> Iterator[Entry]:
    yield Entry("name", proposal.name)
    yield Entry("source", proposal.name)
    yield _chosen("interval", duration_in_iso(proposal.interval.value), proposal.interval)
    yield _chosen("lateness", duration_in_iso(proposal.lateness.value), proposal.lateness)
    said = [_why(plain(chosen.value), chosen) for chosen in proposal.dimensions]
    said += [
        f"not {plain(field.field) or 'without a name'}: {field.why}"
        for field in proposal.left_out[:MOST_LEFT_OUT]
    ]
    if len(proposal.left_out) > MOST_LEFT_OUT:
        said.append(f"and not {many(len(proposal.left_out) - MOST_LEFT_OUT, 'other field')}")
    yield Entry("dimensions", [chosen.value for chosen in proposal.dimensions], said)
    measures = [(keys_of(one.value), [_why(one.value.name, one)]) for one in proposal.measures]
    yield Entry("measures", Listed(measures, [f"suggests itself: {hint}" for hint in proposal.hints]))


def _alert(proposal: Proposal) -> Iterator[Entry]:
    yield Entry("name", f"{proposal.name}-page")
    yield Entry("detector", proposal.name)
    threshold = proposal.severity_threshold
    yield _chosen("severity_threshold", threshold.value, threshold)


def _chosen(key: str, value: object, chosen: Chosen[Any]) -> Entry:
    return Entry(key, value, [_why(key, chosen)])


def _why(what: str, chosen: Chosen[Any]) -> str:
    return f"{what}: {chosen.sure}: {chosen.why}"


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

"""Files of Lookout for Metrics → the text of a configuration that loads, and what is to be said about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from detectors.config import Config
from detectors.loading import parse
from detectors.words import plain
from streams.errors import LookoutError
from streams.formats import make_format
from streams.lookout.alerts import Rules
from streams.lookout.joining import join
from streams.lookout.metric_sets import MadeDetector, make_detector
from streams.lookout.naming import Names
from streams.lookout.placeholders import PLACEHOLDER
from streams.lookout.reading import Document, Found, read
from streams.lookout.remarks import KINDS, Remark
from streams.lookout.writing import Tables, named_tables, write

TITLE = "Made by lookalive import-l4m of what Amazon Lookout for Metrics was told: see docs/migration.md."
ARN = re.compile(r"arn:[^:]*:lookoutmetrics:([a-z0-9-]+):(\d{12}):")


class TakenOver(msgspec.Struct, frozen=True):
    """A configuration, and what is to be said about it, in the order of KINDS."""

    configuration: str
    remarks: list[Remark]
    detectors: int
    measures: int
    alerts: int
    sinks: int


def take_over(documents: Sequence[Document], query: str | None = None) -> TakenOver:
    """The configuration that watches what the files say.

    Raises:
        LookoutError: they cannot be read, or not be taken over.
    """
    found = read(documents, query)
    joined = join(found)
    names, rules = Names(), Rules()
    made: list[MadeDetector] = []
    for each in joined:
        own = []
        for measured in each.metric_sets:
            several = len(each.metric_sets) > 1
            wished = f"{each.name}-{measured.metric_set_name or 'metrics'}" if several else each.name
            own.append(make_detector(names.fresh(wished), each.detector, measured))
        for alert in each.alerts:
            rules.add(alert, own)
        made += own
    tables: Tables = {
        "sources": {each.source.name: each.source.table for each in made},
        "detectors": [each.table for each in made],
        "alerts": rules.rules,
        "sinks": rules.sinks,
    }
    descriptions = {f"detectors.{each.name}": each.description for each in made if each.description}
    said = [
        *found.remarks,
        *(r for each in made for r in (*each.source.remarks, *each.remarks)),
        *rules.remarks,
    ]
    said += [*_where_to_run(found), *_placeholders(tables, found)]
    remarks = [remark for kind in KINDS for remark in dict.fromkeys(said) if remark.kind == kind]
    text = write(TITLE, tables, remarks, descriptions | rules.descriptions)
    config = _checked(text)
    measures = sum(len(detector.measures) for detector in config.detectors)
    return TakenOver(text, remarks, len(config.detectors), measures, len(config.alerts), len(config.sinks))


def _checked(text: str) -> Config:
    """What was written, loaded.

    Raises:
        LookoutError: it cannot be.
    """
    try:
        text.encode()
        config = parse(text)
        for name in config.sources:
            make_format(name, config.records_of(name), config.fields_of(name))
    except ValueError as error:
        # A ConfigError; or a column that no record can be asked for, such as one with a quote in its name.
        message = f"this cannot be said in a configuration: {plain(str(error), 400)}"
        raise LookoutError(message) from error
    return config


def _where_to_run(found: Found) -> Iterator[Remark]:
    """Region and account are settings here."""
    arns = [detector.anomaly_detector_arn or "" for detector in found.detectors]
    for region, account in dict.fromkeys(match.groups() for match in map(ARN.match, arns) if match):
        says = f"set LOOKALIVE_AWS_REGION={region} and LOOKALIVE_AWS_ACCOUNT={account}, for sinks"
        yield Remark("changed", "settings", says)


def _placeholders(tables: Tables, found: Found) -> Iterator[Remark]:
    """What must be put in the place of what is not known, said at the table where it stands."""
    for section, content in tables.items():
        for name, table in named_tables(content):
            for stands in dict.fromkeys(_open_in(table)):
                what = found.unresolved.get(stands)
                known = f"what the deployed stack has for {plain(what)}" if what else "its own value"
                yield Remark("to do", f"{section}.{name}", f"put {known} in the place of {plain(stands)}")


def _open_in(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return re.findall(rf"{PLACEHOLDER}[A-Za-z0-9_]+(?:-[A-Za-z0-9_]+)*", value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [stands for each in inner for stands in _open_in(each)]

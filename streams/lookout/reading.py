"""Files of Lookout for Metrics, told apart by what is in them → detectors, metric sets and alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from detectors.words import plain
from streams.errors import LookoutError
from streams.lookout.cloudformation import ALERT, DETECTOR, Template
from streams.lookout.connector import Params, shapes_of
from streams.lookout.placeholders import is_open, placeholder
from streams.lookout.remarks import Remark
from streams.lookout.shapes import Alert, AnomalyDetector, MetricSet
from streams.lookout.yaml_files import read_yaml

T = TypeVar("T")

#: Where a placeholder cannot stand. Who needs such a key takes another value for it, and says so.
CLOSED = frozenset({
    "AlertName", "AlertSensitivityThreshold", "AnomalyDetectorFrequency", "AnomalyDetectorName",
    "ColumnFormat", "ContainsHeader", "DatabasePort", "MetricSetFrequency", "MetricSetName", "Offset",
    "SnsFormat", "Timezone",
})  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A file: what it is called in messages, and its text."""

    name: str
    text: str


@dataclass
class Found:
    """What was in the files."""

    detectors: list[AnomalyDetector] = field(default_factory=list)
    metric_sets: list[MetricSet] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    #: Placeholder → what it stands for.
    unresolved: dict[str, str] = field(default_factory=dict)
    #: How many of the files are a params.json.
    connectors: int = 0


def read(documents: Sequence[Document], query: str | None) -> Found:
    """What is in the files; `query` is that of a connector.

    Raises:
        LookoutError: a file cannot be read, or has nothing of Lookout for Metrics in it.
    """
    found = Found()
    for document in documents:
        before = len(found.detectors) + len(found.metric_sets) + len(found.alerts)
        try:
            _take(_parse(document), document.name, found, query)
        except RecursionError as error:
            message = f"{document.name} is nested too deeply to be read"
            raise LookoutError(message) from error
        if before == len(found.detectors) + len(found.metric_sets) + len(found.alerts):
            message = (
                f"{document.name} has nothing of Lookout for Metrics in it; give a connector's params.json, "
                "what DescribeAnomalyDetector, DescribeMetricSet and DescribeAlert say, or a template of "
                "CloudFormation"
            )
            raise LookoutError(message)
    if query is not None and found.connectors != 1:
        message = f"--query is the query of one params.json, and there are {found.connectors} of them"
        raise LookoutError(message)
    return found


def _parse(document: Document) -> Any:
    if document.text.lstrip()[:1] in {"{", "["}:
        try:
            return msgspec.json.decode(document.text)
        except msgspec.DecodeError as json_error:
            # A template may begin so in YAML too; what is neither was meant to be JSON.
            try:
                return read_yaml(document.text, document.name)
            except LookoutError:
                message = f"{document.name} is no JSON: {json_error}"
                raise LookoutError(message) from json_error
    return read_yaml(document.text, document.name)


def _take(value: Any, file: str, found: Found, query: str | None) -> None:
    """Take what a value is, or what is in it."""
    if isinstance(value, list):
        for each in value:
            _take(each, file, found, query)
    elif not isinstance(value, dict):
        return
    elif isinstance(value.get("Resources"), dict):
        _template(value, file, found)
    elif "metrics_set" in value or "database_type" in value:
        detector, alerts = shapes_of(_shape(value, Params, f"{file}: params.json"), query)
        found.connectors += 1
        found.detectors.append(detector)
        found.alerts += alerts
    elif "MetricList" in value:
        found.metric_sets.append(_shape(value, MetricSet, f"{file}: metric set"))
    elif "AlertName" in value:
        found.alerts.append(_shape(value, Alert, f"{file}: alert"))
    elif "AnomalyDetectorName" in value or "AnomalyDetectorConfig" in value:
        found.detectors.append(_shape(value, AnomalyDetector, f"{file}: detector"))
    elif "MetricSetName" in value:
        name = plain(str(value["MetricSetName"]))
        message = (
            f"{file}: of metric set {name!r} there is only the name; give what DescribeMetricSet says of it"
        )
        raise LookoutError(message)
    else:
        for inner in value.values():
            _take(inner, file, found, query)


def _template(document: dict[str, Any], file: str, found: Found) -> None:
    template = Template(document)
    for name, properties in template.properties(DETECTOR).items():
        _close(properties, file, found)
        properties.setdefault("AnomalyDetectorName", name)
        properties["AnomalyDetectorArn"] = placeholder(name)
        found.detectors.append(_shape(properties, AnomalyDetector, f"{file}: {plain(name)}"))
    for name, properties in template.properties(ALERT).items():
        _close(properties, file, found)
        properties.setdefault("AlertName", name)
        found.alerts.append(_shape(properties, Alert, f"{file}: {plain(name)}"))
    found.unresolved |= template.unresolved
    for condition in dict.fromkeys(template.assumed):
        says = f"condition {plain(condition)} was taken to hold"
        found.remarks.append(Remark("changed", file, says))


def _close(value: Any, file: str, found: Found) -> None:
    """Leave out placeholders where they cannot stand."""
    if isinstance(value, list):
        for each in value:
            _close(each, file, found)
    elif isinstance(value, dict):
        for key in [key for key, inner in value.items() if key in CLOSED and is_open(inner)]:
            says = f"{key} is {plain(value.pop(key))}, which only the deployed stack knows: look there"
            found.remarks.append(Remark("changed" if key.endswith("Name") else "to do", file, says))
        for inner in value.values():
            _close(inner, file, found)


def _shape(value: Any, kind: type[T], where: str) -> T:
    try:
        # A template has numbers as text where they come from parameters.
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        message = f"{where}: {plain(str(error), 300)}"
        raise LookoutError(message) from error

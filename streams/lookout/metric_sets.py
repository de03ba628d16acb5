"""A metric set → a detector with its source, and what is to be said about both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from detectors.words import duration_in_iso, many, plain
from streams.errors import LookoutError
from streams.lookout.made_source import MadeSource, columns
from streams.lookout.metric_sources import make_source
from streams.lookout.naming import Fields, Names
from streams.lookout.remarks import Kind, Remark
from streams.lookout.shapes import AnomalyDetector, MetricSet

AGGREGATIONS = {"AVG": "mean", "SUM": "sum"}
#: Metrics of CloudWatch come late. The service knew by how much; here it must be said.
CLOUDWATCH_DELAY = timedelta(minutes=5)


@dataclass
class MadeDetector:
    """A detector as it is written, and what there is to say."""

    name: str
    source: MadeSource
    description: str | None
    table: dict[str, Any] = field(default_factory=dict)
    #: Metric → its measures: one, unless it was measured in two ways.
    measures: dict[str, list[str]] = field(default_factory=dict)
    #: Column → the dimension.
    dimensions: dict[str, str] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def say(self, kind: Kind, says: str) -> None:
        """Add a remark about this detector."""
        self.remarks.append(Remark(kind, f"detectors.{self.name}", says))


def make_detector(name: str, detector: AnomalyDetector, metric_set: MetricSet) -> MadeDetector:
    """The detector of a metric set.

    Raises:
        LookoutError: it measures nothing, or its interval is no length of time.
    """
    if not metric_set.metric_list:
        called = plain(metric_set.metric_set_name or name)
        message = f"metric set {called!r} has no metrics, so nothing to detect"
        raise LookoutError(message)
    frequency = detector.anomaly_detector_config.anomaly_detector_frequency
    interval = _interval(metric_set.metric_set_frequency or frequency or "PT1H", name)
    fields = Fields()
    for column in columns(metric_set):
        fields.of(column)
    source = make_source(name, metric_set, fields, interval == timedelta(days=1))
    description = detector.anomaly_detector_description or metric_set.metric_set_description
    made = MadeDetector(name, source, description)
    made.table = {"name": name, "source": name, "interval": duration_in_iso(interval)}
    if metric_set.metric_set_frequency or frequency:
        length = duration_in_iso(interval)
        made.say("kept", f"its frequency is the interval, {length}; here it may be any that divides a day")
    else:
        made.say("to do", "its frequency is not in these files: PT1H is a guess")
    _timezone(made, metric_set.timezone)
    _delay(made, metric_set)
    _dimensions(made, metric_set, fields)
    _measures(made, metric_set, fields)
    for new, old in fields.renamed.items():
        says = f"the column {plain(old)!r} is the field {new!r}: a field begins with a letter, without spaces"
        made.say("changed", says)
    return made


def _interval(text: str, name: str) -> timedelta:
    try:
        return msgspec.convert(text, timedelta)
    except msgspec.ValidationError as error:
        message = f"detector {plain(name)!r}: frequency {plain(text)!r} is no length of time such as PT1H"
        raise LookoutError(message) from error


def _timezone(made: MadeDetector, timezone: str | None) -> None:
    if timezone is None or timezone == "UTC":
        return
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        made.source.table.pop("timezone", None)
        made.say("to do", f"there is no time zone {plain(timezone)!r}: put in a name such as Europe/Berlin")
        return
    made.table["timezone"] = timezone
    made.say("kept", f"days and intervals are those of {timezone}; here places may have their own too")


def _delay(made: MadeDetector, metric_set: MetricSet) -> None:
    kind, offset = made.source.table["type"], timedelta(seconds=metric_set.offset or 0)
    length = duration_in_iso(offset)
    if kind == "kafka":
        if offset:
            made.table["lateness"] = length
            made.say("changed", f"offset is how long an interval waits for events, lateness = {length}")
    elif offset:
        made.source.table["delay"] = length
        made.source.say("kept", f"offset is delay: an interval is asked for {length} after its end")
    elif kind == "cloudwatch":
        made.source.table["delay"] = duration_in_iso(CLOUDWATCH_DELAY)
        made.source.say(
            "changed", "metrics of CloudWatch come late: they are asked for PT5M after an interval"
        )


def _dimensions(made: MadeDetector, metric_set: MetricSet, fields: Fields) -> None:
    made.dimensions = {column: fields.of(column) for column in metric_set.dimension_list or ()}
    if made.dimensions:
        made.table["dimensions"] = list(made.dimensions.values())
        says = "the total and the single values of each dimension are watched too, not only all combinations"
        made.say("better", says)
    where = {
        fields.of(each.name): _alone([value.dimension_value for value in each.filter_list])
        for each in metric_set.dimension_filter_list or ()
        if each.filter_list
    }
    if where:
        made.table["where"] = where
        said = ", ".join(where)
        made.say(
            "kept", f"only rows are measured that match {said}; here also by not, prefix, regex and cidr"
        )


def _measures(made: MadeDetector, metric_set: MetricSet, fields: Fields) -> None:
    names, measures = Names(), []
    for metric in metric_set.metric_list:
        measure = names.fresh(metric.metric_name)
        if measure != metric.metric_name:
            made.say("changed", f"the metric {plain(metric.metric_name)!r} is the measure {measure!r} here")
        made.measures.setdefault(metric.metric_name, []).append(measure)
        aggregation = AGGREGATIONS[metric.aggregation_function]
        measures.append({"name": measure, "aggregation": aggregation, "field": fields.of(metric.metric_name)})
    made.table["measures"] = measures
    said = ", ".join(each["name"] for each in measures)
    made.say("kept", f"{many(len(measures), 'measure')}: {said}; AVG is mean, SUM is sum")
    made.say("better", "counts, quantiles, distinct values and ratios such as conversion can be measured too")
    if any(each["aggregation"] == "sum" for each in measures):
        says = 'an interval without rows is 0 for a sum, and told of, unless missing = "gap" or "ignore"'
        made.say("changed", says)


def _alone(values: list[Any]) -> Any:
    """A list, or its only value."""
    return values[0] if len(values) == 1 else values

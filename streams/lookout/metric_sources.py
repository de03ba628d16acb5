"""Where a metric set has its rows from → a table of `sources`, and what is to be said about it."""

from __future__ import annotations

import re

from detectors.words import plain
from streams.lookout.database_sources import ask_as_connector, ask_rds, ask_redshift
from streams.lookout.file_sources import is_csv, read_files
from streams.lookout.made_source import MadeSource, time_column, time_pattern
from streams.lookout.naming import Fields
from streams.lookout.placeholders import PLACEHOLDER
from streams.lookout.shapes import MetricSet, MetricSource
from streams.lookout.times import is_read, names_offset

ARN_REGION = re.compile(r"^arn:[^:]*:[^:]*:([a-z]{2}(?:-[a-z]+)+-\d):")
STATISTICS = {"AVG": "Average", "SUM": "Sum"}


def make_source(name: str, metric_set: MetricSet, fields: Fields, daily: bool) -> MadeSource:
    """The source of a metric set, whose columns are `fields`.

    Raises:
        LookoutError: a query of a connector cannot be asked.
    """
    made, where = MadeSource(name), metric_set.metric_source or MetricSource()
    if where.connector is not None:
        ask_as_connector(made, where.connector, metric_set)
    elif where.redshift is not None:
        ask_redshift(made, where.redshift, metric_set)
    elif where.rds is not None:
        ask_rds(made, where.rds, metric_set)
    elif where.cloudwatch is not None:
        _ask_cloudwatch(made, metric_set)
    elif where.s3 is not None:
        read_files(made, where.s3, daily)
    else:
        _stand_in(made, where)
    kind = made.table["type"]
    if kind != "cloudwatch":
        _read_times(made, metric_set, where)
        if fields.renamed:
            made.table["fields"] = fields.renamed
    region = ARN_REGION.match(metric_set.anomaly_detector_arn or "")
    if region and (kind in {"redshift-data", "cloudwatch"} or made.table.get("path", "").startswith("s3://")):
        made.table["region"] = region[1]
    return made


def _ask_cloudwatch(made: MadeSource, metric_set: MetricSet) -> None:
    # One for all: a metric set of several was parted before.
    namespace = metric_set.metric_list[0].namespace or f"{PLACEHOLDER}namespace"
    metrics = {each.metric_name: STATISTICS[each.aggregation_function] for each in metric_set.metric_list}
    made.table = {"type": "cloudwatch", "namespace": namespace, "metrics": metrics}
    if len(metrics) < len(metric_set.metric_list):
        made.say("to do", "a metric has one statistic: of one with AVG and SUM take the other measure out")


def _stand_in(made: MadeSource, where: MetricSource) -> None:
    """A topic, where nothing here asks what the service asked."""
    made.table = {"type": "kafka", "topic": made.name, "format": "json"}
    if where.athena is not None:
        table = plain(where.athena.table_name or "?")
        what = f"Athena is not asked: read the files of its table {table} by a source of type files"
    elif where.app_flow is not None:
        flow = plain(where.app_flow.flow_name or "?")
        what = (
            f"AppFlow is not asked: let the flow {flow} write to S3, and read that by a source of type files"
        )
    else:
        what = "the metric set names no source that is known"
    made.say("missing", f"{what}; until then there is a topic in its place")
    made.say(
        "to do", f"nothing writes to the topic {made.name}: send rows there as JSON, or replace the source"
    )


def _read_times(made: MadeSource, metric_set: MetricSet, where: MetricSource) -> None:
    """How times are read, and in which time zone."""
    made.table["time"] = time_column(metric_set)
    pattern, zone = time_pattern(metric_set), metric_set.timezone
    asked = made.table["type"] in {"sql", "redshift-data"}
    if pattern is not None and not is_read(pattern):
        said = f"times written as {plain(pattern)} are not read"
        if asked:
            made.say("changed", f"{said}: if that column is text, make it a timestamp in the query")
        elif where.s3 is not None and is_csv(where.s3):
            says = (
                f"times such as {plain(pattern)} are read as most of what people write is; see docs/files.md"
            )
            made.say("changed", says)
        else:
            made.say("to do", f"{said}: write yyyy-MM-dd HH:mm:ss, or seconds or milliseconds since 1970")
    if zone is None or zone == "UTC" or names_offset(pattern):
        return
    if asked:
        made.table["timezone"] = zone
    else:
        made.say(
            "to do", f"times without an offset are read as UTC, not as {plain(zone)}: write them with one"
        )

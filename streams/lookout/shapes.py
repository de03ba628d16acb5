"""The shapes of the service's own answers, as far as they say what is to be detected.

Keys that are not here (times, states, roles, tags) say nothing of that, and are skipped.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from detectors.config import Scalar

#: Seconds: the service took five days at most.
Offset = Annotated[int, Meta(ge=0, le=432_000)]
Threshold = Annotated[int, Meta(ge=0, le=100)]


class Shape(msgspec.Struct, frozen=True, rename="pascal"):
    """What all have: keys are written as `MetricName`."""


class Metric(Shape, frozen=True):
    """A column that is added up, or a metric of CloudWatch."""

    metric_name: str
    aggregation_function: Literal["AVG", "SUM"]
    namespace: str | None = None


class TimestampColumn(Shape, frozen=True):
    """Where the time of a row is, and how it is written, as Java says it."""

    column_name: str | None = None
    column_format: str | None = None


class CsvFormatDescriptor(Shape, frozen=True):
    """How CSV files are written."""

    file_compression: str | None = None
    charset: str | None = None
    contains_header: bool | None = None
    delimiter: str | None = None
    header_list: list[str] | None = None
    quote_symbol: str | None = None


class JsonFormatDescriptor(Shape, frozen=True):
    """How files of JSON lines are written."""

    file_compression: str | None = None
    charset: str | None = None


class FileFormatDescriptor(Shape, frozen=True):
    """How files are written."""

    csv_format_descriptor: CsvFormatDescriptor | None = None
    json_format_descriptor: JsonFormatDescriptor | None = None


class S3SourceConfig(Shape, frozen=True):
    """Files in S3, interval by interval, and the past in one place."""

    templated_path_list: list[str] | None = None
    historical_data_path_list: list[str] | None = None
    file_format_descriptor: FileFormatDescriptor | None = None


class Database(Shape, frozen=True):
    """A table in RDS or Redshift."""

    cluster_identifier: str | None = None
    instance: str | None = msgspec.field(default=None, name="DBInstanceIdentifier")
    database_host: str | None = None
    database_port: int | None = None
    secret_manager_arn: str | None = None
    database_name: str | None = None
    table_name: str | None = None


class AthenaSourceConfig(Shape, frozen=True):
    """A table of Athena."""

    database_name: str | None = None
    table_name: str | None = None


class AppFlowConfig(Shape, frozen=True):
    """A flow of AppFlow."""

    flow_name: str | None = None


class Connector(Shape, frozen=True):
    """Not the service's own: what a custom connector asks, and whom."""

    database_type: str
    secret_name: str | None = None
    query: str | None = None


class MetricSource(Shape, frozen=True):
    """Where rows come from; one of these."""

    s3: S3SourceConfig | None = msgspec.field(default=None, name="S3SourceConfig")
    cloudwatch: dict[str, Any] | None = msgspec.field(default=None, name="CloudWatchConfig")
    rds: Database | None = msgspec.field(default=None, name="RDSSourceConfig")
    redshift: Database | None = msgspec.field(default=None, name="RedshiftSourceConfig")
    athena: AthenaSourceConfig | None = msgspec.field(default=None, name="AthenaSourceConfig")
    app_flow: AppFlowConfig | None = msgspec.field(default=None, name="AppFlowConfig")
    connector: Connector | None = None


class Filter(Shape, frozen=True):
    """A value that a dimension must have."""

    dimension_value: Scalar
    filter_operation: Literal["EQUALS"] = "EQUALS"


class MetricSetDimensionFilter(Shape, frozen=True):
    """Which rows are read."""

    name: str
    filter_list: list[Filter] = []


class MetricSet(Shape, frozen=True):
    """What is measured, of which rows."""

    metric_list: list[Metric]
    metric_set_name: str | None = None
    metric_set_description: str | None = None
    anomaly_detector_arn: str | None = None
    dimension_list: list[str] | None = None
    timestamp_column: TimestampColumn | None = None
    metric_set_frequency: str | None = None
    offset: Offset | None = None
    timezone: str | None = None
    metric_source: MetricSource | None = None
    dimension_filter_list: list[MetricSetDimensionFilter] | None = None


class AnomalyDetectorConfig(Shape, frozen=True):
    """How often a detector looks."""

    anomaly_detector_frequency: str | None = None


class AnomalyDetector(Shape, frozen=True):
    """A detector; in a template with its metric sets."""

    anomaly_detector_name: str | None = None
    anomaly_detector_arn: str | None = None
    anomaly_detector_description: str | None = None
    anomaly_detector_config: AnomalyDetectorConfig = AnomalyDetectorConfig()
    metric_set_list: list[MetricSet] | None = None


class SnsConfiguration(Shape, frozen=True):
    """A topic that is told."""

    sns_topic_arn: str
    sns_format: str | None = None


class LambdaConfiguration(Shape, frozen=True):
    """A function that is called."""

    lambda_arn: str


class Action(Shape, frozen=True):
    """What an alert does."""

    sns: SnsConfiguration | None = msgspec.field(default=None, name="SNSConfiguration")
    function: LambdaConfiguration | None = msgspec.field(default=None, name="LambdaConfiguration")


class DimensionFilter(Shape, frozen=True):
    """Which places an alert is about."""

    dimension_name: str
    dimension_value_list: list[Scalar] = []


class AlertFilters(Shape, frozen=True):
    """What an alert is about."""

    metric_list: list[str] | None = None
    dimension_filter_list: list[DimensionFilter] | None = None


class Alert(Shape, frozen=True):
    """Which anomalies are told of, and to whom."""

    alert_name: str
    alert_arn: str | None = None
    alert_description: str | None = None
    anomaly_detector_arn: str | None = None
    alert_sensitivity_threshold: Threshold | None = None
    alert_status: str | None = None
    #: Not in what ListAlerts says.
    action: Action | None = None
    alert_filters: AlertFilters | None = None

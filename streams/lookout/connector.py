"""The params.json of the custom connector for Redshift → the shapes of what it told the service.

The connector crawled a database into S3, for Lookout for Metrics to read; here the database is asked, and
the S3 paths are not needed.
"""

from __future__ import annotations

import msgspec

from streams.lookout.shapes import (
    Action,
    Alert,
    AnomalyDetector,
    AnomalyDetectorConfig,
    Connector,
    LambdaConfiguration,
    Metric,
    MetricSet,
    MetricSource,
    Offset,
    Threshold,
    TimestampColumn,
)


class Params(msgspec.Struct, frozen=True):
    """A params.json."""

    detector_name: str
    detector_frequency: str
    metrics_set: list[Metric]
    database_type: str = "redshift"
    detector_description: str | None = None
    timestamp_column: TimestampColumn | None = None
    dimension_list: list[str] | None = None
    alert_name: str | None = None
    alert_threshold: Threshold | None = None
    alert_description: str | None = None
    alert_lambda_arn: str | None = None
    offset: Offset | None = None
    secret_name: str | None = None


def shapes_of(params: Params, query: str | None) -> tuple[AnomalyDetector, list[Alert]]:
    """The detector with its metric set, and its alert if there is one."""
    source = Connector(database_type=params.database_type, secret_name=params.secret_name, query=query)
    measured = MetricSet(
        metric_list=params.metrics_set,
        dimension_list=params.dimension_list,
        timestamp_column=params.timestamp_column,
        metric_set_frequency=params.detector_frequency,
        offset=params.offset,
        metric_source=MetricSource(connector=source),
    )
    detector = AnomalyDetector(
        anomaly_detector_name=params.detector_name,
        # It has none until it is created; this one tells several files of the connector apart.
        anomaly_detector_arn=f"connector:{params.detector_name}",
        anomaly_detector_description=params.detector_description,
        anomaly_detector_config=AnomalyDetectorConfig(anomaly_detector_frequency=params.detector_frequency),
        metric_set_list=[measured],
    )
    if not params.alert_name:
        return detector, []
    function = LambdaConfiguration(lambda_arn=params.alert_lambda_arn) if params.alert_lambda_arn else None
    alert = Alert(
        alert_name=params.alert_name,
        alert_description=params.alert_description,
        anomaly_detector_arn=detector.anomaly_detector_arn,
        alert_sensitivity_threshold=params.alert_threshold,
        action=Action(function=function),
    )
    return detector, [alert]

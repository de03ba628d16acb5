"""What the service would have said, as short as a test needs it, and what becomes of it."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from detectors.config import Config
from detectors.loading import parse
from streams.lookout import Document, TakenOver, take_over

ARN = "arn:aws:lookoutmetrics:eu-west-1:123456789012"
S3 = {
    "S3SourceConfig": {
        "RoleArn": "arn:aws:iam::123456789012:role/l4m",
        "TemplatedPathList": ["s3://shop/{{yyyyMMdd}}/{{HHmm}}"],
    }
}
VIEWS = {"MetricName": "views", "AggregationFunction": "SUM"}


def detector(name: str = "shop", **more: Any) -> dict[str, Any]:
    """What DescribeAnomalyDetector says."""
    return {
        "AnomalyDetectorName": name,
        "AnomalyDetectorArn": f"{ARN}:AnomalyDetector:{name}",
        "AnomalyDetectorConfig": {"AnomalyDetectorFrequency": "PT1H"},
        "Status": "ACTIVE",
        "CreationTime": "2022-01-12T18:00:00.123000+00:00",
        **more,
    }


def metric_set(of: str = "shop", **more: Any) -> dict[str, Any]:
    """What DescribeMetricSet says."""
    return {
        "MetricSetName": "sales",
        "MetricSetArn": f"{ARN}:MetricSet/{of}/sales",
        "AnomalyDetectorArn": f"{ARN}:AnomalyDetector:{of}",
        "MetricList": [VIEWS],
        "DimensionList": ["platform", "marketplace"],
        "TimestampColumn": {"ColumnName": "timestamp", "ColumnFormat": "yyyy-MM-dd HH:mm:ss"},
        "MetricSetFrequency": "PT1H",
        "MetricSource": S3,
        **more,
    }


def alert(name: str = "page", of: str = "shop", **more: Any) -> dict[str, Any]:
    """What DescribeAlert says."""
    topic = {
        "RoleArn": "arn:aws:iam::123456789012:role/l4m",
        "SnsTopicArn": "arn:aws:sns:eu-west-1:123456789012:oncall",
    }
    return {
        "AlertName": name,
        "AlertArn": f"{ARN}:Alert:{name}",
        "AnomalyDetectorArn": f"{ARN}:AnomalyDetector:{of}",
        "AlertSensitivityThreshold": 80,
        "AlertType": "SNS",
        "AlertStatus": "ACTIVE",
        "Action": {"SNSConfiguration": topic},
        **more,
    }


def taken_over(*answers: Any, query: str | None = None) -> TakenOver:
    """What comes of files that hold this, a text or an object each."""
    texts = [answer if isinstance(answer, str) else json.dumps(answer) for answer in answers]
    return take_over([Document(f"file-{n}", text) for n, text in enumerate(texts)], query)


def configured(*answers: Any, query: str | None = None) -> Config:
    """The configuration that comes of it, as a worker loads it."""
    return parse(taken_over(*answers, query=query).configuration)


def tables(taken: TakenOver) -> dict[str, Any]:
    """What was written, as TOML says it."""
    return tomllib.loads(taken.configuration)


def said(taken: TakenOver, kind: str) -> str:
    """All that was said of a kind, a line each."""
    return "\n".join(f"{remark.about}: {remark.says}" for remark in taken.remarks if remark.kind == kind)

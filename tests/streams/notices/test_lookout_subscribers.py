"""What published subscribers of Lookout for Metrics do with a message, done with ours.

Read for it were the samples of aws-samples/amazon-lookout-for-metrics-samples (readable_alerts and its forms
in HTML, the workshop's anomaly-alert-function) and of aws-samples/aws-waf-anomaly-detection (lookout_alarm).
They read keys without asking, and take names, numbers and times apart as it is done here.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from dateutil.parser import parse
from msgspec import Meta, Struct

from detectors.records import Contribution
from streams.notices import FORMS, encode
from tests.streams.incidents import GROUP, alert, anomaly, notice

ARN = r"arn:aws:lookoutmetrics:[a-z0-9-]+:[0-9]+"
Text = Annotated[str, Meta(min_length=1)]


class Pair(Struct, rename="camel", forbid_unknown_fields=True):
    dimension_name: Text
    dimension_value: Text


class Series(Struct, rename="camel", forbid_unknown_fields=True):
    time_series_id: Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
    dimensions: list[Pair]
    metric_value: float


class ValueContribution(Struct, rename="camel", forbid_unknown_fields=True):
    dimension_value: Text
    value_contribution: Annotated[int, Meta(ge=0, le=100)]


class DimensionContribution(Struct, rename="camel", forbid_unknown_fields=True):
    dimension_name: Text
    dimension_value_contributions: list[ValueContribution]


class ImpactedMetric(Struct, rename="camel", forbid_unknown_fields=True):
    metric_name: Text
    dimension_contribution: list[DimensionContribution]
    relevant_time_series: list[Series]


class Message(Struct, rename="camel", forbid_unknown_fields=True):
    """All keys that a message ever had; none may be missing or null."""

    alert_name: Text
    alert_arn: Annotated[str, Meta(pattern=f"^{ARN}:Alert:.+$")]
    alert_event_id: Annotated[str, Meta(pattern=f"^{ARN}:Alert:.+:event/[0-9a-f-]{{36}}$")]
    alert_description: str
    anomaly_group_id: Text
    anomaly_detector_arn: Annotated[str, Meta(pattern=f"^{ARN}:AnomalyDetector:.+$")]
    impacted_metric: ImpactedMetric
    timestamp: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\dZ\[UTC\]$")]
    anomaly_score: Annotated[float, Meta(ge=0, le=100)]
    console_url: str


SHARES = {"marketplace": {"DE": 73, "FR": 27}, "platform": {"web": 100}}


@pytest.fixture(
    params=[
        {},
        {"members": [anomaly()]},
        {"members": [anomaly(platform="web"), anomaly("views", None)], "summary": "ü" * 3000},
        {"members": [anomaly(platform="web")], "contributions": [Contribution("views", 3, SHARES)]},
        {"leaves": [anomaly(value=float(n), marketplace=f"M{n}", platform="web") for n in range(30)]},
    ],
    ids=["leaves", "the total", "no value", "a measure without a member", "many leaves"],
)
def messages(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    sent = FORMS["lookout"](notice(alert(**request.param)))
    assert sent
    return [msgspec.json.decode(encode(message)) for message in sent]


def test_every_key_is_there_in_its_type(messages: list[dict[str, Any]]) -> None:
    for said in messages:
        msgspec.convert(said, Message, strict=True)


def test_a_text_can_be_made_of_it(messages: list[dict[str, Any]]) -> None:
    for said in messages:
        at = parse(said["timestamp"], fuzzy_with_tokens=True)[0]
        text = (
            "An anomaly in " + said["impactedMetric"]["metricName"] + at.strftime(" on %B %d %Y at %H:%M\n")
        )
        for series in said["impactedMetric"]["relevantTimeSeries"]:
            for pair in series["dimensions"]:
                text += pair["dimensionName"] + " - " + pair["dimensionValue"] + "\n"
        text += f"Severity {said['anomalyScore']:.2f}: " + said["alertDescription"] + said["consoleUrl"]
        assert "March 02 2026 at 12:00" in text


def test_names_and_times_can_be_taken_apart(messages: list[dict[str, Any]]) -> None:
    for said in messages:
        detector = re.match(f"{ARN}:AnomalyDetector:(.*)", said["anomalyDetectorArn"])
        assert detector is not None
        assert detector.group(1) == "shop"
        assert said["alertEventId"][said["alertEventId"].rindex("/") :] == f"/{GROUP}"
        assert datetime.fromisoformat(said["timestamp"].split("[")[0]).hour == 12


def test_a_table_of_its_series_has_a_value_in_each_column_of_each_row(messages: list[dict[str, Any]]) -> None:
    """The workshop's function keeps a list for each dimension, and reads them side by side."""
    for said in messages:
        columns: dict[str, list[str]] = {"marketplace": [], "platform": []}
        rows = said["impactedMetric"]["relevantTimeSeries"]
        for series in rows:
            for pair in series["dimensions"]:
                columns[pair["dimensionName"]].append(pair["dimensionValue"])
        assert {len(column) for column in columns.values()} == {len(rows)}


def test_its_description_fits_into_a_finding_of_security_hub(messages: list[dict[str, Any]]) -> None:
    for said in messages:
        text = (
            "Anomaly detected [" + said["alertDescription"] + "] with a score of " + str(said["anomalyScore"])
        )
        assert len(text) <= 1024

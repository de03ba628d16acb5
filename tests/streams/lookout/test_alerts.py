"""An alert becomes a rule and a sink, and what is told of stays what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.sinks import Lambda, Sns
from tests.streams.lookout.answers import alert, configured, detector, metric_set, said, tables, taken_over

TOPIC = "arn:aws:sns:eu-west-1:123456789012:oncall"


def told(**more: Any) -> dict[str, Any]:
    """The only rule that comes of an alert, as it is written."""
    (rule,) = tables(taken_over(detector(), metric_set(), alert(**more)))["alerts"]
    return dict(rule)


@pytest.mark.parametrize(("threshold", "severity"), [(0, 30), (29, 30), (30, 30), (70, 70), (100, 100)])
def test_a_threshold_is_a_severity_from_the_lowest_that_is_told_of(threshold: int, severity: int) -> None:
    answers = detector(), metric_set(), alert(AlertSensitivityThreshold=threshold)
    assert configured(*answers).alerts[0].severity_threshold == severity
    assert f"threshold {threshold} is severity {severity}" in said(taken_over(*answers), "changed")


def test_filters_are_measures_and_places() -> None:
    filters = {
        "MetricList": ["views"],
        "DimensionFilterList": [
            {"DimensionName": "marketplace", "DimensionValueList": ["US", "DE"]},
            {"DimensionName": "platform", "DimensionValueList": ["web"]},
        ],
    }
    rule = told(AlertFilters=filters)
    assert (rule["measures"], rule["where"]) == (["views"], {"marketplace": ["US", "DE"], "platform": "web"})


def test_a_filter_by_what_is_no_dimension_is_left_out_and_said() -> None:
    filters = {
        "DimensionFilterList": [{"DimensionName": "color", "DimensionValueList": ["red"]}],
        "MetricList": ["views", "x"],
    }
    answers = detector(), metric_set(), alert(AlertFilters=filters)
    missing = said(taken_over(*answers), "missing")
    assert "filters by 'color', which is no dimension" in missing
    assert "is about the metric x too, which its detector does not have" in missing
    assert configured(*answers).alerts[0].where == {}


def test_an_alert_about_nothing_that_is_measured_is_left_out_and_said() -> None:
    taken = taken_over(detector(), metric_set(), alert(AlertFilters={"MetricList": ["x"]}))
    assert "alerts" not in tables(taken)
    assert "alert page: is about metrics that its detector does not have" in said(taken, "to do")


@pytest.mark.parametrize(
    ("form", "here"), [("JSON", "lookout"), ("LONG_TEXT", "long"), ("SHORT_TEXT", "short"), (None, "lookout")]
)
def test_a_topic_becomes_a_sink_in_the_same_form(form: str | None, here: str) -> None:
    action = {"SNSConfiguration": {"SnsTopicArn": TOPIC, "SnsFormat": form}}
    config = configured(detector(), metric_set(), alert(Action=action))
    assert config.sinks == {"oncall": Sns(topic=TOPIC, format=here)}  # type: ignore[arg-type]
    assert config.alerts[0].sinks == ["oncall"]


def test_a_function_becomes_a_sink_that_calls_it_as_the_service_did() -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:readable-alerts:live"
    config = configured(detector(), metric_set(), alert(Action={"LambdaConfiguration": {"LambdaArn": arn}}))
    assert config.sinks == {"readable-alerts": Lambda(function=arn, format="lookout")}


def test_alerts_that_tell_the_same_topic_share_a_sink() -> None:
    long = {"SNSConfiguration": {"SnsTopicArn": TOPIC, "SnsFormat": "LONG_TEXT"}}
    written = tables(taken_over(detector(), metric_set(), alert("a"), alert("b"), alert("c", Action=long)))
    assert [rule["sinks"] for rule in written["alerts"]] == [["oncall"], ["oncall"], ["oncall-2"]]
    assert written["sinks"]["oncall-2"]["format"] == "long"


def test_an_alert_that_is_not_active_has_no_sinks() -> None:
    rule = told(AlertStatus="INACTIVE")
    assert rule["sinks"] == []


def test_an_alert_of_which_only_the_list_is_known_is_still_to_do() -> None:
    listed = {key: value for key, value in alert().items() if key != "Action"}
    taken = taken_over(detector(), metric_set(), {"AlertSummaryList": [listed], "NextToken": "x"})
    assert "sinks" not in tables(taken)["alerts"][0]
    assert "whom it told is not in these files" in said(taken, "to do")


@pytest.mark.parametrize("described_first", [True, False])
def test_what_was_described_wins_over_what_was_listed(described_first: bool) -> None:
    listed = {key: value for key, value in alert().items() if key != "Action"}
    answers = [{"Alert": alert()}, {"AlertSummaryList": [listed]}]
    written = tables(taken_over(detector(), metric_set(), *(answers if described_first else answers[::-1])))
    assert [rule["sinks"] for rule in written["alerts"]] == [["oncall"]]


def test_region_and_account_are_said_for_the_settings() -> None:
    changed = said(taken_over(detector(), metric_set(), alert()), "changed")
    assert "set LOOKALIVE_AWS_REGION=eu-west-1 and LOOKALIVE_AWS_ACCOUNT=123456789012" in changed

"""Messages of Lookout for Metrics, as those who subscribed to them read them."""

from __future__ import annotations

import re
import string
from datetime import datetime
from typing import Any

import msgspec
import pytest
from dateutil.parser import parse

from detectors.records import JOINT, Contribution
from streams.notices import FORMS, Site, encode
from tests.streams.incidents import GROUP, alert, anomaly, closed, notice

KEYS = {
    "alertName", "alertEventId", "anomalyGroupId", "anomalyDetectorArn", "alertArn", "alertDescription",
    "impactedMetric", "timestamp", "anomalyScore", "consoleUrl",
}  # fmt: skip


def messages(**changes: Any) -> list[Any]:
    """What subscribers get, after the way through JSON."""
    made = FORMS["lookout"](notice(alert(**changes)))
    return [msgspec.json.decode(encode(message)) for message in made]


def test_there_is_a_message_for_each_measure() -> None:
    first, second = messages()
    assert first == {
        "alertName": "shop-page",
        "alertEventId": f"arn:aws:lookoutmetrics:eu-central-1:123456789012:Alert:shop-page:event/{GROUP}",
        "anomalyGroupId": GROUP,
        "anomalyDetectorArn": "arn:aws:lookoutmetrics:eu-central-1:123456789012:AnomalyDetector:shop",
        "alertArn": "arn:aws:lookoutmetrics:eu-central-1:123456789012:Alert:shop-page",
        "alertDescription": alert().summary,
        "impactedMetric": {
            "metricName": "orders",
            "dimensionContribution": [
                {
                    "dimensionName": "marketplace",
                    "dimensionValueContributions": [
                        {"dimensionValue": "DE", "valueContribution": 73},
                        {"dimensionValue": "FR", "valueContribution": 27},
                    ],
                },
                {
                    "dimensionName": "platform",
                    "dimensionValueContributions": [{"dimensionValue": "web", "valueContribution": 100}],
                },
            ],
            # The total is no leaf.
            "relevantTimeSeries": [
                {
                    "timeSeriesId": first["impactedMetric"]["relevantTimeSeries"][0]["timeSeriesId"],
                    "dimensions": [
                        {"dimensionName": "marketplace", "dimensionValue": "DE"},
                        {"dimensionName": "platform", "dimensionValue": "web"},
                    ],
                    "metricValue": 12.0,
                }
            ],
        },
        "timestamp": "2026-03-02T12:00Z[UTC]",
        "anomalyScore": 97.25,
        "consoleUrl": f"https://lookalive.example/groups/{GROUP}",
    }
    assert second["impactedMetric"]["metricName"] == "views"


def test_nothing_is_sent_when_it_is_over() -> None:
    assert FORMS["lookout"](notice(closed())) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"contributions": [], "members": [anomaly(value=None)], "value": None},
        {"members": [anomaly(JOINT, None, platform="web")], "measure": JOINT, "contributions": []},
        {"summary": "x" * 5000, "severity": 100 / 3},
    ],
)
def test_every_key_is_there_with_the_kind_of_value_that_is_read(changes: dict[str, Any]) -> None:
    for said in messages(**changes):
        assert set(said) == KEYS
        assert isinstance(said["alertDescription"], str)
        assert len(said["alertDescription"]) <= 980
        assert isinstance(said["consoleUrl"], str)
        assert said["anomalyScore"] == round(said["anomalyScore"], 2)
        assert isinstance(said["impactedMetric"]["dimensionContribution"], list)
        (series,) = said["impactedMetric"]["relevantTimeSeries"]
        assert isinstance(series["metricValue"], float)
        assert len(series["timeSeriesId"]) == 128
        assert set(series["timeSeriesId"]) <= set(string.hexdigits.lower())


def test_subscribers_can_take_the_time_and_the_ids_apart() -> None:
    said, _ = messages()
    assert datetime.strptime(said["timestamp"].split("[")[0], "%Y-%m-%dT%H:%MZ")  # noqa: DTZ007  (theirs)
    assert parse(said["timestamp"], fuzzy_with_tokens=True)[0].hour == 12
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said["alertEventId"].split("/")[-1])
    assert said["anomalyDetectorArn"].split(":")[3] == "eu-central-1"


def test_leaves_that_are_not_among_the_most_severe_are_listed_and_roll_ups_are_not() -> None:
    leaf = anomaly(value=5.0, marketplace="FR", platform="app")
    said, _ = messages(members=[anomaly(value=900.0), anomaly("views")], leaves=[leaf])
    assert [series["metricValue"] for series in said["impactedMetric"]["relevantTimeSeries"]] == [5.0]


def test_where_only_a_roll_up_is_known_it_has_a_value_for_each_dimension() -> None:
    known = [Contribution("orders", 1, {"marketplace": {"DE": 100}, "platform": {"web": 100}})]
    (said,) = messages(members=[anomaly(platform="web")], contributions=known)
    (series,) = said["impactedMetric"]["relevantTimeSeries"]
    assert [pair["dimensionValue"] for pair in series["dimensions"]] == ["(all)", "web"]


def test_an_unusual_combination_is_a_measure_where_there_is_no_other() -> None:
    joint = anomaly(JOINT, None, marketplace="DE", platform="web")
    (said,) = messages(members=[joint], measure=JOINT, contributions=[])
    assert said["impactedMetric"]["metricName"] == JOINT
    assert [one["impactedMetric"]["metricName"] for one in messages(members=[joint, anomaly()])] == ["orders"]


def test_without_a_console_there_is_no_link() -> None:
    said = FORMS["lookout"](notice(site=Site()))[0]
    assert said["consoleUrl"] == ""
    assert said["alertArn"] == "arn:aws:lookoutmetrics:us-east-1:000000000000:Alert:shop-page"

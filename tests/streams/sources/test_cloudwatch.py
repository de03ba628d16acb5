"""CloudWatch, against moto's server: what was put there is what a detector reads."""

from __future__ import annotations

import sys
import threading
import urllib.request
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from streams import aws
from streams.errors import SettingsError
from streams.sources import Unavailable, cloudwatch
from tests.streams.sources.answers import Request, at, events_of, reader_of, serving, shown

pytestmark = pytest.mark.usefixtures("amazon")

WAF = shown("CloudWatch")
APP = """
[sources.app]
type = "cloudwatch"
namespace = "App"
metrics = { Orders = "Sum", Latency = "Average" }

[[detectors]]
name = "app"
source = "app"
interval = "PT5M"
dimensions = ["Shop"]
measures = [
  { name = "orders", aggregation = "sum", field = "Orders" },
  { name = "latency", aggregation = "mean", field = "Latency" },
]
"""


def put(namespace: str, name: str, *values: tuple[str, float], region: str = "us-east-1", **of: str) -> None:
    """Values of a metric at times; `_` in the name of a dimension stands for a space."""
    dimensions = [{"Name": key.replace("_", " "), "Value": value} for key, value in of.items()]
    boto3.client("cloudwatch", region_name=region).put_metric_data(
        Namespace=namespace,
        MetricData=[
            {"MetricName": name, "Dimensions": dimensions, "Timestamp": at(time), "Value": value}
            for time, value in values
        ],
    )


def blocked(rule: str, *values: tuple[str, float], acl: str = "shop") -> None:
    put("AWS/WAFV2", "BlockedRequests", *values, Region="us-east-1", Rule=rule, WebACL=acl)


def test_the_example_reads_what_a_firewall_has_blocked_in_each_five_minutes() -> None:
    blocked("XSS", ("03-02 12:00", 7), ("03-02 12:04", 3), ("03-02 12:05", 100), ("03-02 12:10", 1))
    blocked("SQLi", ("03-02 12:07", 2))
    blocked("ALL", ("03-02 12:05", 102))
    place = {"Region": "us-east-1", "Rule": "XSS", "WebACL": "shop"}
    assert events_of(WAF, "03-02 12:00", "03-02 12:10") == [
        {"at": "03-02 12:05", **place, "Rule": "ALL", "BlockedRequests": 102.0},
        {"at": "03-02 12:05", **place, "Rule": "SQLi", "BlockedRequests": 2.0},
        {"at": "03-02 12:00", **place, "BlockedRequests": 10.0},
        {"at": "03-02 12:05", **place, "BlockedRequests": 100.0},
    ]


def test_the_example_needs_nobody_who_publishes_zeros() -> None:
    config, _ = reader_of(WAF)
    assert [measure.fill for measure in config.detectors[0].measures] == ["zero"]


def test_all_metrics_of_the_same_dimensions_are_one_row() -> None:
    put("App", "Orders", ("03-02 12:01", 2), ("03-02 12:02", 3), ("03-02 12:06", 1), Shop="DE")
    put("App", "Latency", ("03-02 12:01", 10), ("03-02 12:02", 20), Shop="DE")
    put("App", "Latency", ("03-02 12:07", 30), Shop="US")
    assert events_of(APP, "03-02 12:00", "03-02 12:10") == [
        {"at": "03-02 12:00", "Shop": "DE", "Orders": 5.0, "Latency": 15.0},
        {"at": "03-02 12:05", "Shop": "DE", "Orders": 1.0},
        {"at": "03-02 12:05", "Shop": "US", "Latency": 30.0},
    ]


def test_what_has_other_dimensions_or_another_namespace_is_another_metric() -> None:
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE")
    put("App", "Orders", ("03-02 12:00", 10), Shop="DE", Till="1")
    put("App", "Orders", ("03-02 12:00", 100))
    put("Other", "Orders", ("03-02 12:00", 1000), Shop="FR")
    assert [event["Orders"] for event in events_of(APP, "03-02 12:00", "03-02 12:05")] == [1.0]


def test_a_value_that_appears_later_is_found_by_the_next_read() -> None:
    _, reader = reader_of(APP)
    span = at("03-02 12:00"), at("03-02 12:05")
    assert list(reader.read(*span)) == []
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE")
    assert len(list(reader.read(*span))) == 1
    put("App", "Orders", ("03-02 12:00", 1), Shop="FR")
    assert len(list(reader.read(*span))) == 2


def test_where_asks_for_metrics_that_have_one_more_dimension() -> None:
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE", Stage="test")
    put("App", "Orders", ("03-02 12:00", 2), Shop="DE", Stage="live")
    put("App", "Orders", ("03-02 12:00", 4), Shop="DE")
    live = APP.replace('namespace = "App"', 'namespace = "App"\nwhere = { Stage = "live" }')
    assert events_of(live, "03-02 12:00", "03-02 12:05") == [
        {"at": "03-02 12:00", "Shop": "DE", "Orders": 2.0}
    ]


def test_a_condition_of_the_detector_can_look_at_a_dimension_as_well() -> None:
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE", Stage="test")
    put("App", "Orders", ("03-02 12:00", 2), Shop="DE", Stage="live")
    live = APP.replace('interval = "PT5M"', 'interval = "PT5M"\nwhere = { Stage = "live" }')
    assert [(event["Stage"], event["Orders"]) for event in events_of(live, "03-02 12:00", "03-02 12:05")] == [
        ("live", 2.0),
        ("test", 1.0),
    ]


def test_names_that_no_field_can_have_are_read_under_one_that_it_can() -> None:
    put("App", "4XXError", ("03-02 12:00", 5), Cluster_Name="main")
    text = APP.replace('Orders = "Sum", Latency = "Average"', '4XXError = "Sum"')
    text = text.replace('"Shop"', '"Cluster_Name"').replace('"Orders"', '"_4XXError"')
    text = text.replace('"mean", field = "Latency"', '"max", field = "_4XXError"')
    assert events_of(text, "03-02 12:00", "03-02 12:05") == [
        {"at": "03-02 12:00", "Cluster_Name": "main", "_4XXError": 5.0}
    ]


def test_hostile_values_of_dimensions_stay_what_they_are() -> None:
    hostile = ["'; DROP TABLE x --", '{"timestamp": 0}', "</script>", 'a\\b"c', "✓ … é"]
    for value in hostile:
        put("App", "Orders", ("03-02 12:00", 1), Shop=value)
    assert {event["Shop"] for event in events_of(APP, "03-02 12:00", "03-02 12:05")} == set(hostile)


def test_more_metrics_than_one_page_and_one_question_hold_are_all_read() -> None:
    client = boto3.client("cloudwatch", region_name="us-east-1")
    data = [
        {
            "MetricName": "Orders",
            "Dimensions": [{"Name": "Shop", "Value": f"{i:04}"}],
            "Timestamp": at("03-02 12:00"),
            "Value": i,
        }
        for i in range(1, 621)
    ]
    client.put_metric_data(Namespace="App", MetricData=data)
    events = events_of(APP, "03-02 12:00", "03-02 12:05")
    assert [(event["Shop"], event["Orders"]) for event in events] == [
        (f"{i:04}", float(i)) for i in range(1, 621)
    ]
    with pytest.raises(Unavailable, match=r"more than 600 metrics of App by \(Shop\): .* raise max_series"):
        events_of(
            APP.replace("[sources.app]", "[sources.app]", 1).replace(
                'interval = "PT5M"', 'interval = "PT5M"\nmax_series = 600'
            ),
            "03-02 12:00",
            "03-02 12:05",
        )


def test_metrics_without_dimensions_are_read_by_a_detector_without() -> None:
    put("App", "Orders", ("03-02 12:00", 4), ("03-02 12:04", 1))
    assert events_of(APP.replace('["Shop"]', "[]"), "03-02 12:00", "03-02 12:05") == [
        {"at": "03-02 12:00", "Orders": 5.0}
    ]


def test_days_are_those_of_the_time_zone_of_the_detector() -> None:
    # On 29 March the clocks of Berlin go on by an hour: that day has 23.
    put("App", "Orders", *[(f"03-{day} {hour:02}:30", 1) for day in (28, 29, 30) for hour in range(24)],
        Shop="DE")  # fmt: skip
    text = APP.replace('"PT5M"', '"P1D"\ntimezone = "Europe/Berlin"')
    events = events_of(text, "03-27 23:00", "03-30 22:00")
    assert [(event["at"], event["Orders"]) for event in events] == [
        ("03-27 23:00", 23.0), ("03-28 23:00", 23.0), ("03-29 22:00", 24.0),
    ]  # fmt: skip


def test_the_region_is_that_of_the_source() -> None:
    put("App", "Orders", ("03-02 12:00", 1), region="us-east-1", Shop="DE")
    put("App", "Orders", ("03-02 12:00", 2), region="eu-west-1", Shop="DE")
    elsewhere = APP.replace('namespace = "App"', 'namespace = "App"\nregion = "eu-west-1"')
    for text, orders in ((APP, 1.0), (elsewhere, 2.0)):
        assert [event["Orders"] for event in events_of(text, "03-02 12:00", "03-02 12:05")] == [orders]


def test_a_list_that_does_not_end_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch, "MOST_PAGES", 1)
    client = boto3.client("cloudwatch", region_name="us-east-1")
    data = [
        {
            "MetricName": "Orders",
            "Dimensions": [{"Name": "Shop", "Value": "DE"}, {"Name": "Till", "Value": str(i)}],
            "Timestamp": at("03-02 12:00"),
            "Value": i,
        }
        for i in range(501)
    ]
    client.put_metric_data(Namespace="App", MetricData=data)
    with pytest.raises(Unavailable, match="lists more than 500 metrics called Orders: ask for fewer"):
        events_of(APP, "03-02 12:00", "03-02 12:05")


def test_a_metric_that_is_never_there_hides_no_other() -> None:
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE")
    put("App", "Latency", ("03-02 12:00", 1), Shop="DE", Till="1")
    assert [event["Orders"] for event in events_of(APP, "03-02 12:00", "03-02 12:05")] == [1.0]


def test_metrics_by_other_dimensions_alone_are_said_to_be_so() -> None:
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE", Till="1")
    put("App", "Orders", ("03-02 12:00", 1))
    said = r"has Orders of App by \(\) or \(Shop, Till\), and none by exactly \(Shop\), which the detector"
    with pytest.raises(Unavailable, match=said):
        events_of(APP, "03-02 12:00", "03-02 12:05")


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SettingsError, match=r"pip install 'lookalive\[aws\]'"):
        reader_of(APP)


def test_a_profile_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SettingsError, match=r"profile .*nobody.* could not be found"):
        reader_of(APP)


def test_what_is_throttled_is_asked_again(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put("App", "Orders", ("03-02 12:00", 1), Shop="DE")
    seen = []

    def answer(request: Request, _: threading.Event) -> None:
        seen.append(request.path)
        if len(seen) == 1:
            request.answer(503, b"slow down")
            return
        headers = {k: v for k, v in request.headers.items() if k not in {"Host", "Content-Length"}}
        forwarded = urllib.request.Request(f"{endpoint}{request.path}", request.body, headers)
        with urllib.request.urlopen(forwarded) as got:
            kept = {k: v for k, v in got.headers.items() if k.startswith("x-amzn")}
            request.answer(200, got.read(), **kept)

    with serving(answer) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert len(events_of(APP, "03-02 12:00", "03-02 12:05")) == 1
    assert len(seen) > 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda request, _: request.answer(500, b"no"), "CloudWatch: 500"),
        (lambda request, _: request.answer(200, b"<html>hello"), "what answers is not CloudWatch"),
        (lambda request, _: request.answer(200, b"\xff\xfe"), "what answers is not CloudWatch: Unicode"),
        (lambda request, ended: ended.wait(60), "CloudWatch does not answer: .*TimeoutError"),
    ],
    ids=["fails", "page", "rubbish", "hangs"],
)
def test_a_server_that_gives_no_answer_is_unavailable(
    answer: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloudwatch, "ATTEMPTS", 1)
    if "Timeout" in said:
        monkeypatch.setattr(aws, "TIMEOUT_SECONDS", 0.3)
    with serving(answer) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        with pytest.raises(Unavailable, match=said):
            events_of(APP, "03-02 12:00", "03-02 12:05")


def test_a_server_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch, "ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="CloudWatch does not answer: EndpointConnectionError"):
        events_of(APP, "03-02 12:00", "03-02 12:05")


def test_without_credentials_it_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(Unavailable, match="cannot be asked: Unable to locate credentials"):
        events_of(APP, "03-02 12:00", "03-02 12:05")


def listed(*shops: str) -> dict[str, Any]:
    return {
        "Metrics": [
            {"Namespace": "App", "MetricName": "Orders", "Dimensions": [{"Name": "Shop", "Value": shop}]}
            for shop in shops
        ]
    }


def result(status: str, *values: tuple[str, float]) -> dict[str, Any]:
    return {
        "MetricDataResults": [
            {
                "Id": "m0",
                "Timestamps": [at(time) for time, _ in values],
                "Values": [value for _, value in values],
                "StatusCode": status,
            }
        ]
    }


ORDERS = APP.replace(', Latency = "Average"', "").replace(
    '{ name = "latency", aggregation = "mean", field = "Latency" },', ""
)


def answered(*answers: dict[str, Any]) -> list[bytes]:
    """What is read where GetMetricData answers one after the other: moto's gives all at once."""
    _, reader = reader_of(ORDERS)
    assert isinstance(reader, cloudwatch.CloudWatchReader)
    with Stubber(reader._client) as stub:
        stub.add_response("list_metrics", {**listed("DE"), "ResponseMetadata": {"RequestId": "1"}})
        for answer in answers:
            stub.add_response("get_metric_data", {**answer, "ResponseMetadata": {"RequestId": "1"}})
        records = list(reader.read(at("03-02 12:00"), at("03-02 12:10")))
        stub.assert_no_pending_responses()
    return records


def test_an_answer_in_parts_is_put_together() -> None:
    first = result("PartialData", ("03-02 12:00", 1)) | {"NextToken": "more"}
    assert len(answered(first, result("Complete", ("03-02 12:05", 2)))) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (result("PartialData", ("03-02 12:00", 1)), "not said all that was asked for: PartialData"),
        (result("InternalError"), "not said all that was asked for: InternalError"),
        (result("Complete", ("03-02 12:03", 1)), "a value of another interval, at 2026-03-02 12:03"),
    ],
)
def test_an_answer_that_is_not_whole_is_none(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        answered(answer)


def test_a_span_of_no_interval_asks_nothing_of_values() -> None:
    _, reader = reader_of(APP)
    assert list(reader.read(at("03-02 12:01"), at("03-02 12:01") + timedelta(minutes=3))) == []

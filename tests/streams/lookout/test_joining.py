"""Files belong together by the ARNs in them."""

from __future__ import annotations

import pytest

from streams.errors import LookoutError
from tests.streams.lookout.answers import alert, detector, metric_set, said, tables, taken_over


def test_one_file_may_hold_all_of_it() -> None:
    together = {
        "detector": detector(),
        "metricSets": [metric_set()],
        "alerts": [alert(), {"Alert": alert("b")}],
    }
    apart = taken_over(detector(), metric_set(), [alert(), alert("b")])
    assert taken_over(together) == apart
    assert [rule["name"] for rule in tables(apart)["alerts"]] == ["page", "b"]


def test_what_is_of_two_detectors_stays_apart_in_any_order() -> None:
    answers = [
        alert("b", of="app"), detector("shop"), metric_set("app", DimensionList=[]), alert("a"),
        metric_set("shop"), detector("app"),
    ]  # fmt: skip
    written = tables(taken_over(*answers))
    assert [each["name"] for each in written["detectors"]] == ["shop", "app"]
    assert {(rule["name"], rule["detector"]) for rule in written["alerts"]} == {("a", "shop"), ("b", "app")}
    assert "dimensions" not in written["detectors"][1]


def test_several_metric_sets_of_one_detector_are_a_detector_each() -> None:
    orders = metric_set(
        MetricSetName="orders", MetricList=[{"MetricName": "orders", "AggregationFunction": "SUM"}]
    )
    about_orders = alert("orders", AlertFilters={"MetricList": ["orders"]})
    written = tables(taken_over(detector(), metric_set(), orders, alert(), about_orders))
    assert [each["name"] for each in written["detectors"]] == ["shop-sales", "shop-orders"]
    assert [(rule["name"], rule["detector"]) for rule in written["alerts"]] == [
        ("page-shop-sales", "shop-sales"),
        ("page-shop-orders", "shop-orders"),
        ("orders-shop-orders", "shop-orders"),
    ]


def test_a_metric_set_alone_is_named_after_its_detector() -> None:
    (made,) = tables(taken_over(metric_set("shop")))["detectors"]
    assert made["name"] == "shop"
    nameless = metric_set()
    del nameless["AnomalyDetectorArn"]
    (made,) = tables(taken_over(nameless))["detectors"]
    assert made["name"] == "sales"


def test_a_detector_in_a_list_is_the_one_that_was_described() -> None:
    listed = detector()
    del listed["AnomalyDetectorConfig"]
    for answers in (
        [detector(), {"AnomalyDetectorSummaryList": [listed]}],
        [{"AnomalyDetectorSummaryList": [listed]}, detector()],
    ):
        measured = metric_set(MetricSetFrequency=None)
        assert [d["interval"] for d in tables(taken_over(*answers, measured))["detectors"]] == ["PT1H"]


def test_an_alert_of_another_detector_is_left_out_and_said() -> None:
    taken = taken_over(detector(), metric_set(), alert(of="other"))
    assert "alerts" not in tables(taken)
    assert "alert page: is of arn:aws:lookoutmetrics:eu-west-1:123456789012:AnomalyDetector:other" in said(
        taken, "to do"
    )


def test_a_detector_without_a_metric_set_is_left_out_and_said() -> None:
    taken = taken_over(detector(), metric_set(), detector("app"))
    assert [each["name"] for each in tables(taken)["detectors"]] == ["shop"]
    assert "detector app: has no metric set in these files" in said(taken, "to do")


def test_without_a_metric_set_there_is_nothing_to_detect() -> None:
    with pytest.raises(LookoutError, match="no metric set is in these files, so nothing to detect"):
        taken_over(detector(), alert())


def test_a_metric_set_of_no_detector_is_refused_where_there_are_several() -> None:
    nameless = metric_set()
    del nameless["AnomalyDetectorArn"]
    with pytest.raises(LookoutError, match="'sales' does not say of which detector it is, and there are 2"):
        taken_over(detector("a"), detector("b"), nameless)

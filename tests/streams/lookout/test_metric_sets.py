"""What a metric set measures is measured by the detector that is made of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.streams.lookout.answers import configured, detector, metric_set, said, tables, taken_over


def test_frequency_time_zone_and_aggregations_mean_the_same() -> None:
    metrics = [
        {"MetricName": "views", "AggregationFunction": "SUM"},
        {"MetricName": "price", "AggregationFunction": "AVG"},
    ]
    made = configured(
        detector(), metric_set(MetricList=metrics, MetricSetFrequency="PT10M", Timezone="Europe/Berlin")
    ).detector("shop")
    assert (made.interval, made.timezone) == (timedelta(minutes=10), "Europe/Berlin")
    assert [(m.name, m.aggregation, m.field) for m in made.measures] == [
        ("views", "sum", "views"),
        ("price", "mean", "price"),
    ]


def test_only_rows_that_match_the_filters_are_measured() -> None:
    filters = [
        {
            "Name": "marketplace",
            "FilterList": [{"DimensionValue": v, "FilterOperation": "EQUALS"} for v in ("US", "DE")],
        },
        {"Name": "channel", "FilterList": [{"DimensionValue": "web", "FilterOperation": "EQUALS"}]},
        {"Name": "platform", "FilterList": []},
    ]
    made = configured(detector(), metric_set(DimensionFilterList=filters)).detector("shop")
    assert made.where == {"marketplace": ["US", "DE"], "channel": "web"}


def test_columns_that_cannot_be_fields_are_renamed_and_said() -> None:
    metrics = [{"MetricName": "unit price", "AggregationFunction": "AVG"}]
    answers = detector(), metric_set(MetricList=metrics, DimensionList=["2nd-level", "event_time"])
    taken = taken_over(*answers)
    assert tables(taken)["sources"]["shop"]["fields"] == {
        "_2nd-level": "2nd-level",
        "event_time_2": "event_time",
        "unit_price": "unit price",
    }
    made = configured(*answers).detector("shop")
    assert made.dimensions == ("_2nd-level", "event_time_2")
    assert (made.measures[0].name, made.measures[0].field) == ("unit_price", "unit_price")
    assert "the column 'unit price' is the field 'unit_price'" in said(taken, "changed")
    assert "the metric 'unit price' is the measure 'unit_price'" in said(taken, "changed")


def test_a_metric_that_is_measured_twice_has_two_names() -> None:
    metrics = [
        {"MetricName": "price", "AggregationFunction": "AVG"},
        {"MetricName": "price", "AggregationFunction": "SUM"},
    ]
    made = configured(detector(), metric_set(MetricList=metrics)).detector("shop")
    assert [(m.name, m.aggregation) for m in made.measures] == [("price", "mean"), ("price-2", "sum")]


def test_the_longest_names_of_the_service_are_kept() -> None:
    name = "a" * 63
    config = configured(detector(name), metric_set(name))
    assert [each.name for each in config.detectors] == [name]


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", ""])
def test_an_unknown_time_zone_is_still_to_do(zone: str) -> None:
    taken = taken_over(detector(), metric_set(Timezone=zone))
    assert "timezone" not in tables(taken)["detectors"][0]
    assert f"there is no time zone '{zone}'" in said(taken, "to do")


def test_a_description_is_a_comment_whatever_is_in_it() -> None:
    hostile = 'The shop"\n[[alerts]]\nname = "x"\x1b[31m'
    taken = taken_over(detector(AnomalyDetectorDescription=hostile), metric_set())
    assert "alerts" not in tables(taken)
    assert '# The shop" [[alerts]] name = "x" [31m\n' in taken.configuration


def test_a_frequency_that_is_not_known_is_still_to_do() -> None:
    taken = taken_over(detector(AnomalyDetectorConfig={}), metric_set(MetricSetFrequency=None))
    assert tables(taken)["detectors"][0]["interval"] == "PT1H"
    assert "PT1H is a guess" in said(taken, "to do")

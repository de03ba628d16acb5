"""A params.json of the custom connector becomes a source that asks the database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from detectors.sources import RedshiftData, Sql
from streams.errors import LookoutError
from tests.streams.lookout.answers import configured, said, tables, taken_over
from tests.streams.lookout.test_queries import DEMO

#: The one that comes with the connector.
PARAMS: dict[str, Any] = {
    "database_type": "redshift",
    "detector_name": "l4m-custom-redshift-connector-detector",
    "detector_description": "A quick sample config of how to use L4M.",
    "detector_frequency": "PT1H",
    "timestamp_column": {"ColumnFormat": "yyyy-MM-dd HH:mm:ss", "ColumnName": "timestamp"},
    "dimension_list": ["platform", "marketplace"],
    "metrics_set": [
        {"AggregationFunction": "SUM", "MetricName": "views"},
        {"AggregationFunction": "AVG", "MetricName": "revenue"},
    ],
    "metric_source": {
        "S3SourceConfig": {
            "HistoricalDataPathList": ["s3://id-ml-ops2-inputbucket/ecommerce/backtest/"],
            "RoleArn": "arn:aws:iam::ACCOUNT_ID:role/id-ml-ops2-LookoutForMetricsRole",
            "TemplatedPathList": [""],
        }
    },
    "s3_bucket": "",
    "alert_name": "alerter",
    "alert_threshold": 1,
    "alert_description": "Exports anomalies into s3 for visualization",
    "alert_lambda_arn": "",
    "offset": 300,
    "secret_name": "redshift-l4mintegration",
}


def test_redshift_is_asked_by_its_data_api() -> None:
    config = configured(PARAMS, query=DEMO)
    name = "l4m-custom-redshift-connector-detector"
    source = config.sources[name]
    assert isinstance(source, RedshiftData)
    assert (source.secret, source.time, source.delay) == (
        "redshift-l4mintegration",
        "timestamp",
        timedelta(minutes=5),
    )
    assert "ecommerce.ts >= :interval_start" in source.query
    detector = config.detector(name)
    assert (detector.interval, detector.dimensions) == (timedelta(hours=1), ("platform", "marketplace"))
    assert [(m.name, m.aggregation, m.field) for m in detector.measures] == [
        ("views", "sum", "views"),
        ("revenue", "mean", "revenue"),
    ]


def test_what_was_replaced_in_the_query_is_said() -> None:
    taken = taken_over(PARAMS, query=DEMO)
    assert "it was ecommerce.ts < DATEADD(hour, 0, getdate()) and ecommerce.ts > DATEADD" in said(
        taken, "changed"
    )
    assert said(taken, "to do") == ""
    assert "# Note: the window of the query became that of the interval; it was" in taken.configuration


def test_a_query_that_is_not_understood_is_still_to_do() -> None:
    query = "select ts as timestamp from v where ts between dateadd(hour, -1, getdate()) and getdate()"
    taken = taken_over(PARAMS, query=query)
    assert "the query still looks back from getdate()" in said(taken, "to do")
    assert "# To do: the query still looks back" in taken.configuration
    assert tables(taken)["sources"]["l4m-custom-redshift-connector-detector"]["query"].startswith(
        f"SELECT * FROM (\n{query}\n)"
    )


def test_without_its_query_there_is_a_guess() -> None:
    taken = taken_over(PARAMS)
    query = tables(taken)["sources"]["l4m-custom-redshift-connector-detector"]["query"]
    assert query.splitlines()[:2] == [
        'SELECT "timestamp", "platform", "marketplace", "views", "revenue"',
        'FROM "REPLACE-table"',
    ]
    assert "the query is a guess" in said(taken, "to do")
    assert "put its own value in the place of REPLACE-table" in said(taken, "to do")


def test_the_alert_is_told_of_from_the_lowest_severity_on() -> None:
    taken = taken_over(PARAMS, query=DEMO)
    assert tables(taken)["alerts"] == [
        {"name": "alerter", "detector": "l4m-custom-redshift-connector-detector", "severity_threshold": 30}
    ]
    assert "threshold 1 is severity 30, the lowest that is told of here" in said(taken, "changed")
    assert "# Exports anomalies into s3 for visualization" in taken.configuration


def test_its_lambda_becomes_a_sink() -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:readable"
    taken = taken_over({**PARAMS, "alert_lambda_arn": arn, "alert_threshold": 70}, query=DEMO)
    assert tables(taken)["sinks"] == {"readable": {"type": "lambda", "function": arn, "format": "lookout"}}
    (rule,) = tables(taken)["alerts"]
    assert (rule["severity_threshold"], rule["sinks"]) == (70, ["readable"])


@pytest.mark.parametrize(
    ("kind", "begins", "quote"),
    [("mysql", "mysql+pymysql://", "`"), ("Postgres", "postgresql+psycopg://", '"')],
)
def test_other_databases_are_asked_at_an_address_that_is_not_in_the_file(
    kind: str, begins: str, quote: str
) -> None:
    answer = {**PARAMS, "database_type": kind, "detector_name": "shop"}
    source = configured(answer).sources["shop"]
    assert isinstance(source, Sql)
    assert (source.url, source.delay) == ("env:SHOP_DATABASE", timedelta(minutes=5))
    assert f"SELECT {quote}timestamp{quote}" in source.query
    changed = said(taken_over(answer), "changed")
    assert f"put {begins}USER:PASSWORD@HOST/DATABASE into the variable SHOP_DATABASE" in changed
    assert "in the secret redshift-l4mintegration" in changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database_type": "oracle"}, r"no database_type 'oracle' is known; known: mariadb, mysql, postgres"),
        ({"detector_frequency": "hourly"}, r"frequency 'hourly' is no length of time such as PT1H"),
        ({"detector_frequency": "PT7M"}, r"interval must be whole seconds and divide a day"),
        ({"metrics_set": []}, r"has no metrics, so nothing to detect"),
        ({"metrics_set": [{"MetricName": "x", "AggregationFunction": "MAX"}]}, r"Invalid enum value 'MAX'"),
        (
            {"metrics_set": "views"},
            r"^file-0: params.json: Expected `array`, got `str` - at `\$.metrics_set`",
        ),
        ({"offset": -1}, r"Expected `int` >= 0 - at `\$.offset`"),
        ({"offset": 10**30}, r"file-0: params.json: "),
        ({"alert_threshold": 101}, r"Expected `int` <= 100"),
    ],
)
def test_what_cannot_be_taken_over_is_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LookoutError, match=sentence) as refused:
        taken_over({**PARAMS, **change})
    assert "\n" not in str(refused.value)


def test_a_query_needs_its_params() -> None:
    with pytest.raises(LookoutError, match=r"the query of one params.json, and there are 2 of them"):
        taken_over(PARAMS, PARAMS, query=DEMO)

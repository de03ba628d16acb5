"""Each kind of metric source becomes a source that loads, or a stand-in that says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detectors.sources import CloudWatch, Files, RedshiftData, Source, Sql
from streams.settings import from_environment
from streams.sources.files import FilesReader
from tests.streams.lookout.answers import configured, detector, metric_set, said, tables, taken_over

DATABASE = {
    "DatabaseHost": "db.example.org",
    "DatabasePort": 5432,
    "SecretManagerArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:AmazonLookoutMetrics-shop",
    "DatabaseName": "shop",
    "TableName": "public.sales",
    "RoleArn": "arn:aws:iam::123456789012:role/l4m",
    "VpcConfiguration": {"SubnetIdList": ["subnet-1"], "SecurityGroupIdList": ["sg-1"]},
}


def files(template: str | None, **more: Any) -> dict[str, Any]:
    return {"S3SourceConfig": {"TemplatedPathList": [template] if template else None, **more}}


def test_files_are_found_by_the_same_path() -> None:
    source = configured(detector(), metric_set(Offset=600)).sources["shop"]
    assert isinstance(source, Files)
    assert (source.path, source.time, source.region) == ("s3://shop/{date}/{time}", "timestamp", "eu-west-1")
    assert source.delay == timedelta(minutes=10)


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("s3://shop/live/{{yyyyMMdd}}/{{HHmm}}/", "s3://shop/live/{date}/{time}/"),
        ("s3://shop/{{yyyyMMddHHmm}}", "s3://shop/{date}{time}"),
        ("s3://shop/{{yyyy}}{{MM}}{{dd}}/{{HH}}{{mm}}/", "s3://shop/{year}{month}{day}/{hour}{minute}/"),
        ("s3://shop/dt={{yyyyMMdd}}/{{HH}}/", "s3://shop/dt={date}/{hour}/"),
        ("s3://shop/{{yyyy}}/{{MM}}/{{dd}}/", "s3://shop/{year}/{month}/{day}/"),
    ],
)
def test_a_path_template_becomes_a_path(template: str, path: str) -> None:
    taken = taken_over(detector(), metric_set(MetricSource=files(template)))
    assert tables(taken)["sources"]["shop"]["path"] == path
    assert said(taken, "to do") == ""


@pytest.mark.parametrize(
    "template", ["s3://shop/{{yyyy}}/{{ww}}/", "s3://shop/{x}/{{yyyyMMdd}}/{{HHmm}}", "s3://shop/live/", None]
)
def test_a_path_that_cannot_be_said_is_still_to_do(template: str | None) -> None:
    taken = taken_over(detector(), metric_set(MetricSource=files(template)))
    assert tables(taken)["sources"]["shop"]["path"].endswith("/{date}/{time}/")
    assert "files of an interval are looked for where {date} (20260131)" in said(taken, "to do")


@pytest.mark.parametrize(
    "template", ["{{yyyyMMdd}}/{{HHmm}}/", "{{yyyyMMdd}}/{{HH}}/", "{{yyyyMMdd}}/{{HH}}"]
)
def test_files_under_a_path_template_are_found(template: str, tmp_path: Path) -> None:
    folder = tmp_path / "20220112" / ("1800" if "mm" in template else "18")
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("timestamp,platform,marketplace,views\n2022-01-12 18:10:00,web,us,7\n")
    config = configured(detector(), metric_set(MetricSource=files(f"s3://shop/{template}")))
    source = config.sources["shop"]
    assert isinstance(source, Files)
    local = msgspec.structs.replace(source, path=source.path.replace("s3://shop", str(tmp_path)))
    reader = FilesReader(local, config.detector("shop"), from_environment({}))
    start = datetime(2022, 1, 12, 18, tzinfo=UTC)
    (record,) = reader.read(start, start + timedelta(hours=1))
    event = msgspec.json.decode(record)
    assert (event["platform"], event["views"]) == ("web", 7)


def test_a_daily_path_needs_no_time() -> None:
    daily = metric_set(MetricSetFrequency="P1D", MetricSource=files("s3://shop/{{yyyyMMdd}}"))
    taken = taken_over(detector(), daily)
    assert tables(taken)["sources"]["shop"]["path"] == "s3://shop/{date}"
    assert said(taken, "to do") == ""


def test_where_the_past_is_is_said_with_what_reads_it() -> None:
    past = files("s3://shop/{{yyyyMMdd}}/{{HHmm}}", HistoricalDataPathList=["s3://shop/backtest/"])
    taken = taken_over(detector(), metric_set(MetricSource=past))
    assert "the past is read once, by lookalive backfill --input s3://shop/backtest/" in said(
        taken, "changed"
    )
    assert "# Note: the past is read once, by lookalive backfill" in taken.configuration


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ({"CsvFormatDescriptor": {"Delimiter": "~"}}, "have '~' between values: write commas"),
        ({"CsvFormatDescriptor": {"Delimiter": ";", "Charset": "ISO-8859-1"}}, ""),
        ({"CsvFormatDescriptor": {"Charset": "EBCDIC"}}, "the files are EBCDIC: write UTF-8"),
        ({"CsvFormatDescriptor": {"QuoteSymbol": "'"}}, 'have "\'" around values: write double quotes'),
        (
            {"CsvFormatDescriptor": {"ContainsHeader": False, "HeaderList": ["ts", "views"]}},
            "no line of names: write one: ts,views",
        ),
        ({"JsonFormatDescriptor": {"Charset": "UTF-16"}}, "the files are UTF-16: write UTF-8"),
        (
            {
                "CsvFormatDescriptor": {
                    "Delimiter": ",",
                    "QuoteSymbol": '"',
                    "ContainsHeader": True,
                    "Charset": "utf-8",
                }
            },
            "",
        ),
    ],
)
def test_files_that_are_written_otherwise_are_still_to_do(written: dict[str, Any], sentence: str) -> None:
    source = files("s3://shop/{{yyyyMMdd}}/{{HHmm}}", FileFormatDescriptor=written)
    to_do = said(taken_over(detector(), metric_set(MetricSource=source)), "to do")
    assert sentence in to_do
    assert bool(sentence) == bool(to_do)


def test_a_table_of_redshift_is_asked_by_the_data_api() -> None:
    source = {"RedshiftSourceConfig": {**DATABASE, "ClusterIdentifier": "prod"}}
    made = configured(detector(), metric_set(MetricSource=source, Timezone="Europe/Berlin")).sources["shop"]
    assert isinstance(made, RedshiftData)
    assert (made.cluster, made.database, made.region, made.timezone) == (
        "prod",
        "shop",
        "eu-west-1",
        "Europe/Berlin",
    )
    assert made.secret == DATABASE["SecretManagerArn"]
    assert made.query == (
        'SELECT "timestamp", "platform", "marketplace", "views"\nFROM "public"."sales"\n'
        'WHERE "timestamp" >= :interval_start AND "timestamp" < :interval_end'
    )


@pytest.mark.parametrize(
    ("port", "dialect", "quote"), [(5432, "postgresql+psycopg://", '"'), (3306, "mysql+pymysql://", "`")]
)
def test_a_table_of_rds_is_asked_by_sql(port: int, dialect: str, quote: str) -> None:
    answers = detector(), metric_set(MetricSource={"RDSSourceConfig": {**DATABASE, "DatabasePort": port}})
    made = configured(*answers).sources["shop"]
    assert isinstance(made, Sql)
    assert made.url == "env:SHOP_DATABASE"
    assert made.query.startswith(f"SELECT {quote}timestamp{quote}")
    changed = said(taken_over(*answers), "changed")
    assert f"put {dialect}USER:PASSWORD@db.example.org:{port}/shop into the variable SHOP_DATABASE" in changed


def test_a_database_of_unknown_kind_is_said() -> None:
    source = {"RDSSourceConfig": {**DATABASE, "DatabasePort": 15432}}
    changed = said(taken_over(detector(), metric_set(MetricSource=source)), "changed")
    assert "put (mysql+pymysql or postgresql+psycopg)://USER" in changed
    assert "for MySQL, quote the query with `" in changed


def test_metrics_of_cloudwatch_are_asked_for_by_namespace() -> None:
    metrics = [
        {"MetricName": "BlockedRequests", "AggregationFunction": "SUM", "Namespace": "AWS/WAFV2"},
        {"MetricName": "4XXError", "AggregationFunction": "AVG", "Namespace": "AWS/ApiGateway"},
    ]
    config = configured(detector(), metric_set(MetricList=metrics, MetricSource={"CloudWatchConfig": {}}))
    waf, api = config.sources["shop-AWS_WAFV2"], config.sources["shop-AWS_ApiGateway"]
    assert isinstance(waf, CloudWatch)
    assert isinstance(api, CloudWatch)
    assert (waf.namespace, dict(waf.metrics)) == ("AWS/WAFV2", {"BlockedRequests": "Sum"})
    assert (api.namespace, dict(api.metrics)) == ("AWS/ApiGateway", {"4XXError": "Average"})
    assert (waf.region, waf.delay) == ("eu-west-1", timedelta(minutes=5))
    # As crawlers call what cannot be a field.
    (measure,) = config.detector("shop-AWS_ApiGateway").measures
    assert (measure.name, measure.aggregation, measure.field) == ("4XXError", "mean", "_4XXError")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            {"AthenaSourceConfig": {"TableName": "sales"}},
            "read the files of its table sales by a source of type files",
        ),
        ({"AppFlowConfig": {"FlowName": "salesforce"}}, "let the flow salesforce write to S3"),
        ({"NewSourceConfig": {}}, "names no source that is known"),
        (None, "names no source that is known"),
    ],
)
def test_what_is_not_asked_has_a_topic_in_its_place(source: Any, sentence: str) -> None:
    answers = detector(), metric_set(MetricSource=source, Offset=60)
    config = configured(*answers)
    assert isinstance(config.sources["shop"], Source)
    assert config.detector("shop").lateness == timedelta(minutes=1)
    taken = taken_over(*answers)
    assert sentence in said(taken, "missing")
    assert "nothing writes to the topic shop" in said(taken, "to do")


@pytest.mark.parametrize(
    ("pattern", "read"),
    [
        ("yyyy-MM-dd HH:mm:ss", True),
        ("yyyy-MM-dd'T'HH:mm:ss'Z'", True),
        ("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", True),
        ("yyyy-MM-dd", False),
        ("MM/dd/yyyy HH:mm", False),
        ("yyyy-MM-dd HH:mm:ss z", False),
    ],
)
def test_how_times_are_written_is_looked_at(pattern: str, read: bool) -> None:
    column = {"ColumnName": "at", "ColumnFormat": pattern}
    taken = taken_over(detector(), metric_set(TimestampColumn=column))
    assert tables(taken)["sources"]["shop"]["time"] == "at"
    assert (f"times written as {pattern} are not read" in said(taken, "to do")) is not read


def test_other_times_are_read_in_csv_and_that_is_said() -> None:
    source = files("s3://shop/{{yyyyMMdd}}/{{HHmm}}", FileFormatDescriptor={"CsvFormatDescriptor": {}})
    column = {"ColumnName": "at", "ColumnFormat": "MM/dd/yyyy HH:mm"}
    taken = taken_over(detector(), metric_set(MetricSource=source, TimestampColumn=column))
    assert "times such as MM/dd/yyyy HH:mm are read as most of what people write is" in said(taken, "changed")
    assert said(taken, "to do") == ""


def test_local_times_in_files_are_still_to_do() -> None:
    zone = "America/Los_Angeles"
    assert "are read as UTC, not as America/Los_Angeles" in said(
        taken_over(detector(), metric_set(Timezone=zone)), "to do"
    )
    column = {"ColumnName": "at", "ColumnFormat": "yyyy-MM-dd'T'HH:mm:ssXXX"}
    assert said(taken_over(detector(), metric_set(Timezone=zone, TimestampColumn=column)), "to do") == ""

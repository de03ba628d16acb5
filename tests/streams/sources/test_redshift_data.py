"""Redshift by its Data API: moto keeps secrets, and a real PostgreSQL runs queries in the shapes of AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from sqlalchemy import text

from detectors.sources import RedshiftData
from streams.broker import free_port
from streams.sources import Unavailable, redshift_data
from tests.streams.sources.asking import ALWAYS, END, START, detector, reader, rows, shown
from tests.streams.sources.data_api import DataApi, Refusal, data_api
from tests.streams.sources.servers import Server
from tests.streams.sources.test_sql import JOINED

SECRET = "redshift-l4mintegration"
#: As the connector of Lookout for Metrics kept it.
OF_THE_CONNECTOR = {
    "password": "hunter2", "username": "awsuser", "dbClusterIdentifier": "shop-cluster", "db": "shop",
    "host": "shop-cluster.example", "port": 8192,
}  # fmt: skip
WHERE = {"ClusterIdentifier", "WorkgroupName", "Database"}
NOON = "timestamp '2026-03-01 12:00:00' AS ts"


pytestmark = pytest.mark.usefixtures("amazon")


@pytest.fixture
def api(amazon: None, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataApi]:
    with data_api(postgres) as api:
        monkeypatch.setenv("AWS_ENDPOINT_URL_REDSHIFT_DATA", api.url)
        yield api


@pytest.fixture
def secret(amazon: None) -> Callable[[str | dict[str, Any]], str]:
    """Keeps what a test calls it with as the secret of that name, and gives its ARN."""

    def keep(said: str | dict[str, Any]) -> str:
        client = boto3.client("secretsmanager", region_name="us-east-1")
        text = said if isinstance(said, str) else json.dumps(said)
        arn: str = client.create_secret(Name=SECRET, SecretString=text)["ARN"]
        return arn

    return keep


def source(query: str = f"SELECT {NOON} {ALWAYS}", **more: Any) -> RedshiftData:
    return RedshiftData(**{"query": query, "secret": SECRET, "time": "ts", **more})


def configured(query: str = f"SELECT {NOON} {ALWAYS}", **more: Any) -> RedshiftData:
    return source(query, **{"cluster": "shop-cluster", "database": "shop", **more})


def test_the_query_and_the_secret_of_the_connector_give_its_rows(
    api: DataApi, postgres: Server, secret: Any
) -> None:
    secret(OF_THE_CONNECTOR)
    postgres.shop()
    postgres.run(
        "INSERT INTO ecommerce VALUES (1, '2026-03-01 09:59:59', 1, 1, 90, 2458.90),"
        " (2, '2026-03-01 10:00:00', 3, 3, 120, 0.10), (3, '2026-03-01 11:00:00', 1, 2, 7, 1)"
    )
    what = source(JOINED, time="timestamp")
    asking = reader(what, detector("platform", "marketplace", field="revenue"))
    assert rows(asking, START + timedelta(hours=10), START + timedelta(hours=11)) == [
        {
            "timestamp": "2026-03-01T10:00:00Z", "views": 120, "revenue": 0.1,
            "platform": "mobile_app", "marketplace": "DE",
        }
    ]  # fmt: skip
    (request,) = api.requests("ExecuteStatement")
    assert request.pop("ClientToken")
    assert request == {
        "Sql": JOINED, "SecretArn": SECRET, "ClusterIdentifier": "shop-cluster", "Database": "shop",
        "StatementName": "lookalive",
        "Parameters": [
            {"name": "interval_start", "value": "2026-03-01 10:00:00+00:00"},
            {"name": "interval_end", "value": "2026-03-01 11:00:00+00:00"},
        ],
    }  # fmt: skip


def test_what_the_page_shows_can_be_asked(api: DataApi, postgres: Server, secret: Any) -> None:
    secret(OF_THE_CONNECTOR)
    postgres.shop()
    postgres.run("INSERT INTO ecommerce VALUES (1, '2026-03-01 10:00:00', 3, 3, 120, 0.10)")
    config = shown("Redshift by its Data API")
    asking = reader(config.crawled["shop"], config.detector("shop"))
    assert rows(asking) == [{"timestamp": "2026-03-01T10:00:00Z", "views": 120, "platform": "mobile_app"}]


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, {"ClusterIdentifier": "shop-cluster", "Database": "shop"}),
        ({"cluster": "other"}, {"ClusterIdentifier": "other", "Database": "shop"}),
        ({"database": "sales"}, {"ClusterIdentifier": "shop-cluster", "Database": "sales"}),
        ({"workgroup": "serverless"}, {"WorkgroupName": "serverless", "Database": "shop"}),
    ],
)
def test_what_is_configured_goes_before_what_the_secret_says(
    api: DataApi, secret: Any, given: dict[str, str], where: dict[str, str]
) -> None:
    secret(OF_THE_CONNECTOR)
    assert len(rows(reader(source(**given)))) == 1
    (request,) = api.requests("ExecuteStatement")
    assert {key: request[key] for key in request if key in WHERE} == where


def test_a_secret_that_need_not_be_read_is_read_by_aws_alone(api: DataApi) -> None:
    # There is none: whoever asked for it would be told.
    assert len(rows(reader(configured()))) == 1


def test_a_secret_by_its_arn_is_in_the_region_of_the_arn(api: DataApi, secret: Any) -> None:
    arn = secret(OF_THE_CONNECTOR)
    assert len(rows(reader(source(secret=arn, region="eu-central-1")))) == 1
    (request,) = api.requests("ExecuteStatement")
    assert request["SecretArn"] == arn


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"username": "awsuser", "password": "hunter2"}, "has no db: add it, or give database in the source"),
        (
            {"db": "shop", "password": "hunter2"},
            "has no dbClusterIdentifier: add it, or give cluster or",
        ),
        ("hunter2", "is not a JSON object with texts"),
        ({"db": ["hunter2"]}, "is not a JSON object with texts"),
    ],
)
def test_a_secret_that_says_too_little_is_told_and_not_shown(
    api: DataApi, secret: Any, said: Any, why: str
) -> None:
    secret(said)
    with pytest.raises(Unavailable, match=why) as told:
        rows(reader(source()))
    assert "hunter2" not in str(told.value)


def test_a_secret_that_is_not_there_is_told(api: DataApi) -> None:
    with pytest.raises(Unavailable, match="AWS says ResourceNotFoundException: Secrets Manager can't find"):
        rows(reader(source()))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7::smallint", 7),
        ("9223372036854775807", 9223372036854775807),
        ("2458.90::numeric(12, 2)", 2458.9),
        ("'NaN'::numeric", None),
        ("0.1::double precision", 0.1),
        ("true", True),
        ("null::int", None),
        ("'7'::varchar", "7"),
        ("''::varchar", ""),
        ("date '2026-03-01'", "2026-03-01"),
    ],
)  # fmt: skip
def test_fields_become_values_by_their_types(api: DataApi, expression: str, value: object) -> None:
    (found,) = rows(reader(configured(f"SELECT {NOON}, {expression} AS value {ALWAYS}")))
    assert found["value"] == value
    assert type(found["value"]) is type(value)


def test_hostile_values_stay_values(api: DataApi, postgres: Server) -> None:
    value = 'it\'s "5%" :interval_start ::x %s \n\x1b \N{PILE OF POO}' + "x" * 10_000
    with postgres.engine.begin() as connection:
        connection.execute(text("CREATE TABLE IF NOT EXISTS of_strangers (value TEXT)"))
        connection.execute(text("INSERT INTO of_strangers VALUES (:value)"), {"value": value})
    (found,) = rows(reader(configured(f"SELECT {NOON}, value FROM of_strangers {ALWAYS}")))
    assert found["value"] == value


@pytest.mark.parametrize(
    ("expression", "time"),
    [
        ("timestamp '2026-03-01 12:00:00'", "2026-03-01T12:00:00+01:00"),
        ("timestamptz '2026-03-01 12:00:00+05'", "2026-03-01T07:00:00Z"),
        ("date '2026-03-01'", "2026-03-01T00:00:00+01:00"),
        ("'2026-03-01 12:00'::varchar", "2026-03-01T12:00:00+01:00"),
        ("1772362800", 1772362800),
        ("'at noon'::varchar", "at noon"),
    ],
)
def test_times_that_name_no_zone_are_those_of_the_source(api: DataApi, expression: str, time: object) -> None:
    what = configured(f"SELECT {expression} AS ts {ALWAYS}", timezone="Europe/Berlin")
    assert rows(reader(what)) == [{"ts": time}]


@pytest.mark.parametrize("column", ["local", "moment"])
def test_the_interval_is_meant_in_the_zone_of_the_source(api: DataApi, postgres: Server, column: str) -> None:
    postgres.run(
        "DROP TABLE IF EXISTS half_hours", "CREATE TABLE half_hours (local timestamp, moment timestamptz)",
        "INSERT INTO half_hours SELECT at AT TIME ZONE 'Europe/Berlin', at FROM generate_series("
        "timestamptz '2026-03-01 10:00:00Z', '2026-03-01 13:00:00Z', '30 minutes') AS at",
    )  # fmt: skip
    query = (
        f"SELECT {column} AS ts FROM half_hours WHERE {column} >= :interval_start "
        f"AND {column} < :interval_end ORDER BY 1"
    )
    asking = reader(configured(query, timezone="Europe/Berlin"))
    found = rows(asking, START + timedelta(hours=11), START + timedelta(hours=12))
    times = [datetime.fromisoformat(row["ts"]).astimezone(UTC) for row in found]
    assert [f"{time:%H:%M}" for time in times] == ["11:00", "11:30"]


def test_a_result_is_fetched_page_by_page_as_it_is_read(api: DataApi) -> None:
    api.page = 10
    query = f"SELECT {NOON}, n FROM generate_series(1, 25) AS n {ALWAYS}"
    reading = iter(reader(configured(query)).read(START, END))
    first = [json.loads(next(reading))["n"] for _ in range(10)]
    assert len(api.requests("GetStatementResult")) == 1
    assert first + [json.loads(record)["n"] for record in reading] == list(range(1, 26))
    assert [request.get("NextToken") for request in api.requests("GetStatementResult")] == [None, "10", "20"]


def test_no_rows_are_no_records(api: DataApi) -> None:
    assert rows(reader(configured(f"SELECT {NOON} FROM generate_series(1, 0) {ALWAYS}"))) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1", 'the query failed: ERROR: syntax error at or near "SELEC"'),
        (f"SELECT 1 AS views {ALWAYS}", "the query gives no column 'ts'; there are views"),
        (f"SELECT {NOON}, 1 AS a, 2 AS a {ALWAYS}", "two columns named 'a'"),
        ("SET search_path TO public", "the query gives no rows: it should be a SELECT"),
    ],
)
def test_a_wrong_query_is_told_in_a_sentence(api: DataApi, query: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        rows(reader(configured(query)))


def test_a_query_that_takes_too_long_is_cancelled(api: DataApi) -> None:
    query = f"SELECT {NOON}, pg_sleep(600) {ALWAYS}"
    with pytest.raises(Unavailable, match="the query took longer than 1 s"):
        rows(reader(configured(query, timeout=timedelta(seconds=0.3))))
    (statement,) = api.statements.values()
    assert statement.status == "ABORTED"


def test_a_statement_that_moto_takes_and_never_runs_is_cancelled() -> None:
    with pytest.raises(Unavailable, match="the query took longer than 1 s"):
        rows(reader(configured(timeout=timedelta(seconds=0.3))))
    from moto.redshiftdata.models import redshiftdata_backends

    (statement,) = redshiftdata_backends["123456789012"]["us-east-1"].statements.values()
    assert statement.status == "ABORTED"
    assert statement.query_parameters[0] == {"name": "interval_start", "value": "2026-03-01 00:00:00+00:00"}


def test_a_query_that_someone_else_stops_is_told(api: DataApi) -> None:
    query = f"SELECT {NOON}, pg_sleep(600) {ALWAYS}"
    asking = reader(configured(query))
    answer = api.answer

    def stopped(operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if operation == "DescribeStatement":
            answer("CancelStatement", request)
        return answer(operation, request)

    api.answer = stopped  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="the query failed: aborted"):
        rows(asking)


def test_what_is_throttled_is_asked_again(api: DataApi) -> None:
    api.refusals = [Refusal("ThrottlingException", "Rate exceeded")]
    assert len(rows(reader(configured()))) == 1
    first, second = api.requests("ExecuteStatement")
    # The same token: what has begun all the same is not begun twice.
    assert first["ClientToken"] == second["ClientToken"]


def test_what_aws_refuses_is_told(api: DataApi) -> None:
    api.refusals = [Refusal("AccessDeniedException", "User is not authorized")]
    with pytest.raises(Unavailable, match="AWS says AccessDeniedException: User is not authorized"):
        rows(reader(configured()))


def test_aws_that_cannot_be_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redshift_data, "_ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL_REDSHIFT_DATA", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="AWS cannot be reached: Could not connect to the endpoint"):
        rows(reader(configured()))

"""Columns of a real PostgreSQL, of every type, and times in every way that one can keep them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.streams.sources.asking import ALWAYS, Asked
from tests.streams.sources.servers import Server

NOON = "timestamp '2026-03-01 12:00:00' AS ts"
BERLIN = "Europe/Berlin"


@pytest.fixture
def asked(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(postgres, monkeypatch)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7::smallint", 7),
        ("9223372036854775807", 9223372036854775807),
        ("2458.90::numeric(12, 2)", 2458.9),
        ("100::numeric", 100),
        ("'NaN'::numeric", None),
        ("'Infinity'::numeric", None),
        ("0.1::real", 0.1),
        ("0.1::double precision", 0.1),
        ("'NaN'::float8", None),
        ("'-Infinity'::float8", None),
        ("true", True),
        ("null::int", None),
        ("'web'::text", "web"),
        ("'DE'::char(4)", "DE  "),
        ("'web'::varchar(9)", "web"),
        ("'x'::\"char\"", "x"),
        ("'sold'::name", "sold"),
        ("'\\x776562'::bytea", "web"),
        ("'\\xff00'::bytea", "ff00"),
        ("date '2026-03-01'", "2026-03-01"),
        ("time '12:30:00.5'", "12:30:00.500000"),
        ("timetz '12:30:00+02'", "12:30:00+02:00"),
        ("timestamp '2026-03-01 12:00:00'", "2026-03-01T12:00:00Z"),
        ("timestamptz '2026-03-01 12:00:00+01'", "2026-03-01T11:00:00Z"),
        ("timestamp 'infinity'", "infinity"),
        ("timestamptz '-infinity'", "-infinity"),
        ("date '0044-03-15 BC'", "0044-03-15 BC"),
        ("time '24:00'", "24:00:00"),
        ("timetz '24:00+02'", "24:00:00+02"),
        ("interval '1 day 90 minutes'", 91_800.0),
        ("interval '9999999 years'", "9999999 years"),
        ("'5d3c8a52-8f0e-4f3b-9d1c-1f2e3d4c5b6a'::uuid", "5d3c8a52-8f0e-4f3b-9d1c-1f2e3d4c5b6a"),
        ('\'{"a": [1, null, "b"]}\'::jsonb', {"a": [1, None, "b"]}),
        ("'{\"a\": 1.5}'::json", {"a": 1.5}),
        ("array[1, null, 3]", [1, None, 3]),
        ("array['NaN', 1.5]::numeric[]", [None, 1.5]),
        ("array[timestamp '2026-03-01 12:00:00']", ["2026-03-01T12:00:00Z"]),
        ("'192.168.0.1'::inet", "192.168.0.1"),
        ("'2001:db8::/32'::cidr", "2001:db8::/32"),
        ("'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03"),
        ("12.5::money", "$12.50"),
        ("b'101'", "101"),
        ("int4range(1, 10)", "[1, 10)"),
        ("point(1, 2)", "(1,2)"),
        ("xmlparse(content '<a/>')", "<a/>"),
        ("row(1, 'a')", ["1", "a"]),
        ("to_tsvector('simple', 'a b')", "'a':1 'b':2"),
    ],
)  # fmt: skip
def test_a_column_of_every_type_has_its_word_in_json(asked: Asked, expression: str, value: object) -> None:
    found = asked.one(f"SELECT {NOON}, {expression} AS value {ALWAYS}")["value"]
    assert found == value
    assert type(found) is type(value)


def test_an_enumeration_is_text(asked: Asked) -> None:
    asked.server.run("DROP TYPE IF EXISTS mood", "CREATE TYPE mood AS ENUM ('glad', 'so-so')")
    assert asked.one(f"SELECT {NOON}, 'so-so'::mood AS value {ALWAYS}")["value"] == "so-so"


@pytest.fixture
def sold(asked: Asked) -> Asked:
    """What was sold around the hour that comes twice in Berlin, from 2:00 to 3:00 on 25 October."""
    asked.server.run(
        "DROP TABLE IF EXISTS sold",
        "CREATE TABLE sold (id serial, local timestamp, moment timestamptz, day date,"
        " written text, epoch bigint)",
        "SET LOCAL TIME ZONE 'Europe/Berlin'",
        "INSERT INTO sold (moment) SELECT generate_series("
        "timestamptz '2026-10-24 23:30:00Z', '2026-10-25 02:30:00Z', '30 minutes')",
        "UPDATE sold SET local = moment, day = moment, epoch = extract(epoch FROM moment),"
        " written = to_char(moment AT TIME ZONE 'Europe/Berlin', 'YYYY-MM-DD HH24:MI:SS')",
    )
    return asked


WHERE = "WHERE {0} >= :interval_start AND {0} < :interval_end ORDER BY id"


def test_times_with_a_zone_are_moments_whatever_the_zone_of_the_source(sold: Asked) -> None:
    query = f"SELECT moment AS ts FROM sold {WHERE.format('moment')}"
    for zone in ("UTC", BERLIN):
        found = sold.times(query, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", timezone=zone)
        in_utc = [time.replace("T02:", "T00:").replace("+02:00", "Z") for time in found]
        assert in_utc == ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"]


def test_times_without_a_zone_are_those_of_the_zone_of_the_source(sold: Asked) -> None:
    query = f"SELECT local AS ts FROM sold {WHERE.format('local')}"
    at_noon = "2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z"
    assert sold.times(query, *at_noon, timezone=BERLIN) == ["2026-10-25T01:30:00+02:00"]
    assert sold.times(query, *at_noon, timezone="UTC") == []
    assert sold.times(query, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", timezone="UTC") == [
        "2026-10-25T01:30:00Z"
    ]


def test_an_hour_that_comes_twice_is_read_once(sold: Asked) -> None:
    query = f"SELECT local AS ts FROM sold {WHERE.format('local')}"
    first = sold.times(query, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", timezone=BERLIN)
    second = sold.times(query, "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z", timezone=BERLIN)
    # Which of the two an hour was is not in the column: both are taken for the second.
    assert first == []
    assert second == ["2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00"] * 2


def test_days_begin_in_the_zone_of_the_source(asked: Asked) -> None:
    asked.server.run(
        "DROP TABLE IF EXISTS daily", "CREATE TABLE daily (day date)",
        "INSERT INTO daily VALUES ('2026-02-28'), ('2026-03-01'), ('2026-03-02')",
    )  # fmt: skip
    query = "SELECT day AS ts FROM daily WHERE day >= :interval_start AND day < :interval_end"
    day = "2026-02-28T23:00:00Z", "2026-03-01T23:00:00Z"
    assert asked.times(query, *day, timezone=BERLIN) == ["2026-03-01T00:00:00+01:00"]


def test_times_that_are_text_or_numbers_are_cast_by_the_query(sold: Asked) -> None:
    first = "2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z"
    written = f"SELECT written AS ts FROM sold {WHERE.format('written::timestamp')}"
    assert sold.times(written, *first, timezone=BERLIN) == ["2026-10-25T01:30:00+02:00"]
    number = f"SELECT epoch AS ts FROM sold {WHERE.format('to_timestamp(epoch)')}"
    assert sold.times(number, *first, time_unit="s") == [1_792_884_600]


def test_the_bounds_can_be_used_in_any_expression(sold: Asked) -> None:
    query = (
        "SELECT date_trunc('hour', moment) AS ts, count(*) AS sold, :interval_end - :interval_start AS long "
        "FROM sold WHERE moment >= :interval_start::timestamptz AND moment < :interval_end::timestamptz "
        "AND :interval_start::date <= day GROUP BY 1 ORDER BY 1"
    )
    found = sold.rows(query, datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC))
    assert [(row["sold"], row["long"]) for row in found] == [(2, 7200.0), (2, 7200.0)]


def test_an_index_on_the_column_is_used(asked: Asked) -> None:
    asked.server.run(
        "DROP TABLE IF EXISTS indexed", "CREATE TABLE indexed (at timestamp PRIMARY KEY)",
        "INSERT INTO indexed SELECT generate_series(timestamp '2026-01-01', '2026-03-01', '1 minute')",
        "ANALYZE indexed",
        # The plan as a function gives it, so that a reader can read it.
        "CREATE OR REPLACE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS "
        "$$BEGIN RETURN QUERY EXECUTE 'EXPLAIN ' || query; END$$",
    )  # fmt: skip
    query = (
        "SELECT timestamp '2026-03-01 12:00:00' AS ts, plan(format('SELECT * FROM indexed "
        "WHERE at >= %L::timestamptz AND at < %L::timestamptz', :interval_start, :interval_end)) AS plan"
    )
    plan = asked.rows(query)
    assert "Index Only Scan" in plan[0]["plan"]

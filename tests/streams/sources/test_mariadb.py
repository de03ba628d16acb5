"""Columns of a real MariaDB, of every type, and times in every way that one can keep them."""

from __future__ import annotations

import subprocess

import pytest

from streams.sources import Unavailable
from tests.streams.sources.asking import ALWAYS, Asked
from tests.streams.sources.servers import Server

NOON = "CAST('2026-03-01 12:00:00' AS DATETIME) AS ts"
BERLIN = "Europe/Berlin"


@pytest.fixture
def asked(mariadb: Server, monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(mariadb, monkeypatch)


@pytest.fixture(scope="module")
def knows_berlin(mariadb: Server) -> None:
    """Fill the server's tables of time zones with one, as an operator fills them with all."""
    command = ["mariadb-tzinfo-to-sql", f"/usr/share/zoneinfo/{BERLIN}", BERLIN]
    filling = subprocess.run(command, capture_output=True, text=True, check=True)
    mariadb.run("USE mysql", *_statements(filling.stdout))


def _statements(script: str) -> list[str]:
    """Its statements, without those that only its own client takes."""
    statements = [part.strip() for part in script.split(";\n")]
    return [one for one in statements if one.startswith(("INSERT", "SET @time_zone_id"))]


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("TINYINT(1)", "1", 1),
        ("BIGINT UNSIGNED", "18446744073709551615", 18446744073709551615),
        ("DECIMAL(12, 2)", "2458.90", 2458.9),
        ("FLOAT", "0.1", 0.1),
        ("DOUBLE", "0.1", 0.1),
        ("INT", "NULL", None),
        ("VARCHAR(9)", "'web'", "web"),
        ("CHAR(4)", "'DE'", "DE"),
        ("LONGTEXT", "'web'", "web"),
        ("ENUM('glad', 'so-so')", "'so-so'", "so-so"),
        ("SET('a', 'b', 'c')", "'c,a'", "a,c"),
        ("VARBINARY(9)", "'web'", "web"),
        ("BLOB", "x'ff00'", "ff00"),
        ("BIT(1)", "b'1'", 1),
        ("BIT(40)", "b'100000000000000000000000000000001'", 4294967297),
        ("DATE", "'2026-03-01'", "2026-03-01"),
        ("TIME(1)", "'-12:30:00.5'", -45000.5),
        ("YEAR", "2026", 2026),
        ("DATETIME", "'2026-03-01 12:00:00'", "2026-03-01T12:00:00Z"),
        ("DATETIME(3)", "'2026-03-01 12:00:00.125'", "2026-03-01T12:00:00.125000Z"),
        # The zone of the server is New York's.
        ("TIMESTAMP NULL", "'2026-03-01 12:00:00'", "2026-03-01T17:00:00Z"),
        ("DATE", "'0000-00-00'", "0000-00-00"),
        ("JSON", "'{\"a\": 1.5}'", '{"a": 1.5}'),
        ("UUID", "'5d3c8a52-8f0e-4f3b-9d1c-1f2e3d4c5b6a'", "5d3c8a52-8f0e-4f3b-9d1c-1f2e3d4c5b6a"),
        ("INET6", "'2001:db8::1'", "2001:db8::1"),
    ],
)
def test_a_column_of_every_type_has_its_word_in_json(
    asked: Asked, kind: str, written: str, value: object
) -> None:
    asked.server.run(
        "SET sql_mode = ''",
        f"CREATE OR REPLACE TABLE typed (value {kind})",
        f"INSERT INTO typed VALUES ({written})",
    )
    found = asked.one(f"SELECT {NOON}, value FROM typed {ALWAYS}")["value"]
    assert found == value
    assert type(found) is type(value)


@pytest.fixture
def sold(asked: Asked) -> Asked:
    asked.server.run(
        "SET time_zone = '+00:00'",
        "CREATE OR REPLACE TABLE sold (id INT, local DATETIME, moment TIMESTAMP NULL)",
        # Half hours from 23:30 UTC on: in Berlin from 1:30 on, and from 2:00 to 3:00 twice.
        "INSERT INTO sold SELECT seq, NULL, '2026-10-24 23:00:00' + INTERVAL 30 * seq MINUTE FROM seq_1_to_7",
        "UPDATE sold SET local = moment + INTERVAL IF(moment < '2026-10-25 01:00:00', 2, 1) HOUR",
    )
    return asked


WHERE = "WHERE {0} >= :interval_start AND {0} < :interval_end ORDER BY id"
FIRST = "2026-10-24T23:00:00Z", "2026-10-25T00:00:00Z"


def test_a_timestamp_is_a_moment(sold: Asked) -> None:
    query = f"SELECT moment AS ts FROM sold {WHERE.format('moment')}"
    assert sold.times(query, *FIRST) == ["2026-10-24T23:30:00Z"]


@pytest.mark.usefixtures("knows_berlin")
def test_a_datetime_is_of_the_zone_of_the_source(sold: Asked) -> None:
    query = f"SELECT local AS ts FROM sold {WHERE.format('local')}"
    assert sold.times(query, *FIRST) == []
    assert sold.times(query, *FIRST, timezone=BERLIN) == ["2026-10-25T01:30:00+02:00"]


@pytest.mark.usefixtures("knows_berlin")
def test_a_timestamp_is_a_moment_in_the_zone_of_the_source_too(sold: Asked) -> None:
    query = f"SELECT moment AS ts FROM sold {WHERE.format('moment')}"
    assert sold.times(query, *FIRST, timezone=BERLIN) == ["2026-10-25T01:30:00+02:00"]


@pytest.mark.usefixtures("knows_berlin")
def test_no_row_of_an_hour_that_comes_twice_is_missed(sold: Asked) -> None:
    query = f"SELECT local AS ts FROM sold {WHERE.format('local')}"
    # In local time this is from 2:30 to 2:30; what is of another time is left out by who asks.
    found = sold.times(query, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", timezone=BERLIN)
    assert found.count("2026-10-25T02:00:00+01:00") == 2


def test_days_begin_in_the_zone_of_the_source(asked: Asked) -> None:
    asked.server.run(
        "CREATE OR REPLACE TABLE daily (day DATE)",
        "INSERT INTO daily VALUES ('2026-02-28'), ('2026-03-01'), ('2026-03-02')",
    )
    query = "SELECT day AS ts FROM daily WHERE day >= :interval_start AND day < :interval_end"
    assert asked.times(query, "2026-03-01", "2026-03-02") == ["2026-03-01T00:00:00Z"]


def test_a_zone_that_the_server_does_not_know_is_told(asked: Asked) -> None:
    with pytest.raises(Unavailable, match="Unknown or incorrect time zone: 'Asia/Tokyo'"):
        asked.rows(f"SELECT {NOON} {ALWAYS}", timezone="Asia/Tokyo")


def test_a_part_of_a_second_is_not_lost(asked: Asked) -> None:
    asked.server.run(
        "CREATE OR REPLACE TABLE finely (at DATETIME(6))",
        "INSERT INTO finely VALUES ('2026-03-01 11:59:59.999999'), ('2026-03-01 12:00:00')",
    )
    query = "SELECT at AS ts FROM finely WHERE at >= :interval_start AND at < :interval_end"
    noon = "2026-03-01T11:59:59.999999Z", "2026-03-01T12:00:00Z"
    assert asked.times(query, *noon) == ["2026-03-01T11:59:59.999999Z"]

"""What holds of all databases: asked of a real PostgreSQL, by the dialect of Redshift too, and a MariaDB."""

from __future__ import annotations

import gc
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from detectors.records import utc
from streams.formats import make_format
from streams.sources import Unavailable, sql
from tests.streams.sources.asking import ALWAYS, END, START, Asked, detector, reader, rows, shown
from tests.streams.sources.servers import Server

#: The query of the connector that Amazon Lookout for Metrics had for Redshift, with an interval.
JOINED = """
select ecommerce.ts as timestamp, ecommerce.views, ecommerce.revenue,
       platform.name as platform, marketplace.name as marketplace
from ecommerce, platform, marketplace
where ecommerce.platform = platform.id
    and ecommerce.marketplace = marketplace.id
    and ecommerce.ts >= :interval_start
    and ecommerce.ts < :interval_end
order by ecommerce.id
"""
NOON = "CAST('2026-03-01 12:00:00' AS {timestamp}) AS ts"
KINDS = ["postgresql", "redshift", "mariadb"]


class Database(Asked):
    """One of them, and what its own words are."""

    def __init__(self, server: Server, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(server, monkeypatch)
        self.kind = kind
        self.address = server.reached_as(kind)
        self.is_postgres = kind in {"postgresql", "redshift"}
        self.noon = NOON.format(timestamp="TIMESTAMP" if self.is_postgres else "DATETIME")

    def reader(self, query: str, what: Any = None, **more: Any) -> Any:
        return super().reader(query, what, **{"address": self.address, **more})


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Database:
    of = {"postgresql": "postgres", "redshift": "postgres", "mariadb": "mariadb", "mysql": "mariadb"}
    return Database(request.getfixturevalue(of[request.param]), request.param, monkeypatch)


@pytest.fixture
def shop(database: Database) -> Database:
    database.server.shop()
    database.server.run(
        "INSERT INTO ecommerce VALUES (1, '2026-03-01 09:59:59.999', 1, 1, 90, 2458.90),"
        " (2, '2026-03-01 10:00:00', 3, 3, 120, 0.10), (3, '2026-03-01 10:59:59', 2, 2, 0, 1234567890.12),"
        " (4, '2026-03-01 11:00:00', 1, 2, 7, 1)"
    )
    return database


def test_three_tables_are_joined_and_only_the_interval_is_read(shop: Database) -> None:
    at_ten = START + timedelta(hours=10), START + timedelta(hours=11)
    assert shop.rows(JOINED, *at_ten, time="timestamp") == [
        {
            "timestamp": "2026-03-01T10:00:00Z", "views": 120, "revenue": 0.10,
            "platform": "mobile_app", "marketplace": "DE",
        },
        {
            "timestamp": "2026-03-01T10:59:59Z", "views": 0, "revenue": 1234567890.12,
            "platform": "mobile_web", "marketplace": "US",
        },
    ]  # fmt: skip
    assert len(shop.rows(JOINED, START, END, time="timestamp")) == 4
    assert shop.rows(JOINED, END, END + timedelta(days=1), time="timestamp") == []


@pytest.mark.parametrize("database", ["postgresql", "redshift"], indirect=True)
def test_what_the_page_shows_gives_events(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATABASE", shop.address)
    config = shown("Databases")
    asking = reader(config.crawled["shop"], config.detector("shop"))
    shape = make_format("shop", config.records_of("shop"), config.fields_of("shop"))
    # In Berlin.
    records = asking.read(START + timedelta(hours=9), START + timedelta(hours=10))
    events: list[Any] = [event for record in records for event in shape.parse(record)]
    assert [(utc(event.event_time).hour, event.platform, event.revenue) for event in events] == [
        (9, "mobile_app", 0.1),
        (9, "mobile_web", 1234567890.12),
    ]


def test_a_reader_is_asked_again_and_again(shop: Database) -> None:
    reader = shop.reader(JOINED, time="timestamp")
    hours = [START + timedelta(hours=hour) for hour in range(9, 13)]
    assert [len(rows(reader, hour, hour + timedelta(hours=1))) for hour in hours] == [1, 2, 1, 0]
    reader.close()


def test_decimals_lose_no_digit(database: Database) -> None:
    query = (
        f"SELECT {database.noon}, CAST('12345678901234567890.123456789' AS DECIMAL(30, 9)) AS much {ALWAYS}"
    )
    (record,) = database.reader(query).read(START, END)
    assert json.loads(record, parse_float=Decimal)["much"] == Decimal("12345678901234567890.123456789")


def test_hostile_values_stay_values(database: Database) -> None:
    values = [
        "it's", '"quoted"', "back\\slash", "two\nlines\r\n", "\t\x1b[31m", "a%sb%(x)s%", ":interval_start",
        "\N{PILE OF POO} é 中", "{not} $1 $$ ; --", "x" * 10_000, "", " ",
    ]  # fmt: skip
    if not database.is_postgres:
        # PostgreSQL has no text with a NUL in it.
        values.append("a\0b")
    with database.server.engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS hostile"))
        connection.execute(text("CREATE TABLE hostile (id INT, value TEXT)"))
        for id_, value in enumerate(values):
            connection.execute(text("INSERT INTO hostile VALUES (:id, :value)"), {"id": id_, "value": value})
    found = database.rows(f"SELECT {database.noon}, value FROM hostile {ALWAYS} ORDER BY id")
    assert [row["value"] for row in found] == values


def test_colons_and_percents_of_a_query_are_its_own(database: Database) -> None:
    query = (
        f"SELECT {database.noon}, 5 % 2 AS odd, '12:30 :name %s %(x)s' AS written /* 100% :other */ "
        "FROM (SELECT 'pc_web' AS name) AS names WHERE name LIKE '%web%' AND :interval_start < :interval_end;"
    )
    found = database.one(query)
    assert (found["odd"], found["written"]) == (1, "12:30 :name %s %(x)s")


def test_an_unusual_name_of_a_column_stays_a_name(database: Database) -> None:
    quote = '"' if database.is_postgres else "`"
    found = database.one(f"SELECT {database.noon}, 1 AS {quote}we'ird 100%: é中{quote} {ALWAYS}")
    assert found["we'ird 100%: é中"] == 1


def test_a_query_that_changes_something_changes_nothing(shop: Database) -> None:
    writes = [
        f"INSERT INTO platform SELECT 9, 'hacked' FROM marketplace {ALWAYS}",
        "UPDATE platform SET name = 'hacked' WHERE :interval_start < :interval_end",
        "DELETE FROM platform WHERE :interval_start < :interval_end",
        "DROP TABLE platform -- :interval_start :interval_end",
    ]
    if shop.is_postgres:
        shop.server.run(
            "CREATE OR REPLACE FUNCTION sneak() RETURNS int LANGUAGE sql VOLATILE AS "
            "$$INSERT INTO platform VALUES (9, 'hacked') RETURNING id$$"
        )
        writes += [f"SELECT {shop.noon}, sneak() {ALWAYS}"]
    for query in writes:
        with pytest.raises(Unavailable, match=r"the query failed: .*(?i:read.only|syntax)"):
            shop.rows(query)
    with shop.server.engine.connect() as connection:
        left = connection.execute(text("SELECT name FROM platform ORDER BY id")).scalars().all()
    assert left == ["pc_web", "mobile_web", "mobile_app"]


def test_a_query_that_gives_row_after_row_is_given_up_too(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "ROWS_AT_ONCE", 5)
    database = Database(postgres, "postgresql", monkeypatch)
    # It would take half an hour, and never long for some rows.
    query = f"SELECT {database.noon}, pg_sleep(0.02) FROM generate_series(1, 100000) {ALWAYS}"
    with pytest.raises(Unavailable, match=r"took longer than 1 s|statement timeout"):
        database.rows(query, timeout=timedelta(seconds=1))


def test_a_query_that_takes_too_long_is_given_up(database: Database) -> None:
    sleep = "pg_sleep(600)" if database.is_postgres else "sleep(600)"
    with pytest.raises(Unavailable, match=r"the query failed: .*(statement timeout|max_statement_time)"):
        database.rows(f"SELECT {database.noon}, {sleep} AS slept {ALWAYS}", timeout=timedelta(seconds=0.3))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELEC 1 {always}", "the query failed: .*yntax"),
        ("SELECT {noon}, x.nothing FROM (SELECT 1 AS y) AS x {always}", "the query failed: .*x.nothing"),
        ("SELECT {noon} FROM nowhere {always}", "the query failed: .*nowhere.* (does not|doesn't) exist"),
        ("SELECT 1 AS views, 2 AS orders {always}", "gives no column 'ts'; there are views, orders"),
        ("SELECT {noon}, 1 AS a, 2 AS a {always}", "two columns named 'a': name one otherwise, with AS"),
    ],
)
def test_a_wrong_query_is_told_in_a_sentence(database: Database, query: str, said: str) -> None:
    with pytest.raises(Unavailable, match=said):
        database.rows(query.format(noon=database.noon, always=ALWAYS))


def test_a_column_that_the_detector_reads_must_be_there(database: Database) -> None:
    query = f"SELECT {database.noon}, 1 AS amount, 'web' AS platform {ALWAYS}"
    assert (
        database.one(query, what=detector("platform", field="sum"), fields={"sum": "amount"})["amount"] == 1
    )
    with pytest.raises(Unavailable, match="gives no column 'country'; there are ts, amount, platform"):
        database.rows(query, what=detector("country"))


def test_a_wrong_password_is_told_and_not_shown(database: Database) -> None:
    wrong = "wr0ng@pass word"
    address = database.server.reached_as(database.kind, password=wrong)
    with pytest.raises(
        Unavailable, match=r"cannot be reached: .*(authentication failed|Access denied)"
    ) as told:
        database.rows(f"SELECT {database.noon} {ALWAYS}", address=address)
    assert wrong not in str(told.value)
    assert "wr0ng" not in str(told.value)


def test_a_password_is_masked_even_where_the_database_says_it(database: Database) -> None:
    with pytest.raises(Unavailable, match=r"nowhere_\*\*\*") as told:
        database.rows(
            f"SELECT {database.noon} FROM nowhere_guessable {ALWAYS}",
            address=_with_user(database, "guessable"),
        )
    assert "guessable" not in str(told.value)


def _with_user(database: Database, password: str) -> str:
    """The address of a user of its own."""
    if database.is_postgres:
        database.server.run(
            "DO $$ BEGIN CREATE ROLE reader LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"ALTER ROLE reader PASSWORD '{password}'",
        )
    else:
        database.server.run(
            f"CREATE OR REPLACE USER 'reader'@'%' IDENTIFIED BY '{password}'",
            "GRANT SELECT ON *.* TO 'reader'@'%'",
        )
    return database.server.reached_as(database.kind, username="reader", password=password)


def test_a_password_that_is_changed_needs_no_restart(database: Database, tmp_path: Path) -> None:
    secret = tmp_path / "address"
    secret.write_text(_with_user(database, "one") + "\n")
    reader = database.reader(f"SELECT {database.noon} {ALWAYS}", url=f"file:{secret}")
    assert len(rows(reader)) == 1
    changed = _with_user(database, "two")
    with pytest.raises(Unavailable, match="cannot be reached"):
        rows(reader)
    secret.write_text(changed)
    assert len(rows(reader)) == 1
    secret.unlink()
    with pytest.raises(Unavailable, match=r"cannot read a secret from .*address: No such file"):
        rows(reader)


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_server_that_was_away_is_read_when_it_is_back(database: Database) -> None:
    reader = database.reader(f"SELECT {database.noon} {ALWAYS}")
    assert len(rows(reader)) == 1
    database.server.stop()
    try:
        with pytest.raises(Unavailable, match=r"the database cannot be reached: .*refused"):
            rows(reader)
    finally:
        database.server.start()
    assert len(rows(reader)) == 1


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_a_server_that_goes_while_it_answers_is_told(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    many = "generate_series(1, 1000000)" if database.is_postgres else "seq_1_to_1000000"
    reading = iter(
        database.reader(f"SELECT {database.noon}, '{'x' * 500}' AS pad FROM {many} {ALWAYS}").read(START, END)
    )
    next(reading)
    database.server.stop()
    try:
        with pytest.raises(Unavailable, match="the query failed: "):
            for _ in reading:
                pass
    finally:
        database.server.start()
    # What libraries complain of, some of it when they are collected: warnings are errors.
    gc.collect()
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_rows_that_are_of_no_use_are_not_read_to_their_end(database: Database) -> None:
    # A driver of MySQL would otherwise read all of them when it lets go of them.
    with pytest.raises(Unavailable, match="gives no column 'ts'"):
        database.rows(f"SELECT 1 AS views FROM seq_1_to_10000000000 {ALWAYS}")


def test_who_stops_reading_holds_no_connection(database: Database) -> None:
    series = "generate_series(1, 9000)" if database.is_postgres else "seq_1_to_9000"
    reading = iter(database.reader(f"SELECT {database.noon} FROM {series} {ALWAYS}").read(START, END))
    next(reading)
    reading.close()
    counted = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lookalive'"
        if database.is_postgres
        else "SELECT count(*) FROM information_schema.processlist WHERE user = 'shop' "
        "AND id <> connection_id()"
    )
    with database.server.engine.connect() as connection:
        # A server learns of it a little later.
        for _ in range(500):
            if connection.execute(text(counted)).scalar_one() == 0:
                break
            connection.execute(
                text("SELECT pg_sleep(0.01)" if database.is_postgres else "SELECT sleep(0.01)")
            )
            connection.rollback()
        else:
            pytest.fail("there is a connection")

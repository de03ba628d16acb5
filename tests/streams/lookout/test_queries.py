"""Queries that look back from now ask for an interval afterwards, or say that they do not."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import pytest

from streams.errors import LookoutError
from streams.lookout.queries import asking, of_table

#: The one of the connector's own demo.
DEMO = """select ecommerce.ts as timestamp, ecommerce.views, platform.name as platform
from ecommerce, platform
where ecommerce.platform = platform.id
    and ecommerce.ts < DATEADD(hour, 0, getdate())
    and ecommerce.ts > DATEADD(hour, -1, getdate());
"""


def test_the_window_of_the_connector_becomes_that_of_the_interval() -> None:
    asked = asking(DEMO, "timestamp", "query.sql")
    assert asked.query.endswith(
        "    and ecommerce.ts < :interval_end\n    and ecommerce.ts >= :interval_start"
    )
    assert asked.query.startswith("select ecommerce.ts as timestamp, ecommerce.views")
    assert asked.replaced == (
        "ecommerce.ts < DATEADD(hour, 0, getdate())",
        "ecommerce.ts > DATEADD(hour, -1, getdate())",
    )


@pytest.mark.parametrize(
    "window",
    [
        "ts >= dateadd('day', -1, sysdate) and ts <= sysdate",
        "v.ts > getdate() - interval '1 hour' AND v.ts<getdate()",
        "ts > now() - interval 5 minute and ts < now()",
        "ts > date_sub(now(), interval 1 hour) and ts < current_timestamp",
        "ts > current_timestamp - INTERVAL '1' hour and ts < current_timestamp",
    ],
)
def test_other_words_for_now_are_understood(window: str) -> None:
    asked = asking(f"SELECT ts, views FROM v WHERE {window} GROUP BY 1", "ts", "query")
    column = "v.ts" if "v.ts" in window else "ts"
    assert f"WHERE {column} >= :interval_start" in asked.query
    assert asked.query.upper().count(" AND ") == 1
    assert asked.query.endswith("< :interval_end GROUP BY 1")
    assert asked.moving is None


def test_the_query_of_the_historical_crawl_has_one_side_and_gets_both() -> None:
    asked = asking("select ts from v where ts < DATEADD(hour, 0, getdate())", "ts", "query")
    assert asked.query == "select ts from v where ts >= :interval_start AND ts < :interval_end"


@pytest.mark.parametrize(
    "where",
    [
        "ts between dateadd(hour, -1, getdate()) and getdate()",
        "date_trunc('hour', ts) = date_trunc('hour', getdate())",
        "ts > dateadd(hour, -1, getdate()) and loaded < getdate()",
        "ts > dateadd(hour, -1, getdate()) * 2 and ts < getdate()",
    ],
)
def test_another_window_is_left_and_said(where: str) -> None:
    query = f"select ts, views from v where {where}"
    asked = asking(query, "ts", "query")
    assert asked.query == (
        f"SELECT * FROM (\n{query}\n) AS asked\n"
        'WHERE asked."ts" >= :interval_start AND asked."ts" < :interval_end'
    )
    assert (asked.replaced, asked.moving) == ((), "getdate()")


def test_what_began_before_now_is_no_window() -> None:
    asked = asking("select ts, price from v where valid_from < getdate()", "ts", "query")
    assert "valid_from < getdate()" in asked.query
    assert asked.around
    assert asked.moving


def test_a_query_without_a_window_gets_one_around_it() -> None:
    asked = asking("-- sales\nselect ts from v -- all", "ts", "query", "`")
    assert asked.query == (
        "SELECT * FROM (\n-- sales\nselect ts from v -- all\n) AS asked\n"
        "WHERE asked.`ts` >= :interval_start AND asked.`ts` < :interval_end"
    )
    assert (asked.around, asked.moving) == (True, None)


def test_comments_and_texts_are_no_window() -> None:
    query = (
        "select ts, 'ts < getdate()' as note from v -- ts > getdate()\n where ts > dateadd(hour,-1,getdate())"
    )
    asked = asking(query, "ts", "query")
    assert asked.query == (
        "select ts, 'ts < getdate()' as note from v -- ts > getdate()\n"
        " where ts >= :interval_start AND ts < :interval_end"
    )


def test_a_query_that_asks_for_an_interval_stays_as_it_is() -> None:
    query = "select ts from v where ts >= :interval_start and ts < :interval_end"
    assert asking(f"{query};\n", "ts", "query").query == query


@pytest.mark.parametrize("escaped", ["name = ''web''", r"name = \'web\'"])
def test_quotes_that_were_escaped_for_unload_are_single_again(escaped: str) -> None:
    asked = asking(f"select ts from v where {escaped}", "ts", "query")
    assert "where name = 'web'" in asked.query
    assert asked.unescaped
    assert not asking("select ts from v where name = 'it''s'", "ts", "query").unescaped


@pytest.mark.parametrize(
    "query", ["unload ('select 1') to 's3://x'", "", "delete from v", "drop table v; select 1"]
)
def test_what_is_no_query_is_refused(query: str) -> None:
    with pytest.raises(LookoutError, match=r"^query\.sql is no query: give the SELECT by itself"):
        asking(query, "ts", "query.sql")


def test_names_cannot_end_their_quotes() -> None:
    query = of_table('public.a"; drop table x', ["`x`"], "t", '"')
    assert query.splitlines()[1] == 'FROM "public"."a""; drop table x"'
    assert of_table("v", ["`x`"], "t", "`").splitlines()[0] == "SELECT `t`, ```x```"


@pytest.mark.parametrize(
    "query",
    [
        DEMO,
        "select ts as timestamp, views, 'web' as platform from ecommerce -- all of it",
        of_table("main.sales", ["views", "platform"], "timestamp", '"'),
    ],
)
def test_a_database_gives_each_row_in_one_interval_and_none_twice(query: str) -> None:
    first = datetime(2022, 1, 12, 17)  # noqa: DTZ001  (as databases have it)
    with duckdb.connect() as database:
        database.execute("create table platform as select 1 as id, 'web' as name")
        database.execute(
            "create table ecommerce as select 1 as platform, n as views, ? + to_minutes(n * 20) as ts "
            "from range(9) as rows(n)",
            [first],
        )
        database.execute(
            "create view sales as select ts as timestamp, views, 'web' as platform from ecommerce"
        )
        asked = asking(query, "timestamp", "query").query.replace(":interval_", "$interval_")
        found = []
        for hour in range(3):
            start = first + timedelta(hours=hour)
            window = {"interval_start": start, "interval_end": start + timedelta(hours=1)}
            found.append(sorted(row[1] for row in database.execute(asked, window).fetchall()))
    # Those at the border of two are in the later one; the connector had them in neither.
    assert found == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]

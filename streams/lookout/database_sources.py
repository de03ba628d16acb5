"""A table in RDS or Redshift, or what a connector asks → a source that asks the database."""

from __future__ import annotations

import re

from detectors.words import plain
from streams.errors import LookoutError
from streams.lookout import queries
from streams.lookout.made_source import MadeSource, columns, time_column
from streams.lookout.placeholders import PLACEHOLDER
from streams.lookout.shapes import Connector, Database, MetricSet

#: Types of database of a connector → how addresses for SQLAlchemy begin.
DIALECTS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}
MYSQL = frozenset({"mysql", "mariadb"})
#: The usual ports of those that RDS has.
PORTS = {3306: "mysql", 5432: "postgres"}


def ask_as_connector(made: MadeSource, connector: Connector, metric_set: MetricSet) -> None:
    """Ask what the connector asked.

    Raises:
        LookoutError: its database or its query is of another kind.
    """
    kind = connector.database_type.lower()
    quote = "`" if kind in MYSQL else '"'
    if kind == "redshift":
        made.table = {"type": "redshift-data", "secret": connector.secret_name or f"{PLACEHOLDER}secret"}
        if connector.secret_name:
            says = "the Redshift Data API is asked, with the secret that names cluster and database"
            made.say("kept", says)
    elif kind in DIALECTS:
        made.table = {"type": "sql"}
        _address(made, DIALECTS[kind], connector.secret_name, None)
    else:
        known = ", ".join(sorted({"redshift", *DIALECTS}))
        message = f"params.json: no database_type {plain(kind)!r} is known; known: {known}"
        raise LookoutError(message)
    made.say("better", "it is asked by lookalive: no Lambda, state machine or bucket lies between")
    made.say("better", "the past is asked for in the same way, 14 days of it unless history says more")
    time = time_column(metric_set)
    if connector.query is None:
        made.table["query"] = queries.of_table(f"{PLACEHOLDER}table", columns(metric_set), time, quote)
        made.say("to do", "the query is a guess: give the connector's own with --query query.sql")
    else:
        asking = queries.asking(connector.query, time, "the file of --query", quote)
        made.table["query"] = asking.query
        _say_what_is_asked(made, asking)


def ask_redshift(made: MadeSource, database: Database, metric_set: MetricSet) -> None:
    """Ask a table of Redshift, by its Data API."""
    made.table = {"type": "redshift-data", "secret": database.secret_manager_arn or f"{PLACEHOLDER}secret"}
    if database.cluster_identifier:
        made.table["cluster"] = database.cluster_identifier
    if database.database_name:
        made.table["database"] = database.database_name
    _ask_table(made, database, metric_set, '"')
    made.say("changed", "the Redshift Data API is asked: the subnets and security groups are not needed")


def ask_rds(made: MadeSource, database: Database, metric_set: MetricSet) -> None:
    """Ask a table of a database in RDS."""
    made.table = {"type": "sql"}
    kind = PORTS.get(database.database_port or 0)
    either = " or ".join(sorted(set(DIALECTS.values())))
    _address(made, DIALECTS[kind] if kind else f"({either})", database.secret_manager_arn, database)
    _ask_table(made, database, metric_set, "`" if kind == "mysql" else '"')
    if kind is None:
        made.say("changed", "its port does not tell which database it is: for MySQL, quote the query with `")


def _say_what_is_asked(made: MadeSource, asking: queries.Asking) -> None:
    if asking.unescaped:
        made.say("changed", "quotes of the query were escaped for UNLOAD, and are single now")
    if asking.replaced:
        window = " and ".join(plain(part, 200) for part in asking.replaced)
        made.say("changed", f"the window of the query became that of the interval; it was {window}")
        made.say("better", "an interval is asked for by its own times: no row at its border is lost")
    elif asking.moving:
        says = (
            f"the query still looks back from {plain(asking.moving)}, so the past cannot be asked for: take "
            "that window out of it; what is around it asks for the interval"
        )
        made.say("to do", says)
    elif asking.around:
        made.say("changed", "the query had no window: what is around it asks for the interval")


def _address(made: MadeSource, dialect: str, secret: str | None, database: Database | None) -> None:
    variable = re.sub(r"\W", "_", made.name).upper() + "_DATABASE"
    made.table["url"] = f"env:{variable}"
    host, name = "HOST", "DATABASE"
    if database is not None:
        host, name = plain(database.database_host or host, 253), plain(database.database_name or name)
        host = f"{host}:{database.database_port}" if database.database_port else host
    address = f"{dialect}://USER:PASSWORD@{host}/{name}"
    whose = f"; user and password are in the secret {plain(secret, 256)}" if secret else ""
    made.say("changed", f"the address is not in the file: put {address} into the variable {variable}{whose}")


def _ask_table(made: MadeSource, database: Database, metric_set: MetricSet, quote: str) -> None:
    table = database.table_name or f"{PLACEHOLDER}table"
    made.table["query"] = queries.of_table(table, columns(metric_set), time_column(metric_set), quote)
    made.say("better", "the query is yours: it may join, filter and add up")

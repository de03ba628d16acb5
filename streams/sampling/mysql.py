"""MySQL and MariaDB: who is active by `performance_schema`, in what wait, as `wait/io/table/sql/handler`.

Where that schema is off, only locks and commits are told apart from work on a processor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from streams.sampling.servers import Setting
from streams.sampling.sessions import CPU, Session

ROW_LOCK = "wait/lock/innodb/row"
METADATA_LOCK = "wait/lock/metadata/sql/mdl"
#: No instrument of MariaDB tells of it, but the state of the session does.
COMMIT = "wait/io/redo_log_flush"
#: A statement that commits nothing.
_READS = re.compile(r"\s*(?:select|show|with|explain|set)\b", re.IGNORECASE)

_ACTIVE = text(
    "SELECT t.PROCESSLIST_ID, t.PROCESSLIST_STATE, x.trx_state, w.EVENT_NAME, w.EVENT_ID, "
    "coalesce(s.SQL_TEXT, t.PROCESSLIST_INFO), s.DIGEST, t.PROCESSLIST_USER, t.PROCESSLIST_HOST, "
    "t.PROCESSLIST_DB "
    "FROM performance_schema.threads t "
    "LEFT JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = t.PROCESSLIST_ID "
    "LEFT JOIN performance_schema.events_waits_current w "
    "ON w.THREAD_ID = t.THREAD_ID AND w.END_EVENT_ID IS NULL "
    "LEFT JOIN performance_schema.events_statements_current s "
    "ON s.THREAD_ID = t.THREAD_ID AND s.END_EVENT_ID IS NULL AND s.NESTING_EVENT_ID IS NULL "
    "WHERE t.TYPE = 'FOREGROUND' AND t.PROCESSLIST_ID <> connection_id() "
    "AND t.PROCESSLIST_COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID') "
    "ORDER BY t.PROCESSLIST_ID, w.EVENT_ID"
)
_WITHOUT_SCHEMA = text(
    "SELECT p.ID, p.STATE, x.trx_state, NULL, NULL, p.INFO, NULL, p.USER, p.HOST, p.DB "
    "FROM information_schema.PROCESSLIST p "
    "LEFT JOIN information_schema.INNODB_TRX x ON x.trx_mysql_thread_id = p.ID "
    "WHERE p.ID <> connection_id() AND p.USER <> 'system user' "
    "AND p.COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump', 'Binlog Dump GTID')"
)
_SCHEMA = text("SELECT @@performance_schema")
_INSTRUMENTS = text(
    "SELECT coalesce(sum(ENABLED = 'YES') / count(*), 0) FROM performance_schema.setup_instruments "
    "WHERE NAME LIKE 'wait/io/table/%' OR NAME LIKE 'wait/io/file/innodb/%'"
)
_CONSUMERS = text("SELECT NAME, ENABLED FROM performance_schema.setup_consumers")
_OTHERS = text("SELECT count(*) FROM information_schema.INNODB_TRX")


class MySQL:
    """MySQL 8 or MariaDB 10.5 or later."""

    driver, extra, dialect = "mysql+pymysql", "mysql", "mysql"
    connecting: Mapping[str, Any] = {
        "connect_timeout": 5, "read_timeout": 5, "program_name": "lookalive sample-db",
    }  # fmt: skip
    setup: Sequence[str] = ("SET SESSION TRANSACTION READ ONLY",)

    def __init__(self) -> None:
        #: Whether there is a schema to ask; asked once a connection.
        self._has_schema: bool | None = None

    def sessions(self, connection: Connection) -> Iterator[tuple[Session, str | None]]:
        """Who is active."""
        if self._has_schema is None:
            self._has_schema = bool(connection.execute(_SCHEMA).scalar())
        # Of waits within each other the innermost comes last, and is what a session waits for.
        rows = {row[0]: row for row in connection.execute(_ACTIVE if self._has_schema else _WITHOUT_SCHEMA)}
        for _, state, transaction, event, _, statement, digest, user, host, database in rows.values():
            if statement is None and event == "idle":
                continue
            wait = _wait(state or "", transaction, event, writes=not _READS.match(statement or "select"))
            kind = CPU if wait == CPU else "/".join(wait.split("/")[1:3])
            yield Session(kind, wait, None, digest, user, _host(host), database, None), statement

    def settings(self, connection: Connection) -> Iterator[Setting]:
        """What it must say of its sessions."""
        on = bool(connection.execute(_SCHEMA).scalar())
        yield Setting(
            "performance_schema", "ON" if on else "OFF", True if on else None,
            "without it only row locks, metadata locks and commits are told apart from work on a processor",
            "performance_schema = ON under [mysqld], and restart",
        )  # fmt: skip
        if on:
            share = float(connection.execute(_INSTRUMENTS).scalar() or 0)
            yield Setting(
                "instruments wait/io/table and /file", f"{share:.0%}", True if share > 0.9 else None,
                "without them reading of tables and files is told as work on a processor",
                "performance-schema-instrument = 'wait/io/%=ON' under [mysqld], and restart",
            )  # fmt: skip
            consumers = {str(name): str(enabled) for name, enabled in connection.execute(_CONSUMERS)}
            for name, what in (
                ("events_waits_current", "waits"),
                ("events_statements_current", "statements"),
            ):
                yield Setting(
                    name, consumers.get(name, "NO"), True if consumers.get(name) == "YES" else None,
                    f"without it {what} are not known",
                    f"performance-schema-consumer-{name.replace('_', '-')} = ON under [mysqld], and restart",
                )  # fmt: skip
        try:
            connection.execute(_OTHERS).scalar()
            sees_all = True
        except DBAPIError:
            sees_all = False
        yield Setting(
            "privilege PROCESS", "yes" if sees_all else "no", sees_all,
            "without it the sessions of others, and their locks, are hidden",
            "GRANT PROCESS ON *.* TO the user that samples; "
            "GRANT SELECT ON performance_schema.* TO the same",
        )  # fmt: skip


def _wait(state: str, transaction: str | None, event: str | None, *, writes: bool) -> str:
    if transaction == "LOCK WAIT":
        return ROW_LOCK
    if "metadata lock" in state:
        return METADATA_LOCK
    if event is not None and event != "idle":
        return event
    # While it waits for the group that it commits with, a session has no state.
    return COMMIT if state == "Commit" or (writes and not state) else CPU


def _host(host: str | None) -> str | None:
    """Without the port, which is another one for each connection."""
    return host.rpartition(":")[0] or host if host and host.count(":") == 1 else host

"""PostgreSQL: who is active by `pg_stat_activity`, and what each waits for, as `Lock:transactionid`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, text

from streams.sampling.servers import Setting
from streams.sampling.sessions import CPU, Session

#: Workers of a statement count as much as it does itself; whoever waits for work does not.
_ACTIVE = text(
    "SELECT wait_event_type, wait_event, query, query_id, usename, "
    "coalesce(host(client_addr), CASE WHEN backend_type = 'client backend' THEN 'local' END), "
    "datname, coalesce(nullif(application_name, ''), nullif(backend_type, 'client backend')) "
    "FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() "
    "AND wait_event_type IS DISTINCT FROM 'Activity'"
)
_SETTINGS = text(
    "SELECT current_setting('track_activities'), current_setting('compute_query_id'), "
    "current_setting('track_activity_query_size'), pg_has_role(current_user, 'pg_monitor', 'USAGE'), "
    "EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_stat_statements')"
)


class PostgreSQL:
    """Version 14 or later."""

    driver, extra, dialect = "postgresql+psycopg", "postgres", "postgres"
    connecting: Mapping[str, Any] = {
        "connect_timeout": 5, "application_name": "lookalive sample-db", "keepalives_idle": 10,
        "keepalives_interval": 5, "keepalives_count": 3,
    }  # fmt: skip
    setup: Sequence[str] = (
        "SET default_transaction_read_only = on",
        "SET statement_timeout = '2s'",
        "SET lock_timeout = '1s'",
    )

    def sessions(self, connection: Connection) -> Iterator[tuple[Session, str | None]]:
        """Who is active."""
        for kind, event, query, query_id, user, host, database, application in connection.execute(_ACTIVE):
            wait = CPU if kind is None else f"{kind}:{event}"
            statement_id = None if query_id is None else str(query_id)
            yield Session(kind or CPU, wait, None, statement_id, user, host, database, application), query

    def settings(self, connection: Connection) -> Iterator[Setting]:
        """What it must say of its sessions."""
        activities, query_id, size, sees_all, counts = connection.execute(_SETTINGS).one()
        yield Setting(
            "track_activities", activities, activities == "on",
            "without it no session is known to be active",
            "ALTER SYSTEM SET track_activities = on; SELECT pg_reload_conf()",
        )  # fmt: skip
        yield Setting(
            "role pg_monitor", "yes" if sees_all else "no", bool(sees_all),
            "without it statements and waits of other users are hidden",
            "GRANT pg_monitor TO the user that samples",
        )  # fmt: skip
        knows_ids = query_id == "on" or (query_id == "auto" and counts)
        yield Setting(
            "compute_query_id", query_id, True if knows_ids else None,
            "without it statements are told apart by their text alone, which costs the sampler more",
            "ALTER SYSTEM SET compute_query_id = on; SELECT pg_reload_conf()",
        )  # fmt: skip
        yield Setting(
            "track_activity_query_size", size, True if _bytes(size) >= 4096 else None,
            "longer statements are cut, and those that differ after that are one",
            "ALTER SYSTEM SET track_activity_query_size = '4kB', and restart",
        )  # fmt: skip


def _bytes(size: str) -> int:
    """A size as the server writes it.

    >>> _bytes("1kB"), _bytes("4096B"), _bytes("1MB")
    (1024, 4096, 1048576)
    """
    for unit, factor in (("MB", 1 << 20), ("kB", 1 << 10), ("B", 1)):
        if size.endswith(unit):
            return int(size.removesuffix(unit)) * factor
    return int(size)

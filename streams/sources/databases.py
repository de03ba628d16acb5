"""What differs between databases: their driver, and what one is told before it is asked.

Each is told to take no change, to give up a query in time, and which time zone is meant where none is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import URL, Connection, DateTime, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from detectors.sources import Sql
from streams.errors import SettingsError
from streams.zones import bounds

CONNECT_SECONDS = 15
#: Who says nothing for so long after a query should be over is not there any more.
_GRACE = timedelta(seconds=30)
#: A connection on which nothing comes is asked after half a minute whether it is still one.
_KEEP_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


@dataclass(frozen=True)
class Database:
    """A kind of database."""

    #: SQLAlchemy's name of the driver, and the extra that brings it.
    driver: str
    extra: str
    #: Arguments of the driver for a source.
    connecting: Callable[[Sql], Mapping[str, Any]]
    #: What a connection is told at the start of its transaction.
    begin: Callable[[Connection, Sql], None]
    #: The moments of an interval as they are bound.
    moments: Callable[[datetime, datetime, tzinfo], tuple[datetime, datetime]]
    #: Their type.
    moment: DateTime
    options: Mapping[str, Any] = field(default_factory=dict)
    #: What is changed of the driver.
    prepare: Callable[[Engine], None] = lambda _: None


def _of_postgres(source: Sql) -> Mapping[str, Any]:
    return {"connect_timeout": CONNECT_SECONDS, "application_name": "lookalive", **_KEEP_ALIVE}


def _begin_postgres(connection: Connection, source: Sql) -> None:
    told = text("SELECT set_config('timezone', :zone, true), set_config('statement_timeout', :limit, true)")
    connection.execute(told, {"zone": source.timezone, "limit": f"{max(1, _milliseconds(source))}"})


def _let_odd_times_be_text(engine: Engine) -> None:
    """Let be text what Python has no time for: `infinity`, the years before 1 and after 9999, 24 o'clock."""
    from psycopg import DataError  # noqa: PLC0415  (who reads no PostgreSQL needs none of it)
    from psycopg.types import datetime as times  # noqa: PLC0415

    def lenient(loader: type[Any]) -> type[Any]:
        class Lenient(loader):  # type: ignore[misc]
            def load(self, data: Any) -> Any:
                try:
                    return super().load(data)
                except DataError:
                    return bytes(data).decode()

        return Lenient

    loaders = {
        "date": times.DateLoader, "time": times.TimeLoader, "timetz": times.TimetzLoader,
        "timestamp": times.TimestampLoader, "timestamptz": times.TimestamptzLoader,
        "interval": times.IntervalLoader,
    }  # fmt: skip
    kinds = {name: lenient(loader) for name, loader in loaders.items()}

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        for name, loader in kinds.items():
            connection.adapters.register_loader(name, loader)


def _of_mysql(source: Sql) -> Mapping[str, Any]:
    from pymysql.constants import FIELD_TYPE  # noqa: PLC0415
    from pymysql.converters import conversions  # noqa: PLC0415

    return {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": (source.timeout + _GRACE).total_seconds(),
        "program_name": "lookalive",
        # Bits are numbers: a flag is BIT(1).
        "conv": {**conversions, FIELD_TYPE.BIT: int.from_bytes},
    }


def _begin_mysql(connection: Connection, source: Sql) -> None:
    connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
    if getattr(connection.dialect, "is_mariadb", False):
        connection.execute(text("SET max_statement_time = :limit"), {"limit": source.timeout.total_seconds()})
    else:
        connection.execute(text("SET max_execution_time = :limit"), {"limit": _milliseconds(source)})
    # All servers know this one, others only where their tables of time zones are filled.
    zone = "+00:00" if source.timezone == "UTC" else source.timezone
    connection.execute(text("SET time_zone = :zone"), {"zone": zone})


def _let_go_at_once(engine: Engine) -> None:
    """Let a cursor that is closed before its end not read what is left, perhaps of a connection that is lost.

    Whoever closes it so must close the connection too.
    """
    from pymysql.cursors import SSCursor  # noqa: PLC0415

    class Streaming(SSCursor):  # type: ignore[misc]
        def close(self) -> None:
            if self._result is not None:
                self._result.unbuffered_active = False
            super().close()

        __del__ = close

    dialect: Any = engine.dialect
    # Asking makes SQLAlchemy choose its own.
    assert dialect.supports_server_side_cursors  # noqa: S101
    dialect._sscursor = Streaming


def _milliseconds(source: Sql) -> int:
    return source.timeout // timedelta(milliseconds=1)


def _as_they_are(start: datetime, end: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    return start, end


def _local(start: datetime, end: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """What clocks show: these databases have no times that name their zone."""
    first, last = bounds(start, end, zone)
    return first.replace(tzinfo=None), last.replace(tzinfo=None)


_POSTGRES = Database(
    "postgresql+psycopg", "postgres", _of_postgres, _begin_postgres, _as_they_are, DateTime(timezone=True),
    {"postgresql_readonly": True}, _let_odd_times_be_text,
)  # fmt: skip
_REDSHIFT = Database(
    "redshift+psycopg2", "redshift", _of_postgres, _begin_postgres, _as_they_are, DateTime(timezone=True),
    {"postgresql_readonly": True},
)  # fmt: skip
_MYSQL = Database(
    "mysql+pymysql", "mysql", _of_mysql, _begin_mysql, _local, DateTime(), prepare=_let_go_at_once
)
_MARIADB = Database(
    "mariadb+pymysql", "mysql", _of_mysql, _begin_mysql, _local, DateTime(), prepare=_let_go_at_once
)

#: How an address begins → what is there.
DATABASES: Mapping[str, Database] = {
    "postgresql": _POSTGRES, "postgres": _POSTGRES, "redshift": _REDSHIFT, "mysql": _MYSQL,
    "mariadb": _MARIADB,
}  # fmt: skip


def database_of(url: URL, source: Sql) -> Database:
    """The kind of database that an address leads to.

    Raises:
        SettingsError: it is not known, or is to be reached by another driver than is used here.
    """
    kind, _, driver = url.drivername.partition("+")
    if kind not in DATABASES:
        message = f"{source.url}: the address must begin with one of {', '.join(DATABASES)}, and then ://"
        raise SettingsError(message)
    known = DATABASES[kind]
    if driver and not known.driver.endswith(f"+{driver}"):
        message = (
            f"{source.url}: the driver of {kind} is {known.driver.partition('+')[2]}; name that, or none"
        )
        raise SettingsError(message)
    return known


def engine_of(database: Database, url: URL, source: Sql) -> Engine:
    """What makes connections, a new one each time: what became of the last one is no matter.

    Raises:
        SettingsError: the driver is not there, or does not take the address.
    """
    try:
        engine = create_engine(
            url.set(drivername=database.driver),
            connect_args=dict(database.connecting(source)),
            execution_options=dict(database.options),
            poolclass=NullPool,
            hide_parameters=True,
        )
    except (ImportError, NoSuchModuleError) as error:
        message = f"{source.url}: the driver is not there: pip install 'lookalive[{database.extra}]'"
        raise SettingsError(message) from error
    except (ArgumentError, TypeError, ValueError) as error:
        message = f"{source.url}: the driver {database.driver} does not take the rest of the address"
        raise SettingsError(message) from error
    database.prepare(engine)
    return engine

"""One connection to a server of databases, which is asked again and again who is active."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from detectors.words import plain
from streams.errors import SettingsError
from streams.sampling.mysql import MySQL
from streams.sampling.postgresql import PostgreSQL
from streams.sampling.servers import Server, Setting
from streams.sampling.sessions import Sample, Session
from streams.sampling.statements import LONGEST, identified, normalised
from streams.secrets import read_secret
from streams.sources.reading import Unavailable

KINDS: dict[str, Callable[[], Server]] = {
    "postgresql": PostgreSQL, "postgres": PostgreSQL, "mysql": MySQL, "mariadb": MySQL,
}  # fmt: skip
#: Statements whose text without values is remembered by what the server calls them.
MOST_STATEMENTS = 10_000


class Sampler:
    """Samples one server. A context manager, which holds one connection at most."""

    def __init__(self, address: str, every: float, *, text_too: bool = False) -> None:
        """`address` may be `env:NAME` or `file:PATH`; with `text_too` statements keep their values.

        Raises:
            SettingsError: there is no address, it is of no kind that is known, or its driver is not there.
        """
        self._said = address if address.startswith(("env:", "file:")) else "the address"
        self._every = every
        self._text_too = text_too
        self._url = self._read(address)
        kind = self._url.drivername.partition("+")[0]
        if kind not in KINDS:
            message = f"{self._said}: sessions are sampled of {', '.join(KINDS)}, not of {kind!r}"
            raise SettingsError(message)
        self._server = KINDS[kind]()
        self._kind = KINDS[kind]
        self._engine = self._made()
        self._connection: Connection | None = None
        #: When the last sample was taken, by a clock that only goes on; None after it failed.
        self._last: float | None = None
        self._statements: dict[str, tuple[str, str]] = {}

    @property
    def host(self) -> str:
        """Where it is, without user and password."""
        return self._url.host or "local"

    def sample(self) -> Sample:
        """Who is active now.

        Raises:
            Unavailable: the server does not answer, or refuses. The next sample tries again.
        """
        try:
            connection = self._connect()
            at, now = time.time_ns() // 1_000_000, time.monotonic()
            sessions = [self._named(session, said) for session, said in self._server.sessions(connection)]
        except (SQLAlchemyError, OSError, UnicodeError) as error:
            self.close()
            raise Unavailable(self._why(error)) from None
        # A sample that came late stands for what was missed; after a gap nobody knows what was.
        seconds = self._every if self._last is None else min(now - self._last, 2 * self._every)
        self._last = now
        return Sample(at, round(seconds, 3), sessions)

    def settings(self) -> list[Setting]:
        """The settings that matter, as they are.

        Raises:
            Unavailable: the server does not answer, or refuses.
        """
        try:
            return list(self._server.settings(self._connect()))
        except (SQLAlchemyError, OSError) as error:
            self.close()
            raise Unavailable(self._why(error)) from None

    def _named(self, session: Session, said: str | None) -> Session:
        if not said:
            return session
        if self._text_too:
            return session._replace(
                statement=said[:LONGEST], statement_id=session.statement_id or identified(said)
            )
        known = self._statements.get(session.statement_id or "")
        if known is None:
            statement = normalised(said, self._server.dialect)
            known = statement, identified(statement)
            if session.statement_id is not None:
                if len(self._statements) >= MOST_STATEMENTS:
                    self._statements.clear()
                self._statements[session.statement_id] = known
        return session._replace(statement=known[0], statement_id=known[1])

    def _connect(self) -> Connection:
        if self._connection is None:
            self._server = self._kind()
            self._connection = self._engine.connect()
            for statement in self._server.setup:
                self._connection.execute(text(statement))
        return self._connection

    def _read(self, address: str) -> URL:
        try:
            return make_url(read_secret(address))
        except (ArgumentError, ValueError):
            message = f"{self._said} should be such as postgresql://user:password@host/database"
            raise SettingsError(message) from None

    def _made(self) -> Engine:
        try:
            return create_engine(
                self._url.set(drivername=self._server.driver),
                connect_args=dict(self._server.connecting),
                isolation_level="AUTOCOMMIT",
                poolclass=NullPool,
                hide_parameters=True,
            )
        except (ImportError, NoSuchModuleError) as error:
            message = f"the driver is not there: pip install 'lookalive[{self._server.extra}]'"
            raise SettingsError(message) from error
        except (ArgumentError, TypeError, ValueError) as error:
            message = f"{self._said}: the driver {self._server.driver} does not take the rest of it"
            raise SettingsError(message) from error

    def _why(self, error: Exception) -> str:
        said = plain(str(getattr(error, "orig", None) or error), 300)
        secret = self._url.password
        return said.replace(secret, "…") if secret else said

    def close(self) -> None:
        """Let go of the connection."""
        self._last = None
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (SQLAlchemyError, OSError):
                connection.invalidate()

    def __enter__(self) -> Sampler:
        """Nothing is connected yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the connection."""
        self.close()

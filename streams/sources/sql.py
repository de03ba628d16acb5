r"""A query to a database: an interval goes in, the rows of it come out as they arrive, not all at once.

What goes wrong is said in the words of the database, without the password: an operator can put it right, and
the interval is asked for again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any
from urllib.parse import quote, quote_plus
from zoneinfo import ZoneInfo

from sqlalchemy import URL, Connection, CursorResult, Engine, Row, TextClause, bindparam, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from detectors.config import Detector
from detectors.sources import Sql
from detectors.words import duration_in_words, plain
from streams.errors import SettingsError
from streams.secrets import read_secret
from streams.settings import Settings
from streams.sources.databases import Database, database_of, engine_of
from streams.sources.reading import Unavailable
from streams.sources.rows import RowEncoder

#: Rows that are in memory together.
ROWS_AT_ONCE = 2_000
_LONGEST = 300
#: What goes wrong at a database: a text that is not in the encoding that it names is an error of no driver.
_FAILURES = (SQLAlchemyError, OSError, UnicodeError)

#: A colon that begins none of the two names of an interval: of a cast, a text, a part of an array.
_OTHER_COLON = re.compile(r":(?!(?:interval_start|interval_end)\b)|(?<=[:\w\\]):")


class SqlReader:
    """Reads a database for one detector."""

    def __init__(self, source: Sql, detector: Detector, settings: Settings) -> None:
        """Read the address once, so that whoever starts is told; nothing is connected yet.

        Raises:
            SettingsError: there is no address, or no driver for it.
        """
        self._source = source
        self._detector = detector
        self._zone = ZoneInfo(source.timezone)
        self._written = ""
        self._database, self._engine = self._reach(read_secret(source.url))

    def read(self, start: datetime, end: datetime) -> Iterator[bytes]:
        """The rows from start up to before end.

        Raises:
            Unavailable: the database does not answer, or refuses the query.
        """
        try:
            written = read_secret(self._source.url)
            if written != self._written:
                self._engine.dispose()
                self._database, self._engine = self._reach(written)
        except SettingsError as error:
            raise Unavailable(str(error)) from None
        try:
            connection = self._engine.connect()
        except _FAILURES as error:
            raise Unavailable(f"the database cannot be reached: {self._said(error)}") from None
        with connection:
            try:
                yield from self._rows(connection, start, end)
            except _FAILURES as error:
                raise Unavailable(f"the query failed: {self._said(error)}") from None

    def close(self) -> None:
        """Nothing is open between two reads."""
        self._engine.dispose()

    def _reach(self, written: str) -> tuple[Database, Engine]:
        try:
            url = make_url(written)
        except (ArgumentError, ValueError):
            message = f"{self._source.url} holds no address such as postgresql://user:password@host/database"
            raise SettingsError(message) from None
        database = database_of(url, self._source)
        self._written, self._url = written, url
        return database, engine_of(database, url, self._source)

    def _rows(self, connection: Connection, start: datetime, end: datetime) -> Iterator[bytes]:
        self._database.begin(connection, self._source)
        first, last = self._database.moments(start, end, self._zone)
        streamed = connection.execution_options(yield_per=ROWS_AT_ONCE)
        watch = _Stopwatch()
        with watch:
            result = streamed.execute(self._query(), {"interval_start": first, "interval_end": last})
        with closing(result):
            if not result.returns_rows:
                message = "the query gives no rows: it should be a SELECT"
                raise Unavailable(message)
            try:
                encode = RowEncoder(self._source, self._detector, result.keys()).encode
                while rows := _next_rows(result, watch):
                    yield from map(encode, rows)
                    if watch.seconds > self._source.timeout.total_seconds():
                        message = f"the query took longer than {duration_in_words(self._source.timeout)}"
                        raise Unavailable(message)
            except BaseException:
                # What is not read to its end is cut off: to close it in order would read it.
                connection.invalidate()
                raise

    def _query(self) -> TextClause:
        asked = text(_OTHER_COLON.sub(r"\\:", self._source.query))
        names = ("interval_start", "interval_end")
        return asked.bindparams(*(bindparam(name, type_=self._database.moment) for name in names))

    def _said(self, error: Exception) -> str:
        """What went wrong, without the query, which is known, and without secrets."""
        said = _in_words(error.orig if isinstance(error, DBAPIError) and error.orig else error)
        for secret in _secrets(self._written, self._url):
            said = said.replace(secret, "***")
        return plain(said, _LONGEST) or type(error).__name__


def _in_words(error: BaseException) -> str:
    """What a driver says, without the numbers and the excerpts of the query that it puts around."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    if primary:
        hint = error.diag.message_hint  # type: ignore[attr-defined]
        return f"{primary} ({hint})" if hint else str(primary)
    match error.args:
        # The drivers of MySQL put a number first.
        case (int(number), str(words)):
            return f"{words} ({number})"
        case (str(words), *_):
            return words
    return str(error)


class _Stopwatch:
    """The time that is spent at the database, and not by whoever takes the rows."""

    seconds = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.monotonic() - self._began


def _next_rows(result: CursorResult[Any], watch: _Stopwatch) -> Sequence[Row[Any]]:
    with watch:
        return result.fetchmany(ROWS_AT_ONCE)


def _secrets(written: str, url: URL) -> list[str]:
    """What must not be said: the address as a whole, and the password however it is written."""
    password = url.password
    if not password:
        return [written]
    return [written, *{password, quote(password), quote(password, safe=""), quote_plus(password)}]

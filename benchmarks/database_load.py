"""Load on a database: what is ordinary, and three faults that everybody knows.

    python -m benchmarks.database_load ADDRESS ordinary|locks|autocommit|no-index [--seconds N]

The faults are those of Amazon's own demonstration of DevOps Guru for RDS: sessions that compete for a row, a
batch with autocommit on, and an index that is missing. `ordinary` runs beside each of them.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

ROWS = 200_000
#: The row that all sessions want.
WANTED = 1

Work = Callable[[Connection, random.Random], None]


class DatabaseLoad:
    """A database with one table, and clients that work on it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_mysql = engine.dialect.name in {"mysql", "mariadb"}

    def make(self, rows: int = ROWS) -> None:
        """Make the table anew."""
        series = f"seq_1_to_{rows}" if self._is_mysql else f"generate_series(1, {rows}) AS seq"
        with self._engine.begin() as connection:
            for statement in (
                "DROP TABLE IF EXISTS accounts",
                "CREATE TABLE accounts "
                "(id INT NOT NULL, branch INT NOT NULL, balance INT NOT NULL, filler VARCHAR(200))",
                f"INSERT INTO accounts SELECT seq, seq % 100, 0, '{'x' * 100}' FROM {series}",
                "CREATE INDEX accounts_id ON accounts (id)",
            ):
                connection.execute(text(statement))

    @contextmanager
    def ordinary(self, clients: int = 4) -> Iterator[None]:
        """Clients that read and change single rows, and think in between."""
        with self._running([self._shopping] * clients):
            yield

    @contextmanager
    def locks(self, clients: int = 12) -> Iterator[None]:
        """A session that holds a row, and others that want it."""
        with self._engine.connect() as holder:
            holder.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id = :id"), {"id": WANTED})
            try:
                with self._running([self._wanting] * clients, before_end=holder.rollback):
                    yield
            finally:
                holder.rollback()

    @contextmanager
    def autocommit(self, clients: int = 12) -> Iterator[None]:
        """A batch that commits each row by itself."""
        with self._running([self._inserting] * clients):
            yield

    @contextmanager
    def no_index(self, clients: int = 8) -> Iterator[None]:
        """Statements that read the whole table, since the index is gone."""
        drop = "DROP INDEX accounts_id ON accounts" if self._is_mysql else "DROP INDEX accounts_id"
        with self._engine.begin() as connection:
            connection.execute(text(drop))
        with self._running([self._reading] * clients):
            yield

    def _shopping(self, connection: Connection, chance: random.Random) -> None:
        some = {"id": chance.randrange(2, ROWS), "amount": chance.randrange(100)}
        connection.execute(text("SELECT balance FROM accounts WHERE id = :id"), some)
        if chance.random() < 0.3:
            connection.execute(text("UPDATE accounts SET balance = balance + :amount WHERE id = :id"), some)
        connection.commit()
        time.sleep(chance.uniform(0.02, 0.3))

    def _wanting(self, connection: Connection, chance: random.Random) -> None:
        connection.execute(text("UPDATE accounts SET balance = balance + 1 WHERE id = :id"), {"id": WANTED})
        connection.commit()

    def _inserting(self, connection: Connection, chance: random.Random) -> None:
        # By the driver alone: what is slow shall be the database.
        cursor = connection.connection.cursor()
        for _ in range(100):
            cursor.execute(
                "INSERT INTO accounts VALUES (%s, 1, 0, 'new')", (ROWS + chance.randrange(1_000_000),)
            )
        cursor.close()

    def _reading(self, connection: Connection, chance: random.Random) -> None:
        some = {"id": chance.randrange(2, ROWS)}
        connection.execute(text("SELECT balance FROM accounts WHERE id = :id"), some).all()
        connection.commit()

    @contextmanager
    def _running(self, works: list[Work], before_end: Callable[[], None] = lambda: None) -> Iterator[None]:
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._client, args=(work, n, stop), daemon=True)
            for n, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            before_end()
            for thread in threads:
                thread.join(30)

    def _client(self, work: Work, seed: int, stop: threading.Event) -> None:
        chance = random.Random(seed)
        level = {"isolation_level": "AUTOCOMMIT"} if work == self._inserting else {}
        with self._engine.connect().execution_options(**level) as connection:
            while not stop.is_set():
                try:
                    work(connection, chance)
                except DBAPIError as error:
                    if connection.invalidated:
                        return
                    connection.rollback()
                    print(error, file=sys.stderr)


def main() -> None:
    """Make the table, and run until the time is over."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("address")
    parser.add_argument("what", choices=["ordinary", "locks", "autocommit", "no-index"])
    parser.add_argument("--seconds", type=float, default=600)
    asked = parser.parse_args()
    load = DatabaseLoad(create_engine(asked.address, poolclass=NullPool))
    load.make()
    with load.ordinary():
        if asked.what == "ordinary":
            time.sleep(asked.seconds)
            return
        faults = {"locks": load.locks, "autocommit": load.autocommit, "no-index": load.no_index}
        with faults[asked.what]():
            time.sleep(asked.seconds)


if __name__ == "__main__":
    main()

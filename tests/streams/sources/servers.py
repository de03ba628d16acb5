"""A real PostgreSQL and a real MariaDB: processes of nobody's own in a temporary directory, on a free port.

Their own time zone is one that no test means, so that it cannot matter. `SHOP` is the schema of the connector
that Amazon Lookout for Metrics had for Redshift: what was sold is in one table, the names of platforms and
marketplaces in two others.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

USER, PASSWORD, DATABASE = "shop", "p@ss/word: 100%", "shop"
HOST, ELSEWHERE = "127.0.0.1", "America/New_York"
STARTS_WITHIN = 60.0

SHOP = (
    "DROP TABLE IF EXISTS ecommerce, platform, marketplace",
    "CREATE TABLE platform (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    "CREATE TABLE marketplace (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL)",
    # DATETIME, as MySQL calls it, is what TIMESTAMP is elsewhere: local time.
    "CREATE TABLE ecommerce (id INT PRIMARY KEY, ts {timestamp} NOT NULL, platform INT NOT NULL, "
    "marketplace INT NOT NULL, views INT NOT NULL, revenue DECIMAL(12, 2) NOT NULL)",
    "INSERT INTO platform VALUES (1, 'pc_web'), (2, 'mobile_web'), (3, 'mobile_app')",
    "INSERT INTO marketplace VALUES (1, 'JP'), (2, 'US'), (3, 'DE')",
)


class Server:
    """A server of databases that can be stopped and started again."""

    def __init__(
        self, driver: str, command: Sequence[str], port: int, as_user: str | None, stops_by: signal.Signals
    ) -> None:
        self._command, self._as_user, self._stops_by = command, as_user, stops_by
        self._process: subprocess.Popen[bytes] | None = None
        self.log = b""
        self.url = URL.create(driver, USER, PASSWORD, HOST, port, DATABASE)

    def shop(self) -> None:
        """Make the tables of the shop anew, with nothing sold."""
        timestamp = "DATETIME" if self.url.drivername.startswith("mysql") else "TIMESTAMP"
        self.run(*(statement.format(timestamp=timestamp) for statement in SHOP))

    @property
    def address(self) -> str:
        """Where it is, password and all, as it stands in a configuration."""
        return self.url.render_as_string(hide_password=False)

    def reached_as(self, kind: str, **changed: Any) -> str:
        """Where it is, by an address that begins with a kind of database.

        What speaks to Redshift speaks to PostgreSQL as well; it insists on TLS unless told.
        """
        query = {"sslmode": "disable"} if kind == "redshift" else {}
        url = self.url.set(drivername=kind, query=query, **changed)
        return url.render_as_string(hide_password=False)

    @property
    def engine(self) -> Engine:
        """For a test to write by."""
        return create_engine(self.url, poolclass=NullPool)

    def run(self, *statements: str, **parameters: Any) -> None:
        with self.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement), parameters)

    def start(self, ready: Callable[[], None] | None = None) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command,
            **_as(self._as_user),
            env={**os.environ, "TZ": ELSEWHERE},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                (ready or self._answers)()
            except DBAPIError:
                assert self._process.poll() is None, "the server has ended"
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """End it, as a system that goes down does."""
        if self._process is not None:
            self._process.send_signal(self._stops_by)
            self._process.wait(STARTS_WITHIN)
            self._process = None

    def _answers(self) -> None:
        self.run("SELECT 1")


@contextmanager
def postgres(**settings: object) -> Iterator[Server]:
    """Runs a PostgreSQL with these settings, or skips the test where Debian's package is not there."""
    from streams.broker import free_port

    initdb, command = _postgres("initdb"), _postgres("postgres")
    if initdb is None or command is None:
        pytest.skip("no PostgreSQL here: apt-get install postgresql")
    with _directory("postgres") as (directory, as_user):
        secret, data = directory / "secret", directory / "data"
        secret.write_text(PASSWORD)
        _give(secret, as_user)
        making = [initdb, "-D", data, "-U", USER, "--pwfile", secret, "--auth", "scram-sha-256"]
        _run([*making, "--encoding", "UTF8", "--locale", "C", "--no-sync"], as_user)
        port = free_port()
        how = {
            "listen_addresses": HOST, "port": port, "unix_socket_directories": "", "fsync": "off",
            "timezone": ELSEWHERE, **settings,
        }  # fmt: skip
        options = [part for name, value in how.items() for part in ("-c", f"{name}={value}")]
        server = Server(
            "postgresql+psycopg", [command, "-D", str(data), *options], port, as_user, signal.SIGINT
        )
        everywhere = server.url.set(database="postgres")

        def made() -> None:
            engine = create_engine(everywhere, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {DATABASE}"))

        try:
            server.start(made)
            yield server
        finally:
            server.stop()


@contextmanager
def mariadb(**settings: object) -> Iterator[Server]:
    """Runs a MariaDB with these settings, or skips the test where Debian's package is not there."""
    from streams.broker import free_port

    install, command = shutil.which("mariadb-install-db"), _sbin("mariadbd")
    if install is None or command is None:
        pytest.skip("no MariaDB here: apt-get install mariadb-server")
    with _directory("mysql") as (directory, as_user):
        data, begin, port = directory / "data", directory / "begin.sql", free_port()
        made = PASSWORD.replace("'", "''")
        begin.write_text(
            f"CREATE DATABASE IF NOT EXISTS {DATABASE};\n"
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{made}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%' WITH GRANT OPTION;\n"
        )
        _give(begin, as_user)
        # A name in /etc/hosts or none: the user is the same.
        making = [install, "--no-defaults", f"--datadir={data}", "--skip-test-db", "--skip-name-resolve"]
        _run([*making, "--auth-root-authentication-method=normal"], as_user)
        how = {
            "datadir": data, "port": port, "bind-address": HOST, "socket": directory / "socket",
            "pid-file": directory / "pid", "init-file": begin, "skip-name-resolve": "ON",
            "innodb-flush-log-at-trx-commit": 0, "innodb-flush-method": "nosync",
            "innodb-buffer-pool-size": "16M",
            # As Debian configures it.
            "character-set-server": "utf8mb4", **settings,
        }  # fmt: skip
        options = [f"--{name}={value}" for name, value in how.items()]
        server = Server("mysql+pymysql", [command, "--no-defaults", *options], port, as_user, signal.SIGTERM)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def _directory(owner: str) -> Iterator[tuple[Path, str | None]]:
    """A directory of the user who is to run a server, and that user: none where it is the present one.

    Not one of pytest, which nobody else can enter. Servers refuse to run as root.
    """
    path = Path(tempfile.mkdtemp(prefix="lookalive-"))
    as_user = _first_user(owner, "nobody") if os.getuid() == 0 else None
    try:
        _give(path, as_user)
        yield path, as_user
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _first_user(*names: str) -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in names if name in known)


def _give(path: Path, as_user: str | None) -> None:
    if as_user is not None:
        entry = pwd.getpwnam(as_user)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def _as(user: str | None) -> Mapping[str, Any]:
    if user is None:
        return {}
    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


def _run(command: Sequence[object], as_user: str | None) -> None:
    done = subprocess.run(
        list(map(str, command)), **_as(as_user), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _postgres(program: str) -> str | None:
    """Debian keeps the programs of each version in a directory of its own."""
    versions = Path("/usr/lib/postgresql")
    newest = sorted(versions.glob(f"*/bin/{program}"), key=lambda path: int(path.parts[4]))
    return str(newest[-1]) if newest else shutil.which(program)


def _sbin(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

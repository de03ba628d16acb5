"""Who is active in a real PostgreSQL and a real MariaDB, by one connection that changes nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from streams.cli import main
from streams.errors import SettingsError
from streams.sampling.sampler import Sampler
from streams.sampling.sessions import CPU, Sample, Session, events
from streams.settings import PREFIX, Settings
from streams.sources.reading import Unavailable
from tests.streams.sources import servers
from tests.streams.sources.servers import Server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with servers.postgres() as server:
        server.run("CREATE TABLE t (id INT, secret TEXT)", "INSERT INTO t VALUES (1, 'x')")
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    # As Debian configures it: without performance_schema.
    with servers.mariadb() as server:
        server.run("CREATE TABLE t (id INT, secret TEXT)", "INSERT INTO t VALUES (1, 'x')")
        yield server


@contextmanager
def blocked(server: Server, secret: str = "hunter2") -> Iterator[None]:
    """A session that waits for a row which another one holds."""

    def wait() -> None:
        with server.engine.begin() as connection:
            connection.execute(text(f"UPDATE t SET secret = '{secret}' WHERE id = 1"))

    with server.engine.connect() as holder:
        holder.execute(text("UPDATE t SET secret = 'held' WHERE id = 1"))
        waiting = threading.Thread(target=wait)
        waiting.start()
        time.sleep(0.3)
        try:
            yield
        finally:
            holder.rollback()
            waiting.join()


def only(sample: Sample) -> Session:
    (session,) = sample.sessions
    return session


@pytest.mark.parametrize(
    ("kind", "waits"), [("postgresql", "Lock:transactionid"), ("mariadb", "wait/lock/innodb/row")]
)
def test_a_session_is_told_with_wait_and_statement_and_without_values(
    kind: str, waits: str, request: pytest.FixtureRequest
) -> None:
    server: Server = request.getfixturevalue("postgres" if kind == "postgresql" else kind)
    with Sampler(server.reached_as(kind), 1.0) as sampler, blocked(server):
        session = only(sampler.sample())
    assert session.wait_event == waits
    assert session.statement == "UPDATE t SET secret = ? WHERE id = ?"
    assert (session.user, session.host, session.database) == ("shop", "127.0.0.1", "shop")


def test_whoever_may_see_the_text_gets_it(postgres: Server) -> None:
    with Sampler(postgres.reached_as("postgresql"), 1.0, text_too=True) as sampler, blocked(postgres):
        assert "hunter2" in str(only(sampler.sample()).statement)


def test_who_works_is_on_a_processor_and_who_is_idle_is_nobody(postgres: Server) -> None:
    def work() -> None:
        postgres.run("SELECT count(*) FROM generate_series(1, 20000000)")

    with Sampler(postgres.reached_as("postgresql"), 1.0) as sampler, postgres.engine.connect() as idle:
        idle.execute(text("SELECT 1"))
        assert sampler.sample().sessions == []
        working = threading.Thread(target=work)
        working.start()
        until = time.monotonic() + 30
        while not (sessions := sampler.sample().sessions):
            assert time.monotonic() < until, "nobody is active"
            time.sleep(0.02)
        working.join()
    assert sessions[0].statement == "SELECT count(*) FROM generate_series(?)"
    assert sessions[0].wait_event in {CPU, "IO:BuffileWrite", "IO:BufFileWrite"}


def test_there_is_one_connection_which_changes_nothing(postgres: Server) -> None:
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lookalive sample-db'"
    with Sampler(postgres.reached_as("postgresql"), 1.0) as sampler:
        for _ in range(3):
            sampler.sample()
        with postgres.engine.connect() as connection:
            assert connection.execute(text(count)).scalar() == 1
        with pytest.raises(DBAPIError, match="read-only"):
            sampler._connect().execute(text("INSERT INTO t VALUES (2, 'y')"))


def test_a_database_that_was_away_is_a_gap_and_no_load(postgres: Server) -> None:
    with Sampler(postgres.reached_as("postgresql"), 1.0) as sampler:
        assert sampler.sample().seconds == 1.0
        postgres.stop()
        for _ in range(2):
            with pytest.raises(Unavailable) as away:
                sampler.sample()
            assert str(postgres.url.password) not in str(away.value)
        postgres.start()
        # It stands for itself alone: what was in between nobody knows.
        assert sampler.sample().seconds == 1.0


def test_a_sample_that_comes_late_stands_for_what_was_missed(postgres: Server) -> None:
    with Sampler(postgres.reached_as("postgresql"), 0.2) as sampler:
        sampler.sample()
        time.sleep(0.3)
        assert 0.3 <= sampler.sample().seconds <= 0.4
        time.sleep(0.6)
        assert sampler.sample().seconds == 0.4


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("shop", "should be such as postgresql://user:password@host/database"),
        ("sqlite:///file", "sessions are sampled of postgresql, postgres, mysql, mariadb, not of 'sqlite'"),
        ("env:NOT_SET", "the variable NOT_SET of the environment is not set"),
    ],
)
def test_what_is_no_address_is_refused(address: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Sampler(address, 1.0)


def test_each_session_is_an_event_with_the_load_that_it_stands_for() -> None:
    session = Session("Lock", "Lock:tuple", "UPDATE t", "1", "shop", None, None, None)
    first, second = events("db", 8.0, Sample(1_700_000_000_000, 1.5, [session]))
    assert first == {
        "ts": 1_700_000_000_000, "instance": "db", "vcpus": 8.0, "kind": "sample", "seconds": 1.5,
        "sessions": 1,
    }  # fmt: skip
    assert (second["kind"], second["load"], second["wait_event"]) == ("session", 1.5, "Lock:tuple")
    assert "host" not in second


def check(server: Server, kind: str, *more: str) -> tuple[int, dict[str, Any]]:
    environment = {"DATABASE": server.reached_as(kind)}
    ran = CliRunner(env=environment).invoke(main, ["sample-db", "env:DATABASE", "--check", "--json", *more])
    return ran.exit_code, {line["name"]: line for line in map(json.loads, ran.stdout.splitlines())}


def test_the_settings_that_matter_are_explained(postgres: Server, mariadb: Server) -> None:
    status, settings = check(postgres, "postgresql")
    assert status == 0
    assert settings["track_activities"]["good"] is True
    assert "ALTER SYSTEM SET track_activity_query_size" in settings["track_activity_query_size"]["how"]
    status, settings = check(mariadb, "mariadb")
    assert status == 0
    assert settings["performance_schema"]["good"] is None
    assert "performance_schema = ON under [mysqld]" in settings["performance_schema"]["how"]


def test_a_user_who_may_not_see_others_is_told_so(postgres: Server) -> None:
    postgres.run("DROP ROLE IF EXISTS nobody", "CREATE ROLE nobody LOGIN PASSWORD 'secret'")
    status, settings = check_as_nobody(postgres)
    assert status == 1
    assert settings["role pg_monitor"]["how"].startswith("GRANT pg_monitor")


def check_as_nobody(postgres: Server) -> tuple[int, dict[str, Any]]:
    address = postgres.reached_as("postgresql", username="nobody", password="secret")
    ran = CliRunner(env={"DATABASE": address}).invoke(
        main, ["sample-db", "env:DATABASE", "--check", "--json"]
    )
    return ran.exit_code, {line["name"]: line for line in map(json.loads, ran.stdout.splitlines())}


@pytest.mark.kafka
def test_samples_are_on_the_topic_until_it_is_stopped(
    postgres: Server, settings: Settings, read_all: Callable[..., list[Any]]
) -> None:
    topic = f"{settings.prefix}-db-load"
    environment = {
        **os.environ,
        "DATABASE": postgres.reached_as("postgresql"),
        f"{PREFIX}BOOTSTRAP": str(settings.bootstrap),
        f"{PREFIX}PREFIX": settings.prefix,
        f"{PREFIX}WEB_PORT": str(settings.web_port),
    }
    command = [
        sys.executable,
        "-m",
        "streams",
        "sample-db",
        "env:DATABASE",
        "--topic",
        topic,
        "--name",
        "shop-db",
    ]
    process = subprocess.Popen(
        [*command, "--every", "0.2"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        with blocked(postgres):
            until = time.monotonic() + 60
            told: list[dict[str, Any]] = []
            while not any(event["kind"] == "session" for event in told):
                assert time.monotonic() < until, "nothing is published"
                assert process.poll() is None, process.stdout and process.stdout.read()
                time.sleep(0.5)
                told = [json.loads(record.value) for record in _read(read_all, topic)]
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0, output
    assert postgres.url.password is not None
    assert postgres.url.password not in output
    session = next(event for event in told if event["kind"] == "session")
    assert (session["instance"], session["wait_event"], session["vcpus"]) == (
        "shop-db", "Lock:transactionid", float(os.cpu_count() or 1),
    )  # fmt: skip


def _read(read_all: Callable[..., list[Any]], topic: str) -> list[Any]:
    try:
        return read_all(topic)
    except Exception:  # the topic is not there yet
        return []

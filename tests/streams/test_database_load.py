"""Three faults of a real database are told of within two minutes, with what is waited for and the statement.

The half hour before is drawn from some seconds of real samples of ordinary load; the fault is sampled several
times a second, and told as if that were once a second. Everything else is as it is in use.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks.database_load import DatabaseLoad
from detectors.detection import Detection
from detectors.loading import load
from detectors.records import Alert
from streams.formats import make_format
from streams.sampling.sampler import Sampler
from streams.sampling.sessions import Sample, Session, events
from tests.streams.sources import servers
from tests.streams.sources.servers import Server

DETECTOR = Path(__file__).parents[2] / "deploy" / "detectors" / "database-load.toml"
START = round(datetime(2030, 1, 7, 9, tzinfo=UTC).timestamp() * 1000)
MINUTES, SECONDS = 30, 60
#: Seconds between samples. InnoDB tells of transactions anew only when nobody has asked for a tenth of one.
EVERY = {"postgresql": 0.03, "mariadb": 0.12}
#: A minute, and enough of the next that the first is over.
WRONG = 70
Moments = list[list[Session]]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    # Commits wait for the disk, as in use.
    with servers.postgres(fsync="on", compute_query_id="on", max_parallel_workers_per_gather=0) as server:
        yield server


@pytest.fixture(scope="module")
def mariadb() -> Iterator[Server]:
    settings = {
        "performance-schema": "ON",
        "performance-schema-instrument": "wait/io/%=ON",
        "performance-schema-consumer-events-waits-current": "ON",
        "performance-schema-consumer-events-statements-current": "ON",
        "innodb-flush-log-at-trx-commit": 1,
        "innodb-flush-method": "fsync",
        "innodb-buffer-pool-size": "128M",
    }
    with servers.mariadb(**settings) as server:
        yield server


def sampled(sampler: Sampler, count: int, every: float) -> Moments:
    """Who was active at so many moments."""
    moments = []
    for _ in range(count):
        moments.append(sampler.sample().sessions)
        time.sleep(every)
    return moments


def alerts(moments: Moments) -> list[Alert]:
    """What is told of moments that are a second apart."""
    what = load(DETECTOR)
    format_ = make_format("db-load", what.records_of("db-load"), what.fields_of("db-load"))
    detection = Detection(what)
    raws = [
        msgspec.json.encode(event)
        for n, sessions in enumerate(moments)
        for event in events("shop-db", 2.0, Sample(START + n * 1000, 1.0, sessions))
    ]
    read = [event for raw in raws for event in format_.parse(raw)]
    found = [*detection.feed("db-load", 0, range(len(read)), read), *detection.finish()]
    return [each for each in found if isinstance(each, Alert)]


Fault = Callable[[DatabaseLoad], AbstractContextManager[None]]


def told_of(server: Server, kind: str, fault: Fault) -> Alert:
    """The first alert of half an hour of ordinary load and then a fault; it must come within two minutes."""
    database = DatabaseLoad(server.engine)
    database.make()
    every = EVERY[kind]
    with Sampler(server.reached_as(kind), every) as sampler, database.ordinary():
        usual = sampled(sampler, 60, every)
        with fault(database):
            time.sleep(0.5)
            wrong = sampled(sampler, WRONG, every)
    chance = random.Random(1)
    before = [chance.choice(usual) for _ in range(MINUTES * SECONDS)]
    opened, *_ = alerts([*before, *wrong])
    assert (opened.kind, opened.measure, opened.level) == ("OPENED", "load", "HIGH")
    late = opened.end.timestamp() * 1000 - START - MINUTES * SECONDS * 1000
    assert 0 < late <= 2 * SECONDS * 1000
    return opened


def first(alert: Alert, field: str) -> str:
    """What most of the load has in a field."""
    told = next(evidence for evidence in alert.members[0].evidence if evidence.field == field)
    return next(iter(told.values))


def test_sessions_that_compete_for_a_row_of_postgresql(postgres: Server) -> None:
    told = told_of(postgres, "postgresql", DatabaseLoad.locks)
    assert first(told, "wait_event") in {"Lock:tuple", "Lock:transactionid"}
    assert first(told, "statement") == "UPDATE accounts SET balance = balance + ? WHERE id = ?"
    assert ", vcpus 2, severity" in told.summary
    assert "Find who holds the lock" in told.advice[0].say


def test_a_batch_of_postgresql_with_autocommit(postgres: Server) -> None:
    told = told_of(postgres, "postgresql", DatabaseLoad.autocommit)
    assert first(told, "wait_event") in {"LWLock:WALWrite", "IO:WALSync", "IO:WalSync"}
    assert first(told, "statement") == "INSERT INTO accounts VALUES (?)"
    assert "Commit in batches" in told.advice[0].say


def test_an_index_of_postgresql_that_is_missing(postgres: Server) -> None:
    told = told_of(postgres, "postgresql", DatabaseLoad.no_index)
    assert first(told, "wait_event") == "CPU"
    assert first(told, "statement") == "SELECT balance FROM accounts WHERE id = ?"
    assert "for want of an index" in told.advice[0].say


def test_sessions_that_compete_for_a_row_of_mariadb(mariadb: Server) -> None:
    told = told_of(mariadb, "mariadb", DatabaseLoad.locks)
    assert first(told, "wait_event") == "wait/lock/innodb/row"
    assert first(told, "statement") == "UPDATE accounts SET balance = balance + ? WHERE id = ?"
    assert "Find who holds the lock" in told.advice[0].say


def test_a_batch_of_mariadb_with_autocommit(mariadb: Server) -> None:
    told = told_of(mariadb, "mariadb", DatabaseLoad.autocommit)
    assert first(told, "wait_event") == "wait/io/redo_log_flush"
    assert first(told, "statement") == "INSERT INTO accounts VALUES (?)"


def test_an_hour_of_varied_ordinary_load_tells_nothing(postgres: Server) -> None:
    database = DatabaseLoad(postgres.engine)
    database.make()
    by_clients: dict[int, Moments] = {}
    every = EVERY["postgresql"]
    with Sampler(postgres.reached_as("postgresql"), every) as sampler:
        for clients in (2, 4, 8):
            with database.ordinary(clients):
                by_clients[clients] = sampled(sampler, 60, every)
    chance = random.Random(2)
    moments: list[Any] = []
    for minute in range(90):
        # More by the quarter of an hour, and back again.
        clients = (2, 4, 8, 4)[minute // 15 % 4]
        moments += [chance.choice(by_clients[clients]) for _ in range(SECONDS)]
    assert alerts(moments) == []

"""A real PostgreSQL is crawled: as the tutorial does it, and while it is slow, fails, and gets rows late."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from detectors.records import Partial, Watermark
from streams.cli import main
from streams.settings import Settings
from tests.streams.sources import servers
from tests.streams.sources.servers import Server
from tests.streams.worker import RunningWorker, running_worker

pytestmark = pytest.mark.kafka

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorials" / "warehouse.md").read_text(encoding="utf-8")
SECONDS = 120
QUICK = """
[sources.orders]
type = "sql"
url = "env:SHOP_DATABASE"
time = "ts"
delay = "PT2S"
history = "PT4S"
timeout = "PT1S"
query = "select ts, amount from orders where ts >= :interval_start and ts < :interval_end"

[[detectors]]
name = "orders"
source = "orders"
interval = "PT2S"
measures = [{ name = "revenue", aggregation = "sum", field = "amount" }]
"""


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with servers.postgres() as server:
        monkeypatch.setenv("SHOP_DATABASE", server.reached_as("postgresql"))
        yield server


def block(language: str) -> str:
    return str(re.findall(rf"^```{language}\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)[0])


def test_the_tutorial_of_a_warehouse_ends_with_the_alert_that_it_shows(
    database: Server, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database.run(*(statement for statement in block("sql").split(";\n") if statement.strip()))
    configuration = block("toml")
    Path("lookalive.toml").write_text(configuration, encoding="utf-8")
    environment = {"LOOKALIVE_BOOTSTRAP": settings.bootstrap, "LOOKALIVE_PREFIX": settings.prefix}
    runner = CliRunner(env=environment)

    shown = block("console")
    assert runner.invoke(main, ["check"]).stdout == shown.partition("$ lookalive check\n")[2]
    crawl = RunningWorker(configuration, settings, command="crawl")
    with running_worker(configuration, settings):
        until = time.monotonic() + SECONDS
        told = ""
        while "OPENED" not in told:
            assert time.monotonic() < until, "nothing is told"
            told = runner.invoke(
                main, ["tail", "alerts", "--from-beginning", "--until-idle", "1", "--format", "short"]
            ).stdout
    crawl.terminate()
    (opened,) = [line for line in told.splitlines() if line.startswith("OPENED")]
    assert opened.startswith("OPENED shop/page, severity 100: ")
    assert "on mobile_app in US" in opened


def test_a_database_that_is_slow_fails_and_gets_rows_late_is_read_to_the_last_row(
    database: Server, settings: Settings, read_all: Callable[..., list[Any]]
) -> None:
    database.run("create table orders (ts timestamptz not null, amount numeric(12, 2) not null)")

    def sell(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            now = datetime.now(UTC)
            # Some rows come only when their interval is over, within the delay.
            for at in (now, now - timedelta(seconds=1.2)):
                database.run("insert into orders values (:at, 12.34)", at=at)
            time.sleep(0.05)

    with running_worker(QUICK, settings, command="crawl") as crawl:

        def failed(times: int) -> None:
            until = time.monotonic() + SECONDS
            while crawl.count("lookalive_crawl_failures_total", source="orders") < times:
                assert time.monotonic() < until, "it is not said that the source fails"
                time.sleep(0.1)

        sell(6)
        with database.engine.begin() as slow:
            slow.execute(text("lock table orders in access exclusive mode"))
            failed(1)
        sell(3)
        database.stop()
        failed(3)
        database.start()
        sell(4)
        end = datetime.now(UTC)
        through = 0
        until = time.monotonic() + SECONDS
        while through < end.timestamp() - 1:
            assert time.monotonic() < until, "it does not go on"
            through = crawl.count("lookalive_crawled_through_timestamp_seconds", source="orders")
            time.sleep(0.2)
        assert crawl.count("lookalive_crawl_failing", source="orders") == 0
    assert database.url.password
    assert database.url.password not in crawl.log()
    warnings = [line for line in map(json.loads, crawl.log().splitlines()) if line["event"] == "source_fails"]
    assert len({line["why"] for line in warnings}) >= 2

    told: dict[int, int] = {}
    for record in read_all(f"{settings.prefix}.partials"):
        partial = msgspec.msgpack.decode(record.value, type=Partial | Watermark)
        if isinstance(partial, Partial):
            told[partial.start] = partial.events
    with database.engine.connect() as connection:
        times = [row[0] for row in connection.execute(text("select ts from orders"))]
    there = Counter(int(at.timestamp()) // 2 * 2000 for at in times)
    first = min(told)
    assert told == {start: n for start, n in there.items() if first <= start < through * 1000}
    assert sum(told.values()) > 100

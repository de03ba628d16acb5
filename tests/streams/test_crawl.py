"""Crawled sources through a real worker: what files of the same rows give in a backtest, and after any end.

The rows are of the last days: what is crawled is what is over by now.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from detectors import state
from detectors.records import IntervalScores, Partial, Watermark, utc
from streams.cli import main
from streams.cursors import Cursor
from streams.settings import PREFIX, Settings
from tests.streams.worker import running_worker

pytestmark = pytest.mark.kafka

HOUR = timedelta(hours=1)
DAYS = 10
PLATFORMS = ("web", "app")
SECONDS = 240

CONFIGURATION = """
[sources.warehouse]
type = "files"
path = "FOLDER/{date}/{time}"
time = "timestamp"
history = "P10D"
delay = "PT0S"

[[detectors]]
name = "shop"
source = "warehouse"
interval = "PT1H"
dimensions = ["platform"]
measures = [
  { name = "views", aggregation = "sum", field = "views" },
  { name = "slowest", aggregation = "p95", field = "seconds" },
]

[[alerts]]
name = "page"
detector = "shop"
"""


class Warehouse:
    """Files of some days up to the last full hour, with an outage in the last of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self.configuration = CONFIGURATION.replace("FOLDER", str(folder / "live"))
        self.everything = folder / "everything.csv"
        random_ = random.Random(1)
        lines = []
        for n in range(-DAYS * 24, 0):
            hour = self.end + n * HOUR
            rows = [self._row(hour, platform, n, random_) for platform in PLATFORMS for _ in range(20)]
            lines += rows
            file = folder / "live" / f"{hour:%Y%m%d}" / f"{hour:%H%M}" / "part.csv"
            file.parent.mkdir(parents=True)
            file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        self.everything.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")

    @staticmethod
    def _row(hour: datetime, platform: str, n: int, random_: random.Random) -> str:
        usual = 50 + 30 * abs(hour.hour - 12) / 12
        views = random_.gauss(usual, 3) * (0.2 if platform == "app" and -8 <= n < -5 else 1)
        at = hour + timedelta(seconds=random_.randrange(3600))
        return f"{at:%Y-%m-%d %H:%M:%S},{platform},{max(0, round(views))},{random_.lognormvariate(0, 1):.3f}"


HEADER = "timestamp,platform,views,seconds"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(tmp_path_factory.mktemp("warehouse"))


def crawl(settings: Settings, configuration: str, *arguments: str) -> subprocess.Popen[bytes]:
    file = settings.data / "crawl.toml"
    settings.data.mkdir(parents=True, exist_ok=True)
    file.write_text(configuration, encoding="utf-8")
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment = {
        f"{PREFIX}BOOTSTRAP": str(settings.bootstrap),
        f"{PREFIX}PREFIX": settings.prefix,
        f"{PREFIX}DATA": str(settings.data),
    }
    command = [sys.executable, "-m", "streams", "crawl", "-c", str(file), *arguments]
    log = (settings.data / "crawl.log").open("ab")
    with log:
        return subprocess.Popen(command, env={**others, **environment}, stdout=log, stderr=log)


def ended(process: subprocess.Popen[bytes], settings: Settings) -> int:
    try:
        return process.wait(SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
            sys.stderr.write((settings.data / "crawl.log").read_text(encoding="utf-8")[-4000:])


def of_backtest(warehouse: Warehouse, tmp_path: Path) -> tuple[list[Any], list[Any]]:
    """Scores and alerts of the same rows in one file."""
    file, scores = tmp_path / "backtest.toml", tmp_path / "scores.jsonl"
    file.write_text(warehouse.configuration, encoding="utf-8")
    arguments = ["backtest", "-c", str(file), "--input", str(warehouse.everything), "--json"]
    ran = CliRunner().invoke(main, [*arguments, "--scores", str(scores)])
    assert ran.exit_code == 0, ran.output
    alerts = [json.loads(line) for line in ran.stdout.splitlines()][:-1]
    return [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()], alerts


def published(settings: Settings, read_all: Callable[..., list[Any]], topic: str) -> list[bytes]:
    return [record.value for record in read_all(f"{settings.prefix}.{topic}")]


def wait_for(topic: str, count: int, settings: Settings, read_all: Callable[..., list[Any]]) -> None:
    until = time.monotonic() + SECONDS
    while len(published(settings, read_all, topic)) < count:
        assert time.monotonic() < until, f"not all {topic} are there"
        time.sleep(0.5)


def _order(alert: dict[str, Any]) -> tuple[str, str, int]:
    return alert["start"], alert["group"], alert["revision"]


def as_lines(scores: list[bytes]) -> Iterator[Any]:
    """Scores of whole intervals as backtest writes them: a line a series."""
    from streams.cli.tail import series_lines

    for one in scores:
        yield from map(json.loads, series_lines(msgspec.json.decode(one, type=IntervalScores)))


@pytest.mark.parametrize("kills", [0, 3])
def test_what_is_crawled_gives_what_the_same_rows_give_in_a_backtest(
    kills: int, warehouse: Warehouse, settings: Settings, read_all: Callable[..., list[Any]], tmp_path: Path
) -> None:
    for n in range(kills):
        process = crawl(settings, warehouse.configuration, "--once")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2.0 + 0.4 * n)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert ended(crawl(settings, warehouse.configuration, "--once"), settings) == 0
    scores, alerts = of_backtest(warehouse, tmp_path)
    with running_worker(warehouse.configuration, settings):
        wait_for("scores", DAYS * 24, settings, read_all)
        wait_for("alerts", len(alerts), settings, read_all)
    assert len(scores) == DAYS * 24 * 2 * 3
    assert list(as_lines(published(settings, read_all, "scores"))) == scores
    # Which lie in partitions by their groups.
    told = sorted(map(json.loads, published(settings, read_all, "alerts")), key=_order)
    assert told == sorted(alerts, key=_order)
    outage = [alert for alert in told if alert["start"] == f"{warehouse.end - 8 * HOUR:%Y-%m-%dT%H:%M:%SZ}"]
    assert [alert["kind"] for alert in outage if alert["kind"] != "UPDATED"] == ["OPENED", "CLOSED"]
    assert outage[0]["dimensions"] == {"platform": "app"}


def test_it_goes_on_where_it_was_and_asks_for_each_interval_once_it_is_over(
    warehouse: Warehouse, settings: Settings, read_all: Callable[..., list[Any]]
) -> None:
    # Of intervals of a second some are over while the test waits.
    quick = warehouse.configuration.replace("PT1H", "PT1S").replace("P10D", "PT2S")
    for _ in range(2):
        before = [state.decode(c.value, Cursor).through for c in read_all(f"{settings.prefix}.cursors")]
        with running_worker(quick, settings, command="crawl") as process:
            until = time.monotonic() + SECONDS
            while process.count("lookalive_crawl_seconds_count", detector="shop") < 3:
                assert time.monotonic() < until
                time.sleep(0.2)
        (begun,) = [
            line for line in map(json.loads, process.log().splitlines()) if line["event"] == "crawl_begins"
        ]
        if before:
            assert datetime.fromisoformat(begun["at"]) == utc(max(before))
    watermarks = [
        record.time
        for value in published(settings, read_all, "partials")
        if isinstance(record := msgspec.msgpack.decode(value, type=Partial | Watermark), Watermark)
        and record.time is not None
    ]
    assert watermarks == sorted(watermarks)
    assert len(watermarks) >= 6


def test_a_source_that_fails_is_asked_again_and_nothing_is_passed_over(
    warehouse: Warehouse, settings: Settings, read_all: Callable[..., list[Any]]
) -> None:
    hour = warehouse.end - 5 * HOUR
    rows = (warehouse.folder / "live" / f"{hour:%Y%m%d}" / f"{hour:%H%M}" / "part.csv").read_bytes()
    broken = warehouse.folder / "broken" / f"{hour:%Y%m%d}" / f"{hour:%H%M}" / "part.csv.gz"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(gzip.compress(rows)[:100])
    configuration = warehouse.configuration.replace("/live/", "/broken/").replace("P10D", "PT8H")
    process = crawl(settings, configuration, "--once")
    until = time.monotonic() + SECONDS
    while "source_fails" not in (settings.data / "crawl.log").read_text(encoding="utf-8"):
        assert time.monotonic() < until
        time.sleep(0.1)
    broken.write_bytes(gzip.compress(rows))
    assert ended(process, settings) == 0
    events = {
        record.start: record.events
        for value in published(settings, read_all, "partials")
        if isinstance(record := msgspec.msgpack.decode(value, type=Partial | Watermark), Partial)
    }
    assert events == {round(hour.timestamp() * 1000): 40}

"""History from files and what is live from a topic, through a real worker: as if all were in the topic."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.records import IntervalScores
from streams.cli import main
from streams.cli.tail import series_lines
from streams.settings import PREFIX, Settings
from streams.topics import create
from tests.streams.worker import running_worker

pytestmark = pytest.mark.kafka

HOUR = 3_600_000
START = 1_774_656_000_000
DAYS = 10
#: From then on the topic says what is; it also has what was for a day before, and that counts for nothing.
LIVE = START + 8 * 24 * HOUR
END = START + DAYS * 24 * HOUR
SECONDS = 240
#: Publishes some intervals at a time, so that there is an end between any two of them.
IN_SMALL_STEPS = """
import streams.backfill
streams.backfill.STRIDE = 20
from streams.cli import main
main()
"""

#: And one that kills itself when of five steps the intervals are there, and not that they are.
KILLED_BETWEEN = """
import itertools, os, signal
import streams.backfill
streams.backfill.STRIDE = 20
message, calls = streams.backfill.cursors.message, itertools.count(1)
def killed(*arguments):
    if next(calls) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return message(*arguments)
streams.backfill.cursors.message = killed
from streams.cli import main
main()
"""

CONFIGURATION = """
[sources.shop]
topic = "TOPIC"
format = "json"
time = "ts"
clock = "event"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
lateness = "PT1M"
dimensions = ["platform"]
measures = [
  { name = "views", aggregation = "count", where = { event = "view" } },
  { name = "revenue", aggregation = "sum", field = "amount" },
  { name = "slowest", aggregation = "p95", field = "amount" },
]

[[alerts]]
name = "page"
detector = "shop"
"""


def _events() -> Iterator[dict[str, Any]]:
    random_ = random.Random(7)
    for hour in range(DAYS * 24):
        for platform in ("web", "app"):
            usual = 20 + 10 * abs(hour % 24 - 12) / 12
            failing = platform == "app" and 40 <= DAYS * 24 - hour < 44
            for _ in range(round(max(0.0, random_.gauss(usual, 2)) * (0.1 if failing else 1))):
                yield {
                    "ts": START + hour * HOUR + random_.randrange(HOUR),
                    "platform": platform,
                    "event": random_.choice(["view", "view", "buy"]),
                    "amount": round(random_.lognormvariate(2, 1), 2),
                }


EVENTS = sorted(_events(), key=lambda event: event["ts"])


class Shop:
    """Files of the past, and a topic."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.topic = f"{settings.prefix}-shop"
        self.configuration = CONFIGURATION.replace("TOPIC", self.topic)
        self.file = folder / "lookalive.toml"
        self.file.write_text(self.configuration, encoding="utf-8")
        past = [event for event in EVENTS if event["ts"] < LIVE]
        lines = folder / "past.jsonl"
        lines.write_text("\n".join(map(json.dumps, past)), encoding="utf-8")
        self.past = folder / "past.parquet"
        duckdb.execute(f"COPY (FROM read_json('{lines}')) TO '{self.past}'")
        self.everything = folder / "everything.jsonl"
        self.everything.write_text("\n".join(map(json.dumps, EVENTS)), encoding="utf-8")
        self.environment = {
            f"{PREFIX}BOOTSTRAP": str(settings.bootstrap),
            f"{PREFIX}PREFIX": settings.prefix,
            f"{PREFIX}GROUP": settings.group,
            f"{PREFIX}DATA": str(settings.data),
        }
        create(settings, [self.topic])

    def send(self, producer: Any, since: int = LIVE - 24 * HOUR, until: int = END) -> None:
        for event in EVENTS:
            if since <= event["ts"] < until:
                producer.send(self.topic, json.dumps(event).encode(), partition=0)
        producer.flush()

    def backfill(self, *arguments: str) -> Result:
        return self.invoke("--input", str(self.past), *arguments)

    def invoke(self, *arguments: str) -> Result:
        runner = CliRunner(env=self.environment)
        return runner.invoke(main, ["backfill", "-c", str(self.file), *arguments])

    def backfill_in_small_steps(
        self, *arguments: str, program: str = IN_SMALL_STEPS
    ) -> subprocess.Popen[bytes]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        command = [sys.executable, "-c", program, "backfill", "-c", str(self.file)]
        return subprocess.Popen(
            [*command, *(arguments or ("--input", str(self.past)))],
            env={**others, **self.environment},
            stdout=subprocess.DEVNULL,
        )

    def scores_of_a_backtest(self, folder: Path) -> list[Any]:
        scores = folder / "scores.jsonl"
        arguments = ["backtest", "-c", str(self.file), "--input", str(self.everything), "--json"]
        ran = CliRunner().invoke(main, [*arguments, "--scores", str(scores)])
        assert ran.exit_code == 0, ran.output
        return [json.loads(line) for line in scores.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Shop:
    return Shop(settings, tmp_path)


def scored(settings: Settings, read_all: Callable[..., list[Any]], intervals: int) -> list[Any]:
    """The scores of so many intervals, a line a series."""
    until = time.monotonic() + SECONDS
    while len(found := read_all(f"{settings.prefix}.scores")) < intervals:
        assert time.monotonic() < until, f"{len(found)} of {intervals} intervals are scored"
        time.sleep(0.5)
    told = [msgspec.json.decode(record.value, type=IntervalScores) for record in found]
    return [json.loads(line) for one in told for line in series_lines(one)]


@pytest.mark.parametrize("worker_first", [False, True])
def test_history_and_topic_give_what_all_of_it_gives(
    worker_first: bool, shop: Shop, settings: Settings, read_all: Callable[..., list[Any]], producer: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    with contextlib.ExitStack() as stack:
        if worker_first:
            stack.enter_context(running_worker(shop.configuration, settings))
        ran = shop.backfill("--json")
        assert ran.exit_code == 0, ran.output
        said = json.loads(ran.stdout)
        assert said["events"] == sum(event["ts"] < LIVE for event in EVENTS)
        assert (said["start"], said["end"]) == ("2026-03-28T00:00:00Z", "2026-04-05T00:00:00Z")
        shop.send(producer)
        if not worker_first:
            stack.enter_context(running_worker(shop.configuration, settings))
        # The last interval is still open: only events move the time of a replay.
        got = scored(settings, read_all, DAYS * 24 - 1)
    expected = shop.scores_of_a_backtest(tmp_path)
    assert got == [line for line in expected if line["interval_start"] < "2026-04-06T23"]
    assert any(line["severity"] > 90 for line in got)


def test_it_goes_on_after_any_end_and_changes_nothing_when_it_is_done_again(
    shop: Shop, settings: Settings, read_all: Callable[..., list[Any]], producer: Any, tmp_path: Path
) -> None:
    for n in range(4):
        process = shop.backfill_in_small_steps()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1.5 + 0.3 * n)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert shop.backfill_in_small_steps().wait(SECONDS) == 0
    before = len(read_all(f"{settings.prefix}.partials"))
    assert shop.backfill().exit_code == 0
    # Once more it says from when on the topic is live, and that the history is there.
    assert len(read_all(f"{settings.prefix}.partials")) <= before + 2
    shop.send(producer)
    with running_worker(shop.configuration, settings):
        got = scored(settings, read_all, DAYS * 24 - 1)
    expected = shop.scores_of_a_backtest(tmp_path)
    assert got == [line for line in expected if line["interval_start"] < "2026-04-06T23"]


def test_a_topic_is_history_up_to_where_nothing_more_may_come(
    shop: Shop, settings: Settings, read_all: Callable[..., list[Any]], producer: Any, tmp_path: Path
) -> None:
    archive = f"{settings.prefix}-archive"
    create(settings, [archive])
    # Half an hour of an interval that is not over, and a record that is none.
    past = [event for event in EVENTS if event["ts"] < LIVE + HOUR // 2]
    for n, event in enumerate(past):
        producer.send(archive, json.dumps(event).encode(), partition=n % 2)
    producer.send(archive, b"rubbish", partition=1)
    producer.flush()
    ran = shop.invoke("--topic", archive, "--json")
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["end"], said["invalid"]) == ("2026-04-05T00:00:00Z", 1)
    assert said["events"] == sum(event["ts"] < LIVE for event in past)
    shop.send(producer)
    with running_worker(shop.configuration, settings):
        got = scored(settings, read_all, DAYS * 24 - 1)
    expected = shop.scores_of_a_backtest(tmp_path)
    assert got == [line for line in expected if line["interval_start"] < "2026-04-06T23"]


@pytest.mark.parametrize("from_topic", [False, True])
def test_a_history_that_was_killed_goes_on_though_workers_have_scored_beyond_its_cursor(
    from_topic: bool, shop: Shop, settings: Settings, read_all: Callable[..., list[Any]], producer: Any,
    tmp_path: Path,
) -> None:  # fmt: skip
    until = LIVE + HOUR // 2
    if from_topic:
        # The source's own: of what it has, one part is history and the other is live.
        shop.send(producer, START, until)
    arguments = ("--topic", shop.topic) if from_topic else ()
    killed = shop.backfill_in_small_steps(*arguments, program=KILLED_BETWEEN)
    assert killed.wait(SECONDS) == -signal.SIGKILL
    with running_worker(shop.configuration, settings):
        # Five steps of five hours.
        scored(settings, read_all, 25)
    # Of the topic more is over by now.
    shop.send(producer, until if from_topic else LIVE - 24 * HOUR, LIVE + 12 * HOUR)
    assert shop.backfill_in_small_steps(*arguments).wait(SECONDS) == 0
    shop.send(producer, LIVE + 12 * HOUR)
    with running_worker(shop.configuration, settings):
        got = scored(settings, read_all, DAYS * 24 - 1)
    expected = shop.scores_of_a_backtest(tmp_path)
    assert got == [line for line in expected if line["interval_start"] < "2026-04-06T23"]
    if not from_topic:
        again = shop.backfill()
        assert again.exit_code == 0, again.output
        assert len(scored(settings, read_all, 1)) == len(got)


def test_a_topic_may_be_read_from_an_offset_on(shop: Shop, settings: Settings, producer: Any) -> None:
    archive = f"{settings.prefix}-archive"
    create(settings, [archive])
    for event in EVENTS[:1_000]:
        producer.send(archive, json.dumps(event).encode(), partition=0)
    producer.flush()
    ran = shop.invoke("--topic", archive, "--offset", "400", "--to", "2026-04-05", "--json")
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["events"] == 600
    nothing = shop.invoke("--topic", archive, "--offset", "4000", "--to", "2026-04-05")
    assert nothing.exit_code == 1, nothing.output


def test_it_is_files_or_a_topic(shop: Shop) -> None:
    for arguments in ((), ("--topic", "any", "--input", "any"), ("--input", "any", "--offset", "1")):
        refused = shop.invoke(*arguments)
        assert refused.exit_code == 2
        assert "give either --input, or --topic with or without --offset" in refused.output


def test_what_was_scored_before_is_not_filled(
    shop: Shop, settings: Settings, read_all: Callable[..., list[Any]], producer: Any
) -> None:
    shop.send(producer)
    with running_worker(shop.configuration, settings):
        scored(settings, read_all, 3 * 24 - 1)
    refused = shop.backfill()
    assert refused.exit_code == 2
    assert "has scored up to 2026-04-06T23:00Z, and what has closed never changes" in refused.output


def test_files_that_are_not_there_and_times_that_are_none_are_refused(shop: Shop, tmp_path: Path) -> None:
    shop.past = tmp_path / "none-*.parquet"
    refused = shop.backfill()
    assert (refused.exit_code, f"there is no file {shop.past}" in refused.output) == (2, True)
    shop.past = shop.everything
    refused = shop.backfill("--to", "soon")
    assert (refused.exit_code, "'soon' is no time" in refused.output) == (2, True)
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"ts": null}\n', encoding="utf-8")
    shop.past = empty
    assert shop.backfill().exit_code == 1


def test_of_an_interval_all_is_filled_or_nothing_and_of_a_file_each_row_once(
    shop: Shop, tmp_path: Path
) -> None:
    again = tmp_path / "again.parquet"
    again.symlink_to(shop.past)
    said = shop.backfill(
        *("--from", "2026-03-29T12:30", "--to", "2026-03-30T09:45", "--input", str(again), "--json")
    )
    assert said.exit_code == 0, said.output
    start, end = START + 36 * HOUR, START + 57 * HOUR
    assert json.loads(said.stdout)["events"] == sum(start <= event["ts"] < end for event in EVENTS)


def test_what_is_not_over_is_no_history(shop: Shop, tmp_path: Path) -> None:
    refused = shop.backfill("--to", "2200-01-01")
    assert (refused.exit_code, "would end at 2200-01-01T00:00Z, which is after now" in refused.output) == (
        2,
        True,
    )
    shop.past = tmp_path / "ahead.jsonl"
    shop.past.write_text(json.dumps({**EVENTS[0], "ts": START + 200 * 365 * 24 * HOUR}), encoding="utf-8")
    refused = shop.backfill()
    assert (refused.exit_code, "say with --to" in refused.output) == (2, True)
    refused = shop.backfill("--from", "2026-04-02", "--to", "2026-04-01")
    assert refused.exit_code == 2
    assert "--from 2026-04-02 is not before --to 2026-04-01" in refused.output


def test_a_detector_that_has_changed_before_it_scored_is_filled_anew(
    shop: Shop, settings: Settings, read_all: Callable[..., list[Any]]
) -> None:
    assert shop.backfill().exit_code == 0
    before = len(read_all(f"{settings.prefix}.partials"))
    changed = shop.configuration.replace('["platform"]', '["platform", "event"]')
    shop.file.write_text(changed, encoding="utf-8")
    assert shop.backfill().exit_code == 0
    # A Partial an hour, from when on the topic is live, and that the history is there.
    assert len(read_all(f"{settings.prefix}.partials")) == before + 8 * 24 + 2


def test_a_cursor_that_cannot_be_read_is_told_and_can_be_taken_back(shop: Shop, producer: Any) -> None:
    cursors = f"{shop.settings.prefix}.cursors"
    assert shop.backfill().exit_code == 0
    producer.send(cursors, b"rubbish", key=b"gone/gone")
    producer.send(cursors, b"rubbish", key=b"\xff")
    producer.flush()
    assert shop.backfill().exit_code == 0
    producer.send(cursors, b"rubbish", key=b"history/shop")
    producer.flush()
    refused = shop.backfill()
    assert refused.exit_code == 2
    assert f"the cursor 'history/shop' in {cursors} cannot be read" in refused.output
    producer.send(cursors, None, key=b"history/shop")
    producer.flush()
    assert shop.backfill().exit_code == 0

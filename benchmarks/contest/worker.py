"""Our own worker as a contestant: real processes, the whole path from events to alerts, seen from outside.

The clock runs from the last look at which nothing had been read until the scores of the last interval
that can close are on their topic and every event has been read. Of several workers it starts when each
has its share of the partitions and has begun to read, and only what is read from then on counts. What
was scored is compared with the truth: every interval, place and measure, roll-ups included.
"""

from __future__ import annotations

import os
import re
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError

import msgspec

from benchmarks.contest.feed import MINUTE, MINUTES, PARTITIONS, START, Cells, Feed
from benchmarks.contest.outcomes import Arena, Outcome, differences, failed
from benchmarks.peers.stopwatch import peak_rss_mib
from detectors.loading import parse
from detectors.records import JOINT, Alert, IntervalScores
from streams import topics
from streams.clients import reader
from streams.settings import Settings
from tests.streams.worker import RunningWorker

LOOK_SECONDS = 0.05
#: What has not come by then does not come.
PATIENCE_SECONDS = 120.0
#: Of several workers one must have read so much of a feed for its speed to be told.
WORTH_TELLING = 0.1
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
FULL_MINUTES = range(START, START + MINUTES * MINUTE, MINUTE)

SHOP = """
[sources.feed]
topic = "{topic}"
format = "clickstream"
clock = "event"

[[detectors]]
name = "feed"
source = "feed"
interval = "PT1M"
lateness = "PT10S"
dimensions = ["platform", "marketplace"]
measures = [
  {{ name = "views",   aggregation = "count", where = {{ event = "view" }} }},
  {{ name = "orders",  aggregation = "count", where = {{ event = "purchase" }} }},
  {{ name = "revenue", aggregation = "sum", field = "amount" }},
]

[[alerts]]
name = "page"
detector = "feed"
severity_threshold = 70
"""

EDGE = """
[sources.feed]
topic = "{topic}"
format = "aws-waf"
clock = "event"

[[detectors]]
name = "feed"
source = "feed"
interval = "PT1M"
lateness = "PT10S"
dimensions = ["action", "rule", "country"]
measures = [{{ name = "requests", aggregation = "count", where = {{ action = {{ not = "COUNT" }} }} }}]

[[alerts]]
name = "page"
detector = "feed"
severity_threshold = 70
"""


@dataclass
class Look:
    """What was seen of a worker at a moment."""

    at: float
    cpu_seconds: float
    events: float = 0
    #: Partition → the newest event time read there.
    newest: dict[int, int] = field(default_factory=dict)

    def records(self, feed: Feed) -> float:
        """About how many records of the feed these partitions have behind them."""
        return sum(map(feed.records_until, self.newest.values())) / PARTITIONS


def run_workers(feed: Feed, arena: Arena, config: str, number: int) -> Outcome:
    """Let so many workers of one group read a feed, and check what they make of it."""
    try:
        return _run(feed, arena, config, number)
    except AssertionError as error:
        return failed(str(error))


def _run(feed: Feed, arena: Arena, config: str, number: int) -> Outcome:
    name = f"workers-{uuid.uuid4().hex[:8]}"
    where = Settings(
        bootstrap=arena.bootstrap, prefix=name, group=name, data=arena.directory / name, partitions=PARTITIONS
    )
    text = config.format(topic=feed.topic)
    topics.create(where, [feed.topic])
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                closing(RunningWorker(text, msgspec.structs.replace(where, data=where.data / str(i))))
            )
            for i in range(number)
        ]
        before = _begin(workers)
        scores = _hear(workers, where)
        _, after = _until(workers, lambda looks: _all_read(looks, feed))
        rss = max(peak_rss_mib(worker.process.pid) for worker in workers)
        alerts = _alerts(where)
    outcome = _outcome(feed, before, after)
    outcome.rss_mib, outcome.alerts = rss, alerts
    outcome.problems += differences(_rolled_up(feed), _cells(scores, text))
    return outcome


def _begin(workers: Sequence[RunningWorker]) -> list[Look]:
    """The looks from which the clock runs."""
    if len(workers) == 1:
        before, _ = _until(workers, lambda looks: looks[0].events > 0)
        return before
    _, shared = _until(workers, lambda looks: _all_ready(workers, looks))
    return shared


def _all_ready(workers: Sequence[RunningWorker], looks: Sequence[Look]) -> bool:
    shares = [partition for look in looks for partition in look.newest]
    return (
        all(look.newest for look in looks)
        and sorted(shares) == list(range(PARTITIONS))
        and all(worker.is_ready() for worker in workers)
    )


def _all_read(looks: Sequence[Look], feed: Feed) -> bool:
    newest = {partition: time for look in looks for partition, time in look.newest.items()}
    return newest == feed.last and sum(look.events for look in looks) >= feed.events


def _until(
    workers: Sequence[RunningWorker], enough: Callable[[list[Look]], bool]
) -> tuple[list[Look], list[Look]]:
    """Look again and again until it is enough; the looks before the last, and the last."""
    patience = time.monotonic() + PATIENCE_SECONDS
    before = looks = [_look(worker) for worker in workers]
    while not enough(looks):
        _check(workers, patience, looks)
        time.sleep(LOOK_SECONDS)
        before, looks = looks, [_look(worker) for worker in workers]
    return before, looks


def _check(workers: Sequence[RunningWorker], patience: float, seen: object) -> None:
    """Fail when a worker has stopped, or takes too long."""
    for worker in workers:
        assert worker.process.poll() is None, (
            f"the worker stopped; the end of its log:\n{worker.log()[-3000:]}"
        )
    assert time.monotonic() < patience, f"no end in {PATIENCE_SECONDS:g} seconds: {seen}"


def _look(worker: RunningWorker) -> Look:
    # The time that an orderly reading of /proc/PID/stat gives is behind the name, which may hold blanks.
    stat = Path(f"/proc/{worker.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    look = Look(time.perf_counter(), (int(stat[11]) + int(stat[12])) / TICKS_PER_SECOND)
    with suppress(URLError, OSError):
        page = worker.get("/metrics")
        look.events = sum(
            float(value)
            for value in re.findall(r'^lookalive_events_total\{source="feed"\} (\S+)', page, re.M)
        )
        newest = re.findall(
            r'^lookalive_last_event_timestamp_seconds\{partition="(\d+)",source="feed"\} (\S+)', page, re.M
        )
        look.newest = {int(partition): round(float(seconds) * 1000) for partition, seconds in newest}
    return look


def _hear(workers: Sequence[RunningWorker], where: Settings) -> list[IntervalScores]:
    """The scores, once those of the last minute that can close have come."""
    patience = time.monotonic() + PATIENCE_SECONDS
    decode = msgspec.json.Decoder(IntervalScores).decode
    scores: list[IntervalScores] = []
    heard: set[int] = set()
    with reader(where, f"{where.prefix}.scores", from_beginning=True) as consumer:
        while not heard.issuperset(FULL_MINUTES):
            _check(workers, patience, f"{len(heard)} of {MINUTES} intervals were scored")
            for records in consumer.poll(timeout_ms=100).values():
                for record in records:
                    scores.append(decode(record.value))
                    heard.add(_minute(scores[-1]))
    return scores


def _alerts(where: Settings) -> int:
    """How many groups people have been told of so far."""
    decode = msgspec.json.Decoder(Alert).decode
    with reader(where, f"{where.prefix}.alerts", from_beginning=True) as consumer:
        batches = consumer.poll(timeout_ms=1000).values()
        return sum(decode(record.value).kind == "OPENED" for records in batches for record in records)


def _outcome(feed: Feed, before: Sequence[Look], after: Sequence[Look]) -> Outcome:
    pairs = list(zip(before, after, strict=True))
    events = [late.records(feed) - early.records(feed) for early, late in pairs]
    cpu_seconds = [late.cpu_seconds - early.cpu_seconds for early, late in pairs]
    outcome = Outcome(sum(events), after[0].at - before[0].at, sum(cpu_seconds), 0.0)
    if len(pairs) > 1:
        # One that joined when its share was almost read has shown nothing.
        shares = zip(events, cpu_seconds, strict=True)
        outcome.each = [read / seconds for read, seconds in shares if read > WORTH_TELLING * feed.events]
        if any(early.newest.keys() != late.newest.keys() for early, late in pairs):
            outcome.problems.append("partitions went from one worker to the other while it was measured")
    return outcome


def _rolled_up(feed: Feed) -> Cells:
    """What must be in the scores: the full minutes' total, single values and leaves."""
    cells = Cells()
    for (minute, place), numbers in feed.truth[feed.events].items():
        if minute in FULL_MINUTES:
            total = (None,) * len(place)
            single = [(*total[:i], value, *total[i + 1 :]) for i, value in enumerate(place)]
            for rolled in (total, *single, place):
                cell = cells.setdefault((minute, rolled), [0] * len(numbers))
                for i, number in enumerate(numbers):
                    cell[i] += number
    return cells


def _cells(scores: Sequence[IntervalScores], config: str) -> Cells:
    measures = [measure.name for measure in parse(config).detectors[0].measures]
    cells = Cells()
    for interval in scores:
        for row in interval.rows():
            if row.measure != JOINT:
                cell = cells.setdefault((_minute(interval), row.place), [0] * len(measures))
                cell[measures.index(row.measure)] = row.value or 0
    return cells


def _minute(scores: IntervalScores) -> int:
    return round(scores.interval_start.timestamp() * 1000)

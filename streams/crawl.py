"""Crawled sources → Partials, in a process of its own; from there on all is as with a topic.

Each detector of a crawled source has a lane, which asks for the past in chunks and then for each interval
once it is over and its `delay` has passed. What was read is published first, and then how far that was. A
source that does not answer is asked again, for ever and more and more seldom: nothing is passed over.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from faust.types import TP
from prometheus_client import CollectorRegistry

from detectors.config import Config, Detector
from detectors.crawling import CrawledFold
from detectors.detector_fold import DetectorFoldState
from detectors.intervals import MILLISECOND, Intervals
from detectors.records import utc
from streams import cursors
from streams.crawl_metrics import CrawlMetrics
from streams.cursors import Cursor
from streams.dead_letters import of_record
from streams.formats import make_format, parse_all
from streams.hop import Message
from streams.names import LARGEST_MESSAGE_BYTES, Names
from streams.partials import partial_messages
from streams.publishing import publish
from streams.serving import serve
from streams.settings import Settings
from streams.sources import Reader, Unavailable, make_reader

log = structlog.get_logger(__name__)

#: Records that are folded at once.
BATCH = 5_000
#: A source that fails is asked again after so long, and twice as long each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: How often a lane looks at the clock, which may jump.
LOOK_SECONDS = 0.5
#: Of one stretch no more dead letters are sent than this; all are counted.
MOST_LETTERS = 1_000

#: Called with a lane's name, how far it is and where the past ends, in milliseconds.
Advance = Callable[[str, int, int], None]


class Told(NamedTuple):
    """A record that was read, as dead letters want it."""

    offset: int
    timestamp: int | None
    value: bytes | None


class Stretch(NamedTuple):
    """What came of one stretch."""

    messages: list[Message]
    state: DetectorFoldState
    records: int
    #: Why records were not used, and how many.
    invalid: dict[str, int]


class Lane:
    """One detector of a crawled source."""

    def __init__(
        self, config: Config, detector: Detector, reader: Reader, partitions: int, names: Names
    ) -> None:
        self.source, self.detector = detector.source, detector.name
        self.name = cursors.key(detector.source, detector.name)
        crawled = config.crawled[detector.source]
        self._what = detector
        self._reader = reader
        self._partitions = partitions
        self._names = names
        self._format = make_format(self.source, config.records_of(self.source), config.fields_of(self.source))
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._delay, self._history, self._chunk = (
            length // MILLISECOND for length in (crawled.delay, crawled.history, crawled.chunk)
        )

    def begin(self, now: int) -> int:
        """Where the first crawl begins, in milliseconds."""
        return self._intervals.start(now - self._history)

    def whole_until(self, now: int) -> int:
        """Up to where the source has had time to become whole."""
        return self._intervals.start(now - self._delay)

    def end_of(self, start: int, whole: int) -> int:
        """Up to where a stretch goes: a chunk of the past, or an interval."""
        end = self._intervals.start(min(start + self._chunk, whole))
        return end if end > start else self._intervals.end(start)

    def crawl(self, start: int, end: int, state: DetectorFoldState | None) -> Stretch:
        """Read a stretch and fold it; blocks.

        Raises:
            Unavailable: the source cannot say all of it.
        """
        fold = CrawledFold(self._what, start, end, state)
        letters: list[Message] = []
        invalid: dict[str, int] = {}
        read = 0
        # Where a record was: the topic is the lane, the partition when it was asked for.
        tp = TP(self.name, start // 1000)
        for batch in _batches(self._reader.read(utc(start), utc(end))):
            events, _, bad = parse_all(self._format, batch)
            fold.add(events)
            for row, error in bad:
                invalid[error.reason] = invalid.get(error.reason, 0) + 1
                if len(letters) < MOST_LETTERS:
                    record = Told(read + row, None, batch[row])
                    letter = of_record(self.source, tp, record, error.reason, str(error))
                    letters.append(letter.message(self._names.dead_letters))
            read += len(batch)
        if fold.outside:
            invalid["outside"] = fold.outside
        fold.refuse(sum(invalid.values()))
        records, after = fold.close()
        messages = partial_messages(records, self._names.partials, self._partitions)
        return Stretch([*letters, *messages], after, read, invalid)

    def close(self) -> None:
        """Let go of the source."""
        self._reader.close()


def _batches(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    everything = iter(records)
    while batch := list(islice(everything, BATCH)):
        yield batch


class Crawler:
    """Crawls all sources of a configuration that are no topics."""

    def __init__(
        self, config: Config, settings: Settings, partitions: int, advance: Advance = lambda *_: None
    ) -> None:
        """`partitions` is how many the partials have.

        Raises:
            SettingsError: a secret, or a library that a source needs, is not there.
        """
        self._settings = settings
        self._names = Names.under(settings.prefix)
        self._advance = advance
        self.metrics = CrawlMetrics(CollectorRegistry())
        self._lanes = [
            Lane(config, detector, make_reader(source, detector, settings), partitions, self._names)
            for name, source in config.crawled.items()
            for detector in config.detectors_of(name)
        ]
        self._begun: set[str] = set()

    async def run(self, *, once: bool) -> None:
        """Crawl until cancelled; `once`: up to now.

        Raises:
            TopicError: the topic of cursors cannot be read.
        """
        stored = await asyncio.to_thread(cursors.read, self._settings, {lane.name for lane in self._lanes})
        producer = AIOKafkaProducer(
            **self._settings.async_client(),
            acks="all",
            enable_idempotence=True,
            max_request_size=LARGEST_MESSAGE_BYTES,
        )
        try:
            await producer.start()
            async with asyncio.TaskGroup() as tasks:
                if not once:
                    tasks.create_task(
                        serve(self._settings, self.metrics.registry, self._is_ready, lambda: None)
                    )
                for lane in self._lanes:
                    tasks.create_task(self._follow(lane, stored.get(lane.name), producer, once=once))
        finally:
            await producer.stop()
            for lane in self._lanes:
                lane.close()

    def _is_ready(self) -> bool:
        return len(self._begun) == len(self._lanes)

    async def _follow(
        self, lane: Lane, cursor: Cursor | None, producer: AIOKafkaProducer, *, once: bool
    ) -> None:
        now = _now()
        start, state = (lane.begin(now), None) if cursor is None else (cursor.through, cursor.fold)
        until = lane.whole_until(now)
        labels = (lane.source, lane.detector)
        log.info("crawl_begins", lane=lane.name, at=utc(start).isoformat())
        while not once or start < until:
            self._begun.add(lane.name)
            whole = until if once else lane.whole_until(_now())
            if whole <= start:
                await asyncio.sleep(LOOK_SECONDS)
                continue
            end = lane.end_of(start, whole)
            stretch = await self._ask(lane, start, end, state)
            await publish(producer, stretch.messages)
            start, state = end, stretch.state
            await publish(producer, [cursors.message(lane.name, Cursor(start, state), self._names)])
            self.metrics.records.labels(*labels).inc(stretch.records)
            for reason, count in stretch.invalid.items():
                self.metrics.invalid.labels(*labels, reason).inc(count)
                log.warning("records_not_used", lane=lane.name, reason=reason, count=count)
            self.metrics.through.labels(*labels).set(start / 1000)
            self._advance(lane.name, start, until)
        log.info("crawled", lane=lane.name, through=utc(start).isoformat())

    async def _ask(self, lane: Lane, start: int, end: int, state: DetectorFoldState | None) -> Stretch:
        """Ask for a stretch until it is there."""
        labels = (lane.source, lane.detector)
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                stretch = await _in_thread(lambda: lane.crawl(start, end, state))
            except Unavailable as error:
                self.metrics.failures.labels(*labels).inc()
                self.metrics.failing.labels(*labels).set(1)
                log.warning(
                    "source_fails",
                    lane=lane.name,
                    interval_start=utc(start).isoformat(),
                    interval_end=utc(end).isoformat(),
                    why=str(error),
                    again_in_seconds=pause,
                )
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self.metrics.seconds.labels(*labels).observe(time.monotonic() - began)
                self.metrics.failing.labels(*labels).set(0)
                return stretch


async def _in_thread(work: Callable[[], Stretch]) -> Stretch:
    """Do blocking work in a thread that nobody waits for when the process stops."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Stretch] = loop.create_future()

    def settle(result: Stretch | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        elif result is not None:
            done.set_result(result)

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as error:
            problem = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, daemon=True).start()
    return await done


def _now() -> int:
    return int(time.time() * 1000)

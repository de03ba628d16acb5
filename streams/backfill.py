"""Files of history → Partials, up to where the source is live.

A topic's history comes as one partition more, `HISTORY`: the worker is told from when on the topic says what
is, and scores nothing of that before the history has come up to there. Of a crawled source it is what was
crawled so far. Whoever does it again, or goes on after a crash, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from detectors.config import Config, Detector
from detectors.crawling import CrawledFold
from detectors.intervals import MILLISECOND, Intervals
from detectors.records import HISTORY, LiveFrom
from detectors.sources import Source
from streams import cursors
from streams.counting import Counted, Group
from streams.cursors import Cursor
from streams.hop import Message
from streams.names import LARGEST_MESSAGE_BYTES, Names, partition_of
from streams.partials import partial_messages
from streams.publishing import publish
from streams.settings import Settings

#: So many groups are published at once, and with them how far that is.
STRIDE = 50_000

#: Called with a detector's name, how far it is and where its history ends, in milliseconds.
Advance = Callable[[str, int, int], None]


class Span(NamedTuple):
    """The history of a detector: from the border of an interval up to before another."""

    start: int
    end: int


def span(
    detector: Detector, counted: Counted, since: int | None, until: int | None, *, goes_on: bool = False
) -> Span | None:
    """What there is to fill: what was counted, as far as it is asked for, in whole intervals.

    The last interval is whole though files end within it: history is complete by definition. Of a topic that
    `goes_on` it ends where nothing more may come.
    """
    if counted.first is None or counted.last is None:
        return None
    intervals = Intervals(detector.interval, detector.timezone)
    start = intervals.start(counted.first if since is None else since)
    if until is not None:
        end = intervals.start(until)
    elif goes_on:
        end = intervals.start(counted.last - detector.lateness // MILLISECOND)
    else:
        end = intervals.end(intervals.start(counted.last))
    return Span(start, end) if start < end else None


def whole(detector: Detector, since: int | None, until: int | None) -> tuple[int | None, int | None]:
    """The borders of the intervals that hold two times: of an interval all is counted, or nothing."""
    intervals = Intervals(detector.interval, detector.timezone)
    return (
        None if since is None else intervals.start(since),
        None if until is None else intervals.start(until),
    )


class Backfill:
    """Publishes the history of detectors."""

    def __init__(self, config: Config, settings: Settings, partitions: int, advance: Advance) -> None:
        """`partitions` is how many the partials have."""
        self._config = config
        self._settings = settings
        self._names = Names.under(settings.prefix)
        self._partitions = partitions
        self._advance = advance

    async def fill(
        self, detector: Detector, groups: Iterator[Group], of: Span, cursor: Cursor | None
    ) -> None:
        """Publish groups, in the order of time, as the history of a detector.

        `cursor` is how far an earlier run was, which is gone on from.
        """
        is_topic = isinstance(self._config.sources[detector.source], Source)
        intervals = Intervals(detector.interval, detector.timezone)
        name, partition = key(self._config, detector), HISTORY if is_topic else 0
        through, saved = (of.start, None) if cursor is None else (max(of.start, cursor.through), cursor.fold)
        producer = AIOKafkaProducer(
            **self._settings.async_client(),
            acks="all",
            enable_idempotence=True,
            max_request_size=LARGEST_MESSAGE_BYTES,
        )
        await producer.start()
        try:
            if is_topic:
                await publish(producer, self._live_from(detector, of.end))
            for stride, end in _strides(groups, through, of.end, intervals):
                fold = CrawledFold(detector, through, end, saved, partition)
                for group in stride:
                    fold.add_many(*group)
                records, saved = fold.close()
                await publish(producer, partial_messages(records, self._names.partials, self._partitions))
                await publish(producer, [cursors.message(name, Cursor(end, saved), self._names)])
                through = end
                self._advance(detector.name, end, of.end)
        finally:
            await producer.stop()

    def _live_from(self, detector: Detector, time: int) -> Iterator[Message]:
        for shard in range(detector.shards):
            yield Message(
                self._names.partials,
                detector.name.encode(),
                msgspec.msgpack.encode(LiveFrom(detector.name, detector.fingerprint, shard, time)),
                partition=partition_of(detector.name, shard, self._partitions),
            )


def key(config: Config, detector: Detector) -> str:
    """What the cursor of a history is called: of a crawled source, that of the crawl which goes on there."""
    is_topic = isinstance(config.sources[detector.source], Source)
    return cursors.key("history" if is_topic else detector.source, detector.name)


def going_on(config: Config, detector: Detector, cursor: Cursor | None) -> Cursor | None:
    """The cursor, if it is gone on from: what a topic's detector does not measure any more is filled anew."""
    is_topic = isinstance(config.sources[detector.source], Source)
    has_changed = cursor is not None and cursor.fold.fingerprint != detector.fingerprint
    return None if is_topic and has_changed else cursor


def _strides(
    groups: Iterator[Group], through: int, end: int, intervals: Intervals
) -> Iterator[tuple[list[Group], int]]:
    """Groups by whole intervals, and up to where those go; the last go up to the end."""
    held: list[Group] = []
    for start, of_interval in groupby(groups, key=lambda group: intervals.start(group.time)):
        if start < through or start >= end:
            continue
        if len(held) >= STRIDE:
            yield held, start
            held = []
        held += of_interval
    yield held, end

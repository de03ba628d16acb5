"""Copies of what models have learnt: taken from the changelog, and put back.

A copy is the last snapshot of every partition of the score hop. Put back, it is the snapshot from which
workers go on: they read the partials since then again, and learn from them. What was told stays as it was
told, for what has closed never changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from kafka import KafkaProducer, TopicPartition

from detectors import state
from detectors.blocks import BlockState
from detectors.closing import CloserState
from detectors.config import Config
from detectors.records import utc
from detectors.scorer import Scorer, ScorerState
from detectors.state import WAY_OUT, StateError
from streams import tables
from streams.backup_files import VERSION, Copies, Copy, Header, Lane
from streams.clients import admin_client, reader
from streams.errors import BackupError
from streams.names import LARGEST_MESSAGE_BYTES, Names
from streams.pieces import Pieces
from streams.score import LaneHead, LaneKey, ScoreHead
from streams.settings import Settings
from streams.tables import Snapshot

#: Called with how much of how much is done.
Advance = Callable[[int, int], None]


def fetch(settings: Settings, advance: Advance) -> Copies:
    """What the score hop has stored, as its changelog tells it; workers may go on meanwhile.

    Raises:
        TopicError: no broker answers, or it has no such changelog.
    """
    with reader(settings, _changelog(settings), from_beginning=True) as consumer:
        ends = consumer.end_offsets(consumer.assignment())
        copies = {partition.partition: Copy() for partition in ends}
        begin = sum(consumer.position(partition) for partition in ends)
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for partition, records in consumer.poll(timeout_ms=500).items():
                for record in records:
                    # Up to there the log is a snapshot in any case: what is newer may be half of one.
                    if record.offset < ends[partition]:
                        copies[partition.partition].take(record.key, record.value)
            reached = sum(min(consumer.position(partition), end) for partition, end in ends.items())
            advance(reached - begin, sum(ends.values()) - begin)
    return copies


def header(settings: Settings, copies: Copies, taken: datetime) -> Header:
    """What there is to say of copies."""
    lanes = []
    for partition, copy in sorted(copies.items()):
        head = _head(partition, copy)
        for (detector, shard), lane in sorted(head.lanes.items()):
            through = lane.closer.closed_through
            lanes.append(Lane(detector, shard, lane.shards, None if through is None else utc(through)))
    return Header(VERSION, taken, settings.group, len(copies), lanes)


def scored_live(config: Config, copies: Copies) -> dict[str, int]:
    """Up to where detectors have scored, in milliseconds, where that is more than a history that is filled.

    What of a history was scored before whoever fills it was killed will be said again, and then as it was.
    """
    fingerprints = {detector.name: detector.fingerprint for detector in config.detectors}
    scored: dict[str, int] = {}
    for partition, copy in copies.items():
        for (detector, _), lane in _head(partition, copy).lanes.items():
            closer = lane.closer
            if closer.closed_through is None:
                continue
            is_same = closer.fingerprint == fingerprints.get(detector)
            if is_same and closer.live_from is not None and closer.closed_through <= closer.live_from:
                continue
            scored[detector] = max(closer.closed_through, scored.get(detector, closer.closed_through))
    return scored


def scorers(config: Config, detector: str, copies: Copies) -> Iterator[Scorer]:
    """The scorers of a detector as they are in copies."""
    for partition, copy in sorted(copies.items()):
        for (name, shard), lane in _head(partition, copy).lanes.items():
            records = Pieces(partition, f"{name}/{shard}", lane.written).read(copy)
            if name == detector and (first := next(records, None)) is not None:
                scorer = Scorer(config.detector(name), shard, config.calendars)
                blocks = (state.decode(record, BlockState) for record in records)
                scorer.load(state.decode(first, ScorerState), blocks)
                yield scorer


def put_back(settings: Settings, copies: Copies, advance: Advance) -> None:
    """Make copies the snapshots from which the workers of the group go on.

    Raises:
        BackupError: workers are running, the group has another number of partitions, or the partials since
            then are gone.
    """
    _refuse_while_running(settings)
    stored = fetch(settings, lambda *_: None)
    if stored.keys() != copies.keys():
        message = (
            f"the copy has {len(copies)} partitions and {_changelog(settings)} has {len(stored)}: "
            "it can be put back only where there are as many"
        )
        raise BackupError(message)
    _refuse_gaps(settings, copies)
    changes = [
        (partition, key, value)
        for partition, copy in sorted(copies.items())
        for key, value in overwriting(partition, stored[partition], copy).items()
    ]
    producer = KafkaProducer(
        **settings.kafka_client(), acks="all", max_request_size=LARGEST_MESSAGE_BYTES, linger_ms=5
    )
    try:
        sent = [
            producer.send(_changelog(settings), partition=partition, key=key, value=value)
            for partition, key, value in changes
        ]
        for done, future in enumerate(sent, start=1):
            future.get(timeout=60)
            advance(done, len(sent))
    finally:
        producer.close()


def overwriting(partition: int, stored: Copy, copy: Copy) -> dict[bytes, bytes | None]:
    """What is to be written over what is stored, in order: None deletes.

    A head makes true what is written before it; what only the old one had goes last.
    """
    lanes = _head(partition, stored).lanes
    written = tables.records(partition, _quiet(partition, copy, lanes)) if lanes or copy else {}
    return {**written, **dict.fromkeys(stored.keys() - written.keys())}


def _quiet(partition: int, copy: Copy, stored: Mapping[LaneKey, LaneHead]) -> Snapshot:
    """The snapshot in a copy, which does not tell again what was told; what it lacks begins anew."""
    head = _head(partition, copy)
    for key, lane in stored.items():
        begun = LaneHead(lane.shards, CloserState.begun(lane.closer.fingerprint), [])
        head.lanes.setdefault(key, begun).told = max(lane.told or 0, lane.closer.closed_through or 0)
    owners = [
        Pieces(partition, f"{detector}/{shard}", lane.written)
        for (detector, shard), lane in head.lanes.items()
    ]
    keys = [key for owner in owners for key in owner.referred()]
    pieces = dict(zip(keys, tables.blocks(copy, keys), strict=True))
    return Snapshot(head.offset, state.encode(head), pieces, frozenset(keys))


def _head(partition: int, copy: Copy) -> ScoreHead:
    try:
        head, _ = tables.read(copy, partition)
        return ScoreHead(-1, {}) if head is None else state.decode(head, ScoreHead)
    except StateError as error:
        message = f"partition {partition}: {error}"
        raise BackupError(message) from error


def _refuse_while_running(settings: Settings) -> None:
    with admin_client(settings) as admin:
        members = admin.describe_groups([settings.group])[settings.group]["members"]
    if members:
        message = (
            f"{len(members)} workers of the group {settings.group!r} are running: stop them all first; "
            "of one that was killed the broker hears after ten seconds"
        )
        raise BackupError(message)


def _refuse_gaps(settings: Settings, copies: Copies) -> None:
    """Refuse a copy where the partials that came since are gone: models would take that for silence."""
    topic = Names.under(settings.prefix).partials
    with reader(settings, topic, from_beginning=True) as consumer:
        begins = consumer.beginning_offsets(consumer.assignment())
        ends = consumer.end_offsets(consumer.assignment())
    for (_, partition), begin in begins.items():
        end = ends[TopicPartition(topic, partition)]
        offset = _head(partition, copies[partition]).offset + 1
        if offset > 0 and not begin <= offset <= end:
            message = (
                f"the copy goes on from record {offset} of partition {partition} of {topic}, "
                f"which has those from {begin} to {end}: what is missing cannot be learnt again; "
                f"put a newer copy back, or {WAY_OUT}"
            )
            raise BackupError(message)


def _changelog(settings: Settings) -> str:
    return f"{settings.group}-score-changelog"

"""Partials and watermarks as records of the partials topic."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from detectors.records import Partial, Watermark
from streams.hop import Message
from streams.names import partition_of

_encode = msgspec.msgpack.Encoder().encode


def partial_messages(records: Iterable[Partial | Watermark], topic: str, partitions: int) -> list[Message]:
    """The records, each for the partition of its shard."""
    return [
        Message(
            topic,
            record.detector.encode(),
            _encode(record),
            partition=partition_of(record.detector, record.shard, partitions),
        )
        for record in records
    ]

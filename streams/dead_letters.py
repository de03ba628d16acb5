"""Records that could not be used, kept with their coordinates so that nothing is lost or hidden."""

from __future__ import annotations

import hashlib

import msgspec
from faust.types import TP

from streams.hop import Message
from streams.transport import Record

LARGEST = 64 * 1024


class DeadLetter(msgspec.Struct, frozen=True):
    """A refused record; `payload` is its beginning, as text with what is no text escaped."""

    source: str
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    timestamp: int | None = None
    bytes: int | None = None
    sha256: str | None = None
    payload: str | None = None

    def message(self, topic: str) -> Message:
        """The record for the dead-letter topic; its key are the coordinates."""
        key = f"{self.topic}/{self.partition}/{self.offset}"
        return Message(topic, key.encode(), msgspec.json.encode(self))


def not_ours(tp: TP, record: Record, error: Exception) -> DeadLetter:
    """The dead letter of a record between the hops that no hop has written.

    Left where it is it would stop the worker, and after every start again.
    """
    return of_record(tp.topic, tp, record, "not_ours", str(error))


def of_record(source: str, tp: TP, record: Record, reason: str, detail: str) -> DeadLetter:
    """The dead letter of a record that is at hand."""
    raw = record.value or b""
    return DeadLetter(
        source=source,
        topic=tp.topic,
        partition=tp.partition,
        offset=record.offset,
        reason=reason,
        detail=detail,
        timestamp=record.timestamp,
        bytes=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        payload=raw[:LARGEST].decode("utf-8", "backslashreplace"),
    )

"""How far crawled sources were read: the latest record of each key in a compacted topic.

A cursor is written when all that was read up to there is published. Whoever crawls again from an older one
publishes the same again, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from detectors import state
from detectors.detector_fold import DetectorFoldState
from detectors.state import StateError
from streams.clients import reader
from streams.errors import TopicError
from streams.hop import Message
from streams.names import Names
from streams.settings import Settings


class Cursor(msgspec.Struct, frozen=True):
    """How far a source was read for a detector."""

    #: End of the last interval that was asked for, in milliseconds.
    through: int
    #: What the fold knows besides: which places it admits.
    fold: DetectorFoldState


def key(source: str, detector: str) -> str:
    """What a cursor is called.

    >>> key("warehouse", "shop")
    'warehouse/shop'
    """
    return f"{source}/{detector}"


def message(name: str, cursor: Cursor, names: Names) -> Message:
    """The record that stores a cursor."""
    return Message(names.cursors, name.encode(), state.encode(cursor))


def read(settings: Settings, names: Collection[str]) -> dict[str, Cursor]:
    """The cursors of these names as they are stored; a record without a value takes one back.

    Raises:
        TopicError: no broker answers, it has no such topic, or one cannot be read.
    """
    keys = {name.encode(): name for name in names}
    topic = Names.under(settings.prefix).cursors
    stored: dict[str, bytes | None] = {}
    with reader(settings, topic, from_beginning=True) as consumer:
        ends = consumer.end_offsets(consumer.assignment())
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    if record.key in keys:
                        stored[keys[record.key]] = record.value
    found = {}
    for name, value in stored.items():
        if value is None:
            continue
        try:
            found[name] = state.decode(value, Cursor)
        except StateError as error:
            message = (
                f"the cursor {name!r} in {topic} cannot be read: {error}. Or send a record of this key "
                "without a value, and it begins afresh"
            )
            raise TopicError(message) from error
    return found

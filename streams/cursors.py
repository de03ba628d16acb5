"""How far crawled sources were read: the latest record of each key in a compacted topic.

A cursor is written when all that was read up to there is published. Whoever crawls again from an older one
publishes the same again, and changes nothing.
"""

from __future__ import annotations

import msgspec

from detectors import state
from detectors.folding import DetectorFoldState
from detectors.state import StateError
from streams.clients import reader
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


def read(settings: Settings) -> dict[str, Cursor]:
    """The cursors as they are stored.

    Raises:
        TopicError: no broker answers, or it has no such topic.
        StateError: one cannot be read.
    """
    stored: dict[str, bytes] = {}
    with reader(settings, Names.under(settings.prefix).cursors, from_beginning=True) as consumer:
        ends = consumer.end_offsets(consumer.assignment())
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for records in consumer.poll(timeout_ms=500).values():
                for record in records:
                    stored[record.key.decode()] = record.value
    found = {}
    for name, value in stored.items():
        try:
            found[name] = state.decode(value, Cursor)
        except StateError as error:
            what = f"the cursor {name!r} in the topic of cursors: {error}"
            raise StateError(what) from error
    return found

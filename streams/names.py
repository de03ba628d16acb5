"""The names of the topics between the hops, which are durable, and how large a record of theirs may be."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

#: What the program's own broker, its topics and its clients take in one record.
LARGEST_MESSAGE_BYTES = 8 * 1024 * 1024


class Names(NamedTuple):
    """Topic names under one prefix."""

    partials: str
    scores: str
    groups: str
    alerts: str
    quality: str
    dead_letters: str
    feedback: str
    cursors: str

    @classmethod
    def under(cls, prefix: str) -> Names:
        """The names under a prefix.

        >>> Names.under("lookalive").dead_letters
        'lookalive.dead-letters'
        """
        return cls(*(f"{prefix}.{name.replace('_', '-')}" for name in cls._fields))


def partition_of(detector: str, shard: int, partitions: int) -> int:
    """The partition of the partials for a shard of a detector: shards lie side by side, so that they spread.

    >>> [partition_of("shop", shard, 4) for shard in range(4)]
    [2, 3, 0, 1]
    """
    return (crc32(detector.encode()) + shard) % partitions

"""Snapshots in RocksDB, with a changelog that is on the broker before anything relies on it.

A snapshot belongs to one partition of one hop: a head record, and blocks for what is large. Blocks are
named by the snapshot that wrote them, and never written over. So a new snapshot comes true with one
write, that of its head, wherever a crash strikes, and whoever else still writes; then the blocks that
only the one before it had are deleted.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import faust
from faust.types import FutureMessage

from detectors.state import WAY_OUT, StateError


class SnapshotTable(faust.Table[bytes, bytes]):
    """A Faust table of bytes whose writes can be waited for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unconfirmed: list[FutureMessage] = []

    def on_key_set(self, key: bytes, value: bytes) -> None:
        """Send the change to the changelog, and keep the promise that it got there."""
        self._unconfirmed.append(self.send_changelog(self.partition_for_key(key), key, value))
        self._sensor_on_set(self, key, value)

    async def confirmed(self) -> None:
        """Wait until the broker has all that was written since this was last called."""
        unconfirmed, self._unconfirmed = self._unconfirmed, []
        await asyncio.gather(*unconfirmed)


class Stored(Protocol):
    """What snapshots are read from: a table, or a copy of one."""

    name: str

    def get(self, key: bytes, /) -> bytes | None:
        """What is stored under a key."""


#: A record of the changelog is at most about this large; a larger head is stored in pieces.
PIECE = 512 * 1024
#: What a head begins with: the last offset that the snapshot contains, how many pieces it has beside it,
#: and its checksum: the offset can be read without the rest.
_PREFIX = struct.Struct(">qII")


class Snapshot(NamedTuple):
    """The state of a step: a head, the blocks that are new, and the keys of all it refers to."""

    offset: int
    head: bytes
    blocks: Mapping[bytes, bytes] = {}
    referred: frozenset[bytes] = frozenset()


def block_key(partition: int, owner: str, offset: int, number: int) -> bytes:
    """The key of one block of the snapshot at an offset."""
    return f"{partition}/{owner}/{offset}/{number}".encode()


def _head_key(partition: int) -> bytes:
    # Names the partition so that it can be read from anywhere, not only while an event is processed.
    return f"{partition}/head".encode()


def _piece_key(partition: int, offset: int, checksum: int, number: int) -> bytes:
    # By what it is a piece of: a worker that has lost the partition, and does not know it yet, may write
    # another head at the same offset.
    return block_key(partition, f"head/{checksum:08x}", offset, number)


def contained(table: Stored, partition: int) -> int | None:
    """The last offset that the snapshot of a partition contains; None where there is none."""
    stored = table.get(_head_key(partition))
    return None if stored is None else int(_PREFIX.unpack_from(stored)[0])


def read(table: Stored, partition: int) -> tuple[bytes | None, frozenset[bytes]]:
    """The head of a partition's snapshot, and the keys of its pieces.

    Raises:
        StateError: a piece is missing.
    """
    stored = table.get(_head_key(partition))
    if stored is None:
        return None, frozenset()
    offset, pieces, checksum = _PREFIX.unpack_from(stored)
    keys = [_piece_key(partition, offset, checksum, number) for number in range(pieces)]
    return b"".join([stored[_PREFIX.size :], *blocks(table, keys)]), frozenset(keys)


def blocks(table: Stored, keys: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks of these keys.

    Raises:
        StateError: one is missing.
    """
    for key in keys:
        stored = table.get(key)
        if stored is None:
            message = f"block {key.decode()} of the state in {table.name!r} is missing; {WAY_OUT}"
            raise StateError(message)
        yield stored


def records(partition: int, snapshot: Snapshot) -> dict[bytes, bytes]:
    """All that is to be written of a snapshot, by key, in the order in which it is."""
    head, checksum = snapshot.head, zlib.crc32(snapshot.head)
    pieces = {
        _piece_key(partition, snapshot.offset, checksum, number): head[at : at + PIECE]
        for number, at in enumerate(range(PIECE, len(head), PIECE))
    }
    first = _PREFIX.pack(snapshot.offset, len(pieces), checksum) + head[:PIECE]
    return {**snapshot.blocks, **pieces, _head_key(partition): first}


def write(table: SnapshotTable, partition: int, snapshot: Snapshot) -> frozenset[bytes]:
    """Write a snapshot, and return the keys of all it refers to beside its head.

    Once it is confirmed, what only the one before had can be deleted. Must be called while an event of
    the partition is processed: Faust's rule for tables.
    """
    written = records(partition, snapshot)
    for key, value in written.items():
        table[key] = value
    return snapshot.referred | written.keys() - {_head_key(partition)}


def delete(table: SnapshotTable, keys: Iterable[bytes]) -> None:
    """Delete blocks."""
    for key in keys:
        del table[key]

"""Snapshots in RocksDB, with a changelog that is on the broker before anything relies on it.

A snapshot belongs to one partition of one hop: a head record, and blocks for what is large. The head
names the generation of its blocks; the two generations take turns. So a new snapshot comes true with
one write, that of its head, however many blocks it has and wherever a crash strikes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import faust
from faust.types import FutureMessage

#: A snapshot may be as large as the broker takes a message.
LARGEST = 8 * 1024 * 1024


class SnapshotTable(faust.Table[bytes, bytes]):
    """A Faust table of bytes whose writes can be waited for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unconfirmed: list[FutureMessage] = []

    def on_key_set(self, key: bytes, value: bytes) -> None:
        """Send the change to the changelog, and keep the promise that it got there."""
        self._unconfirmed.append(self.send_changelog(self.partition_for_key(key), key, value))
        self._sensor_on_set(self, key, value)

    def take_unconfirmed(self) -> list[FutureMessage]:
        """The promises of all writes since the last call."""
        taken, self._unconfirmed = self._unconfirmed, []
        return taken


def head_key(partition: int) -> bytes:
    """The key of a partition's snapshot; names the partition so that it can be read from anywhere."""
    return f"{partition}/head".encode()


def block_key(partition: int, owner: str, generation: int, number: int) -> bytes:
    """The key of one block of a snapshot."""
    return f"{partition}/{owner}/{generation}/{number}".encode()


async def write(table: SnapshotTable, blocks: Mapping[bytes, bytes], head: tuple[bytes, bytes]) -> None:
    """Write a snapshot, its head last, and wait until the broker has all of it.

    Must be called while an event of the partition is being processed: Faust's rule for tables.
    """
    for key, value in blocks.items():
        table[key] = value
    table[head[0]] = head[1]
    # No other partition's writes can be among these: nothing was awaited since the first.
    await asyncio.gather(*table.take_unconfirmed())

"""Copies of stored state as files: gzip of lumps of msgpack, each behind its length.

Nothing in them is run: what a stranger has written is refused, or is other numbers.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from streams.errors import BackupError
from streams.names import LARGEST_MESSAGE_BYTES

#: Raised by one when files are written in another way.
VERSION = 1
LENGTH_BYTES = 4
#: More than any topic has; room is made for so many before they are read.
MOST_PARTITIONS = 100_000

T = TypeVar("T", bound=msgspec.Struct)


class Lane(msgspec.Struct, frozen=True):
    """What a copy holds of one shard of a detector."""

    detector: str
    shard: int
    shards: int
    #: End of the last interval that was learnt.
    through: datetime | None


class Header(msgspec.Struct, frozen=True):
    """What a file says of itself."""

    version: int
    taken: datetime
    group: str
    partitions: Annotated[int, msgspec.Meta(ge=0, le=MOST_PARTITIONS)]
    lanes: list[Lane]

    @property
    def through(self) -> datetime | None:
        """Up to when any of it has learnt; None where nothing has."""
        return max((lane.through for lane in self.lanes if lane.through is not None), default=None)


class Copy(dict[bytes, bytes]):
    """What is stored of a partition, by key."""

    name = "score"

    def take(self, key: bytes, value: bytes | None) -> None:
        """Take in a record of the changelog."""
        if value is None:
            self.pop(key, None)
        else:
            self[key] = value


#: By partition.
Copies = dict[int, Copy]


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    partition: int
    key: bytes
    value: bytes


def write(path: Path, header: Header, copies: Copies) -> None:
    """Write copies into a file, which is there as a whole or not at all."""
    unfinished = path.with_name(path.name + ".part")
    entries = (_Entry(partition, *item) for partition, copy in copies.items() for item in copy.items())
    with gzip.open(unfinished, "wb", compresslevel=1) as file:
        for record in (header, *entries):
            lump = msgspec.msgpack.encode(record)
            file.write(len(lump).to_bytes(LENGTH_BYTES, "big") + lump)
    os.replace(unfinished, path)


def read_header(path: Path) -> Header:
    """What a file says of itself.

    Raises:
        BackupError: it is no copy, or one of another version.
    """
    header = _decode(path, next(_lumps(path), b""), Header)
    if header.version != VERSION:
        message = f"{path}: version {header.version} of a copy; this program reads version {VERSION}"
        raise BackupError(message)
    return header


def read(path: Path) -> Copies:
    """The copies in a file.

    Raises:
        BackupError: it is no copy, damaged, or of another version.
    """
    copies = {partition: Copy() for partition in range(read_header(path).partitions)}
    lumps = _lumps(path)
    next(lumps)
    for lump in lumps:
        entry = _decode(path, lump, _Entry)
        if entry.partition not in copies:
            message = f"{path}: damaged: there is no partition {entry.partition}"
            raise BackupError(message)
        copies[entry.partition].take(entry.key, entry.value)
    return copies


def _lumps(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path, "rb") as file:
            while length := file.read(LENGTH_BYTES):
                size = int.from_bytes(length, "big")
                lump = file.read(min(size, 2 * LARGEST_MESSAGE_BYTES))
                if len(lump) < size:
                    message = f"{path}: damaged: it ends too early"
                    raise BackupError(message)
                yield lump
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path}: no copy of `lookalive state save`, or damaged: {error}"
        raise BackupError(message) from error


def _decode(path: Path, lump: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(lump, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{path}: no copy of `lookalive state save`, or damaged: {error}"
        raise BackupError(message) from error

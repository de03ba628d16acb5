"""Large records of a snapshot in pieces, of which only those are written that have changed.

Of the tables of seasons one slot changes in an interval and the others stay as they are: most pieces
of a block are the same in the next snapshot, which then refers to where they are. A piece is named by
the snapshot that wrote it and by its position, so that whoever writes one of this name writes the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from streams.tables import Stored, block_key, blocks

#: Small, so that little is written that has not changed.
PIECE = 128 * 1024

#: A record → for each of its pieces the offset of the snapshot that wrote it.
Written = list[list[int]]


class _Piece(NamedTuple):
    #: The snapshot that wrote it.
    offset: int
    #: 64 bits, which two pieces do not share by chance. None after a restart: then all is written once, so
    #: that nobody depends on what an earlier owner may still delete.
    hashed: int | None


class Pieces:
    """The stored records of one owner in a partition."""

    def __init__(self, partition: int, owner: str, written: Written) -> None:
        """`written` as an earlier run told it; nothing if there was none."""
        self._partition = partition
        self._owner = owner
        self._records = [[_Piece(offset, None) for offset in record] for record in written]

    @property
    def written(self) -> Written:
        """What to tell the next run."""
        return [[piece.offset for piece in record] for record in self._records]

    def referred(self) -> Iterator[bytes]:
        """The keys of all pieces."""
        for number in range(len(self._records)):
            yield from self._keys(number)

    def read(self, table: Stored) -> Iterator[bytes]:
        """The records.

        Raises:
            StateError: a piece is missing.
        """
        for number in range(len(self._records)):
            yield b"".join(blocks(table, self._keys(number)))

    def cut(self, offset: int, records: Iterable[bytes]) -> dict[bytes, bytes]:
        """Cut the records of the snapshot at an offset; the pieces to write come back, by key."""
        changed: dict[bytes, bytes] = {}
        before, self._records = self._records, []
        for number, record in enumerate(records):
            known = before[number] if number < len(before) else []
            pieces: list[_Piece] = []
            for n, first in enumerate(range(0, len(record), PIECE)):
                data = record[first : first + PIECE]
                hashed = hash(data)
                if n < len(known) and known[n].hashed == hashed:
                    pieces.append(known[n])
                else:
                    pieces.append(_Piece(offset, hashed))
                    changed[self._key(number, n, offset)] = data
            self._records.append(pieces)
        return changed

    def _keys(self, number: int) -> list[bytes]:
        return [self._key(number, n, piece.offset) for n, piece in enumerate(self._records[number])]

    def _key(self, number: int, n: int, offset: int) -> bytes:
        return block_key(self._partition, f"{self._owner}/{number}", offset, n)

"""River's ADWIN as bytes, and back: numbers one after the other, which run nothing when they are read.

It says that a mean has changed; where, and by how much, is read from the same bytes.

Its reader believes every byte and ends the process where one is wrong. So bytes are looked at before they
are read, and what is damaged, or was written by another River, is left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from river import drift

from detectors.models.objects import Memory

#: Bytes of an ADWIN: enough for more points than a series of minutes has in a hundred years.
MOST_BYTES = 3072

#: What it begins with: how it was made, what it has seen, and the number of its rows.
_HEAD = np.dtype(
    [
        ("made", "V36"),
        ("total", "<f8"),
        ("variance", "<f8"),
        ("width", "<f8"),
        ("seen", "V24"),
        ("rows", "<u8"),
    ]
)
#: Buckets of one size: how many there may be, how many there are; sums and variances, and before each
#: how many those are.
_ROW = np.dtype(
    [
        ("most", "<u8"),
        ("used", "<u8"),
        ("sums", "<u8"),
        ("sum", "<f8", 6),
        ("variances", "<u8"),
        ("variance", "<f8", 6),
    ]
)
#: How it was made is told once more at the end.
_TAIL_BYTES = 28
_FIXED_BYTES = _HEAD.itemsize + _TAIL_BYTES


def stored(window: Any) -> bytes:
    """The bytes of a window."""
    return bytes(window._helper.__getstate__())


def read(window: Any) -> Memory:
    """The bytes of a window as what an object remembers."""
    return {"window": stored(window)}


def write(window: Any, memory: Memory) -> None:
    """Put whole bytes into a new window."""
    window._helper.__setstate__(bytes(int(byte) for byte in memory["window"]))


class Cut(NamedTuple):
    """The mean of a window before a point and from there on, and how many points came since."""

    before: float
    now: float
    since: int


def cut(window: Any) -> Cut:
    """Where a window of two points or more falls most clearly into two."""
    there = stored(window)
    rows = np.frombuffer(there, _ROW, (len(there) - _FIXED_BYTES) // _ROW.itemsize, _HEAD.itemsize)
    buckets = [
        (2**size, float(row["sum"][n]))
        for size, row in reversed(list(enumerate(rows)))
        for n in range(int(row["used"]))
    ]
    points, sums = (np.cumsum(column) for column in zip(*buckets, strict=True))
    since, rest = points[-1] - points[:-1], sums[-1] - sums[:-1]
    before, now = sums[:-1] / points[:-1], rest / since
    clearest = int(np.argmax((now - before) ** 2 * points[:-1] * since))
    return Cut(float(before[clearest]), float(now[clearest]), int(since[clearest]))


class Windows:
    """Windows that are made alike."""

    def __init__(self, delta: float, clock: int = 32) -> None:
        """`delta` is the chance to see a change where there is none, at each cut.

        It looks each time that so many points have come: `clock`.
        """
        self._delta, self._clock = delta, clock
        self._blank = stored(self.new())

    def new(self) -> Any:
        """A window that has seen nothing."""
        return drift.ADWIN(delta=self._delta, clock=self._clock)  # type: ignore[no-untyped-call]  # River has no types

    def is_whole(self, there: bytes) -> bool:
        """Whether a window can go on from these bytes."""
        rows, rest = divmod(len(there) - _FIXED_BYTES, _ROW.itemsize)
        if rows < 1 or rest or there[-_TAIL_BYTES:] != self._blank[-_TAIL_BYTES:]:
            return False
        (head,), row = np.frombuffer(there, _HEAD, 1), np.frombuffer(there, _ROW, rows, _HEAD.itemsize)
        (blank,), (like,) = (
            np.frombuffer(self._blank, _HEAD, 1), np.frombuffer(self._blank, _ROW, 1, _HEAD.itemsize),
        )  # fmt: skip
        if head["made"].tobytes() != blank["made"].tobytes() or head["rows"] != rows:
            return False
        if any((row[name] != like[name]).any() for name in ("most", "sums", "variances")):
            return False
        sums = row["sum"].ravel(), row["variance"].ravel(), [head["total"], head["variance"]]
        if (row["used"] > like["sums"]).any() or not np.isfinite(np.concatenate(sums)).all():
            return False
        # A bucket of each row stands for twice as many points as one of the row before.
        return bool(head["width"] == (row["used"] * 2.0 ** np.arange(rows)).sum())

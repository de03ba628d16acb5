"""River's ADWIN as bytes, and back: numbers one after the other, which run nothing when they are read.

Its reader believes every byte and ends the process where one is wrong. So bytes are looked at before they
are read, and what is damaged, or was written by another River, is left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from river import drift

from detectors.models.objects import Memory

#: The chance of ADWIN's to see a change where there is none, at each cut.
DELTA = 1e-5
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


def new() -> Any:
    """A window that has seen nothing."""
    return drift.ADWIN(delta=DELTA)  # type: ignore[no-untyped-call]  # River has no types


def read(window: Any) -> Memory:
    """The bytes of a window."""
    memory: Memory = {"window": window._helper.__getstate__()}
    return memory


def write(window: Any, memory: Memory) -> None:
    """Put whole bytes into a new window."""
    window._helper.__setstate__(bytes(int(byte) for byte in memory["window"]))


def is_whole(stored: bytes) -> bool:
    """Whether a window can go on from these bytes."""
    rows, rest = divmod(len(stored) - _HEAD.itemsize - _TAIL_BYTES, _ROW.itemsize)
    if rows < 1 or rest or stored[-_TAIL_BYTES:] != _BLANK[-_TAIL_BYTES:]:
        return False
    (head,), row = np.frombuffer(stored, _HEAD, 1), np.frombuffer(stored, _ROW, rows, _HEAD.itemsize)
    (blank,), (like,) = np.frombuffer(_BLANK, _HEAD, 1), np.frombuffer(_BLANK, _ROW, 1, _HEAD.itemsize)
    if head["made"].tobytes() != blank["made"].tobytes() or head["rows"] != rows:
        return False
    if any((row[name] != like[name]).any() for name in ("most", "sums", "variances")):
        return False
    numbers = np.concatenate([row["sum"].ravel(), row["variance"].ravel(), [head["total"], head["variance"]]])
    if (row["used"] > like["sums"]).any() or not np.isfinite(numbers).all():
        return False
    # A bucket of each row stands for twice as many points as one of the row before.
    return bool(head["width"] == (row["used"] * 2.0 ** np.arange(rows)).sum())


_BLANK = bytes(new()._helper.__getstate__())

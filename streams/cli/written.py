"""Files that a command is to write: what cannot be written is better known before some minutes of work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streams.errors import OperatorError


def check_written(read: Sequence[Path], *written: Path | None) -> None:
    """Refuse what would be lost.

    Raises:
        OperatorError: a file would be written over that is read, or that is written as well.
    """
    taken = {path.resolve() for path in read}
    for path in written:
        if path is None or str(path) == "-":
            continue
        if path.resolve() in taken and path.is_file():
            message = f"{path} would be written over; name another file"
            raise OperatorError(message)
        taken.add(path.resolve())
        path.open("ab").close()

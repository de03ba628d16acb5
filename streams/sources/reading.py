"""What every reader of a crawled source does, and how it says that it could not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol


class Unavailable(Exception):
    """The source does not answer, or refuses: it is asked again. Says why, without secrets."""


class Reader(Protocol):
    """Reads one crawled source for one detector."""

    def read(self, start: datetime, end: datetime) -> Iterable[bytes]:
        """The records from start up to before end as JSON objects, in any order.

        `config.records_of(source)` says how they are read. This blocks: it is called in a thread, one call
        at a time. A record of another time is left out by the caller, and counted.

        Raises:
            Unavailable: now it cannot say all of them.
        """

    def close(self) -> None:
        """Let go of connections."""

"""What every contestant shares: what it is told, how it measures itself, and what it says at the end.

Needs nothing but Python: contestants run in environments of their own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple


class Task(NamedTuple):
    """What to read."""

    bootstrap: str
    topic: str
    partitions: int
    #: How many records to read in all, and of each partition.
    events: int
    records: int
    #: A name that no other run has, for consumer groups, and a directory for state.
    name: str
    directory: str


def task() -> Task:
    """The task that this process was started with."""
    return Task(**json.loads(sys.argv[1]))


class Stopwatch:
    """Measures this process from the first record to the last."""

    def __init__(self) -> None:
        self.running = False
        #: How many events were dealt with.
        self.events = 0
        self._seconds = self._cpu_seconds = 0.0

    def start(self) -> None:
        """The first record is there."""
        self.running = True
        self._seconds, self._cpu_seconds = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """The last record has been dealt with."""
        self._cpu_seconds = time.process_time() - self._cpu_seconds
        self._seconds = time.perf_counter() - self._seconds

    def report(
        self,
        cells: Iterable[tuple[int, Sequence[str], Sequence[float]]],
        complete_until: int | None = None,
    ) -> None:
        """Say what was measured, and what it added up to; only in minutes that end by then, if not in all."""
        outcome = {
            "events": self.events,
            "seconds": self._seconds,
            "cpu_seconds": self._cpu_seconds,
            "rss_mib": peak_rss_mib("self"),
            "cells": list(cells),
            "complete_until": complete_until,
        }
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()


def peak_rss_mib(process: int | str) -> float:
    """The most memory that a process has had.

    Of its own program: what `getrusage` says begins with that of the process it was forked from.
    """
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

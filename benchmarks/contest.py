"""What a contestant says of its run, whether it is true, and how a peer is run: a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks.feed import MINUTE, PARTITIONS, Cells, Feed
from benchmarks.peers.stopwatch import Task

PEERS = Path(__file__).parent / "peers"
#: The slowest may take so long for what it is given.
PATIENCE_SECONDS = 300.0


class Outcome(msgspec.Struct):
    """One run of one contestant."""

    events: float
    seconds: float
    cpu_seconds: float
    rss_mib: float
    #: What is wrong with its output; then its speed means nothing.
    problems: list[str] = []
    #: Of workers that share the work: events per CPU second of each.
    each: list[float] = []
    #: How many alerts came of it.
    alerts: int | None = None

    @property
    def per_second(self) -> float:
        """Events a second of wall time."""
        return self.events / self.seconds

    @property
    def per_cpu_second(self) -> float:
        """Events a second of one core."""
        return self.events / self.cpu_seconds


class Report(msgspec.Struct):
    """What a peer writes at the end."""

    events: int
    seconds: float
    cpu_seconds: float
    rss_mib: float
    cells: list[tuple[int, tuple[str, ...], list[float]]]
    #: The minutes that end by then are complete, and the others are not told; None: all is told.
    complete_until: int | None = None


def run_peer(
    feed: Feed,
    events: int,
    bootstrap: str,
    directory: Path,
    script: str,
    *modes: str,
    python: str = sys.executable,
) -> Outcome:
    """Give the first so many events of a feed to a script in `peers`, and check what it makes of them."""
    name = f"{script}-{uuid.uuid4().hex[:8]}"
    task = Task(
        bootstrap, feed.topic, PARTITIONS, events, -(-events // PARTITIONS), name, str(directory / name)
    )
    Path(task.directory).mkdir(parents=True)
    with (Path(task.directory) / "log").open("w+b") as log:
        command = [python, str(PEERS / f"{script}.py"), json.dumps(task._asdict()), *modes]
        try:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=log, timeout=PATIENCE_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return failed(f"not done after {PATIENCE_SECONDS:g} seconds")
    if done.returncode:
        said = Path(log.name).read_text(encoding="utf-8", errors="replace")
        return failed(f"exit status {done.returncode}; the end of what it said:\n{said[-2000:]}")
    report = msgspec.json.decode(done.stdout.splitlines()[-1], type=Report)
    outcome = Outcome(report.events, report.seconds, report.cpu_seconds, report.rss_mib)
    if "fetch" not in modes:
        found = {(minute, place): numbers for minute, place, numbers in report.cells}
        outcome.problems += differences(_expected(feed, events, report), found)
    if report.events < events:
        outcome.problems.append(f"read {report.events} of {events} events")
    return outcome


def failed(why: str) -> Outcome:
    """The outcome of a run that came to nothing."""
    return Outcome(0, 1, 1, 0, [why])


def _expected(feed: Feed, events: int, report: Report) -> Cells:
    cells = feed.truth[events]
    if report.complete_until is None:
        return cells
    # A peer that closes windows says nothing of those still open; but half of the minutes it must.
    until = max(report.complete_until, sum(m for m, _ in (min(cells), max(cells))) // 2)
    return {key: numbers for key, numbers in cells.items() if key[0] + MINUTE <= until}


def differences(expected: Cells, found: Cells, most: int = 5) -> list[str]:
    """Where two sets of cells differ, in words; a cell that is not there is one of zeros."""
    return list(islice(_differences(expected, found), most))


def _differences(expected: Cells, found: Cells) -> Iterable[str]:
    for minute, place in sorted(expected.keys() | found.keys(), key=str):
        want, have = (_hundredths(cells.get((minute, place), ())) for cells in (expected, found))
        if want != have:
            yield f"minute {minute}, {place}: is {have}, must be {want} (in hundredths)"


def _hundredths(numbers: Sequence[float]) -> list[int]:
    """Revenue has two decimals; a float's error is below them."""
    rounded = [round(100 * number) for number in numbers]
    return rounded if any(rounded) else []

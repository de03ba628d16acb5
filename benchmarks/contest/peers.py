"""Runs a peer, a script in `benchmarks/peers`, as a process of its own, and checks what it says."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from pathlib import Path

import msgspec

from benchmarks.contest.feed import MINUTE, PARTITIONS, Cells, Feed
from benchmarks.contest.outcomes import Arena, Outcome, differences, failed
from benchmarks.peers.stopwatch import Task
from detectors.records import Place

PEERS = Path(__file__).parents[1] / "peers"
#: The slowest may take so long for what it is given.
PATIENCE_SECONDS = 300.0


class Report(msgspec.Struct):
    """What a peer writes at the end."""

    events: int
    seconds: float
    cpu_seconds: float
    rss_mib: float
    cells: list[tuple[int, Place, list[float]]]
    #: The minutes that end by then are complete, and the others are not told; None: all is told.
    complete_until: int | None = None


def run_peer(
    feed: Feed, events: int, arena: Arena, script: str, *modes: str, python: str | None = None
) -> Outcome:
    """Give the first so many events of a feed to a script, and check what it makes of them."""
    name = f"{script}-{uuid.uuid4().hex[:8]}"
    directory = str(arena.directory / name)
    task = Task(arena.bootstrap, feed.topic, PARTITIONS, events, events // PARTITIONS, name, directory)
    Path(directory).mkdir(parents=True)
    with (Path(directory) / "log").open("w+b") as log:
        command = [python or sys.executable, str(PEERS / f"{script}.py"), json.dumps(task._asdict()), *modes]
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
    return outcome


def _expected(feed: Feed, events: int, report: Report) -> Cells:
    cells = feed.truth[events]
    if report.complete_until is None:
        return cells
    # A peer that closes windows says nothing of those still open; but half of the minutes it must.
    until = max(report.complete_until, sum(m for m, _ in (min(cells), max(cells))) // 2)
    return {key: numbers for key, numbers in cells.items() if key[0] + MINUTE <= until}

"""What series cost: to close an interval, to keep, to save, and to recover, by how many there are.

A real broker is started. For each size the core scores minutes of events in this process, step by step,
and then a real worker does, which is killed twice: with its directory kept, and with it lost. What it
publishes is compared with the core, chunk by chunk: where anything differs the exit status is 1.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.scaling.closing import STEPS, Core, Seconds, Snapshot
from benchmarks.scaling.load import Load, create_topic
from benchmarks.scaling.recovery import MINUTES_BEFORE, Recovery, Run
from streams.broker import Broker
from streams.kafka_runtime import JARS

SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: The first minutes are not counted: series begin, and the trees of the joint models grow.
WARM_UP = 3
MINUTE_SECONDS = 60
#: Snapshots are taken after an interval, and seldom enough for their share: see `streams.pace`.
MOST_SHARE = 0.1

#: What was asked for: (series, number of Size, most that it may be).
GOALS = (
    (10_000, "close_seconds", 0.2),
    (10_000, "microseconds", 20.0),
    (100_000, "snapshot_share", MOST_SHARE),
    (100_000, "kept_seconds", 20.0),
    (100_000, "lost_seconds", 20.0),
    (1_000_000, "bytes_a_series", 4096.0),
)


class Size(msgspec.Struct):
    """The numbers of one number of series."""

    series: int
    shards: int
    #: CPU of one interval: from the bytes of Partials to those of scores.
    close_seconds: float
    #: The same for one series, and what its parts and the grouping take.
    microseconds: float
    steps: dict[str, float]
    #: At the pace of `microseconds`.
    series_a_core_and_minute: int
    bytes_a_series: float
    #: CPU of a snapshot, its size, and the share of a core where an interval takes a minute.
    snapshot_seconds: float
    snapshot_bytes: int
    snapshot_share: float
    #: From the start of a killed worker until it is ready, and until an interval that ended meanwhile is
    #: scored: with its directory kept, and lost.
    kept_ready_seconds: float
    kept_seconds: float
    lost_ready_seconds: float
    lost_seconds: float


def main() -> int:
    """Measure, check, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--series", nargs="+", type=int, default=SIZES, metavar="N", help="numbers of series")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    sizes: list[Size] = []
    problems: list[str] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="lookalive-scale-") as name,
        Broker(Path(name) / "broker") as broker,
        Progress(*columns, console=Console(stderr=True)) as bar,
    ):
        for series in options.series:
            task = bar.add_task(f"{series:,} series")

            def progress(what: str, series: int = series, task: object = task) -> None:
                bar.update(task, description=f"{series:,} series: {what}")  # type: ignore[arg-type]

            size, wrong = measure(Load(series), broker.address, Path(name), progress)
            progress("done")
            bar.stop_task(task)
            problems += wrong
            sizes.append(size)
    for problem in problems:
        print(f"WRONG: {problem}", file=sys.stderr)
    if problems:
        return 1
    show(sizes, as_json=options.json)
    return 0


def measure(
    load: Load, bootstrap: str, directory: Path, progress: Callable[[str], None]
) -> tuple[Size, list[str]]:
    """The numbers of a load, and what was wrong."""
    # As the worker has it.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    core = Core(load)
    closings: list[Seconds] = []
    snapshots: list[Snapshot] = []
    changelog = directory / f"snapshots-{load.series}"
    create_topic(bootstrap, changelog.name, partitions=1)
    for minute in range(MINUTES_BEFORE + 3):
        progress(f"core, minute {minute}")
        closings.append(core.feed(minute))
        if minute > WARM_UP:
            snapshots.append(core.snapshot(bootstrap, changelog, minute))
    bytes_a_series, expected = core.bytes_a_series, core.expected
    del core
    gc.collect()
    run = Run(load, bootstrap, directory, expected)
    kept, lost = run.recoveries(lambda what: progress(f"worker, {what}"))
    return size(load, closings[WARM_UP:], snapshots[1:], bytes_a_series, kept, lost), list(run.problems())


def size(
    load: Load,
    closings: Sequence[Seconds],
    snapshots: Sequence[Snapshot],
    bytes_a_series: float,
    kept: Recovery,
    lost: Recovery,
) -> Size:
    """The numbers of a load: medians of the intervals. The first snapshot writes all, and is left out."""
    close = median(seconds.close for seconds in closings)
    snapshot = median(snapshot.cpu_seconds for snapshot in snapshots)
    return Size(
        series=load.series,
        shards=load.shards,
        close_seconds=round(close, 4),
        microseconds=round(close / load.series * 1e6, 2),
        steps={
            step: round(median(seconds.by_step[step] for seconds in closings) / load.series * 1e6, 2)
            for step in STEPS
        },
        series_a_core_and_minute=round(load.series / close * MINUTE_SECONDS),
        bytes_a_series=round(bytes_a_series, 1),
        snapshot_seconds=round(snapshot, 4),
        snapshot_bytes=round(median(snapshot.written_bytes for snapshot in snapshots)),
        snapshot_share=round(min(snapshot / MINUTE_SECONDS, MOST_SHARE), 5),
        kept_ready_seconds=round(kept.ready_seconds, 2),
        kept_seconds=round(kept.all_scores_seconds, 2),
        lost_ready_seconds=round(lost.ready_seconds, 2),
        lost_seconds=round(lost.all_scores_seconds, 2),
    )


def show(sizes: Sequence[Size], *, as_json: bool) -> None:
    """Print it."""
    goals = [
        {"series": series, "number": number, "at_most": most, "is": getattr(size, number)}
        for series, number, most in GOALS
        for size in sizes
        if size.series == series
    ]
    if as_json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "kafka": JARS.kafka}
        print(msgspec.json.encode({"sizes": sizes, "goals": goals, **machine}).decode())
        return
    console = Console()
    console.print(costs(sizes), "", recoveries(sizes), "", sep="\n")
    for goal in goals:
        reached = "yes" if goal["is"] <= goal["at_most"] else "NO"
        console.print(
            f"{goal['series']:>9,} series: {goal['number']} {goal['is']} ≤ {goal['at_most']:g}: {reached}"
        )


def costs(sizes: Sequence[Size]) -> Table:
    """What an interval costs, for people."""
    table = Table(title="An interval, CPU", box=None, title_justify="left")
    for heading in (
        "series",
        "shards",
        "close s",
        "µs a series",
        *STEPS,
        "series a core and minute",
        "bytes a series",
    ):
        table.add_column(heading, justify="right")
    for size in sizes:
        table.add_row(
            f"{size.series:,}",
            str(size.shards),
            f"{size.close_seconds:.3f}",
            f"{size.microseconds:.1f}",
            *(f"{size.steps[step]:.2f}" for step in STEPS),
            f"{size.series_a_core_and_minute:,}",
            f"{size.bytes_a_series:,.0f}",
        )
    return table


def recoveries(sizes: Sequence[Size]) -> Table:
    """What a snapshot and a recovery cost, for people."""
    table = Table(title="Snapshots, and a worker that was killed", box=None, title_justify="left")
    for heading in (
        "series",
        "snapshot CPU s",
        "MiB",
        "of a core",
        "kept: ready s",
        "scored s",
        "lost: ready s",
        "scored s",
    ):
        table.add_column(heading, justify="right")
    for size in sizes:
        table.add_row(
            f"{size.series:,}",
            f"{size.snapshot_seconds:.3f}",
            f"{size.snapshot_bytes / 2**20:,.1f}",
            f"{size.snapshot_share:.2%}",
            f"{size.kept_ready_seconds:.1f}",
            f"{size.kept_seconds:.1f}",
            f"{size.lost_ready_seconds:.1f}",
            f"{size.lost_seconds:.1f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())

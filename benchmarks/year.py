"""How long a year takes: hourly views and revenue of 21 places, backtested on one core, its page included.

The labelled e-commerce set has 26 whole weeks, which are told twice, and a day more. Where the machine does
something else meanwhile, CPU seconds say more than those on the wall, and even these are more then.

    python -m benchmarks.year [--json] [--hours N]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.judging.ecommerce import FILE
from streams.cli.verdicts import Tally

ROOT = Path(__file__).parents[1]
YEAR = 365 * 24
PLACES, SERIES = 21, 42
#: What must be found, and how much of what is told must be right; before that there are no numbers.
RECALL = PRECISION = 0.9
CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
time = "timestamp"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
dimensions = ["platform", "marketplace"]
levels = ["leaves"]
measures = [
  { name = "views",   aggregation = "sum", field = "views" },
  { name = "revenue", aggregation = "sum", field = "revenue" },
]

[[alerts]]
name = "shop-page"
detector = "shop"
"""


class Measured(msgspec.Struct):
    """What a backtest took and came to."""

    hours: int
    seconds: float
    cpu_seconds: float
    mebibytes: float
    page_kibibytes: float
    tally: Tally

    @property
    def problems(self) -> list[str]:
        """What is wrong with what it came to."""
        tally, judged = self.tally, self.tally.judged
        told = [
            f"{found:,} {name}, not {of:,}"
            for name, found, of in (
                ("events", tally.events, PLACES * self.hours),
                ("intervals", tally.intervals, self.hours),
                ("series", tally.series, SERIES),
                ("records refused or late", sum(tally.refused.values()) + tally.late, 0),
            )
            if found != of
        ]
        if judged is None or not judged.labels:
            return [*told, "nothing was judged"]
        # The first two weeks are hard for anyone: what is missed there counts as well.
        if (judged.recall or 0.0) < RECALL or (judged.precision or 0.0) < PRECISION:
            told.append(f"precision {judged.precision}, recall {judged.recall}")
        return told


def write(folder: Path, hours: int) -> None:
    """The files of a backtest of so many hours: configuration, rows and labels."""
    known = defaultdict[str, list[dict[str, str]]](list)
    with gzip.open(FILE, "rt", newline="") as text:
        for row in csv.DictReader(text):
            known[row["timestamp"]].append(row)
    times = sorted(known)
    start = datetime.fromisoformat(times[0])
    (folder / "lookalive.toml").write_text(CONFIGURATION)
    where = ("platform", "marketplace")
    columns = {
        "shop.csv": (*where, "views", "revenue"),
        "labels.csv": (*where, "views_label", "revenue_label"),
    }
    for name, wanted in columns.items():
        with (folder / name).open("w", newline="") as out:
            lines = csv.writer(out)
            lines.writerow(("timestamp", *wanted))
            for hour in range(hours):
                at = start + timedelta(hours=hour)
                lines.writerows((at, *map(row.get, wanted)) for row in known[times[hour % len(times)]])


def measured(hours: int) -> Measured:
    """Backtest so many hours on one core, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, hours)
        command = [
            sys.executable, "-m", "streams", "backtest", "-c", "lookalive.toml", "--input", "shop.csv",
            "--labels", "labels.csv", "--report", "report.html", "--json",
        ]  # fmt: skip
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        core, cores = min(os.sched_getaffinity(0)), os.sched_getaffinity(0)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        os.sched_setaffinity(0, {core})
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": paths},
                stdout=subprocess.PIPE,
                check=True,
            )
        finally:
            os.sched_setaffinity(0, cores)
        seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        return Measured(
            hours,
            seconds,
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            after.ru_maxrss / 1024,
            (folder / "report.html").stat().st_size / 1024,
            msgspec.json.decode(done.stdout.splitlines()[-1], type=Tally),
        )


def table(told: Measured) -> Table:
    """The same for people."""
    shown, tally, judged = Table(box=None, show_header=False), told.tally, told.tally.judged
    for name, said in (
        ("hours", f"{told.hours:,}"),
        ("points", f"{told.hours * SERIES:,}"),
        ("seconds", f"{told.seconds:.1f}, of CPU {told.cpu_seconds:.1f}"),
        ("ms an interval, of CPU", f"{1000 * told.cpu_seconds / told.hours:.2f}"),
        ("greatest size", f"{told.mebibytes:.0f} MiB"),
        ("page", f"{told.page_kibibytes:,.0f} KiB"),
        ("alerts that open", f"{tally.opened:,}, {tally.alerts_a_day:.2g} a day"),
        ("labels found", f"{judged.found:,} of {judged.labels:,}" if judged else "–"),
        ("incidents that fit a label", f"{judged.precision:.3f}" if judged and judged.precision else "–"),
    ):
        shown.add_row(name, said)
    return shown


def main() -> int:
    """Print what it took, if what it came to is right."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=int, default=YEAR, metavar="N")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    told = measured(asked.hours)
    if told.problems:
        print(*told.problems, sep="\n", file=sys.stderr)
        return 1
    if asked.json:
        print(msgspec.json.encode(told).decode())
    else:
        Console().print(table(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())

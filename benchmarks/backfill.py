"""History a second: files through `lookalive backfill`'s own path, beside the live fold of the same events.

    python -m benchmarks.backfill [--events N] [--json]

A day of events of a shop is written as JSON lines, CSV and Parquet. The live fold gets the JSON lines as
records from memory, without broker and without state, so that it is faster than any worker. The files go the
whole way: counted by DuckDB, folded, and published to a real broker. Each round runs them one after the
other; ratios are of one round. What the intervals hold must be the same, or there are no numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec
from rich.console import Console
from rich.table import Table as Shown

from detectors.closing import Closer
from detectors.config import Config
from detectors.folding import Fold
from detectors.loading import parse
from detectors.records import LiveFrom, Partial, Watermark
from streams import topics
from streams.backfill import Backfill, span
from streams.broker import Broker, free_port
from streams.clients import reader
from streams.counting import Table
from streams.formats import make_format, parse_all
from streams.settings import Settings

ROUNDS = 3
KINDS = ("json lines", "csv", "parquet")
BATCH = 5_000
DAY = 86_400_000
START = 1_774_656_000_000
CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
time = "ts"
clock = "event"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT5M"
dimensions = ["platform", "marketplace"]
measures = [
  { name = "views", aggregation = "count", where = { event = "view" } },
  { name = "orders", aggregation = "count", where = { event = "purchase" } },
  { name = "revenue", aggregation = "sum", field = "amount" },
]
"""
EVENTS = """
SELECT {start} + i * {day} // {events} AS ts,
  ['pc_web', 'mobile_web', 'mobile_app'][1 + (hash(i) % 3)::INT] AS platform,
  ['us', 'uk', 'de', 'fr', 'jp', 'in', 'br'][1 + (hash(i + 1) % 7)::INT] AS marketplace,
  CASE WHEN hash(i + 2) % 5 = 0 THEN 'purchase' ELSE 'view' END AS event,
  CASE WHEN hash(i + 2) % 5 = 0 THEN (hash(i + 3) % 10000) / 100 END AS amount,
  'u' || (hash(i + 4) % 200000)::VARCHAR AS "user"
FROM range({events}) AS r(i)
"""


def main() -> int:
    """Write, run, check, show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    what = parse(CONFIGURATION)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="lookalive-backfill-") as folder:
        files = _write(Path(folder), asked.events)
        console.print(
            f"{asked.events:,} events, {', '.join(f'{f.name} {f.stat().st_size >> 20} MiB' for f in files)}"
        )
        lines = files[0].read_bytes().splitlines()
        broker = Broker(Path(folder) / "broker", port=free_port())
        address = broker.start(lambda *_: None)
        try:
            seconds: dict[str, list[float]] = {"live fold": [], "parquet": [], "csv": [], "json lines": []}
            wrong = []
            rounds = [
                Settings(bootstrap=address, prefix=f"round{number}-{file.suffix[1:]}")
                for number in range(ROUNDS)
                for file in files
            ]
            for settings in rounds:
                topics.create(settings, ["shop"])
            for number in range(ROUNDS):
                took, truth = _fold(what, lines)
                seconds["live fold"].append(took)
                for n, (kind, file) in enumerate(zip(KINDS, files, strict=True)):
                    settings = rounds[number * len(files) + n]
                    took = _backfill(what, settings, file)
                    seconds[kind].append(took)
                    if _published(what, settings) != truth:
                        wrong.append(kind)
                console.print(f"round {number + 1} of {ROUNDS}")
        finally:
            broker.stop()
    if wrong:
        console.print(f"WRONG: {', '.join(wrong)}")
        return 1
    _show(asked.events, seconds, as_json=asked.json)
    return 0


def _write(folder: Path, events: int) -> list[Path]:
    files = [folder / f"past.{suffix}" for suffix in ("jsonl", "csv", "parquet")]
    query = EVENTS.format(start=START, day=DAY, events=events)
    database = duckdb.connect()
    database.execute(f"COPY ({query}) TO '{files[2]}'")
    database.execute(f"COPY (FROM '{files[2]}' ORDER BY ts) TO '{files[1]}'")
    database.execute(f"COPY (FROM '{files[2]}' ORDER BY ts) TO '{files[0]}' (FORMAT json)")
    return files


def _fold(what: Config, lines: Sequence[bytes]) -> tuple[float, list[bytes]]:
    """Records from memory into Partials, and the intervals that they give."""
    format_ = make_format("shop", what.records_of("shop"), what.fields_of("shop"))
    fold = Fold(what, "shop", 0, 1)
    records: list[Partial | Watermark] = []
    began = time.perf_counter()
    for offset in range(0, len(lines), BATCH):
        batch = lines[offset : offset + BATCH]
        events, _, bad = parse_all(format_, batch)
        assert not bad
        fold.fold_all(
            range(offset, offset + len(batch)), [-1] * len(events), events, offset + len(batch) - 1, -1
        )
        records += fold.ready()
    records += fold.end()[1]
    return time.perf_counter() - began, _intervals(what, records)


def _backfill(what: Config, settings: Settings, file: Path) -> float:
    (detector,) = what.detectors
    began = time.perf_counter()
    table = Table([file], what.records_of("shop"), detector)
    of = span(detector, table.count(None, None), None, None)
    assert of is not None
    backfill = Backfill(what, settings, settings.partitions, lambda *_: None)
    asyncio.run(backfill.fill(detector, table.groups(), of, None))
    table.close()
    return time.perf_counter() - began


def _published(what: Config, settings: Settings) -> list[bytes]:
    decode = msgspec.msgpack.Decoder(Partial | Watermark | LiveFrom).decode
    records: list[Partial | Watermark | LiveFrom] = []
    with reader(settings, f"{settings.prefix}.partials", from_beginning=True) as consumer:
        ends = consumer.end_offsets(consumer.assignment())
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            for found in consumer.poll(timeout_ms=500).values():
                records += [decode(record.value) for record in found]
    return _intervals(what, records)


def _intervals(what: Config, records: Sequence[Partial | Watermark | LiveFrom]) -> list[bytes]:
    closer = Closer(what.detectors[0])
    return [
        msgspec.msgpack.encode(
            [i.start, i.events, sorted(zip(i.places, i.volumes, *i.values.values(), strict=True), key=repr)]
        )
        for record in records
        for i in closer.add(record)
    ]


def _show(events: int, seconds: dict[str, list[float]], *, as_json: bool) -> None:
    live = seconds["live fold"]
    rows = {
        kind: {
            "events_a_second": round(events / statistics.median(took)),
            "times_the_live_fold": round(
                statistics.median(a / b for a, b in zip(live, took, strict=True)), 2
            ),
        }
        for kind, took in seconds.items()
    }
    if as_json:
        print(json.dumps(rows))
        return
    table = Shown("what", "events a second", "times the live fold", box=None)
    for kind, row in rows.items():
        table.add_row(kind, f"{row['events_a_second']:,}", f"{row['times_the_live_fold']:.1f}")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())

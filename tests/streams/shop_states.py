"""Real stored states, one of each version, that upgrades are tested with.

`python -m tests.streams.shop_states` makes that of the present version. What was made by an earlier one stays
as it is: `tests/states/VERSION/`, the configuration and what each table of the worker held.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from detectors.migrations import VERSION
from tests.streams.by_hand import ByHand, Stored

STATES = Path(__file__).parent.parent / "states"
HOUR = 3_600_000
START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp() * 1000)
#: What is stored has seen so many hours, of which the last three lacked the app; and half of the next one.
HOURS, WITHOUT_APP = 24 * 18, 3

CONFIG = """
[sources.shop]
topic = "clicks"
format = "clickstream"
clock = "event"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
lateness = "PT0S"
dimensions = ["platform"]
measures = [
  { name = "views", aggregation = "count" },
  { name = "amount", aggregation = "sum", field = "amount" },
  { name = "typical", aggregation = "count", model = "robust" },
  { name = "number", aggregation = "count", model = "counts" },
  { name = "smooth", aggregation = "count", model = "holt-winters" },
  { name = "lagged", aggregation = "count", model = "snarimax" },
  { name = "mean", aggregation = "mean", field = "amount", model = "change" },
  { name = "limited", aggregation = "count", model = "static", upper = 1000 },
]

[[alerts]]
name = "page"
detector = "shop"
severity_threshold = 70
"""


def usual(hour: int, platform: str) -> int:
    """How many views a platform has in an hour."""
    size = {"app": 30, "web": 18}[platform]
    return round(size * (1 + 0.6 * math.sin(hour % 24 / 24 * 2 * math.pi))) + hour * 7 % 5


def events(hour: int, *platforms: str, of: range = range(2)) -> Iterator[bytes]:
    """The events of an hour, or of one half of it."""
    for platform in platforms:
        count = usual(hour, platform)
        for n in range(count):
            if n * 2 // count in of:
                at = START + hour * HOUR + n * HOUR // count
                yield json.dumps({"ts": at, "platform": platform, "amount": 10 + n % 3}).encode()


async def make() -> Stored:
    """What a worker has stored in the middle of an outage of the app."""
    with tempfile.TemporaryDirectory() as data:
        flow = ByHand(CONFIG, Path(data))
        for hour in range(HOURS):
            there = ("app", "web") if hour < HOURS - WITHOUT_APP else ("web",)
            flow.send(*sorted(events(hour, *there)), at=START + hour * HOUR)
        flow.send(*sorted(events(HOURS, "web", of=range(1))), at=START + HOURS * HOUR)
        return flow.save()


def write(folder: Path, stored: Stored) -> None:
    """Keep what is stored, with its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lookalive.toml").write_text(CONFIG)
    (folder / "tables.msgpack.gz").write_bytes(gzip.compress(msgspec.msgpack.encode(stored), mtime=0))


def read(folder: Path) -> tuple[str, Stored]:
    """The configuration and what is stored."""
    data = gzip.decompress((folder / "tables.msgpack.gz").read_bytes())
    return (folder / "lookalive.toml").read_text(), msgspec.msgpack.decode(
        data, type=dict[str, dict[bytes, bytes]]
    )


if __name__ == "__main__":
    write(STATES / str(VERSION), asyncio.run(make()))

"""What an interval of very many series costs beside scoring: merging its partitions, and grouping its scores.

The records are those of the wire, decoded as the worker decodes them. Every merged value is compared with
the sum of what went in, and every planted anomaly with the groups that come out, before a number is printed.
Seconds are those of the processor.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from detectors.chunks import chunked
from detectors.closing import Closer
from detectors.config import Detector, Measure
from detectors.grouping import Grouper
from detectors.open_group import MOST_MEMBERS
from detectors.records import Interval, IntervalScores, Partial, Place, Watermark, utc

MINUTE = 60_000
START = 1_800_000_000_000 // MINUTE * MINUTE
#: Places of a Partial of about 512 KiB.
BLOCK = 10_000

DETECTOR = Detector(
    name="shop",
    source="shop",
    interval=timedelta(minutes=1),
    dimensions=("product", "marketplace"),
    measures=[
        Measure(name="orders", aggregation="count"),
        Measure(name="revenue", aggregation="sum", field="amount"),
        Measure(name="basket", aggregation="mean", field="amount"),
    ],
    max_series=10_000_000,
)
FINGERPRINT = DETECTOR.fingerprint
ADDITIVE = len(DETECTOR.additive)

R = TypeVar("R")


def places(number: int) -> list[Place]:
    """The total, single values and leaves of a shop with ten marketplaces."""
    found: list[Place] = [(None, None), *((None, f"M{m}") for m in range(10))]
    product = 0
    while len(found) < number:
        name = f"product-{product:07d}"
        found += [(name, None), *((name, f"M{m}") for m in range(10))]
        product += 1
    return found[:number]


def partials(all_places: list[Place], at: int, partitions: int) -> list[bytes]:
    """What every partition says of an interval; each has nearly all places, in an order of its own."""
    rng = random.Random(at)
    sent = []
    for partition in range(partitions):
        some = rng.sample(all_places, len(all_places) * 9 // 10)
        for block, first in enumerate(range(0, len(some), BLOCK)):
            rows = some[first : first + BLOCK]
            columns = [[3] * len(rows), [123_456] * len(rows), [(123_456, 3)] * len(rows)]
            sent.append(
                Partial(
                    "shop", FINGERPRINT, partition, 0, block, at, at + MINUTE, len(some) * 3, rows,
                    [3] * len(rows), columns,
                )
            )  # fmt: skip
        sent.append(Watermark("shop", FINGERPRINT, partition, 0, partitions, at + MINUTE, False))
    return [msgspec.msgpack.encode(record) for record in sent]


def scores(all_places: list[Place], at: int, anomalous: int) -> IntervalScores:
    """The scores of all series; the first leaf of so many products is anomalous."""
    names = [measure.name for measure in DETECTOR.measures]
    series = len(all_places) * len(names)
    severity = [0.0, 12.3, 4.5] * len(all_places)
    value: list[float | None] = [27.0, 1234.5678, 45.67] * len(all_places)
    for n in range(anomalous):
        severity[(22 * n + 12) * len(names)] = 80.0
        value[(22 * n + 12) * len(names)] = 1000.0
    return IntervalScores(
        "shop", 0, 1, 0, 1, utc(at), utc(at + MINUTE), DETECTOR.dimensions, names * len(all_places),
        [place for place in all_places for _ in names], value,
        [27.123456789] * series, [20.987654321] * series, [33.123456789] * series, [1.987654321] * series,
        severity, [0.987] * series, ["active"] * series,
    )  # fmt: skip


def timed(took: list[float], act: Callable[[], R]) -> R:
    """What a call returns; how long it took goes onto the list."""
    started = time.process_time()
    result = act()
    took.append(time.process_time() - started)
    return result


def merging(number: int, partitions: int, rounds: int) -> dict[str, float]:
    """Seconds to decode and to merge the partials of an interval."""
    decode = msgspec.msgpack.Decoder(Partial | Watermark).decode
    all_places, closer = places(number), Closer(DETECTOR)
    decoding: list[float] = []
    merged: list[float] = []
    for n in range(rounds):
        raw = partials(all_places, START + n * MINUTE, partitions)
        records = timed(decoding, lambda raw=raw: [decode(r) for r in raw])
        (interval,) = timed(merged, lambda records=records: [i for r in records for i in closer.add(r)])
        check(interval, records)
    return {"decode partials": statistics.median(decoding), "merge": statistics.median(merged)}


def check(interval: Interval, records: list[Partial | Watermark]) -> None:
    """Every place has as many events as its partials say together."""
    seen: dict[Place, int] = {}
    for record in records:
        if isinstance(record, Partial):
            for place, count in zip(record.places, record.columns[0], strict=True):
                seen[place] = seen.get(place, 0) + count
    assert dict(zip(interval.places, interval.values["orders"], strict=True)) == seen


def grouping(number: int, rounds: int) -> dict[str, float]:
    """Seconds to cut, encode, decode and group the scores of an interval; groups are open all the time."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(IntervalScores).decode
    all_places, grouper = places(number), Grouper(DETECTOR, [])
    encoding: list[float] = []
    decoding: list[float] = []
    grouped: list[float] = []
    opened = set()
    for n in range(rounds):
        told = scores(all_places, START + n * MINUTE, anomalous=10)
        raw = timed(encoding, lambda told=told: [encode(chunk) for chunk in chunked(told)])
        chunks = timed(decoding, lambda raw=raw: [decode(r) for r in raw])
        groups = timed(grouped, lambda chunks=chunks: [g for c in chunks for g in grouper.group(c)])
        opened |= {group.id for group in groups}
    assert len(opened) == grouper.open == 10
    return {
        "cut, encode scores": statistics.median(encoding),
        "decode scores": statistics.median(decoding),
        "group": statistics.median(grouped),
    }


def outage(number: int, rounds: int) -> dict[str, float]:
    """Seconds to group an interval in which every series is anomalous, and has been before."""
    all_places, grouper = places(number), Grouper(DETECTOR, [])
    series = number * len(DETECTOR.measures)
    grouped: list[float] = []
    for n in range(rounds):
        told = msgspec.structs.replace(
            scores(all_places, START + n * MINUTE, anomalous=0),
            severity=[80.0 + n] * series,
            value=[0.0] * series,
        )
        groups = timed(grouped, lambda told=told: [g for c in chunked(told) for g in grouper.group(c)])
        assert [group.members_total for group in groups] == [min(series, MOST_MEMBERS)]
    return {"group, all anomalous": statistics.median(grouped)}


def main() -> None:
    """Print microseconds a series, step by step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, nargs="+", default=[3_334, 33_334])
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    table = Table("series", "step", "seconds", "µs a series")
    for number in asked.places:
        series = number * len(DETECTOR.measures)
        steps = {
            **merging(number, asked.partitions, asked.rounds),
            **grouping(number, asked.rounds),
            **outage(number, asked.rounds),
        }
        for step, seconds in steps.items():
            table.add_row(f"{series:,}", step, f"{seconds:.4f}", f"{seconds / series * 1e6:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()

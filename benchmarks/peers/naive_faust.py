"""Faust as its guide shows it: a record model, an agent that takes events, a table that each of them writes.

The table is Faust's default, in memory with a changelog topic; all settings are Faust's own but where to
start reading, and the number of partitions.
"""

from __future__ import annotations

import os

import faust
from stopwatch import Stopwatch, task

MINUTE = 60_000

what = task()
app = faust.App(
    what.name,
    broker=f"kafka://{what.bootstrap}",
    datadir=what.directory,
    consumer_auto_offset_reset="earliest",
    topic_partitions=what.partitions,
    web_enabled=False,
)


class Click(faust.Record, serializer="json"):
    """The fields that are read."""

    ts: int
    event: str
    platform: str
    marketplace: str
    amount: float | None = None


clicks = app.topic(what.topic, value_type=Click, key_type=bytes, key_serializer="raw")
cells = app.Table("cells", default=lambda: [0, 0, 0.0])
watch = Stopwatch()
left = [what.records] * what.partitions


@app.agent(clicks)
async def fold(stream: faust.StreamT[Click]) -> None:
    """Add each event to its cell."""
    async for event in stream.events():
        if not watch.running:
            watch.start()
        click, partition = event.value, event.message.partition
        watch.events += 1
        # Partitions are not read evenly: what is beyond the share of one is not folded.
        if not left[partition]:
            continue
        left[partition] -= 1
        key = f"{click.ts // MINUTE}/{click.platform}/{click.marketplace}"
        views, orders, revenue = cells[key]
        cells[key] = [
            views + (click.event == "view"),
            orders + (click.event == "purchase"),
            revenue + (click.amount or 0),
        ]
        if not any(left):
            finish()


def finish() -> None:
    """Report, and end without ceremony: what comes later is not measured."""
    watch.stop()
    told = ((key.split("/"), numbers) for key, numbers in cells.items())
    watch.report([(int(minute) * MINUTE, place, numbers) for (minute, *place), numbers in told])
    os._exit(0)


if __name__ == "__main__":
    faust.Worker(app, loglevel="warning", redirect_stdouts=False).execute_from_commandline()

"""Quix Streams: a topic that is keyed by place, and a tumbling window that tells what it held when it closes.

As its guide shows; state is in RocksDB with a changelog topic, as by default. Windows close with their
partition, not each with its key, which is cheaper and closes them earlier.
"""

from __future__ import annotations

from datetime import timedelta

from quixstreams import Application, message_context
from stopwatch import Stopwatch, task

MINUTE = 60_000

what = task()
watch = Stopwatch()
left = [what.records] * what.partitions
#: Partition → minute and place → numbers; a place is in every partition.
closed: list[dict] = [{} for _ in range(what.partitions)]


def processed(topic: str, partition: int, offset: int) -> None:
    """Count a record; stop when there are enough of every partition."""
    if not watch.running:
        # The first is not measured, and not counted.
        watch.start()
        return
    watch.events += 1
    if offset + 1 == what.records:
        left[partition] = 0
        if not any(left):
            watch.stop()
            app.stop()


app = Application(
    broker_address=what.bootstrap,
    consumer_group=what.name,
    auto_offset_reset="earliest",
    state_dir=what.directory,
    on_message_processed=processed,
    loglevel="WARNING",
)


def fold(cell: list[float], event: dict) -> list[float]:
    """Add an event to its cell."""
    views, orders, revenue = cell
    kind = event["event"]
    if kind == "view":
        views += 1
    elif kind == "purchase":
        orders += 1
    return [views, orders, revenue + (event.get("amount") or 0)]


def remember(window: dict, key: bytes, timestamp: int, headers: object) -> None:
    """Note a window that was closed."""
    closed[message_context().partition][window["start"], key] = window["value"]


def report() -> None:
    """The minutes that all partitions have closed."""
    until = min(max(start for start, _ in partition) for partition in closed) + MINUTE
    cells: dict[tuple[int, bytes], list[float]] = {}
    for partition in closed:
        for (start, key), numbers in partition.items():
            if start + MINUTE <= until:
                before = cells.get((start, key), (0, 0, 0))
                cells[start, key] = [a + b for a, b in zip(before, numbers, strict=True)]
    told = [(start, key.decode().split("/"), numbers) for (start, key), numbers in cells.items()]
    watch.report(told, until)


topic = app.topic(what.topic, key_deserializer="bytes", value_deserializer="json")
frame = app.dataframe(topic)
frame = frame.tumbling_window(timedelta(minutes=1), grace_ms=timedelta(seconds=10))
frame = frame.reduce(reducer=fold, initializer=lambda event: fold([0, 0, 0.0], event))
frame = frame.final(closing_strategy="partition")
frame = frame.update(remember, metadata=True)

if __name__ == "__main__":
    app.run()
    report()

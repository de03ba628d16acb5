"""So many series: two measures at as many places as it takes, each with events in every minute and partition.

The places are leaves, without roll-ups: so there are exactly so many, and no joint models, whose cost does
not grow with them. The same number of series always gives the same events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient

PARTITIONS = 4
MINUTE = 60_000
#: Monday, 2026-01-05 12:00 UTC: event time is what a replay says it is.
START = 1_767_614_400_000
MEASURES = 2
#: Beyond so many series a detector is cut into shards.
SHARD_SERIES = 125_000
BATCH_BYTES = 256 * 1024

CONFIGURATION = """
[sources.load]
topic = "{topic}"
format = "json"
time = "at"
time_unit = "ms"
clock = "event"
# What is not sent yet must not be called late.
idle_timeout = "PT1H"

[[detectors]]
name = "load"
source = "load"
interval = "PT1M"
lateness = "PT0S"
dimensions = ["place", "kind"]
levels = ["leaves"]
max_series = {series}
shards = {shards}
measures = [
  {{ name = "number", aggregation = "count" }},
  {{ name = "amount", aggregation = "sum", field = "amount" }},
]

[[alerts]]
name = "page"
detector = "load"
"""


@dataclass(frozen=True)
class Load:
    """The traffic of a number of series."""

    series: int

    @property
    def places(self) -> int:
        """How many places it takes."""
        return self.series // MEASURES

    @property
    def shards(self) -> int:
        """Parts that the detector is scored in."""
        return -(-self.series // SHARD_SERIES)

    def configuration(self, topic: str) -> str:
        """The TOML text of the detector, with room for shards that have more than their share."""
        return CONFIGURATION.format(topic=topic, series=self.series + self.series // 10, shards=self.shards)

    def events(self, minute: int, partition: int) -> Iterator[tuple[int, bytes]]:
        """Time and record of the events of a minute in one partition."""
        start = START + minute * MINUTE
        for n in range(self.places):
            time = start + n * MINUTE // self.places
            # No two places alike, and none the same in every minute.
            amount = 80 + (n * 7919 + minute * 104_729 + partition * 31) % 41
            record = b'{"at":%d,"place":"p%07d","kind":"k","amount":%d}' % (time, n, amount)
            for _ in range(1 + ((n + minute) % (5 + partition) == 0)):
                yield time, record


def create_topic(bootstrap: str, name: str, partitions: int = PARTITIONS) -> None:
    """Create a topic in which records may be as old as they are."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    config = {"retention.ms": "-1"}
    admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": config}})
    admin.wait_for_topics([name])
    admin.close()


async def send(bootstrap: str, topic: str, load: Load, minute: int) -> None:
    """Send a minute, and wait until the broker has it."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES, max_request_size=2 * BATCH_BYTES
    )
    await producer.start()
    try:
        await asyncio.gather(*(_send(producer, topic, load, minute, p) for p in range(PARTITIONS)))
        await producer.flush()
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, topic: str, load: Load, minute: int, partition: int) -> None:
    # Batches made by hand take a tenth of the time that sending record by record does.
    batch, sent = producer.create_batch(), []
    for time, record in load.events(minute, partition):
        while batch.append(timestamp=time, key=None, value=record) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
    sent.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*sent)

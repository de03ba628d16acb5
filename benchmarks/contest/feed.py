"""The topics that all contestants read: synthetic events, out of order, and what they add up to.

Each topic is sent once. The truth is counted while sending, by code that no contestant shares: for each
minute and place the numbers that contestants must come to, after all events and after some first ones.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import chain

import orjson
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient

from detectors.records import Place
from streams.samples.shop import LEAVES, REACHES, Incident, Shop, expected_visits
from streams.samples.web_acl import REQUESTS, Attack, WebAcl

PARTITIONS = 4
MINUTE = 60_000
#: Monday, 2026-01-05 12:00 UTC: event time is what a replay says it is.
START = 1_767_614_400_000
#: An hour and half a minute: what is after the last full minute closes it, and stays open itself.
MINUTES = 60
END = START + MINUTES * MINUTE + MINUTE // 2
#: Every tenth event comes late, by up to this; detectors wait for ten seconds.
DISORDER_MS = 4_000
#: How exactly an event's place in its topic is known by its time, in records.
GRAIN = 1_000
BATCH_BYTES = 256 * 1024

#: Start of a minute and dimension values (None: all of them) → what happened there.
Cells = dict[tuple[int, Place], list[float]]
#: Event time, record, place, and what the record adds there.
Record = tuple[int, bytes, tuple[str, ...], Sequence[float]]


@dataclass
class Feed:
    """A topic of known content."""

    topic: str
    events: int = 0
    size: int = 0
    #: So many first records → what they add up to; the last is all of them.
    truth: dict[int, Cells] = field(default_factory=dict)
    #: The greatest event time so far at every thousandth record, and in the end that of each partition.
    newest: list[int] = field(default_factory=list)
    last: dict[int, int] = field(default_factory=dict)

    def records_until(self, event_time: int) -> int:
        """About how many records of the topic come before this time is seen."""
        if event_time >= min(self.last.values()):
            return self.events
        return GRAIN * max(0, bisect_right(self.newest, event_time) - 1)


async def send(
    bootstrap: str,
    topic: str,
    records: Iterator[Record],
    stops: Sequence[int],
    progress: Callable[[int], None],
) -> Feed:
    """Create the topic and fill it, record by record in turn to each partition.

    `stops`: after how many records the truth is wanted as well. The key is the place.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    # The records are as old as their events, and would be deleted for their age.
    config = {"retention.ms": "-1"}
    admin.create_topics({topic: {"num_partitions": PARTITIONS, "replication_factor": 1, "configs": config}})
    admin.wait_for_topics([topic])
    admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES, max_request_size=2 * BATCH_BYTES
    )
    await producer.start()
    feed, cells, newest, sent = Feed(topic), Cells(), 0, []
    batches = [producer.create_batch() for _ in range(PARTITIONS)]
    keys: dict[tuple[str, ...], bytes] = {}
    # One to each partition in turn: so many first events are the same share of each.
    rounds = zip(*[records] * PARTITIONS, strict=False)
    for time, record, place, numbers in chain.from_iterable(rounds):
        partition = feed.events % PARTITIONS
        key = keys.get(place) or keys.setdefault(place, "/".join(place).encode())
        while batches[partition].append(timestamp=time, key=key, value=record) is None:
            sent.append(await producer.send_batch(batches[partition], topic, partition=partition))
            batches[partition] = producer.create_batch()
            progress(feed.events)
        cell = cells.setdefault((time - time % MINUTE, place), [0] * len(numbers))
        for i, number in enumerate(numbers):
            cell[i] += number
        newest = max(newest, time)
        feed.last[partition] = max(feed.last.get(partition, 0), time)
        if feed.events % GRAIN == 0:
            feed.newest.append(newest)
        feed.events += 1
        feed.size += len(record)
        if feed.events in stops:
            feed.truth[feed.events] = {where: list(numbers) for where, numbers in cells.items()}
    for partition, batch in enumerate(batches):
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    for future in sent:
        await future
    await producer.stop()
    feed.truth[feed.events] = cells
    progress(feed.events)
    return feed


def clickstream(events: int) -> Iterator[Record]:
    """About so many events of the synthetic shop; adds up to views, orders and revenue."""
    visits = sum(expected_visits(START + i * MINUTE).sum() for i in range(MINUTES)) * (END - START)
    stages = 1 + REACHES[0] * (1 + REACHES[1] * (1 + REACHES[2]))
    volume = events / (visits / (MINUTES * MINUTE) * stages)
    # For the alerts at the end of the flow to have something to say.
    platform, marketplace = LEAVES[0]
    incident = Incident("checkouts fail", START + 45 * MINUTE, START + 55 * MINUTE, platform, marketplace)
    for time, raw in _disordered(Shop(1, [incident], volume).events(START, END)):
        event = orjson.loads(raw)
        kind = event["event"]
        yield (
            time,
            raw,
            (event["platform"], event["marketplace"]),
            (kind == "view", kind == "purchase", event.get("amount", 0)),
        )


#: What browsers send beside what the sample has.
HEADERS = [
    {"name": "Accept-Language", "value": "en-GB,en;q=0.9,de;q=0.8"},
    {"name": "Accept-Encoding", "value": "gzip, deflate, br, zstd"},
    {"name": "Referer", "value": "https://api.example.com/prod/products?page=2&sort=popular"},
    {"name": "Cookie", "value": "session=5f2b9c0d7e; consent=all; cart=3"},
]


def web_acl(events: int) -> Iterator[Record]:
    """About so many records of AWS WAF of some 1.5 kB; adds up to requests by action, rule and country."""
    attack = Attack("scripts in arguments", START + 45 * MINUTE, START + 55 * MINUTE)
    number = max(1, round(events / (REQUESTS * (END - START) / MINUTE)))
    acls = [WebAcl(seed, [attack]) for seed in range(number)]
    for time, raw in _disordered(_merged(acls)):
        record = orjson.loads(raw)
        request = record["httpRequest"]
        request["headers"] += HEADERS
        rule = record["terminatingRuleId"]
        for group in record["ruleGroupList"]:
            if group["terminatingRule"] is not None:
                rule = group["terminatingRule"]["ruleId"]
        country = "(missing)" if request["country"] == "-" else request["country"]
        yield time, orjson.dumps(record), (record["action"], rule, country), (1,)


def _merged(acls: Sequence[WebAcl]) -> Iterator[tuple[int, bytes]]:
    for minute in range(START, END, MINUTE):
        yield from sorted(e for acl in acls for e in acl.events(minute, min(END, minute + MINUTE)))


def _disordered(events: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The same events as they arrive."""
    chance = random.Random(1)
    on_the_way: list[tuple[int, int, int, bytes]] = []
    for number, (time, raw) in enumerate(events):
        while on_the_way and on_the_way[0][0] <= time:
            yield heappop(on_the_way)[2:]
        if chance.random() < 0.1:
            heappush(on_the_way, (time + chance.randrange(DISORDER_MS), number, time, raw))
        else:
            yield time, raw
    while on_the_way:
        yield heappop(on_the_way)[2:]

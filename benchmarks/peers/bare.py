"""The bare loop: aiokafka, orjson and a dict; nothing is late, nothing outlives it, nothing is told.

`fetch` does not even decode, `default` is the loop as it is, `tuned` the same with a collector that
looks less often. `waf` reads the log of AWS WAF, `waf-tuned` so too.
"""

from __future__ import annotations

import asyncio
import gc
import sys

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from stopwatch import Stopwatch, Task, task

MINUTE = 60_000


def count(records, cells):
    """Nothing: what fetching alone costs."""


def fold_clicks(records, cells):
    """Views, orders and revenue by minute, platform and marketplace."""
    loads = orjson.loads
    for record in records:
        event = loads(record.value)
        key = (event["ts"] // MINUTE, event["platform"], event["marketplace"])
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = [0, 0, 0.0]
        kind = event["event"]
        if kind == "view":
            cell[0] += 1
        elif kind == "purchase":
            cell[1] += 1
        amount = event.get("amount")
        if amount is not None:
            cell[2] += amount


def fold_requests(records, cells):
    """Requests by minute, action, rule and country."""
    loads = orjson.loads
    for record in records:
        request = loads(record.value)
        rule = request["terminatingRuleId"]
        if request["terminatingRuleType"] == "MANAGED_RULE_GROUP":
            for group in request["ruleGroupList"]:
                if group["terminatingRule"] is not None:
                    rule = group["terminatingRule"]["ruleId"]
        country = request["httpRequest"]["country"]
        if country == "-":
            country = "(missing)"
        key = (request["timestamp"] // MINUTE, request["action"], rule, country)
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = [0]
        cell[0] += 1


FOLDS = {
    "fetch": count,
    "default": fold_clicks,
    "tuned": fold_clicks,
    "waf": fold_requests,
    "waf-tuned": fold_requests,
}


async def read(what: Task, fold) -> None:
    """Read all, fold, and report."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=what.bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    consumer.assign([TopicPartition(what.topic, partition) for partition in range(what.partitions)])
    watch, cells = Stopwatch(), {}
    while watch.events < what.events:
        batches = await consumer.getmany(timeout_ms=500)
        if batches and not watch.running:
            watch.start()
        for records in batches.values():
            fold(records, cells)
            watch.events += len(records)
    watch.stop()
    await consumer.stop()
    watch.report([(minute * MINUTE, place, numbers) for (minute, *place), numbers in cells.items()])


if __name__ == "__main__":
    mode = sys.argv[2]
    if mode.endswith("tuned"):
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
    asyncio.run(read(task(), FOLDS[mode]))

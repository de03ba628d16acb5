"""The hops of a worker on one partition each, passing records on by hand: no broker is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from aiokafka import ConsumerRecord

from detectors.loading import parse
from streams import tables
from streams.app import Worker
from streams.backup_files import Copy
from streams.hop import Message
from streams.settings import Settings
from streams.tables import SnapshotTable

#: Name of each table → what it holds, by key.
Stored = Mapping[str, Mapping[bytes, bytes]]


class ByHand:
    """A worker of one source, from whose tables hops go on."""

    def __init__(self, config: str, data: Path, stored: Stored | None = None) -> None:
        what = parse(config)
        (source,) = what.streamed.values()
        settings = Settings(bootstrap="127.0.0.1:1", data=data)
        topics = (source.topic, "lookalive.partials", "lookalive.scores")
        self.source = source.topic
        self.hops = Worker(what, settings, dict.fromkeys(topics, 1)).hops
        for hop in self.hops:
            hop.table = cast(SnapshotTable, _table(hop.table.name, (stored or {}).get(hop.table.name, {})))
        self.steps = {hop.topic: hop.step(0) for hop in self.hops}
        self.offsets = {topic: step.offset + 1 for topic, step in self.steps.items()}
        self.registry = self.hops[0].wiring.metrics.registry
        #: All that was published, by topic.
        self.published: dict[str, list[bytes]] = {}

    def send(self, *values: bytes, at: int) -> None:
        """Source records that Kafka had at a time, and all that follows from them."""
        self.pass_on([Message(self.source, b"", value) for value in values], at)

    def pass_on(self, messages: list[Message], at: int) -> None:
        """Messages to the hops that read their topics, and all that follows from them."""
        touched: dict[str, list[Message]] = {}
        for message in messages:
            self.published.setdefault(message.topic, []).append(message.value)
            if (step := self.steps.get(message.topic)) is not None:
                record = _record(message, self.offsets[message.topic], at)
                self.offsets[message.topic] += 1
                touched.setdefault(message.topic, []).extend(step.take([record]))
        for topic, following in touched.items():
            self.pass_on([*following, *self.steps[topic].settle()], at)

    def value(self, name: str, **labels: str) -> float | None:
        """The value of a metric."""
        value = self.registry.get_sample_value(name, labels)
        return None if value is None else float(value)

    def save(self) -> Stored:
        """What the tables hold after a snapshot of each hop."""
        return {hop.table.name: tables.records(0, self.steps[hop.topic].save()) for hop in self.hops}


def _table(name: str, stored: Mapping[bytes, bytes]) -> Copy:
    table = Copy(stored)
    table.name = name
    return table


def _record(message: Message, offset: int, at: int) -> Any:
    size = len(message.value)
    return ConsumerRecord(
        message.topic, 0, offset, at, 0, message.key, message.value, None, len(message.key), size, ()
    )

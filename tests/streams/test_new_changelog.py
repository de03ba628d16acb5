"""On a first start the changelogs are new, and how many partitions they have is not known at once."""

from __future__ import annotations

from typing import Any

from faust.tables.base import Collection

from streams.transport import BatchConsumer


class Thread:
    """As much of Faust's thread as counts partitions: of a topic that is new, aiokafka says 0."""

    def topic_partitions(self, topic: str) -> int | None:
        return {"scores": 4, "new-changelog": 0, "wrong-changelog": 3}.get(topic)


class Consumer(BatchConsumer):
    def __init__(self) -> None:
        self._thread: Any = Thread()


class Table:
    """As much of a Faust table as compares its changelog with the topic it is written for."""

    def __init__(self, changelog: str) -> None:
        self.name, self.changelog_topic_name, self.app = "group", changelog, self
        self.consumer = Consumer()
        self._verified_source_topics_for_partitions: set[str] = set()

    def verify(self) -> str | None:
        table: Any = self
        try:
            Collection._verify_source_topic_partitions(table, "scores")
        except Exception as error:
            return type(error).__name__
        return None


def test_a_changelog_that_is_not_known_yet_does_not_stop_the_worker() -> None:
    assert Table("new-changelog").verify() is None


def test_a_changelog_with_other_partitions_than_its_topic_does() -> None:
    assert Table("wrong-changelog").verify() == "PartitionsMismatch"

"""A worker that keeps a copy of another's state goes on with it: nothing has to be read anew."""

import time
from collections.abc import Sequence

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec

from detectors.records import IntervalScores
from tests.streams.truth import PARTITIONS, traffic, truth
from tests.streams.worker import running_worker

pytestmark = pytest.mark.kafka

#: Longer than the pause between two snapshots.
QUIET_SECONDS = 6.0


def test_a_standby_goes_on_with_the_copy_that_it_has(flow):
    with (
        running_worker(flow.config_text, flow.place("one", standby=1)) as one,
        running_worker(flow.config_text, flow.place("two", standby=1)) as two,
    ):
        flow.send(0.3)
        with KafkaAdminClient(**flow.settings.kafka_client()) as admin:
            empty_when_quiet(admin, [f"{flow.settings.group}-{table}-changelog" for table in TABLES])
        read = one.count("lookalive_events_total", source="shop")
        closed = one.count("lookalive_intervals_closed_total", detector="shop")
        assert read > 0
        with flow.sending(seconds=5):
            time.sleep(2)
            one.kill()
        flow.assert_exact()
        # The changelogs are empty: without its copy the other would have begun at the beginning.
        assert two.count("lookalive_events_total", source="shop") <= len(traffic()) - read
        intervals = len({scores.interval_start for scores in truth()[IntervalScores]})
        assert two.count("lookalive_intervals_closed_total", detector="shop") <= intervals - closed


TABLES = ("fold-shop", "score", "group")


def empty_when_quiet(admin: KafkaAdminClient, topics: Sequence[str]) -> None:
    """Once nothing more is written to topics, delete what is in them."""
    partitions = [TopicPartition(topic, partition) for topic in topics for partition in range(PARTITIONS)]
    ends: dict[TopicPartition, int] = {}
    while ends != (now := ends_of(admin, partitions)):
        ends = now
        time.sleep(QUIET_SECONDS)
    deletable = {"cleanup.policy": "compact,delete"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, deletable) for topic in topics])
    admin.delete_records(ends)


def ends_of(admin: KafkaAdminClient, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    found = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
    return {partition: found[partition].offset for partition in partitions}

"""The topics: what is missing is created once, what exists is left alone and its differences told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kafka import KafkaAdminClient

from streams.errors import TopicError
from streams.settings import Settings
from streams.topics import create, describe, internal_topics, source_topics

DAY = timedelta(days=1) // timedelta(milliseconds=1)


def test_internal_topics_keep_what_the_hops_replay() -> None:
    topics = {topic.name: topic for topic in internal_topics(Settings(prefix="x", partitions=6))}
    assert list(topics) == [
        "x.partials",
        "x.scores",
        "x.groups",
        "x.alerts",
        "x.quality",
        "x.dead-letters",
        "x.feedback",
        "x.cursors",
    ]
    assert {topic.partitions for topic in topics.values()} == {6}
    replayed = [name for name, topic in topics.items() if "message.timestamp.type" in topic.config]
    assert replayed == list(topics)
    # What people said is kept until it is taken back, and how far a source was read until it is read on.
    for name in ("x.feedback", "x.cursors"):
        assert topics.pop(name).config["cleanup.policy"] == "compact"
    retention = {name: int(topic.config["retention.ms"]) // DAY for name, topic in topics.items()}
    assert retention == {
        "x.partials": 14,
        "x.scores": 90,
        "x.groups": 90,
        "x.alerts": 90,
        "x.quality": 90,
        "x.dead-letters": 14,
    }


def test_each_shard_of_a_detector_has_a_partition() -> None:
    def partitions(shards: int) -> list[int]:
        return [topic.partitions for topic in internal_topics(Settings(partitions=6), shards)]

    assert partitions(3) == [6] * 8
    assert partitions(16) == [16, 6, 6, 6, 6, 6, 6, 6]


def test_a_source_may_read_the_quality_of_data_and_nothing_else_of_ours() -> None:
    settings = Settings(prefix="x")
    assert [topic.name for topic in source_topics(settings, ["clicks", "x.quality"])] == ["clicks"]
    with pytest.raises(TopicError, match=r"topic 'x\.scores' is for results"):
        source_topics(settings, ["x.quality", "x.scores"])


@pytest.mark.kafka
def test_fewer_partitions_than_shards_are_told(settings: Settings) -> None:
    create(settings, [])

    partials, *others = create(settings, [], shards=9)

    assert partials.differences == [
        "has 4 partitions, fewer than the 9 that LOOKALIVE_PARTITIONS and shards ask for"
    ]
    assert not any(state.differences for state in others)


@pytest.mark.kafka
def test_creating_twice_changes_nothing(settings: Settings) -> None:
    source = f"{settings.prefix}-events"
    assert all(state.partitions is None for state in describe(settings, [source]))
    first = create(settings, [source])
    assert all(state.created and state.partitions == settings.partitions for state in first)
    second = create(settings, [source])
    assert not any(state.created for state in second)
    assert not any(state.differences for state in second)
    assert describe(settings, [source]) == second


@pytest.mark.kafka
def test_what_exists_is_left_alone_and_its_differences_are_told(settings: Settings) -> None:
    name = f"{settings.prefix}.groups"
    admin = KafkaAdminClient(**settings.kafka_client())
    odd = {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "delete"}}
    admin.create_topics({name: odd}, wait_for_metadata=True)
    admin.close()

    groups = next(state for state in create(settings, []) if state.name == name)

    assert (groups.created, groups.partitions, groups.config["cleanup.policy"]) == (False, 1, "delete")
    told = "; ".join(groups.differences)
    assert "has 1 partitions, fewer than the 4" in told
    assert "cleanup.policy is delete" in told
    assert "message.timestamp.type is CreateTime" in told


@pytest.mark.kafka
def test_a_cluster_that_does_not_answer_is_one_sentence() -> None:
    with pytest.raises(TopicError, match=r"no Kafka answers at 127\.0\.0\.1:1 "):
        create(Settings(bootstrap="127.0.0.1:1"), [])

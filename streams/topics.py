"""The topics by name: which there are, how each keeps its records, and how they are created.

Names are durable: renaming one is a migration. What exists is never altered; where it differs in a
way that matters, the difference comes back in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError, for_code

from streams.clients import admin_client
from streams.errors import TopicError
from streams.names import LARGEST_MESSAGE_BYTES, Names
from streams.settings import Settings

#: Settings of an existing topic that are worth a word when they differ.
_MATTERS = ("cleanup.policy", "retention.ms", "message.timestamp.type", "max.message.bytes")

#: Records are as old as their stay on the broker. With the worker's time stamps retention would delete those
#: of a replay as soon as they arrive, and the broker would refuse those of a clock that is an hour ahead.
BROKER_TIME = {"message.timestamp.type": "LogAppendTime"}

#: A cluster that is busy, or starts, takes its time until all brokers know of a new topic.
READY_MILLISECONDS = 60_000

#: The latest record of each key, and that one for as long as the topic keeps anything.
_COMPACT = {"cleanup.policy": "compact,delete"}


class Topic(msgspec.Struct, frozen=True):
    """A topic as it is wanted; `config` holds what is not the broker's default."""

    name: str
    purpose: str
    partitions: int
    config: dict[str, str] = {}


class TopicState(msgspec.Struct, frozen=True):
    """A wanted topic beside what the cluster has; `partitions` is None where it has none."""

    name: str
    purpose: str
    partitions: int | None
    config: dict[str, str]
    created: bool
    #: What differs from the topic that is wanted, one sentence each.
    differences: list[str]


def internal_topics(settings: Settings, shards: int = 1) -> list[Topic]:
    """The topics between the hops, in flow order.

    A partition is what one worker scores at a time: each of the `shards` of a detector has one of its own.
    """
    topics = {
        "partials": ("what one source partition holds of one interval", _delete(14)),
        "scores": ("the scores of every series in one interval", _delete(90)),
        "groups": ("the latest state of each anomaly group", {**_delete(90), **_COMPACT}),
        "alerts": ("what people are told", _delete(90)),
        "quality": ("how good the data of a detector are in one interval", _delete(90)),
        "dead-letters": ("input that could not be read, with its coordinates", _delete(14)),
        "feedback": ("what people say of anomalies, and what is snoozed", {"cleanup.policy": "compact"}),
        "cursors": ("how far crawled sources were read", {"cleanup.policy": "compact"}),
    }
    all_have = {
        "max.message.bytes": str(LARGEST_MESSAGE_BYTES),
        "compression.type": "producer",
        **BROKER_TIME,
    }
    return [
        Topic(
            f"{settings.prefix}.{name}",
            purpose,
            max(settings.partitions, shards if name == "partials" else 1),
            {**config, **all_have},
        )
        for name, (purpose, config) in topics.items()
    ]


def source_topics(settings: Settings, names: Collection[str]) -> list[Topic]:
    """The topics that events come from; they belong to others, so the broker's defaults are theirs.

    Of our own, that of data quality may be watched as well, and is ours all the same.

    Raises:
        TopicError: one is another topic of ours.
    """
    names = set(names) - {Names.under(settings.prefix).quality}
    ours = {topic.name for topic in internal_topics(settings)} & names
    if ours:
        message = f"topic {min(ours)!r} is for results: a source cannot read it; set another LOOKALIVE_PREFIX"
        raise TopicError(message)
    return [Topic(name, "events", settings.partitions) for name in sorted(names)]


def describe(settings: Settings, sources: Collection[str], shards: int = 1) -> list[TopicState]:
    """The topics beside what the cluster has; changes nothing.

    Raises:
        TopicError: the cluster does not answer, or refuses.
    """
    with admin_client(settings) as admin:
        return _states(admin, _wanted(settings, sources, shards), created=set())


def create(settings: Settings, sources: Collection[str], shards: int = 1) -> list[TopicState]:
    """Create the topics that are missing, and leave the others as they are.

    Raises:
        TopicError: the cluster does not answer, or refuses.
    """
    wanted = _wanted(settings, sources, shards)
    with admin_client(settings) as admin:
        return _states(admin, wanted, _create_missing(admin, settings, wanted))


def _wanted(settings: Settings, sources: Collection[str], shards: int) -> list[Topic]:
    return [*source_topics(settings, sources), *internal_topics(settings, shards)]


def _create_missing(admin: KafkaAdminClient, settings: Settings, wanted: list[Topic]) -> set[str]:
    present = set(admin.list_topics())
    missing = {
        topic.name: {
            "num_partitions": topic.partitions,
            "replication_factor": settings.replication,
            "configs": topic.config,
        }
        for topic in wanted
        if topic.name not in present
    }
    if not missing:
        return set()
    answer = admin.create_topics(missing, raise_errors=False)
    created = set()
    for topic in answer["topics"]:
        # Another worker may have been quicker: that is as good.
        if topic["error_code"] == 0:
            created.add(topic["name"])
        elif for_code(topic["error_code"]) is not TopicAlreadyExistsError:
            message = (
                f"cannot create topic {topic['name']!r}: {topic['error_message'] or topic['error_code']}"
            )
            raise TopicError(message)
    admin.wait_for_topics(list(missing), timeout_ms=READY_MILLISECONDS)
    return created


def _states(admin: KafkaAdminClient, wanted: list[Topic], created: set[str]) -> list[TopicState]:
    present = set(admin.list_topics()) & {topic.name for topic in wanted}
    partitions: dict[str, int] = {}
    configs: dict[str, dict[str, str]] = {}
    if present:
        partitions = {
            topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(sorted(present))
        }
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(present)]
        for name, values in admin.describe_configs(resources, config_filter="all")["topic"].items():
            configs[name] = {key: value["value"] for key, value in values.items()}
    states = []
    for topic in wanted:
        config = {key: value for key, value in configs.get(topic.name, {}).items() if key in _MATTERS}
        found = partitions.get(topic.name)
        differences = [] if found is None else list(_differences(topic, found, config))
        states.append(
            TopicState(topic.name, topic.purpose, found, config, topic.name in created, differences)
        )
    return states


def _differences(topic: Topic, partitions: int, config: dict[str, str]) -> Iterable[str]:
    # A source has the partitions that its owner gave it.
    if topic.config and partitions < topic.partitions:
        asked = "LOOKALIVE_PARTITIONS and shards ask for"
        yield f"has {partitions} partitions, fewer than the {topic.partitions} that {asked}"
    for key in _MATTERS:
        want, have = topic.config.get(key), config.get(key)
        if want is None or have is None or set(want.split(",")) == set(have.split(",")):
            continue
        if key == "max.message.bytes" and int(have) >= int(want):
            continue
        if key == "retention.ms" and (int(have) < 0 or int(have) >= int(want)):
            continue
        yield f"{key} is {have}, wanted is {want}"


def _delete(days: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(timedelta(days=days) // timedelta(milliseconds=1)),
    }

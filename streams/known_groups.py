"""The latest state of each anomaly group: from the groups topic, or from a file of a backtest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from kafka import KafkaConsumer

from detectors.feedback import Said, Verdict
from detectors.records import AnomalyGroup
from streams.clients import reader
from streams.errors import GroupError
from streams.settings import Settings

POLL_MILLISECONDS = 500

_decode = msgspec.json.Decoder(AnomalyGroup).decode
_decode_said = msgspec.json.Decoder(Said).decode

Groups = dict[str, AnomalyGroup]


def in_topic(settings: Settings) -> Groups:
    """What is in the groups topic by now, the oldest first.

    Raises:
        TopicError: the cluster does not answer, or has no such topic.
    """
    with reader(settings, f"{settings.prefix}.groups", from_beginning=True) as consumer:
        return _latest(_values(consumer), f"topic {settings.prefix}.groups")


def said(settings: Settings) -> list[Said]:
    """What people have said by now, and not taken back.

    Raises:
        TopicError: the cluster does not answer, or has no feedback topic.
    """
    with reader(settings, f"{settings.prefix}.feedback", from_beginning=True) as consumer:
        return standing(map(_decode_said, _values(consumer)))


def standing(said: Iterable[Said]) -> list[Said]:
    """The latest of each, unless it was taken back."""
    return [each for each in {each.id: each for each in said}.values() if not each.undo]


def verdicts(said: Iterable[Said], group: AnomalyGroup) -> list[Verdict]:
    """What was said of a group."""
    return [each for each in said if isinstance(each, Verdict) and each.group == group.id]


def in_file(path: Path) -> Groups:
    """What is in a file of `lookalive backtest --groups`, the oldest first.

    Raises:
        GroupError: it is no such file.
    """
    with path.open("rb") as lines:
        return _latest((line for line in lines if line.strip()), path.name)


def find(groups: Groups, asked: str) -> AnomalyGroup:
    """The group of an id, or of the beginning of one.

    Raises:
        GroupError: there is none, or there are several.
    """
    found = [group for id_, group in groups.items() if id_.startswith(asked)]
    if len(found) != 1:
        problem = f"{len(found)} groups begin with {asked!r}" if found else f"there is no group {asked!r}"
        message = f"{problem}; `lookalive groups list` shows those there are"
        raise GroupError(message)
    return found[0]


def _latest(values: Iterator[bytes], where: str) -> Groups:
    groups: Groups = {}
    for number, value in enumerate(values, 1):
        try:
            group = _decode(value)
        except msgspec.MsgspecError as error:
            message = f"{where}: record {number} is no anomaly group: {error}"
            raise GroupError(message) from error
        known = groups.get(group.id)
        # After a crash a record may come again; a group that goes on has the greater revision.
        if known is None or group.revision >= known.revision:
            groups[group.id] = group
    return dict(sorted(groups.items(), key=lambda item: (item[1].start, item[0])))


def _values(consumer: KafkaConsumer) -> Iterator[bytes]:
    """The values up to what is the end now."""
    ends = consumer.end_offsets(list(consumer.assignment()))
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        for records in consumer.poll(timeout_ms=POLL_MILLISECONDS).values():
            yield from (record.value for record in records if record.value is not None)

"""What the transport takes from the inside of Faust and aiokafka is still there, and still means the same."""

import inspect
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.hop import _Contiguity
from streams.transport import Batch, BatchConsumer


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (ThreadDelegateConsumer, "_getmany", ["self", "active_partitions", "timeout"]),
        (ThreadDelegateConsumer, "seek_to_committed", ["self"]),
        (BaseConsumer, "_add_gap", ["self", "tp", "offset_from", "offset_to"]),
        (BaseConsumer, "_new_offset", ["self", "tp"]),
        (BaseConsumer, "_drain_messages", ["self", "fetcher"]),
        (BaseConsumer, "track_message", ["self", "message"]),
        (BaseConsumer, "on_buffer_full", ["self", "tp"]),
        (BaseConsumer, "perform_seek", ["self"]),
        (driver.AIOKafkaConsumerThread, "seek_wait", ["self", "partitions"]),
    ],
)
def test_the_methods_that_are_overridden_still_have_their_shape(owner, name, parameters):
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


@pytest.mark.parametrize(
    ("function", "words"),
    [
        # The fields that the overrides read and write are those that Faust's own code uses.
        (BaseConsumer.ack, ["self._acked_index[tp]", "self._acked[tp]"]),
        (BaseConsumer._drain_messages, ["get_read_offset(tp)", "offset >= r_offset", "callback(message)"]),
        (BaseConsumer.track_message, ["self._unacked_messages.add(message)", "self._on_message_in"]),
        (BaseConsumer._filter_committable_offsets, ["self._new_offset(tp)"]),
        (driver.Consumer._to_message, ["record.offset", "record.value", "record.serialized_value_size"]),
        (Recovery._resume_streams, ["consumer.perform_seek()", "self.completed.set()"]),
    ],
)
def test_faust_still_does_what_the_overrides_rely_on(function, words):
    source = inspect.getsource(function)
    for word in words:
        assert word in source


def test_a_batch_has_every_attribute_of_a_record_that_faust_reads():
    source = inspect.getsource(driver.Consumer._to_message)
    for field in Batch._fields:
        assert f"record.{field}" in source


def test_a_batch_stands_at_its_last_record():
    records = [record(offset=3), record(offset=4)]
    batch = Batch.of(records)
    assert (batch.offset, batch.value) == (4, records)


class Acked:
    """As much of a consumer as committing needs."""

    def __init__(self, *offsets):
        self._acked = {TP("t", 0): list(offsets)}
        self._acked_index = {TP("t", 0): set(offsets)}


def test_acknowledging_a_batch_acknowledges_all_before_it():
    consumer: Any = Acked(99, 41)
    assert BatchConsumer._new_offset(consumer, TP("t", 0)) == 100
    assert BatchConsumer._new_offset(consumer, TP("t", 0)) is None


def test_records_that_were_lost_on_the_way_are_asked_for_once():
    guard = _Contiguity()
    assert guard.missing(taken=10, first=15)
    # Fetched before the seek: comes after the gap, so it waits.
    assert not guard.missing(taken=10, first=18)
    assert guard.stale(taken=10, first=18)
    # The answer to the seek.
    assert not guard.stale(taken=10, first=11)
    assert not guard.stale(taken=17, first=18)


def test_a_hole_in_the_log_is_accepted_when_it_is_still_there():
    guard = _Contiguity()
    assert guard.missing(taken=10, first=15)
    assert not guard.missing(taken=10, first=15)
    assert not guard.stale(taken=10, first=15)


def test_the_first_batch_of_a_partition_may_begin_anywhere():
    assert not _Contiguity().missing(taken=-1, first=1000)


def record(offset):
    return ConsumerRecord(
        topic="t", partition=0, offset=offset, timestamp=0, timestamp_type=0, key=None, value=b"{}",
        checksum=None, serialized_key_size=0, serialized_value_size=2, headers=(),
    )  # fmt: skip

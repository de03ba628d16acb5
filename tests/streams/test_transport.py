"""What the transport takes from the inside of Faust and aiokafka is still there, and still means the same."""

import gc
import inspect
import weakref
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.consumer import ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import OneForOneSupervisor

from streams.hop import _Contiguity
from streams.transport import Batch, BatchConsumer, Fetched, WholeFetch, _check, _complete, decoded


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
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (fetcher.FetchResult, "getall", ["self", "max_records"]),
        (AIOKafkaClient, "_wait_on_metadata", ["self", "topic"]),
        (AIOKafkaClient, "add_topic", ["self", "topic"]),
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
        (driver.Consumer._new_consumer_thread, ["(self, loop=self.loop, beacon=self.beacon)"]),
        (AIOKafkaConsumer.start, ["fetch_max_wait_ms=self._fetch_max_wait_ms"]),
        (driver.Consumer._to_message, ["record.offset", "record.value", "record.serialized_value_size"]),
        (fetcher.Fetcher._proc_fetch_request, ["self._records[tp] = FetchResult("]),
        (fetcher.FetchResult.getall, ["self._update_position()", "self._partition_records = None"]),
        (GroupCoordinator.check_errors, ["self._coordination_task", "raise exc"]),
        (OneForOneSupervisor._supervisor.fun, ["self.restart_services(to_restart)"]),
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
    records = Fetched(2, [record(offset=3), record(offset=4)])
    batch = Batch.of(TP("t", 0), records)
    assert (batch.offset, batch.value) == (4, records)


@pytest.mark.parametrize("codec", [0, 1])
@pytest.mark.parametrize("position", [0, 3, 10, 17])
def test_records_handed_out_at_once_are_those_that_aiokafka_hands_out_one_by_one(codec, position):
    log = b"".join(sent(first, codec) for first in (0, 10, 20))

    def fetched():
        return fetcher.PartitionRecords(TP("t", 0), MemoryRecords(log), None, position, None, None, True, 0)

    one_by_one, at_once = fetched(), fetched()

    assert [_complete(TP("t", 0), record) for record in decoded(at_once)] == list(one_by_one)
    assert at_once.next_fetch_offset == one_by_one.next_fetch_offset == 30


def whole_fetch(log, position):
    """What was fetched of a partition that is assigned, and what aiokafka keeps of it."""
    fetched = fetcher.PartitionRecords(TP("t", 0), MemoryRecords(log), None, position, None, None, True, 0)
    whole = WholeFetch.__new__(WholeFetch)
    whole._partition_records = fetched
    whole._topic_partition = TP("t", 0)
    whole.check_assignment = lambda _: True
    whole._update_position = lambda: None
    return whole, fetched


def test_what_was_fetched_is_let_go_without_a_collector():
    whole, fetched = whole_fetch(sent(0, codec=0), position=0)
    gone = weakref.ref(fetched)
    del fetched
    gc.disable()
    try:
        assert len(whole.getall()) == 10
        assert gone() is None
    finally:
        gc.enable()


def test_who_asks_for_some_gets_no_more():
    whole, _ = whole_fetch(sent(0, codec=0), position=0)
    assert [len(whole.getall(most)) for most in (1, 3, 100)] == [1, 3, 6]


def test_a_damaged_batch_is_not_read():
    log = sent(0, codec=0)
    damaged = fetcher.PartitionRecords(
        TP("t", 0), MemoryRecords(log[:-2] + b"!" + log[-1:]), None, 0, None, None, True, 0
    )
    with pytest.raises(CorruptRecordException):
        decoded(damaged)


def sent(first, codec):
    """Ten records in one batch of the log, from an offset on."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1,
        base_sequence=-1, batch_size=1 << 20,
    )  # fmt: skip
    for n in range(10):
        builder.append(n, timestamp=1000 + n, key=None, value=b"%d" % (first + n), headers=[("h", b"1")])
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


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
    assert guard.missing(position=11, begin=15)
    # Fetched before the seek: comes after the gap, so it waits.
    assert not guard.missing(position=11, begin=18)
    assert guard.stale(position=11, begin=18)
    # The answer to the seek.
    assert not guard.stale(position=11, begin=11)
    assert not guard.stale(position=18, begin=18)


def test_what_the_log_has_lost_is_accepted_when_it_is_still_lost():
    guard = _Contiguity()
    assert guard.missing(position=11, begin=15)
    assert not guard.missing(position=11, begin=15)
    assert not guard.stale(position=11, begin=15)


def test_offsets_without_records_are_no_gap():
    whole, _ = whole_fetch(sent(10, codec=0), position=3)
    records = whole.getall()
    assert (records.begin, records[0].offset) == (3, 10)
    assert not _Contiguity().missing(position=3, begin=records.begin)


async def test_a_consumer_that_starts_slowly_is_not_taken_for_one_that_has_dropped_out():
    not_started = AIOKafkaConsumer(bootstrap_servers="127.0.0.1:1", group_id="g")
    try:
        await _check(not_started)
    finally:
        await not_started.stop()


def record(offset):
    return ConsumerRecord(
        topic="t", partition=0, offset=offset, timestamp=0, timestamp_type=0, key=None, value=b"{}",
        checksum=None, serialized_key_size=0, serialized_value_size=2, headers=(),
    )  # fmt: skip

"""History comes whole before what is live: no interval from both, none from neither, whoever speaks first."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detectors.closing import Closer, CloserState
from detectors.records import HISTORY, Interval, LiveFrom, Partial, Watermark
from tests.detectors.builders import detector, ms, partial, watermark

Record = Partial | Watermark | LiveFrom
FINGERPRINT = detector().fingerprint


def live_from(time: str) -> LiveFrom:
    return LiveFrom("shop", FINGERPRINT, 0, ms(time))


#: Four intervals of the past, and the same four and two more of the topic, which counts otherwise.
PAST: Sequence[Record] = [
    live_from("12:04"),
    *[partial(f"12:{n:02}", 10 + n, partition=HISTORY) for n in range(2)],
    watermark("12:02", partition=HISTORY),
    *[partial(f"12:{n:02}", 10 + n, partition=HISTORY) for n in range(2, 4)],
    watermark("12:04", partition=HISTORY),
]


def told(minute: int, count: int) -> list[Record]:
    """An interval of the topic, and that it is over."""
    partials: list[Record] = [partial(f"12:{minute:02}", count, partition=p) for p in range(2)]
    return [*partials, *(watermark(f"12:{minute + 1:02}", partition=p, partitions=2) for p in range(2))]


TOPIC: Sequence[Record] = [record for n in range(2, 6) for record in told(n, 100 + n)]
WHOLE = [("12:00", 10), ("12:01", 11), ("12:02", 12), ("12:03", 13), ("12:04", 208), ("12:05", 210)]


def closed(closer: Closer, records: Sequence[Record]) -> list[tuple[str, int]]:
    intervals: list[Interval] = [interval for record in records for interval in closer.add(record)]
    return [(f"12:{(i.start - ms('12:00')) // 60_000:02}", i.events) for i in intervals]


def restarted(closer: Closer) -> Closer:
    other = Closer(detector())
    other.load(msgspec.msgpack.decode(msgspec.msgpack.encode(closer.save()), type=CloserState))
    return other


@given(data=st.data(), restart=st.sets(st.integers(0, 30)))
def test_live_and_past_may_come_in_any_order_after_it_is_said_from_when_on_it_is_live(
    data: st.DataObject, restart: set[int]
) -> None:
    past, topic = list(PAST), list(TOPIC)
    records: list[Record] = [past.pop(0)]
    while past or topic:
        from_past = bool(past) and (not topic or data.draw(st.booleans()))
        records.append((past if from_past else topic).pop(0))
    closer, got = Closer(detector()), []
    for n, record in enumerate(records):
        got += closed(closer, [record])
        if n in restart:
            closer = restarted(closer)
    assert got == WHOLE
    assert closer.late == 0


@given(cut=st.integers(1, len(PAST)))
def test_a_history_that_is_told_again_changes_nothing(cut: int) -> None:
    closer = Closer(detector())
    assert closed(closer, [*PAST[:cut], *PAST, *TOPIC, *PAST]) == WHOLE
    assert closer.late == 0


def test_what_the_topic_told_before_is_left_out() -> None:
    # Neither partition has passed an interval yet, so that none has closed.
    before: list[Record] = [partial("12:02", 102), partial("12:04", 104), watermark("12:02", partitions=2)]
    assert closed(Closer(detector()), [*before, *PAST, *TOPIC]) == WHOLE


def test_nothing_live_closes_while_the_history_is_on_its_way() -> None:
    closer = Closer(detector())
    assert closed(closer, [PAST[0], *TOPIC]) == []
    assert closed(closer, PAST[1:4]) == WHOLE[:2]
    assert closed(closer, PAST[4:]) == WHOLE[2:]


def test_a_history_of_what_has_closed_already_holds_nothing_up() -> None:
    closer = Closer(detector())
    topic = closed(closer, TOPIC)
    assert closed(closer, PAST) == []
    assert closed(closer, told(6, 5)) == [("12:06", 10)]
    assert topic[-1] == ("12:05", 210)


def test_a_stretch_without_events_at_the_end_of_a_history_is_empty_and_no_gap() -> None:
    closer = Closer(detector())
    past: list[Record] = [
        live_from("12:04"),
        partial("12:00", 10, partition=HISTORY),
        watermark("12:04", partition=HISTORY),
    ]
    empty = [(f"12:0{n}", 0) for n in (1, 2, 3)]
    assert closed(closer, past) + closed(closer, TOPIC) == [WHOLE[0], *empty, *WHOLE[4:]]

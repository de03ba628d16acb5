"""A courier delivers in order, tries again, gives up, and begins again where it was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry

from detectors.config import AlertRule
from detectors.sinks import Webhook
from streams import courier as module
from streams.courier import Courier
from streams.dead_letters import DeadLetter
from streams.deliveries import Deliveries
from streams.notices import Notice
from streams.sinks import Refused, Unavailable, Undelivered
from tests.streams.incidents import SITE, TOLD_AT, Record, alert, closed, configuration, record, updated

TP0 = TP("alerts", 0)


class Sink:
    """A sink that keeps what it is sent, and fails when it is told to."""

    def __init__(self, *failures: Undelivered | None) -> None:
        self.failures = list(failures)
        self.sent: list[str] = []

    async def send(self, notice: Notice) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.sent.append(f"{notice.alert.kind} {notice.alert.revision}")


class RenewedSink(Sink):
    """A sink that is told again of what is open."""

    renew_every = timedelta(milliseconds=10)

    def __init__(self) -> None:
        super().__init__()
        self.renewed: asyncio.Queue[list[str]] = asyncio.Queue()

    async def renew(self, notices: Sequence[Notice]) -> None:
        self.renewed.put_nowait([notice.incident for notice in notices])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.002)


class Desk:
    """A courier of one sink, with what it counts and buries."""

    def __init__(self, sink: Sink, *rules: AlertRule, **settings: object) -> None:
        self.deliveries = Deliveries(CollectorRegistry())
        self.buried: list[DeadLetter] = []
        ours = Webhook(url="http://127.0.0.1", **settings)  # type: ignore[arg-type]
        self.courier = Courier(
            "ours",
            configuration({"ours": ours}, *rules),
            sink,
            site=SITE,
            deliveries=self.deliveries,
            bury=self._bury,
        )

    async def _bury(self, letter: DeadLetter) -> None:
        self.buried.append(letter)

    async def take(self, *records: Record, delivered: int = 0) -> list[bool]:
        self.courier.begin(TP0, 0, delivered)
        return [await self.courier.take(TP0, one) for one in records]

    def count(self, outcome: str) -> float:
        labels = {"sink": "ours", "outcome": outcome}
        return self.deliveries.registry.get_sample_value("lookalive_deliveries_total", labels) or 0.0


async def test_alerts_are_delivered_in_the_order_of_the_log() -> None:
    desk = Desk(sink := Sink())
    assert await desk.take(record(0, alert()), record(1, updated()), record(2, closed())) == [True] * 3
    assert sink.sent == ["OPENED 1", "UPDATED 2", "CLOSED 3"]
    assert desk.count("delivered") == 3


async def test_what_fails_is_tried_again_before_anything_else() -> None:
    desk = Desk(sink := Sink(Unavailable("503"), Unavailable("503", after=0.001)))
    await desk.take(record(0, alert()), record(1, closed()))
    assert sink.sent == ["OPENED 1", "CLOSED 3"]
    retries = desk.deliveries.registry.get_sample_value("lookalive_delivery_retries_total", {"sink": "ours"})
    assert (retries, desk.buried) == (2, [])


async def test_what_is_refused_goes_to_the_dead_letters_and_the_rest_goes_on() -> None:
    desk = Desk(sink := Sink(Refused("400 Bad Request")))
    assert await desk.take(record(0, alert()), record(1, closed())) == [True, True]
    assert sink.sent == ["CLOSED 3"]
    (letter,) = desk.buried
    assert (letter.source, letter.reason, letter.offset) == ("sink ours", "refused", 0)
    assert desk.count("refused") == 1


async def test_what_cannot_be_delivered_for_too_long_is_given_up() -> None:
    desk = Desk(Sink(*[Unavailable("503")] * 1000), give_up_after=timedelta(milliseconds=20))
    await desk.take(record(0, alert()))
    assert [letter.reason for letter in desk.buried] == ["given_up"]


async def test_who_asks_for_a_day_is_asked_again_before_it_is_given_up() -> None:
    busy = Unavailable("429", after=86_400.0)
    desk = Desk(sink := Sink(busy), give_up_after=timedelta(milliseconds=20))
    assert await desk.take(record(0, alert())) == [True]
    assert (sink.sent, desk.buried) == (["OPENED 1"], [])


async def test_what_was_delivered_before_only_reminds() -> None:
    desk = Desk(sink := Sink())
    records = record(0, alert()), record(1, updated()), record(2, updated()), record(3, closed())
    assert await desk.take(*records, delivered=2) == [False, False, True, True]
    assert sink.sent == ["CLOSED 3"]
    assert desk.count("repeated") == 1


@pytest.mark.parametrize(("sinks", "sent"), [(None, 1), (["ours", "other"], 1), (["other"], 0), ([], 0)])
async def test_a_rule_may_name_its_sinks(sinks: list[str] | None, sent: int) -> None:
    desk = Desk(sink := Sink(), AlertRule("shop-page", "shop", sinks=sinks))
    assert await desk.take(record(0, alert())) == [True]
    assert len(sink.sent) == sent


async def test_what_a_rule_that_is_gone_has_opened_is_ended() -> None:
    desk = Desk(sink := Sink(), AlertRule("shop-page", "shop", sinks=[]))
    await desk.take(record(0, alert(rule="gone")), record(1, closed(rule="gone")))
    assert sink.sent == ["OPENED 1", "CLOSED 3"]


async def test_what_is_no_alert_is_buried_and_passed_over() -> None:
    desk = Desk(Sink())
    assert await desk.take(Record(0, b"{}"), Record(1, None)) == [True, True]
    assert [letter.reason for letter in desk.buried] == ["not_ours", "not_ours"]


@pytest.mark.parametrize(("hours", "sent"), [(3, ["OPENED 1"]), (4, [])])
async def test_what_was_over_long_before_it_was_found_is_not_told(hours: int, sent: list[str]) -> None:
    desk = Desk(sink := Sink())
    await desk.take(record(0, alert(), at=TOLD_AT + timedelta(hours=hours)))
    assert sink.sent == sent
    assert desk.count("history") == (0 if sent else 1)


async def test_history_is_told_where_it_is_asked_for() -> None:
    desk = Desk(sink := Sink(), history=True)
    await desk.take(record(0, alert(), at=TOLD_AT + timedelta(days=300)))
    assert sink.sent == ["OPENED 1"]


async def test_a_partition_that_went_elsewhere_is_left_alone() -> None:
    desk = Desk(sink := Sink(*[Unavailable("503")] * 1000))
    desk.courier.begin(TP0, 0, 0)
    delivery = asyncio.create_task(desk.courier.take(TP0, record(0, alert())))
    await asyncio.sleep(0.01)
    desk.courier.forget([TP0])
    assert await delivery is False
    assert (sink.sent, desk.buried) == ([], [])
    (counted,) = desk.deliveries.alerts.collect()
    assert counted.samples == []


async def test_what_is_open_is_told_again_and_again() -> None:
    desk = Desk(sink := RenewedSink())
    await desk.take(record(0, alert()), record(1, alert(rule="mail")), record(2, closed()), delivered=3)
    renewing = asyncio.create_task(desk.courier.renew())
    for _ in range(2):
        assert await sink.renewed.get() == [f"{alert().group}/mail"]
    renewing.cancel()
    assert sink.sent == []


async def test_that_it_is_over_is_told_again_for_a_while() -> None:
    desk = Desk(sink := RenewedSink(), history=True)
    now = datetime.now(UTC)
    ended = [
        record(number, closed(rule=rule), at=now - timedelta(minutes=minutes))
        for number, (rule, minutes) in enumerate({"mail": 6, "page": 4, "back": 3}.items())
    ]
    await desk.take(*ended, record(3, alert(rule="back", revision=9), at=now), delivered=4)
    renewing = asyncio.create_task(desk.courier.renew())
    assert await sink.renewed.get() == [f"{alert().group}/back", f"{alert().group}/page"]
    renewing.cancel()


async def test_while_it_still_reads_what_was_it_takes_nothing_for_open() -> None:
    desk = Desk(sink := RenewedSink())
    await desk.take(record(0, alert()), delivered=2)
    renewing = asyncio.create_task(desk.courier.renew())
    assert await sink.renewed.get() == []
    await desk.courier.take(TP0, record(1, updated()))
    while not (told := await sink.renewed.get()):
        pass
    renewing.cancel()
    assert told == [f"{alert().group}/shop-page"]

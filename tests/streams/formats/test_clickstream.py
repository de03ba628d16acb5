"""The native e-commerce event."""

from __future__ import annotations

import pytest

from detectors.config import ConfigError, FieldKind
from detectors.records import Event
from detectors.sources import Source
from streams.formats import BadEvent
from streams.formats.clickstream import FIELDS, Clickstream

PURCHASE = (
    b'{"ts": 1700000000123, "event": "purchase", "platform": "web", "marketplace": "DE", "session": "s-81",'
    b' "user": "u-7", "product": "p-3442", "order": "o-1009", "amount": 59.9, "quantity": 2,'
    b' "currency": "EUR", "path": "/checkout/done", "experiment": {"blue": [1, 2]}}'
)
SOURCE = Source("clickstream", "clickstream")


def parse(raw: bytes, fields: dict[str, FieldKind] | None = None) -> Event:
    (event,) = Clickstream(SOURCE, FIELDS if fields is None else fields).parse(raw)
    return event


def test_a_purchase_has_all_its_fields() -> None:
    event = parse(PURCHASE)

    assert event.event_time == 1700000000123
    assert {name: getattr(event, name) for name in FIELDS} == {
        "event": "purchase", "platform": "web", "marketplace": "DE", "session": "s-81", "user": "u-7",
        "product": "p-3442", "order": "o-1009", "amount": 59.9, "quantity": 2, "currency": "EUR",
        "path": "/checkout/done",
    }  # fmt: skip


def test_only_the_time_is_needed() -> None:
    event = parse(b'{"ts": 0, "platform": null}')

    assert (event.event_time, event.amount, event.platform) == (0, None, None)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("time", "milliseconds"),
    [
        (b'"2023-11-14T22:13:20.123Z"', 1700000000123),
        (b'"2023-11-14T23:13:20.123+01:00"', 1700000000123),
        (b'"2023-11-14T22:13:20"', 1700000000000),
        (b"253402300799999", 253402300799999),
    ],
)
def test_the_time_may_be_text(time: bytes, milliseconds: int) -> None:
    event = parse(PURCHASE.replace(b"1700000000123", time))

    assert (event.event_time, event.platform) == (milliseconds, "web")  # type: ignore[attr-defined]


@pytest.mark.parametrize("time", [b"-1", b"253402300800000", b"1.5", b'""', b'"yesterday"', b"true", b"[]",
    b'"1969-12-31T23:59:59Z"', b'"9999-12-31T23:59:59-23:00"', b"1" * 5000, b'"1700000000123"'])  # fmt: skip
def test_a_time_that_is_none_is_refused(time: bytes) -> None:
    with pytest.raises(BadEvent, match=r"^ts: expected a time") as bad:
        parse(PURCHASE.replace(b"1700000000123", time))
    assert bad.value.reason == "bad_time"


@pytest.mark.parametrize("raw", [b'{"amount": 1}', b'{"ts": null}'])
def test_a_record_without_a_time_is_refused(raw: bytes) -> None:
    with pytest.raises(BadEvent, match=r"^ts: missing$") as bad:
        parse(raw)
    assert bad.value.reason == "no_time"


def test_a_field_that_no_detector_reads_is_not_checked() -> None:
    assert parse(b'{"ts": 1, "amount": "a lot"}', {"platform": "any"}).event_time == 1


def test_an_unknown_field_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="has no field 'platfrom'; did you mean 'platform'"):
        Clickstream(SOURCE, {"platfrom": "any"})


def test_paths_are_not_for_fixed_fields() -> None:
    with pytest.raises(ConfigError, match="time and fields are for json"):
        Clickstream(Source("clickstream", "clickstream", time="when"), {})

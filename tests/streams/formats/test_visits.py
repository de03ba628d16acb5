"""One purchase is the same event whoever has tracked it, and a shop's detector watches any of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detectors.detection import Detection
from detectors.loading import parse
from detectors.records import Alert, Event, utc
from detectors.sources import Source
from streams.formats import BadEvent, make_format, snowplow, visits
from tests.streams.formats.test_formats import shown

NAMES = ("segment", "ga4", "snowplow")
SHOP = (Path(__file__).parents[3] / "deploy" / "detectors" / "shop.toml").read_text(encoding="utf-8")
PURCHASE = {
    "event_time": 1_896_091_200_250, "event": "purchase", "user": "u-7", "order": "o-1009", "product": "p-1",
    "amount": 59.9, "quantity": 3.0, "currency": "EUR", "path": "/checkout/done", "platform": "web",
    "source": "news", "medium": "email", "campaign": "spring",
}  # fmt: skip


def read(name: str, record: dict[str, Any] | bytes) -> Any:
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    (event,) = make_format("s", Source("t", name), visits.FIELDS).parse(raw)
    return event


@pytest.mark.parametrize("name", NAMES)
def test_a_purchase_is_the_same_event_whoever_has_tracked_it(name: str) -> None:
    event = msgspec.structs.asdict(read(name, shown(name)))
    assert {field: event[field] for field in PURCHASE} == PURCHASE


def tabs(**cells: str) -> bytes:
    columns = [""] * 131
    for name, cell in cells.items():
        columns[snowplow.COLUMNS[name]] = cell
    return "\t".join(columns).encode()


def test_snowplow_has_the_same_in_columns() -> None:
    action = {
        "schema": "iglu:com.example/snowplow_ecommerce_action/jsonschema/1-0-2",
        "data": {"type": "add_to_cart"},
    }
    product = {
        "schema": "iglu:com.example/product/jsonschema/1-0-0",
        "data": {"id": "p-1"},
    }
    event = read("snowplow", tabs(
        app_id="shop", platform="mob", derived_tstamp="2030-01-31 12:00:00.250", domain_sessionid="s-81",
        event="unstruct", unstruct_event=json.dumps({"schema": "iglu:x", "data": action}),
        contexts=json.dumps({"schema": "iglu:y", "data": [product]}),
    ))  # fmt: skip
    assert (event.event_time, event.event, event.event_name) == (1_896_091_200_250, "cart", "add_to_cart")
    assert (event.platform, event.session, event.product, event.app) == ("app", "s-81", "p-1", "shop")


def test_older_events_of_snowplow_have_columns_of_their_own() -> None:
    event = read("snowplow", tabs(
        collector_tstamp="2030-01-31 12:00:00.250", event="transaction", tr_orderid="o-1009", tr_total="59.9",
    ))  # fmt: skip
    assert (event.event, event.order, event.amount) == ("purchase", "o-1009", 59.9)


@pytest.mark.parametrize(
    ("name", "record", "said"),
    [
        ("segment",
         {"type": "page", "timestamp": "2030-01-31T12:00:00Z", "context": {"page": {"path": "/a"}}},
         {"event": "page", "path": "/a", "amount": None}),
        ("segment", {"type": "track", "event": "Order Completed", "receivedAt": "2030-01-31T12:00:00Z",
                     "properties": {"total": "59.90", "products": "none"}},
         {"event": "purchase", "amount": 59.9, "platform": "server"}),
        ("segment", {"type": "track", "event": "Price Checked", "timestamp": "2030-01-31T12:00:00Z",
                     "properties": {"value": "a lot"}, "context": None},
         {"event": "Price Checked", "amount": None}),
        ("ga4", {"event_name": "page_view", "event_timestamp": 1_896_091_200_000_000, "event_params": None},
         {"event": "page", "path": None}),
        ("ga4",
         {"event_name": "add_to_cart", "event_timestamp": "1896091200000000", "items": [{"item_id": "p-1"}]},
         {"event": "cart", "product": "p-1", "quantity": 1.0}),
    ],
)  # fmt: skip
def test_what_is_there_is_read_and_what_is_not_is_missing(
    name: str, record: dict[str, Any], said: dict[str, Any]
) -> None:
    event = read(name, record)
    assert event.event_time == 1_896_091_200_000
    assert {field: getattr(event, field) for field in said} == said


@pytest.mark.parametrize(
    ("name", "raw", "reason"),
    [
        ("segment", b'{"type": "track"}', "no_time"),
        ("segment", b'{"timestamp": "yesterday"}', "bad_time"),
        ("ga4", b'{"event_timestamp": "soon"}', "bad_time"),
        ("snowplow", b"a\tb", "no_line"),
        ("snowplow", b"{}", "no_time"),
        ("snowplow", b"[]", "no_line"),
    ],
)
def test_what_cannot_be_read_is_refused_for_its_reason(name: str, raw: bytes, reason: str) -> None:
    with pytest.raises(BadEvent) as bad:
        read(name, raw)
    assert bad.value.reason == reason


#: The shop's words as each source says them.
SAID = {
    "segment": ("Product Viewed", "Product Added", "Checkout Started", "Order Completed"),
    "ga4": ("view_item", "add_to_cart", "begin_checkout", "purchase"),
    "snowplow": ("product_view", "add_to_cart", "checkout_step", "transaction"),
    "clickstream": ("view", "cart", "checkout", "purchase"),
}


def raw(name: str, what: int, time: int, country: str, user: int) -> bytes:
    said = SAID[name][what]
    if name == "clickstream":
        return json.dumps(
            {
                "ts": time,
                "event": said,
                "platform": "web",
                "marketplace": country,
                "user": f"u{user}",
                "amount": 20.0 if what == 3 else None,
            }
        ).encode()
    if name == "ga4":
        params = [{"key": "value", "value": {"double_value": 20.0}}] if what == 3 else []
        return json.dumps(
            {
                "event_name": said,
                "event_timestamp": time * 1000,
                "platform": "WEB",
                "user_id": f"u{user}",
                "geo": {"country": country},
                "event_params": params,
            }
        ).encode()
    if name == "segment":
        return json.dumps(
            {
                "type": "track",
                "event": said,
                "userId": f"u{user}",
                "timestamp": _iso(time),
                "properties": {"total": 20.0} if what == 3 else {},
                "context": {"page": {"path": "/"}, "location": {"country": country}},
            }
        ).encode()
    return tabs(
        platform="web",
        derived_tstamp=_iso(time)[:-1],
        geo_country=country,
        user_id=f"u{user}",
        se_action=said,
        event="struct",
        tr_total="20.0" if what == 3 else "",
    )


def _iso(time: int) -> str:
    return f"{utc(time):%Y-%m-%dT%H:%M:%S}.{time % 1000:03d}Z"


def shop(name: str) -> Iterator[bytes]:
    """Two days of a shop in two countries; in the last hour nobody gets through the checkout of one."""
    chance = random.Random(6)
    start = 1_896_048_000_000
    for step in range(2 * 24 * 12):
        for country in ("DE", "FR"):
            broken = country == "FR" and step >= 2 * 24 * 12 - 12
            for _ in range(chance.randrange(36, 45)):
                time = start + step * 300_000 + chance.randrange(300_000)
                user = chance.randrange(500)
                yield raw(name, 0, time, country, user)
                for what, share in ((1, 0.7), (2, 0.8), (3, 0.0 if broken else 0.9)):
                    if chance.random() > share:
                        break
                    yield raw(name, what, time, country, user)


@pytest.mark.parametrize("name", SAID)
def test_a_checkout_that_is_broken_is_found_in_any_of_them(name: str) -> None:
    what = parse(SHOP.replace('format = "segment"', f'format = "{name}"'))
    format_ = make_format("shop", what.records_of("shop"), what.fields_of("shop"))
    events: list[Event] = [event for record in shop(name) for event in format_.parse(record)]
    events.sort(key=lambda event: event.event_time)
    detection = Detection(what)
    found = [*detection.feed("shop", 0, range(len(events)), events), *detection.finish()]
    opened = [each for each in found if isinstance(each, Alert) and each.kind == "OPENED"]
    assert len(opened) == 1
    assert opened[0].elements == [{"marketplace": "FR"}] or opened[0].dimensions["marketplace"] == "FR"
    assert {"orders", "close_rate"} & {member.measure for member in opened[0].members}
    assert "checkouts" not in {member.measure for member in opened[0].members}

"""Events of Segment, and of what speaks its language, as RudderStack: track, page and screen calls as JSON.

Read is `timestamp`, which Segment has put right by the clock of the device, else `receivedAt`. One event a
call: the amount of an order with many products counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from detectors.config import FieldKind
from detectors.records import Event, Value
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, bad_time, explain
from streams.formats.event_time import read_time
from streams.formats.visits import FIELDS, Visits, host_of, number, path_of, quantity_of, table, tables, text

__all__ = ["FIELDS", "Segment"]


class Call(msgspec.Struct, rename="camel", gc=False):
    """What is read of a call."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    timestamp: str | None = None
    received_at: str | None = None
    user_id: Any = None
    anonymous_id: Any = None
    properties: Any = None
    context: Any = None


_decode = msgspec.json.Decoder(Call).decode


class Segment:
    """Reads a call."""

    #: Records are nested, and never plain.
    decode = None

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        self._visits = Visits(source, fields)

    def parse(self, raw: bytes) -> Sequence[Event]:
        """One event.

        Raises:
            BadEvent: the record is no call, or has no time.
        """
        raw = raw.removeprefix(BYTE_ORDER_MARK)
        try:
            call = _decode(raw)
        except FAILURES as error:
            raise explain(error, raw, time="timestamp") from error
        said = call.timestamp or call.received_at
        if said is None:
            raise bad_time("timestamp", None)
        time = read_time(said, "iso", "timestamp")
        name = call.event if call.type == "track" else call.type
        return (self._visits.event(time, name, _values(call)),)


def _values(call: Call) -> dict[str, Value]:
    properties, context = table(call.properties), table(call.context)
    page, campaign = table(context.get("page")), table(context.get("campaign"))
    products = tables(properties.get("products"))
    first = products[0] if products else properties
    amount = next(
        (properties[key] for key in ("total", "revenue", "value", "price") if key in properties), None
    )
    return {
        "platform": _platform(context, page),
        "marketplace": text(table(context.get("location")).get("country")),
        "session": text(context.get("sessionId")),
        "user": text(call.user_id) or text(call.anonymous_id),
        "product": text(first.get("product_id") or first.get("sku")),
        "order": text(properties.get("order_id")),
        "amount": number(amount),
        "quantity": quantity_of(products) if products else number(properties.get("quantity")),
        "currency": text(properties.get("currency")),
        "path": text(page.get("path")) or path_of(properties.get("url")),
        "device": text(table(context.get("device")).get("type")),
        "app": text(table(context.get("app")).get("name")),
        "source": text(campaign.get("source")),
        "medium": text(campaign.get("medium")),
        "campaign": text(campaign.get("name")),
        "referrer": host_of(page.get("referrer")),
    }


def _platform(context: Mapping[str, Any], page: Mapping[str, Any]) -> str:
    if table(context.get("device")).get("type") in {"ios", "android"}:
        return "app"
    library = table(context.get("library")).get("name")
    return "web" if page or (isinstance(library, str) and library.startswith("analytics.js")) else "server"

"""Events of Google Analytics 4 as its export to BigQuery writes them, one JSON object an event.

`event_timestamp` is in microseconds, as a number or as text. Parameters are a list of keys and typed values.
The amount of a purchase is what the event says of the whole of it, and not of its items.
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

__all__ = ["FIELDS", "Ga4"]


class Row(msgspec.Struct, gc=False):
    """What is read of a row."""

    event_timestamp: int | float | str | None = None
    event_name: str | None = None
    event_params: Any = None
    user_pseudo_id: Any = None
    user_id: Any = None
    platform: Any = None
    stream_id: Any = None
    device: Any = None
    geo: Any = None
    app_info: Any = None
    traffic_source: Any = None
    ecommerce: Any = None
    items: Any = None


_decode = msgspec.json.Decoder(Row).decode


class Ga4:
    """Reads a row."""

    #: Records are nested, and never plain.
    decode = None

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        self._visits = Visits(source, fields)

    def parse(self, raw: bytes) -> Sequence[Event]:
        """One event.

        Raises:
            BadEvent: the record is no row, or has no time.
        """
        raw = raw.removeprefix(BYTE_ORDER_MARK)
        try:
            row = _decode(raw)
        except FAILURES as error:
            raise explain(error, raw, time="event_timestamp") from error
        said = row.event_timestamp
        if isinstance(said, str):
            said = int(said) if said.isascii() and said.isdecimal() and len(said) < 20 else None
            if said is None:
                raise bad_time("event_timestamp", row.event_timestamp, "microseconds since 1970")
        time = read_time(said, "us", "event_timestamp")
        return (self._visits.event(time, row.event_name, _values(row)),)


def _values(row: Row) -> dict[str, Value]:
    params = {str(each.get("key")): _typed(table(each.get("value"))) for each in tables(row.event_params)}
    shop, traffic, items = table(row.ecommerce), table(row.traffic_source), tables(row.items)
    first = items[0] if items else {}
    amount = next(
        (value for value in (params.get("value"), shop.get("purchase_revenue")) if value is not None), None
    )
    total = number(shop.get("total_item_quantity"))
    return {
        "platform": str(row.platform).lower() if isinstance(row.platform, str) else None,
        "marketplace": text(table(row.geo).get("country")),
        "session": text(params.get("ga_session_id")),
        "user": text(row.user_id) or text(row.user_pseudo_id),
        "product": text(first.get("item_id")),
        "order": text(params.get("transaction_id")) or text(shop.get("transaction_id")),
        "amount": number(amount),
        "quantity": quantity_of(items) if total is None else total,
        "currency": text(params.get("currency")),
        "path": path_of(params.get("page_location")),
        "device": text(table(row.device).get("category")),
        "app": text(table(row.app_info).get("id")) or text(row.stream_id),
        "source": text(params.get("source")) or text(traffic.get("source")),
        "medium": text(params.get("medium")) or text(traffic.get("medium")),
        "campaign": text(params.get("campaign")) or text(traffic.get("name")),
        "referrer": host_of(params.get("page_referrer")),
    }


def _typed(value: Mapping[str, Any]) -> Any:
    """The one of the typed values that is there; whole numbers may be text."""
    whole = value.get("int_value")
    if isinstance(whole, str) and whole.lstrip("-").isdecimal():
        return int(whole) if len(whole) < 20 else whole
    kinds = (value.get("string_value"), whole, value.get("float_value"), value.get("double_value"))
    return next((each for each in kinds if each is not None), None)

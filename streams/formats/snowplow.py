"""Enriched events of Snowplow: tab separated, or as the JSON that its analytics SDKs make of that.

The time is `derived_tstamp`, else the collector's. Of the e-commerce events the action is what happened, and
the transaction that goes with one has the amount; so have the older ones in columns of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from detectors.config import FieldKind
from detectors.records import Event, Value
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, BadEvent, bad_time, excerpt, explain
from streams.formats.event_time import read_text
from streams.formats.visits import FIELDS, Visits, number, table, tables, text

__all__ = ["FIELDS", "Snowplow"]

#: Columns of the enriched event that are read, by number.
COLUMNS: Mapping[str, int] = {
    "app_id": 0, "platform": 1, "collector_tstamp": 3, "event": 5, "user_id": 12, "domain_userid": 15,
    "network_userid": 17, "geo_country": 18, "page_urlpath": 35, "refr_urlhost": 39, "mkt_medium": 47,
    "mkt_source": 48, "mkt_campaign": 51, "contexts": 52, "se_action": 54, "se_value": 57,
    "unstruct_event": 58, "tr_orderid": 59, "tr_total": 61, "ti_sku": 68, "ti_quantity": 72,
    "dvce_type": 101, "tr_currency": 108, "domain_sessionid": 123, "derived_tstamp": 124, "event_name": 126,
}  # fmt: skip
#: Older pipelines write fewer columns; the time of the collector is there in all.
FEWEST = 108
_PLATFORMS = {"web": "web", "mob": "app", "app": "app", "srv": "server"}
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Snowplow:
    """Reads both forms."""

    #: Records are nested, and never plain.
    decode = None

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        self._visits = Visits(source, fields)

    def parse(self, raw: bytes) -> Sequence[Event]:
        """One event.

        Raises:
            BadEvent: the record is of neither form, or has no time.
        """
        raw = raw.removeprefix(BYTE_ORDER_MARK)
        record = _from_json(raw) if raw.startswith(b"{") else _from_columns(raw)
        said = record.get("derived_tstamp") or record.get("collector_tstamp")
        if not isinstance(said, str):
            raise bad_time("collector_tstamp", said)
        time = read_text(said.replace(" ", "T", 1), "derived_tstamp")
        entities = dict(_entities(record))
        action = table(entities.get("snowplow_ecommerce_action")).get("type")
        name = action or record.get("se_action") or record.get("event_name") or record.get("event")
        return (self._visits.event(time, name if isinstance(name, str) else None, _values(record, entities)),)


def _from_json(raw: bytes) -> Mapping[str, Any]:
    try:
        return _decode(raw)
    except FAILURES as error:
        raise explain(error, raw, time="collector_tstamp") from error


def _from_columns(raw: bytes) -> Mapping[str, Any]:
    try:
        cells = raw.decode("utf-8").rstrip("\r\n").split("\t")
    except UnicodeDecodeError as error:
        raise BadEvent("not_utf8", f"the record is not UTF-8: {error.reason}") from None
    if len(cells) < FEWEST:
        message = f"no enriched event: {len(cells)} columns of 131; it begins with {excerpt(cells[0])}"
        raise BadEvent("no_line", message)
    return {name: cells[n] for name, n in COLUMNS.items() if n < len(cells) and cells[n]}


def _entities(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name of a schema → its data, the first of each: of the event itself, and of what goes with it."""
    for key, value in record.items():
        # As SDKs write them: contexts_com_snowplowanalytics_snowplow_ecommerce_transaction_1
        for name in ("snowplow_ecommerce_action", "transaction", "product"):
            if key.startswith(("contexts_", "unstruct_event_")) and f"ecommerce_{name}_" in f"{key}_":
                yield name, value[0] if isinstance(value, list) and value else value
    event = table(_unpacked(record.get("unstruct_event")).get("data"))
    for one in [event, *tables(_unpacked(record.get("contexts")).get("data"))][::-1]:
        yield _name(one.get("schema")), one.get("data")


def _unpacked(value: object) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            return _decode(value.encode())
        except (*FAILURES, UnicodeEncodeError):
            return {}
    return table(value)


def _name(schema: object) -> str:
    """The name in iglu:VENDOR/NAME/FORMAT/VERSION."""
    parts = schema.split("/") if isinstance(schema, str) else []
    return parts[1] if len(parts) > 1 else ""


def _values(record: Mapping[str, Any], entities: Mapping[str, Any]) -> dict[str, Value]:
    order, product = table(entities.get("transaction")), table(entities.get("product"))
    amount = next(
        (
            said
            for said in (order.get("revenue"), record.get("tr_total"), record.get("se_value"))
            if said is not None
        ),
        None,
    )
    platform = record.get("platform")
    return {
        "platform": _PLATFORMS.get(platform, platform) if isinstance(platform, str) else None,
        "marketplace": text(record.get("geo_country")),
        "session": text(record.get("domain_sessionid")),
        "user": text(record.get("user_id"))
        or text(record.get("domain_userid"))
        or text(record.get("network_userid")),
        "product": text(product.get("id")) or text(record.get("ti_sku")),
        "order": text(order.get("transaction_id")) or text(record.get("tr_orderid")),
        "amount": number(amount),
        "quantity": number(order.get("total_quantity") or record.get("ti_quantity")),
        "currency": text(order.get("currency")) or text(record.get("tr_currency")),
        "path": text(record.get("page_urlpath")),
        "device": text(record.get("dvce_type")),
        "app": text(record.get("app_id")),
        "source": text(record.get("mkt_source")),
        "medium": text(record.get("mkt_medium")),
        "campaign": text(record.get("mkt_campaign")),
        "referrer": text(record.get("refr_urlhost")),
    }

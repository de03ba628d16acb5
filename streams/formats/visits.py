"""What formats of clickstreams have in common: their fields, the words of a shop, and how numbers are read.

The words are those of `clickstream`, so that one detector watches any of them; `event_name` is the source's.

| field | what it is |
|---|---|
| event | what happened, in a word of the shop: view, cart, checkout, purchase, page, or the source's own |
| event_name | the same in the source's own words |
| platform | web, app, server, or as the source says |
| marketplace | the country, where the source knows it |
| session, user | of the visit, and who it was, signed in or not |
| product, order | the first product, and the number of the order |
| amount | of money, for the whole event; a number |
| quantity | of products; a number |
| currency | of the amount |
| path | of the page |
| device | desktop, mobile, tablet |
| app | the application or site |
| source, medium, campaign | where the visit came from |
| referrer | the host that the visit came from |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from detectors.config import FieldKind
from detectors.records import Event, Value, event_type
from detectors.sources import Source
from streams.formats.decoding import LARGEST_NUMBER
from streams.formats.vocabulary import check_fields

FIELDS: Mapping[str, FieldKind] = {
    "event": "any", "event_name": "any", "platform": "any", "marketplace": "any", "session": "any",
    "user": "any", "product": "any", "order": "any", "amount": "number", "quantity": "number",
    "currency": "any", "path": "any", "device": "any", "app": "any", "source": "any", "medium": "any",
    "campaign": "any", "referrer": "any",
}  # fmt: skip

#: What sources call what happens in a shop → its word.
WORDS: Mapping[str, str] = {
    "page_view": "page", "page": "page", "screen_view": "page", "screen": "page",
    "view_item": "view", "product_view": "view", "product viewed": "view",
    "add_to_cart": "cart", "product added": "cart",
    "begin_checkout": "checkout", "checkout_step": "checkout", "checkout started": "checkout",
    "purchase": "purchase", "transaction": "purchase", "order completed": "purchase",
    "refund": "refund", "order refunded": "refund",
}  # fmt: skip


class Visits:
    """Makes events of what a record says, by field."""

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        check_fields(source, fields, FIELDS)
        self._fields = sorted(fields)
        self._event = event_type(fields)

    def event(self, time: int, name: str | None, values: Mapping[str, Value]) -> Event:
        """The event of a record that calls it so."""
        known = {**values, "event_name": name, "event": WORDS.get(name.lower(), name) if name else None}
        return self._event(time, **{field: known.get(field) for field in self._fields})


def number(value: object) -> float | None:
    """A number, also one that is written as text; None where there is none.

    >>> number("59.90"), number(3), number("a lot"), number(None)
    (59.9, 3.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if abs(read) <= LARGEST_NUMBER else None


def text(value: object) -> Value:
    """A value as it may be a dimension; None where it is none, or empty."""
    return value if isinstance(value, str | int | float | bool) and value != "" else None


def table(value: object) -> Mapping[str, Any]:
    """An object of JSON; an empty one where there is none."""
    return value if isinstance(value, dict) else {}


def tables(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def path_of(address: object) -> str | None:
    """The path of an address.

    >>> path_of("https://shop.example.com/cart?id=7"), path_of("/cart"), path_of(None)
    ('/cart', '/cart', None)
    """
    return (_split(address).path or None) if isinstance(address, str) else None


def host_of(address: object) -> str | None:
    """The host of an address, without port."""
    return (
        _split(address).netloc.rpartition("@")[2].partition(":")[0] or None
        if isinstance(address, str)
        else None
    )


def _split(address: str) -> Any:
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def quantity_of(items: list[Mapping[str, Any]]) -> float | None:
    """How many there are of all items; those that do not say it are one."""
    return sum(number(item.get("quantity", 1)) or 0.0 for item in items) if items else None

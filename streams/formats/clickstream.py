"""The native e-commerce event: flat JSON, one object a record.

    {"ts": 1700000000123, "event": "purchase", "platform": "web", "marketplace": "DE",
     "session": "s-81", "user": "u-7", "product": "p-3442", "order": "o-1009",
     "amount": 59.9, "quantity": 2, "currency": "EUR", "path": "/checkout/done"}

`ts` is milliseconds since 1970, or RFC 3339 text. `event` is what happened: view, cart, checkout,
purchase, or any other word. `amount` and `quantity` are numbers. All but `ts` may be absent or null;
further keys are skipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from detectors.config import FieldKind
from detectors.records import Event, attribute
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, NUMBER, SCALAR, explain
from streams.formats.event_time import MILLISECONDS, read_text
from streams.formats.vocabulary import check_fields

FIELDS: Mapping[str, FieldKind] = {
    "event": "any",
    "platform": "any",
    "marketplace": "any",
    "session": "any",
    "user": "any",
    "product": "any",
    "order": "any",
    "amount": "number",
    "quantity": "number",
    "currency": "any",
    "path": "any",
}


class Clickstream:
    """Decodes straight into the source's Event where the time is in milliseconds: the common case."""

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        check_fields(source, fields, FIELDS)
        columns = [
            (attribute(name), NUMBER if kind == "number" else SCALAR, msgspec.field(name=name, default=None))
            for name, kind in sorted(fields.items())
        ]
        time = msgspec.field(name="ts")
        event = msgspec.defstruct(
            "Click", [("event_time", MILLISECONDS, time), *columns], bases=(Event,), frozen=True, gc=False
        )
        any_time = msgspec.defstruct("AnyTime", [("event_time", MILLISECONDS | str, time), *columns])
        self._event = cast(type[Event], event)
        self.decode = msgspec.json.Decoder(self._event).decode
        self._decode_any_time = msgspec.json.Decoder(any_time).decode

    def parse(self, raw: bytes) -> Sequence[Event]:
        """One event.

        Raises:
            BadEvent: the record is none.
        """
        try:
            return (self.decode(raw),)
        except FAILURES:
            return (self._second_look(raw.removeprefix(BYTE_ORDER_MARK)),)

    def _second_look(self, raw: bytes) -> Event:
        try:
            record = self._decode_any_time(raw)
        except FAILURES as error:
            raise explain(error, raw, time="ts") from error
        time, *values = msgspec.structs.astuple(record)
        return self._event(read_text(time, "ts") if isinstance(time, str) else time, *values)

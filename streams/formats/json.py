"""Any JSON object: the configuration says where the time is, and where each field.

    [sources.payments]
    topic = "payments"
    format = "json"
    time = "meta.created"
    fields = { country = "geo.country", first_price = "items.0.price" }

A field that is not listed is at the path that is its name: `geo.country` needs no entry. For the rules
of paths see `streams.formats.paths`, for those of times `streams.formats.event_time`. A field may be
absent or null; what is measured must be a number, and nothing that is read may be an object or a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from detectors.config import ConfigError, FieldKind
from detectors.records import Event, attribute, event_type
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, NUMBER, SCALAR, BadEvent
from streams.formats.event_time import MILLISECONDS, read_time
from streams.formats.paths import Paths

#: Units of times that are never text.
NUMBERS = frozenset({"s", "ms", "us", "ns"})
#: Times that need no conversion, by the unit that the configuration gives.
AS_IT_IS: Mapping[str, Any] = {
    "ms": MILLISECONDS,
    "auto": Annotated[int, Meta(ge=10**11, lt=10**14)],
}


class Json:
    """Decodes flat records with a time in milliseconds straight into the source's Event."""

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        if source.time is None:
            message = 'format "json" needs the path of the event time, such as time = "timestamp"'
            raise ConfigError(message)
        self._time, self._unit, self._zone = source.time, source.time_unit, ZoneInfo(source.timezone)
        paths = {name: source.fields.get(name, name) for name in sorted(fields)}
        _check(paths, source.time)
        types: dict[str, Any] = {source.time: int | float | str | None}
        for name, path in paths.items():
            types[path] = NUMBER if fields[name] == "number" else SCALAR
        self._read = Paths(types, time=source.time).read
        self._event = event_type(fields)
        flat = self._flat(paths, types)
        self._compiled = self._compile(types)
        #: Of two ways the faster, until a record shows that this feed needs the other.
        self.decode = flat or self._compiled

    def _flat(self, paths: Mapping[str, str], types: Mapping[str, Any]) -> Callable[[bytes], Event] | None:
        """Straight into the source's Event, where nothing is nested and the time needs no conversion."""
        if self._unit not in AS_IT_IS or any("." in path for path in types):
            return None
        columns = [(attribute(name), types[path], _at(path, default=None)) for name, path in paths.items()]
        time = ("event_time", AS_IT_IS[self._unit], _at(self._time))
        flat = msgspec.defstruct("FlatEvent", [time, *columns], bases=(Event,), frozen=True, gc=False)
        self._event = cast(type[Event], flat)
        return msgspec.json.Decoder(self._event).decode

    def _compile(self, types: Mapping[str, Any]) -> Callable[[bytes], Event] | None:
        """From the nested struct to the Event in one expression, text that is a time read as one."""
        as_time = int | float | None if self._unit in NUMBERS else int | float | datetime | None
        values = ", ".join(f"{{{n}}}" for n in range(1, len(types)))
        return Paths({**types, self._time: as_time}, time=self._time).compiled(
            f"event(read_time({{0}}, unit, path, zone), {values})",
            event=self._event, read_time=read_time, unit=self._unit, path=self._time, zone=self._zone,
        )  # fmt: skip

    def parse(self, raw: bytes) -> Sequence[Event]:
        """One event.

        Raises:
            BadEvent: the record is none.
        """
        for decode in (self.decode, self._compiled):
            if decode is not None:
                with suppress(*FAILURES, BadEvent):
                    event = decode(raw)
                    self.decode = decode
                    return (event,)
        # The longer way may still read it, or say what is wrong.
        time, *values = self._read(raw.removeprefix(BYTE_ORDER_MARK))
        return (self._event(read_time(time, self._unit, self._time, self._zone), *values),)


def _at(path: str, default: object = msgspec.NODEFAULT) -> Any:
    return msgspec.field(name=path, default=default)


def _check(paths: Mapping[str, str], time: str) -> None:
    """Refuse fields that would be one: in the record, or as attributes of an Event."""
    taken = {"event_time": "the event time"}
    places = {time: "the event time"}
    for name, path in paths.items():
        if other := taken.get(attribute(name)):
            message = (
                f"field {name!r} cannot be told from {other}; rename it: fields = {{ other = {path!r} }}"
            )
            raise ConfigError(message)
        if other := places.get(path):
            message = f"field {name!r} is at {path!r}, as is {other}; give each path one field"
            raise ConfigError(message)
        taken[attribute(name)] = places[path] = f"field {name!r}"

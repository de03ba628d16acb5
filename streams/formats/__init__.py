"""Input formats: the bytes of a record become events, or one BadEvent that says why not.

To add one: a class with `parse`, in a file of its own, and a line in FORMATS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from detectors.config import ConfigError, FieldKind
from detectors.records import Event
from detectors.sources import Source
from streams.formats.access_logs import AccessLog
from streams.formats.aws_waf import AwsWaf
from streams.formats.clickstream import Clickstream
from streams.formats.decoding import FAILURES, BadEvent, Reason
from streams.formats.ga4 import Ga4
from streams.formats.hiding import Hiding
from streams.formats.json import Json
from streams.formats.modsecurity import ModSecurity
from streams.formats.segment import Segment
from streams.formats.snowplow import Snowplow
from streams.formats.vocabulary import nearest

__all__ = ["FAILURES", "FORMATS", "BadEvent", "Format", "Parsed", "Reason", "make_format", "parse_all"]


class Format(Protocol):
    """How the records of one source are read; made of the source and the fields that are asked for.

    Raises:
        ConfigError: the format has no such field.
    """

    @property
    def decode(self) -> Callable[[bytes], Event] | None:
        """Decodes a record that is one event and needs no second look; None where no record is so plain.

        For any other record it raises one of FAILURES, or BadEvent.
        """

    def parse(self, raw: bytes) -> Sequence[Event]:
        """The events of a record: one, or more where a record tells of several things.

        Raises:
            BadEvent: the record cannot be read. No bytes raise anything else.
        """


FORMATS: Mapping[str, Callable[[Source, Mapping[str, FieldKind]], Format]] = {
    "json": Json,
    "clickstream": Clickstream,
    "aws-waf": AwsWaf,
    "snowplow": Snowplow,
    "ga4": Ga4,
    "segment": Segment,
    "modsecurity": ModSecurity,
    "access-log": AccessLog,
    "cloudfront": AccessLog,
    "alb": AccessLog,
}


def make_format(name: str, source: Source, fields: Mapping[str, FieldKind]) -> Format:
    """The format of the source called `name`, reading `fields`: see `Config.fields_of`.

    Raises:
        ConfigError: no such format, or it cannot give these fields.
    """
    where = f"source {name!r}"
    if source.format not in FORMATS:
        message = f"{where}: no format {source.format!r}; {nearest(source.format, FORMATS)}"
        raise ConfigError(message)
    try:
        made = FORMATS[source.format](source, fields)
        return Hiding(made, source.hidden, source.hidden_key) if source.hidden else made
    except ConfigError as error:
        message = f"{where}: {error}"
        raise ConfigError(message) from None


class Parsed(NamedTuple):
    """What records tell: events, the position of each one's record, and the records without any."""

    events: Sequence[Event]
    rows: Sequence[int]
    bad: Sequence[tuple[int, BadEvent]]


def parse_all(format_: Format, raws: Sequence[bytes]) -> Parsed:
    """The events of records, read at once where all of them are plain."""
    if format_.decode is not None:
        with suppress(*FAILURES, BadEvent):
            return Parsed(list(map(format_.decode, raws)), range(len(raws)), ())
    events: list[Event] = []
    rows: list[int] = []
    bad: list[tuple[int, BadEvent]] = []
    parse = format_.parse
    for row, raw in enumerate(raws):
        try:
            found = parse(raw)
        except BadEvent as error:
            bad.append((row, error))
            continue
        if len(found) == 1:
            events.append(found[0])
            rows.append(row)
        else:
            events += found
            rows += [row] * len(found)
    return Parsed(events, rows, bad)

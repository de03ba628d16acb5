"""Records of any format → the events that they are, as JSON lines, which DuckDB counts like any others.

Lines of text files, and the records of a topic: they are read by the format of their source as live ones are.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from detectors.config import Config
from detectors.records import attribute
from detectors.sources import Source
from streams.errors import HistoryError, SettingsError
from streams.formats import make_format, parse_all
from streams.history_files import PACKED, TABLES

BATCH = 10_000
#: Called with how much has been read.
Read = Callable[[int], None]


class Flattener:
    """Writes the events of one source."""

    def __init__(self, config: Config, source: str) -> None:
        self._source, self._fields = config.records_of(source), config.fields_of(source)
        self._format = make_format(source, self._source, self._fields)
        # Twice, since of one name alone it would make no list.
        self._row = attrgetter("event_time", "event_time", *map(attribute, self._fields))
        #: Records that could not be read.
        self.invalid = 0

    @property
    def flat(self) -> Source:
        """How what is written is read: a list an event, with the time first."""
        fields = {field: str(n) for n, field in enumerate(self._fields, 2)}
        return Source(self._source.topic, "json", time="0", time_unit="ms", fields=fields)

    def write(self, records: Iterable[bytes], to: BinaryIO) -> None:
        """Write the events of records, a line each."""
        encode, left = msgspec.json.Encoder().encode_lines, iter(records)
        while batch := list(islice(left, BATCH)):
            parsed = parse_all(self._format, batch)
            self.invalid += len(parsed.bad)
            to.write(encode(list(map(self._row, parsed.events))))


def lines(path: Path, read: Read) -> Iterator[bytes]:
    """The lines of a text file, packed or not, that are not empty.

    Raises:
        HistoryError: it is a table, or cannot be unpacked.
        SettingsError: what unpacks zstd is not installed.
    """
    try:
        from backports import zstd  # noqa: PLC0415  (an extra: a worker needs none of it)
    except ImportError as error:
        message = "lines of history may be packed with zstd: pip install 'lookalive[history]'"
        raise SettingsError(message) from error
    name = path.name.lower()
    packed = next((packing for packing in PACKED if name.endswith(packing)), "")
    if name.removesuffix(packed).endswith(TABLES):
        message = f"{path}: this source has no tables but lines of text: give it files of those"
        raise HistoryError(message)
    try:
        with path.open("rb") as raw, _unpacked(raw, packed, zstd.open) as unpacked:
            for n, line in enumerate(unpacked):
                if n % BATCH == 0:
                    read(raw.tell())
                if line := line.rstrip(b"\r\n"):
                    yield line
            read(raw.tell())
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        message = f"{path}: it cannot be read: {error}"
        raise HistoryError(message) from error


def _unpacked(raw: BinaryIO, packed: str, unzstd: Callable[[BinaryIO], Any]) -> BinaryIO:
    """Its bytes as they are read: of what is packed, too, never the whole is in memory."""
    if packed == ".gz":
        return cast(BinaryIO, gzip.open(raw))
    return cast(BinaryIO, unzstd(raw)) if packed == ".zst" else raw

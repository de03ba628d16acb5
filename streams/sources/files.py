"""Files that are written interval by interval → records: JSON lines as they are, rows of CSV as JSON."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import cramjam
import msgspec
import structlog

from detectors.config import Detector, FieldKind
from detectors.intervals import Intervals
from detectors.records import utc
from detectors.sources import PATH_PARTS, Files
from streams.csv_files.reading import NoRows, TableError
from streams.csv_files.records import is_csv, records
from streams.csv_files.whole_rows import read_whole_rows
from streams.settings import Settings
from streams.sources.buckets import Store
from streams.sources.reading import Unavailable

log = structlog.get_logger(__name__)

GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
#: How a name ends → with what such a file begins.
PACKED = {".gz": GZIP, ".zst": ZSTD}

_encode = msgspec.json.Encoder().encode


class FilesReader:
    """Reads the files of the intervals of one detector."""

    def __init__(self, source: Files, detector: Detector, settings: Settings) -> None:
        self._source = source
        self._store = Store(source.region or settings.aws_region)
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._zone = ZoneInfo(detector.timezone)
        fields: dict[str, FieldKind] = {
            measure.field: "number" for measure in detector.additive if measure.field is not None
        }
        self._numbers = {source.fields.get(name, name) for name in fields}

    def read(self, start: datetime, end: datetime) -> Iterator[bytes]:
        """The records of all files of the intervals from start up to before end, in the order of their names.

        Raises:
            Unavailable: a file cannot be read, or only a part of it is there.
        """
        for path in self.paths(start, end):
            found = self._store.find(path)
            if not found:
                # Whether that is unusual is told by whoever scores: the source has said nothing.
                log.warning("no_files", path=path)
            for file in found:
                with self._store.local(file) as here:
                    yield from self._records(file, here)

    def paths(self, start: datetime, end: datetime) -> list[str]:
        """Where the files of the intervals from start up to before end are, as the source says it."""
        at, until = (round(moment.timestamp() * 1000) for moment in (start, end))
        paths: dict[str, None] = {}
        while at < until:
            local = utc(at).astimezone(self._zone)
            parts = {name: f"{local:{form}}" for name, form in PATH_PARTS.items()}
            paths[self._source.path.format(**parts)] = None
            at = self._intervals.end(at)
        return list(paths)

    def _records(self, name: str, file: Path) -> Iterator[bytes]:
        _refuse_what_is_no_text(name, file)
        try:
            if is_csv(file):
                yield from self._of_rows(file)
            else:
                yield from (line for line in _unpacked(file.read_bytes()).splitlines() if line.strip())
        except NoRows:
            return
        except (OSError, EOFError, zlib.error, cramjam.DecompressionError, TableError) as error:
            # Whoever writes it may not be done.
            message = f"{name}: {error}"
            raise Unavailable(message) from error

    def _of_rows(self, file: Path) -> Iterator[bytes]:
        table, refused = read_whole_rows(file)
        zone = ZoneInfo(self._source.timezone)
        for record in records([table], self._source.time or "", self._numbers, zone):
            yield record.raw
        # No row is an object: it is refused as a record, counted, and a dead letter that shows it.
        yield from map(_encode, refused)

    def close(self) -> None:
        """Let go of connections."""
        self._store.close()


def _refuse_what_is_no_text(name: str, file: Path) -> None:
    """Of these every line would be a dead letter, or none, and the interval silent.

    Raises:
        Unavailable: it is Parquet, or CSV that is packed as CSV is not read, or packed and not even begun.
    """
    try:
        with file.open("rb") as raw:
            begins = raw.read(4)
    except OSError as error:
        message = f"{name}: {error}"
        raise Unavailable(message) from error
    if begins != (mark := PACKED.get(file.suffix.lower(), begins)) and mark.startswith(begins):
        message = (
            f"{name}: it is empty, though its name says that it is packed: whoever writes it is not done"
        )
        raise Unavailable(message)
    if begins == PARQUET:
        message = f"{name}: Parquet is not read here: write CSV or JSON lines, or use lookalive backfill"
        raise Unavailable(message)
    if begins == ZSTD and (is_csv(file) or is_csv(file.with_suffix(""))):
        message = f"{name}: CSV packed with zstd is not read here: pack it with gzip"
        raise Unavailable(message)


def _unpacked(raw: bytes) -> bytes:
    if raw.startswith(GZIP):
        return gzip.decompress(raw)
    if raw.startswith(ZSTD):
        return bytes(cramjam.zstd.decompress(raw))
    return raw

"""History of other formats than json is what their events are, line by line, to the last bit."""

from __future__ import annotations

import gzip
import json
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cramjam
import pytest
from rich.progress import Progress

from detectors.config import Config
from detectors.crawling import CrawledFold
from detectors.loading import parse
from streams.cli.histories import Histories
from streams.counting import Table
from streams.errors import HistoryError
from streams.flattening import Flattener, lines
from streams.sources.buckets import Store
from tests.streams.test_counting import HOUR, HOURS, START, closed, folded

CONFIGURATION = """
sources.edge = { topic = "edge", format = "aws-waf" }

[[detectors]]
name = "edge"
source = "edge"
interval = "PT1H"
dimensions = ["rule", "country"]
where = { method = { not = "TRACE" } }
measures = [
  { name = "blocked", aggregation = "count", where = { action = "BLOCK" } },
  { name = "addresses", aggregation = "distinct", field = "client_ip" },
  { name = "bytes", aggregation = "sum", field = "body_size" },
]
"""


def record(n: int) -> bytes:
    blocked = n % 7 == 0
    request = {"clientIp": f"10.0.{n % 9}.{n % 251}", "country": "DE" if n % 3 else "-", "httpMethod": "GET"}
    return json.dumps(
        {
            "timestamp": START + n * 60_001 % (HOURS * HOUR),
            "webaclId": "acl",
            "action": "BLOCK" if blocked else "ALLOW",
            "terminatingRuleId": f"rule \"{n % 4}'" if blocked else "Default_Action",
            "requestBodySize": n % 1000,
            "httpRequest": request,
        }
    ).encode()


def ignored(_: int) -> None:
    """How much is read does not matter here."""


RECORDS = [record(n) for n in range(5_000)]


@pytest.fixture
def what() -> Config:
    return parse(CONFIGURATION)


def counted(what: Config, flattener: Flattener, file: Path) -> list[bytes]:
    (detector,) = what.detectors
    fold = CrawledFold(detector, START, START + HOURS * HOUR, None)
    table = Table([file], flattener.flat, detector)
    table.count(None, None)
    for group in table.groups():
        fold.add_many(*group)
    table.close()
    return closed(what, fold.close()[0])


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
def test_lines_of_text_count_as_the_events_that_they_are(packing: str, what: Config, tmp_path: Path) -> None:
    text = b"\r\n".join([*RECORDS, b"", b"no record"])
    packed = {"": text, ".gz": gzip.compress(text), ".zst": bytes(cramjam.zstd.compress(text))}[packing]
    log = tmp_path / f"waf.log{packing}"
    log.write_bytes(packed)
    flattener, flat, read = Flattener(what, "edge"), tmp_path / "flat.jsonl", [0]
    with flat.open("wb") as to:
        flattener.write(lines(log, read.append), to)
    assert flattener.invalid == 1
    assert read[-1] == len(packed)
    assert counted(what, flattener, flat) == folded(what, RECORDS, source="edge")


def test_a_table_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="this source has no tables but lines of text"):
        list(lines(tmp_path / "past.csv.gz", print))


@pytest.mark.parametrize(("packing", "pack"), [(".gz", gzip.compress), (".zst", cramjam.zstd.compress)])
@pytest.mark.parametrize("how", ["cut", "damaged", "not packed"])
def test_what_cannot_be_unpacked_is_told(
    how: str, packing: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    packed, broken = bytes(pack(b"".join(RECORDS))), tmp_path / f"waf.log{packing}"
    said = {"cut": packed[:-9], "damaged": packed[:14] + b"\xff" * 200, "not packed": RECORDS[0]}
    broken.write_bytes(said[how])
    with pytest.raises(HistoryError, match=rf"waf\.log\{packing}: it cannot be read"):
        list(lines(broken, ignored))


@pytest.mark.parametrize(("packing", "pack"), [(".gz", gzip.compress), (".zst", cramjam.zstd.compress)])
def test_packed_parts_behind_one_another_are_one_file(
    packing: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    log = tmp_path / f"waf.log{packing}"
    # As files are joined; and what ends a line in a terminal is none here.
    log.write_bytes(bytes(pack(b"one\nt")) + bytes(pack(b"wo\rhalf\n\nthree")))
    assert list(lines(log, ignored)) == [b"one", b"two\rhalf", b"three"]


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_events_that_have_no_room_are_told_and_leave_nothing(
    what: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, room = tmp_path / "waf.log", tmp_path / "room"
    log.write_bytes(b"\n".join(RECORDS))
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    with ExitStack() as stack, Progress(disable=True) as bars:
        histories = Histories(what, "edge", stack, bars)
        with (
            no_file_larger_than(100_000),
            pytest.raises(HistoryError, match="let TMPDIR be a folder with room"),
        ):
            histories.of_files([str(log)], Store("eu-central-1"))
    assert not list(room.iterdir())

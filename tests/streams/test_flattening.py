"""History of other formats than json is what their events are, line by line, to the last bit."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cramjam
import pytest

from detectors.config import Config
from detectors.crawling import CrawledFold
from detectors.loading import parse
from streams.counting import Table
from streams.errors import HistoryError
from streams.flattening import Flattener, lines
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


def test_what_cannot_be_unpacked_is_told(tmp_path: Path) -> None:
    broken = tmp_path / "waf.log.gz"
    broken.write_bytes(gzip.compress(RECORDS[0])[:-9])
    with pytest.raises(HistoryError, match=r"waf\.log\.gz"):
        list(lines(broken, print))

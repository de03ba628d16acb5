"""Files that are written interval by interval: found by their path, unpacked, and whole or not there."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cramjam
import pytest

from detectors.loading import parse
from streams.formats import make_format, parse_all
from streams.settings import Settings
from streams.sources import Unavailable, make_reader
from streams.sources.reading import Reader

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CONFIGURATION = """
[sources.files]
type = "files"
path = "PATH"
time = "timestamp"

[[detectors]]
name = "shop"
source = "files"
interval = "PT1H"
timezone = "Europe/Berlin"
dimensions = ["platform"]
measures = [{ name = "views", aggregation = "sum", field = "views" }]
"""


def configuration(path: str) -> str:
    return CONFIGURATION.replace("PATH", path)


def reader(path: str) -> Reader:
    what = parse(configuration(path))
    return make_reader(what.crawled["files"], what.detectors[0], Settings())


def read(path: str, hours: int = 1) -> list[tuple[object, ...]]:
    """Time, platform and views of each event."""
    what = parse(configuration(path))
    raws = list(reader(path).read(START, START + hours * HOUR))
    format_ = make_format("files", what.records_of("files"), what.fields_of("files"))
    events, _, bad = parse_all(format_, raws)
    assert not bad
    return [(event.event_time, event.platform, event.views) for event in events]  # type: ignore[attr-defined]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


MS = round(START.timestamp() * 1000)
LINES = "".join(
    json.dumps({"timestamp": MS + n, "platform": "web", "views": n}) + "\n" for n in range(3)
).encode()
CSV = b"timestamp,platform,views\n2026-03-01 12:00:00,web,5\n2026-03-01 12:30:00,app,7\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", LINES), ("a.jsonl.gz", gzip.compress(LINES)), ("a", bytes(cramjam.zstd.compress(LINES)))],
    ids=["plain", "gzip", "zstd"],
)
def test_json_lines_are_read_packed_or_not(tmp_path: Path, name: str, content: bytes) -> None:
    # In Berlin it is one o'clock.
    write(tmp_path / "live/20260301/1300" / name, content)
    assert read(f"{tmp_path}/live/{{date}}/{{time}}/") == [(MS + n, "web", n) for n in range(3)]


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", CSV), ("a.csv.gz", gzip.compress(CSV))], ids=["plain", "gzip"]
)
def test_rows_of_csv_are_events_by_the_names_of_their_columns(
    tmp_path: Path, name: str, content: bytes
) -> None:
    write(tmp_path / "live/20260301/1300" / name, content)
    assert read(f"{tmp_path}/live/{{date}}/{{time}}") == [(MS, "web", 5), (MS + 1_800_000, "app", 7)]


def test_only_the_intervals_that_are_asked_for_are_read_and_marks_of_writers_are_not(tmp_path: Path) -> None:
    for hour in (13, 14, 15, 16):
        write(tmp_path / f"live/20260301/{hour}00/part-1.csv", CSV)
        write(tmp_path / f"live/20260301/{hour}00/_SUCCESS", b"")
        write(tmp_path / f"live/20260301/{hour}00/.part-2.csv.crc", b"\x00")
    assert len(read(f"{tmp_path}/live/{{date}}/{{time}}/*.csv", hours=2)) == 4


def test_one_file_of_a_day_is_read_once(tmp_path: Path) -> None:
    write(tmp_path / "20260301.csv", CSV)
    assert len(read(f"{tmp_path}/{{date}}.csv", hours=5)) == 2


def test_no_file_is_an_interval_of_which_the_source_said_nothing(tmp_path: Path) -> None:
    assert read(f"{tmp_path}/live/{{date}}/{{time}}") == []
    write(tmp_path / "live/20260301/1300/a.csv", b"timestamp,platform,views\n")
    assert read(f"{tmp_path}/live/{{date}}/{{time}}") == []


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz"])
def test_a_file_that_is_not_written_to_its_end_is_asked_for_again(tmp_path: Path, name: str) -> None:
    packed = gzip.compress(LINES * 100)
    file = tmp_path / "live/20260301/1300" / name
    write(file, packed[: len(packed) // 2])
    with pytest.raises(Unavailable, match=name):
        list(reader(f"{tmp_path}/live/{{date}}/{{time}}").read(START, START + HOUR))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.parquet", b"PAR1\x15\x04", "Parquet is not read here"),
        ("a.csv.zst", bytes(cramjam.zstd.compress(CSV)), "packed with zstd is not read here"),
    ],
)
def test_what_is_no_text_is_no_silence(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    write(tmp_path / "live/20260301/1300" / name, content)
    with pytest.raises(Unavailable, match=f"{name}: .*{why}"):
        list(reader(f"{tmp_path}/live/{{date}}/{{time}}").read(START, START + HOUR))

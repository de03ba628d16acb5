"""Files that are written interval by interval: found by their path, unpacked, and whole or not there."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cramjam
import pytest

from detectors.config import ConfigError
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


def test_times_that_name_no_zone_are_of_that_of_the_source(tmp_path: Path) -> None:
    naive = [b'{"timestamp": "2026-03-01 13:30:00", "platform": "web", "views": 1}']
    naive.append(b'{"timestamp": "2026-03-01T12:30:00Z", "platform": "app", "views": 2}')
    write(tmp_path / "live/20260301/1300/a.jsonl", b"\n".join(naive))
    write(tmp_path / "live/20260301/1300/b.csv", CSV.replace(b" 12:", b" 13:"))
    path = f'{tmp_path}/live/{{date}}/{{time}}"\ntimezone = "Europe/Berlin'
    half_past = MS + 1_800_000
    assert read(path) == [(half_past, "web", 1), (half_past, "app", 2), (MS, "web", 5), (half_past, "app", 7)]
    with pytest.raises(ConfigError, match="no time zone 'Europe/Bern'"):
        reader(path.replace("Berlin", "Bern"))


def test_of_an_hour_that_comes_twice_all_rows_are_of_the_second(tmp_path: Path) -> None:
    rows = "timestamp,platform,views\n" + "2026-10-25 02:30:00,web,1\n" * 2 + "2026-10-25 03:00:00,web,1\n"
    write(tmp_path / "live/20260301/1300/a.csv", rows.encode())
    path = f'{tmp_path}/live/{{date}}/{{time}}"\ntimezone = "Europe/Berlin'
    times = [datetime.fromtimestamp(row[0] / 1000, UTC) for row in read(path)]  # type: ignore[operator]
    assert [f"{time:%H:%M}" for time in times] == ["01:30", "01:30", "02:00"]


def refused(path: str) -> tuple[list[tuple[object, ...]], list[bytes]]:
    """Platform and views of the events, and the records that are none."""
    what = parse(configuration(path))
    raws = list(reader(path).read(START, START + HOUR))
    events, _, bad = parse_all(make_format("files", what.records_of("files"), what.fields_of("files")), raws)
    return [(e.platform, e.views) for e in events], [raws[n] for n, _ in bad]  # type: ignore[attr-defined]


def test_every_row_of_csv_is_an_event_or_counted_as_none(tmp_path: Path) -> None:
    rows = [
        "# made by an export",
        "timestamp,platform,views",
        '2026-03-01 12:00:00,"two\nlines, and a comma",1',
        "2026-03-01 12:01:00,#1 seller,2",
        "#3,2026-03-01 12:01:00",
        '2026-03-01 12:02:00,"never closed,3',
        "2026-03-01 12:03:00,web,4",
        "",
        '2026-03-01 12:04:00,"a ""quoted"" word",5',
        "2026-03-01 12:05:00,web,6,too long",
        '{"timestamp":1772366400000}',
        "2026-03-01 12:06:00,web,7",
    ]
    write(tmp_path / "live/20260301/1300/a.csv", "\r\n".join(rows).encode())
    events, bad = refused(f"{tmp_path}/live/{{date}}/{{time}}")
    assert events == [
        ("two\nlines, and a comma", 1), ("#1 seller", 2), ("web", 4), ('a "quoted" word', 5), ("web", 7)
    ]  # fmt: skip
    assert sorted(map(json.loads, bad)) == sorted([
        "#3,2026-03-01 12:01:00", '2026-03-01 12:02:00,"never closed,3',
        "2026-03-01 12:05:00,web,6,too long", '{"timestamp":1772366400000}',
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"2026-03-01 12:00:00,web,5\n", "the first line must name the columns"),
        (b"timestamp,views,views\n2026-03-01 12:00:00,1,2\n", "two columns are called 'views'"),
        (b'timestamp,"views\n', "the line of names cannot be read"),
    ],
)
def test_without_names_for_all_columns_nothing_is_read(tmp_path: Path, content: bytes, why: str) -> None:
    write(tmp_path / "live/20260301/1300/a.csv", content)
    with pytest.raises(Unavailable, match=f"a.csv: {why}"):
        list(reader(f"{tmp_path}/live/{{date}}/{{time}}").read(START, START + HOUR))


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("length", [0, 1])
def test_a_packed_file_that_is_empty_is_asked_for_again(tmp_path: Path, name: str, length: int) -> None:
    begun = (gzip.compress(LINES) if name.endswith("gz") else bytes(cramjam.zstd.compress(LINES)))[:length]
    write(tmp_path / "live/20260301/1300" / name, begun)
    with pytest.raises(Unavailable, match=f"{name}: it is empty"):
        list(reader(f"{tmp_path}/live/{{date}}/{{time}}").read(START, START + HOUR))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a"])
def test_an_empty_file_is_an_interval_without_rows(tmp_path: Path, name: str) -> None:
    write(tmp_path / "live/20260301/1300" / name, b"")
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

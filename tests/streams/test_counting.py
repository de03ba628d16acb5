"""What DuckDB counts in files is what folding their events one by one gives, to the last bit."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from detectors.closing import Closer
from detectors.config import Config
from detectors.crawling import CrawledFold
from detectors.loading import parse
from detectors.records import Partial, Watermark
from streams.counting import Table
from streams.errors import HistoryError
from streams.formats import make_format, parse_all

CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
time = "ts"
TIME
fields = { country = "geo.country" }

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
timezone = "TIMEZONE"
dimensions = ["platform", "country", "status"]
where = { robot = { not = "true" } }
measures = [
  { name = "views", aggregation = "count", where = { event = "view" } },
  { name = "rate", aggregation = "rate", where = { client = { cidr = "10.0.0.0/8" } } },
  { name = "revenue", aggregation = "sum", field = "amount", where = { event = ["buy", "refund"] } },
  { name = "cents", aggregation = "sum", field = "amount", scale = 0.01 },
  { name = "basket", aggregation = "mean", field = "amount", where = { event = { prefix = "b" } } },
  { name = "least", aggregation = "min", field = "amount" },
  { name = "most", aggregation = "max", field = "amount" },
  { name = "p95", aggregation = "p95", field = "seconds" },
  { name = "users", aggregation = "distinct", field = "user" },
  { name = "prices", aggregation = "distinct", field = "amount" },
]
"""
HOUR = 3_600_000
START = 1_774_656_000_000  # 2026-03-28T00:00Z: the clocks of Berlin change a day later.
HOURS = 48


def configuration(time: str = "", timezone: str = "UTC") -> Config:
    return parse(CONFIGURATION.replace("TIMEZONE", timezone).replace("TIME", time))


def rows(count: int, seed: int = 1) -> list[dict[str, Any]]:
    random_ = random.Random(seed)

    def one() -> dict[str, Any]:
        event: dict[str, Any] = {
            "ts": START + random_.randrange(HOURS * HOUR),
            "event": random_.choice(["view", "view", "buy", "refund", "bounce"]),
            "platform": random_.choice(
                ["web", "app", "it's \"odd\", isn't it", "naïve 🦆", "(other)", "x" * 300]
            ),
            "geo": {"country": random_.choice(["DE", "FR", "007"])},
            "status": random_.choice([200, 404, 5.0, 5.5, True]),
            "client": random_.choice(["10.1.2.3", "192.168.0.1", "::ffff:10.0.0.1", "nobody"]),
            "amount": random_.choice([round(random_.gauss(20, 50), 4), 0.0, -0.0, 1e13 / 3, 0.00005, 7]),
            "seconds": random_.choice([random_.lognormvariate(0, 2), 0, -3.5]),
            "user": f"u{random_.randrange(500)}",
            "robot": random_.choice([True, False, False]),
        }
        for field in ("platform", "geo", "amount", "user", "client"):
            if random_.random() < 0.05:
                event[field] = None
        return event

    return [one() for _ in range(count)]


def folded(what: Config, raws: Sequence[bytes], source: str = "shop") -> list[bytes]:
    """The intervals that the events give, one by one."""
    (detector,) = what.detectors
    fold = CrawledFold(detector, START, START + HOURS * HOUR, None)
    format_ = make_format(source, what.records_of(source), what.fields_of(source))
    fold.add(parse_all(format_, raws).events)
    return closed(what, fold.close()[0])


def counted(what: Config, *files: Path) -> list[bytes]:
    """The intervals that the groups of DuckDB give."""
    (detector,) = what.detectors
    fold = CrawledFold(detector, START, START + HOURS * HOUR, None)
    table = Table(files, what.records_of("shop"), detector)
    table.count(None, None)
    for group in table.groups():
        fold.add_many(*group)
    table.close()
    return closed(what, fold.close()[0])


def closed(what: Config, records: Sequence[Partial | Watermark]) -> list[bytes]:
    closer = Closer(what.detectors[0])
    intervals = [interval for record in records for interval in closer.add(record)]
    return [
        msgspec.msgpack.encode(
            [
                i.start,
                i.events,
                sorted(zip(i.places, i.volumes, *i.values.values(), strict=True), key=repr),
                i.intake,
            ]
        )
        for i in intervals
    ]


def as_json(events: Sequence[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(event).encode() for event in events]


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "Asia/Kolkata"])
def test_json_lines_give_what_their_events_give(tmp_path: Path, timezone: str) -> None:
    what, raws = configuration(timezone=timezone), as_json(rows(5_000))
    half = len(raws) // 2
    one, two = tmp_path / "1.jsonl", tmp_path / "2.json.gz"
    one.write_bytes(b"\n".join(raws[:half]) + b"\n")
    two.write_bytes(gzip.compress(b"\n".join(raws[half:])))
    expected = folded(what, raws)
    assert len(expected) >= HOURS
    assert counted(what, one, two) == expected


def test_parquet_gives_what_its_events_give(tmp_path: Path) -> None:
    what = configuration()
    # A column has one type: as text in all rows, or as numbers in all.
    events = [event | {"status": str(event["status"])} for event in rows(5_000)]
    lines = tmp_path / "events.jsonl"
    lines.write_bytes(b"\n".join(as_json(events)))
    file = tmp_path / "events.parquet"
    columns = (
        "{ts: 'BIGINT', event: 'VARCHAR', platform: 'VARCHAR', geo: 'STRUCT(country VARCHAR)', "
        "status: 'VARCHAR', client: 'VARCHAR', amount: 'DOUBLE', seconds: 'DOUBLE', "
        "\"user\": 'VARCHAR', robot: 'BOOLEAN'}"
    )
    duckdb.execute(f"COPY (FROM read_json('{lines}', columns = {columns})) TO '{file}'")
    assert counted(what, file) == folded(what, as_json(events))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_gives_what_its_rows_give(tmp_path: Path, separator: str) -> None:
    what = configuration('time_unit = "ms"')
    events = [
        event
        | {
            "status": str(event["status"]),
            "robot": str(event["robot"]).lower(),
            "seconds": float(event["seconds"]),
        }
        for event in rows(5_000)
    ]
    file = tmp_path / "events.csv"
    flat = [{**event, "geo.country": (event["geo"] or {}).get("country")} for event in events]
    names = [name for name in flat[0] if name != "geo"]

    def cell(value: object) -> str:
        said = "" if value is None else repr(value) if isinstance(value, float) else str(value)
        return '"' + said.replace('"', '""') + '"' if set(said) & set(',;"\t') else said

    lines = [separator.join(cell(event[name]) for name in names) for event in flat]
    file.write_text("\n".join([separator.join(names), *lines]), encoding="utf-8")
    assert counted(what, file) == folded(what, as_json(events))


def _iso(ms: int) -> str:
    return str(duckdb.execute("SELECT strftime(epoch_ms(?), '%Y-%m-%dT%H:%M:%S.%g')", [ms]).fetchone()[0])  # type: ignore[index]


@pytest.mark.parametrize(
    ("unit", "write"),
    [
        ("", lambda ms: ms // 1000),
        ("", lambda ms: ms / 1000),
        ("", lambda ms: ms),
        ("", lambda ms: ms * 1000 + 999),
        ("", lambda ms: ms * 1_000_000 + 999_999),
        ('time_unit = "s"', lambda ms: ms / 1000),
        ('time_unit = "ns"', lambda ms: ms * 1_000_000),
        ("", lambda ms: _iso(ms) + "Z"),
        ("", lambda ms: _iso(ms + 2 * HOUR) + "+02:00"),
        ('time_unit = "iso"', _iso),
    ],
)
def test_times_are_what_they_are_in_records(tmp_path: Path, unit: str, write: Callable[[int], Any]) -> None:
    what = configuration(unit)
    borders = [START + n * HOUR + off for n in range(1, 10) for off in (-1000, -1, 0, 1, 589)]
    raws = as_json(
        [{**event, "ts": write(ms)} for event, ms in zip(rows(len(borders)), borders, strict=True)]
    )
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(raws))
    assert counted(what, file) == folded(what, raws)


def test_rows_that_cannot_be_used_are_counted_and_lose_nothing_beside_them(tmp_path: Path) -> None:
    what = configuration()
    good = as_json(rows(200))
    event = rows(1)[0]
    bad = [
        b'{"ts": 1774656000000, "amount": ',
        *as_json(
            [
                {**event, "ts": None},
                {**event, "ts": "yesterday"},
                {**event, "amount": "12"},
                {**event, "amount": 1e16},
                {**event, "seconds": "NaN"},
            ]
        ),
    ]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join([*bad[:3], *good, *bad[3:]]))
    table = Table([file], what.records_of("shop"), what.detectors[0])
    found = table.count(None, None)
    assert (found.events, found.invalid) == (len(good), len(bad))
    assert counted(what, file) == folded(what, good)


def test_only_what_is_asked_for_is_counted(tmp_path: Path) -> None:
    what, events = configuration(), rows(2_000)
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(as_json(events)))
    since, until = START + 5 * HOUR, START + 7 * HOUR
    table = Table([file], what.records_of("shop"), what.detectors[0])
    found = table.count(since, until)
    assert found.events == sum(since <= event["ts"] < until for event in events)
    assert {group.time for group in table.groups()} == {since, since + HOUR}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("events.xml", b"<a/>", "should end in .parquet"),
        ("events.parquet", b"no parquet", r"events.parquet: "),
        ("events.csv", b"when,platform\n1,web\n", "no column 'ts'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    what = configuration()
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(HistoryError, match=message):
        Table([file], what.records_of("shop"), what.detectors[0]).count(None, None)


@pytest.mark.parametrize("interval", ["PT10M", "PT40M"])
def test_intervals_that_are_no_quarters_lie_in_a_time_zone_as_those_of_events(
    tmp_path: Path, interval: str
) -> None:
    said = CONFIGURATION.replace("TIMEZONE", "Europe/Berlin").replace("TIME", "")
    what, raws = parse(said.replace("PT1H", interval)), as_json(rows(1_000))
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(raws))
    assert counted(what, file) == folded(what, raws)


def parquet(file: Path, columns: str) -> Path:
    duckdb.execute(f"COPY (SELECT {columns}) TO '{file}'")
    return file


@pytest.mark.parametrize(
    ("columns", "event"),
    [
        ("'NaN'::DOUBLE AS amount, 'NaN'::FLOAT AS platform", {}),
        ("{'city': 'Kiel'} AS geo, 5 AS amount", {"amount": 5}),
        ("'DE' AS geo", {}),
    ],
)
def test_in_parquet_what_is_not_there_is_missing(tmp_path: Path, columns: str, event: dict[str, Any]) -> None:
    what = configuration()
    file = parquet(tmp_path / "events.parquet", f"{START}::BIGINT AS ts, 'view' AS event, {columns}")
    expected = folded(what, as_json([{"ts": START, "event": "view", **event}]))
    assert counted(what, file) == expected


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S", "TIMESTAMPTZ"])
def test_timestamps_of_any_precision_are_read(tmp_path: Path, kind: str) -> None:
    what = configuration()
    columns = f"epoch_ms({START + HOUR})::TIMESTAMP::{kind} AS ts, 'view' AS event"
    raws = as_json([{"ts": START + HOUR, "event": "view"}])
    assert counted(what, parquet(tmp_path / "events.parquet", columns)) == folded(what, raws)


def test_an_infinite_number_is_not_used_and_the_others_are(tmp_path: Path) -> None:
    what = configuration()
    file = tmp_path / "events.csv"
    file.write_text(f"ts,amount\n{START},inf\n{START},1e300\n{START},7\n", encoding="utf-8")
    found = Table([file], what.records_of("shop"), what.detectors[0]).count(None, None)
    assert (found.events, found.invalid) == (1, 2)


def test_apostrophes_and_hashes_quote_nothing_in_csv(tmp_path: Path) -> None:
    what = configuration()
    file = tmp_path / "events.csv"
    file.write_text(f"ts,platform\n{START},'tis\n{START},so'\n{START},#3\n", encoding="utf-8")
    assert counted(what, file) == folded(
        what, as_json([{"ts": START, "platform": platform} for platform in ("'tis", "so'", "#3")])
    )


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path: Path) -> None:
    what = configuration()
    named = [tmp_path / name for name in ("past[1].csv", "past1.csv", "p*.csv")]
    for n, file in enumerate(named):
        file.write_text(f"ts,platform\n{START},{n}x\n", encoding="utf-8")
    assert counted(what, *named) == folded(
        what, as_json([{"ts": START, "platform": f"{n}x"} for n in range(3)])
    )


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_folders_that_are_called_like_columns_are_none(tmp_path: Path, kind: str) -> None:
    what = configuration()
    row = {"ts": START, "platform": "web", "status": "paid", "amount": 5}
    file = tmp_path / "platform=app" / "status=x" / "amount=7" / f"events.{kind}"
    file.parent.mkdir(parents=True)
    if kind == "json":
        file.write_bytes(b"\n".join(as_json([row])))
    else:
        duckdb.sql(
            f"COPY (SELECT {START} AS ts, 'web' AS platform, 'paid' AS status, 5 AS amount) TO '{file}'"
        )
    assert counted(what, file) == folded(what, as_json([row]))


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_times_that_name_no_zone_are_of_that_of_the_source(tmp_path: Path, kind: str) -> None:
    # One of summer, and hours that come twice and never.
    times = ["2026-03-28 12:00:00", "2026-10-25 02:30:00", "2026-10-25 03:30:00", "2026-03-29 02:30:00"]
    what = configuration('timezone = "Europe/Berlin"')
    file = tmp_path / f"events.{kind}"
    raws = as_json([{"ts": time, "platform": "web"} for time in times])
    if kind == "json":
        file.write_bytes(b"\n".join(raws))
    else:
        cast = "TIMESTAMP" if kind == "parquet" else "VARCHAR"
        duckdb.sql(f"COPY (SELECT unnest({times})::{cast} AS ts, 'web' AS platform) TO '{file}'")
    assert counted(what, file) == folded(what, raws)
    assert counted(what, file) != counted(configuration(), file)


@pytest.mark.parametrize("rows_before", [1, 50_000])
def test_a_row_that_is_too_short_is_told(tmp_path: Path, rows_before: int) -> None:
    what = configuration()
    file = tmp_path / "events.csv"
    row = f"{START},web,1\n"
    file.write_text(f"ts,platform,amount\n{row * rows_before}{START},app\n{row}", encoding="utf-8")
    with pytest.raises(HistoryError, match=r"rows all as long|Expected Number of Columns: 3 Found: 2"):
        Table([file], what.records_of("shop"), what.detectors[0]).count(None, None)

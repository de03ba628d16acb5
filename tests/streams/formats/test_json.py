"""Any JSON object, read by paths."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import ConfigError, FieldKind
from detectors.records import attribute
from detectors.sources import Source
from streams.formats import BadEvent, parse_all
from streams.formats.json import Json

PAYMENT = (
    b'{"meta": {"created": "2024-02-29T23:59:59.999Z", "id": 7}, "geo": {"country": "DE"}, "amount": 12.5,'
    b' "items": [{"price": 7, "tags": ["new", "red"]}, {"price": "free"}], "ok": true}'
)


def source(time: str | None = "ts", **settings: Any) -> Source:
    return Source("payments", "json", time=time, **settings)


def parse(raw: bytes, source: Source, **fields: FieldKind) -> tuple[Any, ...]:
    """The event time, then the values in the order in which they are asked for."""
    (event,) = Json(source, fields).parse(raw)
    return event.event_time, *(getattr(event, name) for name in fields)


def test_fields_are_found_by_path() -> None:
    there = source(
        "meta.created", fields={"country": "geo.country", "price": "items.0.price", "tag": "items.0.tags.1"}
    )

    assert parse(PAYMENT, there, country="any", price="number", tag="any", amount="number", ok="any") == (
        1709251199999, "DE", 7.0, "red", 12.5, True,
    )  # fmt: skip


def test_without_an_entry_the_name_is_the_path() -> None:
    (event,) = Json(source("meta.created"), {"geo.country": "any"}).parse(PAYMENT)

    assert event.geo__country == "DE"  # type: ignore[attr-defined]


@pytest.mark.parametrize("raw", [b'{"ts": 1}', b'{"ts": 1, "a": null}', b'{"ts": 1, "a": {"b": null}}',
    b'{"ts": 1, "a": {"b": []}}', b'{"ts": 1, "a": {"b": [{}]}}', b'{"ts": 1, "a": {"b": [{"c": null}]}}',
    b'{"ts": 1, "a": {"b": [null]}}'])  # fmt: skip
def test_what_is_absent_on_the_way_is_missing(raw: bytes) -> None:
    assert parse(raw, source(fields={"c": "a.b.0.c"}), c="any") == (1000, None)


@pytest.mark.parametrize(
    ("unit", "time", "milliseconds"),
    [
        ("auto", b"1700000000", 1700000000000),
        ("auto", b"1700000000.589", 1700000000589),
        ("auto", b"1700000000589", 1700000000589),
        ("auto", b"1700000000589999", 1700000000589),
        ("auto", b"1700000000589999999", 1700000000589),
        ("auto", b'"2023-11-14T22:13:20Z"', 1700000000000),
        ("s", b"1700000000", 1700000000000),
        ("s", b"1700000000.1239", 1700000000123),
        ("ms", b"0", 0),
        ("ms", b"1.9", 1),
        ("us", b"1999", 1),
        ("ns", b"1999999", 1),
        ("ns", b"1700000000000000000", 1700000000000),
        ("iso", b'"1970-01-01 00:00:00"', 0),
    ],
)
def test_times_are_read_in_their_unit(unit: Any, time: bytes, milliseconds: int) -> None:
    for raw, where in ((b'{"ts": %b}', "ts"), (b'{"at": {"ts": %b}}', "at.ts")):
        assert parse(raw % time, source(where, time_unit=unit)) == (milliseconds,)


@pytest.mark.parametrize(
    ("unit", "time"),
    [("s", b'"2023-11-14T22:13:20Z"'), ("ms", b'"1"'), ("iso", b"1700000000"), ("auto", b"-1"),
     ("ms", b"1e20"), ("ns", b"1e30"), ("auto", b'"x"'), ("auto", b"{}"), ("auto", b"false"), ("s", b"1e15"),
     ("auto", b"1e400")],
)  # fmt: skip
def test_a_time_in_another_unit_or_out_of_range_is_refused(unit: Any, time: bytes) -> None:
    for raw, where in ((b'{"ts": %b}', "ts"), (b'{"at": {"ts": %b}}', "at.ts")):
        with pytest.raises(BadEvent, match=f"^{where}: expected a ") as bad:
            parse(raw % time, source(where, time_unit=unit))
        assert bad.value.reason == "bad_time"


def test_a_nested_time_that_is_absent_is_missing() -> None:
    for raw in (b"{}", b'{"at": null}', b'{"at": {}}', b'{"at": {"ts": null}}'):
        with pytest.raises(BadEvent, match=r"^at\.ts: missing") as bad:
            parse(raw, source("at.ts"))
        assert bad.value.reason == "no_time"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"ts": 1, "geo": "DE"}', "geo: expected an object, got 'DE'"),
        (b'{"ts": 1, "items": {"0": 1}}', "items: expected a list, got an object"),
        (b'{"ts": 1, "items": ["x"]}', "items.0: expected an object, got 'x'"),
        (b'{"ts": 1, "items": [{"price": "free"}]}', "items.0.price: expected a number, got 'free'"),
        (
            b'{"ts": 1, "geo": {"country": {}}}',
            "geo.country: expected text, a number, true, false or null, got an o",
        ),
    ],
)
def test_another_type_on_the_way_is_refused_with_its_path(raw: bytes, message: str) -> None:
    there = source(fields={"price": "items.0.price", "country": "geo.country"})

    with pytest.raises(BadEvent) as bad:
        parse(raw, there, price="number", country="any")

    assert bad.value.reason == "wrong_type"
    assert str(bad.value).startswith(message)


def test_list_elements_that_are_not_read_are_not_checked() -> None:
    assert parse(PAYMENT, source("meta.created", fields={"price": "items.0.price"}), price="number")[1] == 7


@pytest.mark.parametrize(
    ("settings", "fields", "message"),
    [
        ({"time": None}, {}, "needs the path of the event time"),
        ({"time": "a..b"}, {}, "is no path into a JSON object"),
        ({"time": 'a"b'}, {}, "cannot be named in a path"),
        ({"fields": {"x": "geo.a\\b"}}, {"x": "any"}, "cannot be named in a path"),
        ({}, {"a": "any", "a.b": "any"}, "'a' cannot be a value in one path and hold values in another"),
        ({"fields": {"x": "a.0", "y": "a.b"}}, {"x": "any", "y": "any"}, "'a' cannot be a value in one path"),
        ({"fields": {"x": "a", "y": "a"}}, {"x": "any", "y": "any"}, "field 'y' is at 'a', as is field 'x'"),
        ({}, {"ts": "any"}, "field 'ts' is at 'ts', as is the event time"),
        ({}, {"event_time": "any"}, "field 'event_time' cannot be told from the event time"),
        ({}, {"a.b": "any", "a-b": "any"}, "field 'a.b' cannot be told from field 'a-b'"),
    ],
)
def test_paths_that_make_no_sense_are_refused(settings: Any, fields: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Json(source(**settings), fields)


def test_keys_may_be_any_text() -> None:
    there = source(fields={"a": "class", "b": "größe", "c": "x y"})

    raw = '{"ts": 1, "class": 2, "größe": 3, "x y": 4}'.encode()
    assert parse(raw, there, a="any", b="any", c="any") == (1000, 2, 3, 4)


PLACES = [("ts", "auto"), ("ts", "ms"), ("ts", "s"), ("ts", "iso"), ("meta.ts", "auto"), ("meta.ts", "iso")]
TIMES: list[Any] = [
    1_700_000_000_000, 1_700_000_000, 1_700_000_000.5, "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.1239",
    "2023-11-14 22:13:20+02:00", "soon", "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00",
    None, -1, True, [],
]  # fmt: skip
COUNTRIES: list[Any] = ["DE", None, 7, {"code": "DE"}]


@pytest.mark.parametrize(("time", "unit"), PLACES)
@given(values=st.lists(st.sampled_from(TIMES), max_size=4), country=st.sampled_from(COUNTRIES))
def test_the_fast_ways_read_what_the_long_way_reads(
    time: str, unit: Any, values: list[Any], country: Any
) -> None:
    feed = source(time, time_unit=unit, fields={"country": "geo.country"})
    fields: dict[str, FieldKind] = {"country": "any", "amount": "number"}
    fast, long = Json(feed, fields), Json(feed, fields)
    long.decode = long._compiled = None
    raws = []
    for value in values:
        record: dict[str, Any] = {"geo": {"country": country}, "amount": 3}
        record |= {"meta": {"ts": value}} if time == "meta.ts" else {"ts": value}
        raws.append(json.dumps(record).encode())
    raws += [b"{}", b'{"meta": null, "geo": null, "ts": 5}', b"nothing"]

    ours, theirs = parse_all(fast, raws), parse_all(long, raws)

    assert [msgspec.structs.astuple(event) for event in ours.events] == [
        msgspec.structs.astuple(event) for event in theirs.events
    ]
    assert list(ours.rows) == list(theirs.rows)
    assert [(row, error.reason, str(error)) for row, error in ours.bad] == [
        (row, error.reason, str(error)) for row, error in theirs.bad
    ]


def test_a_field_may_begin_with_underscores() -> None:
    (event,) = Json(source(), {"__typename": "any"}).parse(b'{"ts": 1700000000123, "__typename": "Order"}')
    assert getattr(event, attribute("__typename")) == "Order"

"""What holds for every format: strangers' bytes give events or a BadEvent, quickly, and nothing else."""

from __future__ import annotations

import json
import random
import re
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import ConfigError, FieldKind
from detectors.sources import Source
from streams.formats import (
    FORMATS,
    BadEvent,
    Format,
    Reason,
    access_logs,
    aws_waf,
    clickstream,
    make_format,
    modsecurity,
    visits,
)

CLICK = (
    b'{"ts": 1700000000123, "event": "purchase", "platform": "web", "user": "u-7", "amount": 59.9, "n": null}'
)
ORDER = (
    b'{"ts": 1700000000123, "user": "u-7", "amount": 59.9, "geo": {"country": "DE"}, "items": [{"price": 7}]}'
)
WAF = Path(__file__).with_name("aws_waf.jsonl").read_bytes().splitlines()[3]

JSON_FIELDS: dict[str, FieldKind] = {
    "user": "any", "amount": "number", "geo.country": "any", "items.0.price": "number",
}  # fmt: skip


def shown(name: str) -> bytes:
    """The record that the documentation shows of a format."""
    page = (Path(__file__).parents[3] / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page.partition(f"\n## {name}\n")[2]
    return str(re.findall(r"^```json\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)[0]).encode()


#: Formats of lines → the time of the record that is shown, and a text in it that is read.
LINES = {
    "access-log": (b"01/Dec/2026:10:18:16", b"203.0.113.9"),
    "cloudfront": (b"2019-12-04", b"LAX1"),
    "alb": (b"2018-07-02T22:23:00", b"203.0.113.9"),
}

#: Format → one that reads all it can, a good record, its time, and a text in it that is read.
SUBJECTS: dict[str, tuple[Format, bytes, bytes, bytes]] = {
    "json": (make_format("s", Source("t", "json", time="ts"), JSON_FIELDS), ORDER, b"1700000000123", b"u-7"),
    "clickstream": (
        make_format("s", Source("t", "clickstream"), clickstream.FIELDS), CLICK, b"1700000000123", b"u-7",
    ),
    "aws-waf": (make_format("s", Source("t", "aws-waf"), aws_waf.FIELDS), WAF, b"1678254945919", b"/search"),
    **{
        name: (
            make_format("s", Source("t", name), visits.FIELDS), shown(name), time, b"u-7",
        )
        for name, time in {
            "segment": b"2030-01-31T12:00:00.250Z",
            "ga4": b"1896091200250000",
            "snowplow": b"2030-01-31T12:00:00.250Z",
        }.items()
    },
    "modsecurity": (
        make_format("s", Source("t", "modsecurity"), modsecurity.FIELDS), shown("modsecurity"),
        b"01/Dec/2026:10:19:01.903755 +0000", b"shop.example.com",
    ),
    **{
        name: (
            make_format("s", Source("t", name), access_logs.FIELDS),
            json.loads(shown(name))["message"].encode(),
            *known,
        )
        for name, known in LINES.items()
    },
}  # fmt: skip

#: Formats whose records are JSON objects, and those whose records are lines.
every = pytest.mark.parametrize("name", SUBJECTS)
every_json = pytest.mark.parametrize("name", [name for name in SUBJECTS if name not in {*LINES, "snowplow"}])
every_line = pytest.mark.parametrize("name", LINES)


def refused(subject: Format, raw: bytes) -> BadEvent:
    with pytest.raises(BadEvent) as bad:
        subject.parse(raw)
    assert bad.value.reason in get_args(Reason)
    assert len(str(bad.value)) < 300
    assert str(bad.value).isprintable()
    return bad.value


def survives(subject: Format, raw: bytes) -> None:
    """Whatever the bytes are: events, or a BadEvent."""
    try:
        events = subject.parse(raw)
    except BadEvent:
        refused(subject, raw)
    else:
        assert all(0 <= event.event_time <= 253402300799999 for event in events)


def test_every_format_is_tried_here() -> None:
    assert set(SUBJECTS) == set(FORMATS)


@every
def test_a_good_record_is_read(name: str) -> None:
    subject, good, *_ = SUBJECTS[name]

    assert subject.parse(good)


@every
@given(raw=st.binary() | st.text().map(str.encode))
def test_random_bytes_are_refused(name: str, raw: bytes) -> None:
    survives(SUBJECTS[name][0], raw)


@every_json
def test_a_truncated_record_is_refused_wherever_it_is_cut(name: str) -> None:
    subject, good, *_ = SUBJECTS[name]

    for cut in range(len(good)):
        assert refused(subject, good[:cut]).reason in {"not_json", "not_an_object"}


@every
@given(chance=st.randoms(use_true_random=False))
def test_a_record_with_flipped_bytes_does_no_harm(name: str, chance: random.Random) -> None:
    subject, good, *_ = SUBJECTS[name]
    raw = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        raw[chance.randrange(len(raw))] = chance.choice(b'"{}[],:0-9.eE\\u\x00\xff\xed')

    survives(subject, bytes(raw))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@every_json
@given(data=st.data())
def test_a_record_with_any_value_anywhere_does_no_harm(name: str, data: st.DataObject) -> None:
    subject, good, *_ = SUBJECTS[name]
    record = node = json.loads(good)
    while True:
        key = data.draw(st.sampled_from(list(node) if isinstance(node, dict) else list(range(len(node)))))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(JSON)

    survives(subject, json.dumps(record).encode())


@every_json
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not_json"),
        (b"\xef\xbb\xbf", "not_json"),
        (b"\xef\xbb\xbf" * 100_000, "not_json"),
        (b"null", "not_an_object"),
        (b"[1, 2]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"17", "not_an_object"),
        (b'{"x": NaN}', "not_json"),
        (b'{"x": -Infinity}', "not_json"),
        (b"{'x': 1}", "not_json"),
        (b'{"x": ' + b"[" * 500_000, "too_deep"),
        (b'{"x": ' + b'{"x": ' * 150_000 + b"1" + b"}" * 150_001, "too_deep"),
        (b"\xff\xfe{\x00", "not_utf8"),
        (b"{}", "no_time"),
    ],
)
def test_what_is_no_record_is_refused_for_its_reason(name: str, raw: bytes, reason: str) -> None:
    assert refused(SUBJECTS[name][0], raw).reason == reason


@every
@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
def test_text_that_is_not_utf8_is_refused(name: str, bad: bytes) -> None:
    subject, good, _, text = SUBJECTS[name]

    assert refused(subject, good.replace(text, bad)).reason == "not_utf8"


@every_json
@pytest.mark.parametrize("bad", [rb"\ud800", rb"\udc00x", rb"\ud800\ud800", b"\x01", rb"\x41"])
def test_lone_surrogates_and_control_characters_are_refused(name: str, bad: bytes) -> None:
    subject, good, _, text = SUBJECTS[name]

    assert refused(subject, good.replace(text, bad)).reason == "not_json"


@every_line
@pytest.mark.parametrize("raw", [b"", b"null", b"[1, 2]", b'"text"', b"{'x': 1}", b"{}", b'{"message": 7}'])
def test_what_is_no_line_is_refused(name: str, raw: bytes) -> None:
    assert refused(SUBJECTS[name][0], raw).reason == "no_line"


@every_line
def test_a_line_that_a_forwarder_has_wrapped_is_that_line(name: str) -> None:
    subject, good, *_ = SUBJECTS[name]
    for key in ("message", "log"):
        wrapped = json.dumps({"host": "web-1", key: f"{good.decode()}\n"}).encode()
        assert subject.parse(wrapped) == subject.parse(good)


@every_line
@pytest.mark.parametrize("flood", [b" [", b'\\"', b'"', b" ", b"\t", b"1 ", b"[1] "])
def test_a_line_that_is_meant_to_take_long_does_not(name: str, flood: bytes) -> None:
    began = time.process_time()
    survives(SUBJECTS[name][0], SUBJECTS[name][1][:40] + flood * 100_000)
    assert time.process_time() - began < 5


@every
def test_a_byte_order_mark_is_passed_over(name: str) -> None:
    subject, good, *_ = SUBJECTS[name]

    assert subject.parse(b"\xef\xbb\xbf" + good) == subject.parse(good)


@pytest.mark.parametrize("name", ["json", "clickstream", "aws-waf"])
def test_of_a_key_that_comes_twice_the_last_counts(name: str) -> None:
    subject, good, *_ = SUBJECTS[name]
    key = b"timestamp" if name == "aws-waf" else b"ts"

    events = subject.parse(good[:-1] + b', "' + key + b'": 1700000000999}')

    assert {event.event_time for event in events} == {1700000000999}


@pytest.mark.parametrize("name", ["json", "clickstream"])
@pytest.mark.parametrize(
    "number", [b"1e400", b"-1e400", b"1e16", b"-1000000000000001", b"9" * 400, b"9" * 5000]
)
def test_a_number_beyond_all_measure_is_out_of_range(name: str, number: bytes) -> None:
    subject, good, *_ = SUBJECTS[name]

    bad = refused(subject, good.replace(b"59.9", number))

    assert bad.reason == "out_of_range"
    assert str(bad).startswith("amount: expected a number within ±1e15, got ")


@pytest.mark.parametrize("name", ["json", "clickstream"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [(b'"59.9"', "'59.9'"), (b"true", "true"), (b'{"eur": 1}', "an object"), (b"[1]", "a list"),
     (b'"\\u0000\\u001b[31m\\u202e"', r"'\x00\x1b[31m\u202e'")],
)  # fmt: skip
def test_what_is_no_number_is_shown_and_escaped(name: str, value: bytes, shown: str) -> None:
    subject, good, *_ = SUBJECTS[name]

    bad = refused(subject, good.replace(b"59.9", value))

    assert (bad.reason, str(bad)) == ("wrong_type", f"amount: expected a number, got {shown}")


@pytest.mark.parametrize("name", ["json", "clickstream"])
def test_of_a_long_value_only_the_beginning_is_shown(name: str) -> None:
    subject, good, *_ = SUBJECTS[name]

    assert len(str(refused(subject, good.replace(b"59.9", b'"' + b"secret " * 100 + b'"')))) < 120


@every
@pytest.mark.parametrize("filler", [b"x", b"\\u0041", b"[", b'{"', b'"', b"0", b"\xff", b","])
def test_a_megabyte_of_anything_is_quick(name: str, filler: bytes) -> None:
    subject, good, event_time, text = SUBJECTS[name]
    megabyte = filler * (1_000_000 // len(filler))

    began = time.process_time()
    for raw in (megabyte, good.replace(text, megabyte), good.replace(event_time, megabyte)):
        survives(subject, raw)

    # What is quadratic would take minutes.
    assert time.process_time() - began < 10


def test_an_unknown_format_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        ConfigError, match="source 'shop': no format 'clickstraem'; did you mean 'clickstream'"
    ):
        make_format("shop", Source("t", "clickstraem"), {})
    with pytest.raises(ConfigError, match="no format 'xml'; known: access-log, alb, aws-waf, clickstream"):
        make_format("shop", Source("t", "xml"), {})


def test_what_a_format_cannot_give_is_refused_with_the_source() -> None:
    with pytest.raises(
        ConfigError, match="source 'waf': format 'aws-waf' has no field 'countri'; did you mean 'coun"
    ):
        make_format("waf", Source("t", "aws-waf"), {"countri": "any"})

"""Lines of web servers as they really are, and as strangers make them."""

from __future__ import annotations

import gzip
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from detectors.sources import Source
from streams.formats import access_logs, make_format, parse_all

#: The first lines of the Apache log in Elastic's examples, which are under the Apache License 2.0.
DATA = Path(__file__).with_name("apache_access.log.gz")


def read(line: str, name: str = "access-log") -> Any:
    (event,) = make_format("s", Source("t", name), access_logs.FIELDS).parse(line.encode())
    return event


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('::1 - - [31/Jan/2030:12:00:00 +0000] "GET / HTTP/1.1" 200 5', {"client_ip": "::1", "bytes": 5.0}),
        (
            'a.example.com:443 10.0.0.1 - anna [31/Jan/2030:12:00:00 +0000] "GET / HTTP/2.0" 304 - "-" "-"',
            {"host": "a.example.com", "user": "anna", "bytes": None, "referer": None, "user_agent": None},
        ),
        (
            r'10.0.0.1 - - [31/Jan/2030:12:00:00 +0000] "GET /?q=\"a\" HTTP/1.1" 200 5 "-" "say \"hi\""',
            {"args": 'q="a"', "user_agent": 'say "hi"'},
        ),
        (
            r'10.0.0.1 - - [31/Jan/2030:12:00:00 +0000] "\x16\x03\x01" 400 226 "-" "-"',
            {"method": None, "uri": r"\x16\x03\x01", "status_class": "4xx"},
        ),
        ('10.0.0.1 - - [31/Jan/2030:12:00:00 +0000] "-" 408 -', {"uri": None, "response_code": 408.0}),
        (
            '10.0.0.1 - - [31/Jan/2030:12:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl" 0.120 0.118 .',
            {"seconds": 0.118},
        ),
        (
            '10.0.0.1 - a b [31/Jan/2030:12:00:00 +0000] "GET /a b c HTTP/1.1" 200 5',
            {"user": "a b", "uri": "/a b c"},
        ),
    ],
)
def test_lines_are_read_as_servers_write_them(line: str, said: dict[str, Any]) -> None:
    event = read(line)
    assert {name: getattr(event, name) for name in said} == said
    assert event.event_time == 1_896_091_200_000


def test_the_zone_of_a_time_counts() -> None:
    line = '10.0.0.1 - - [31/Jan/2030:13:00:00 +0100] "GET / HTTP/1.1" 200 5'
    assert read(line).event_time == 1_896_091_200_000


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/orders/4711", "/orders/{id}"),
        ("/a/0b1c2d3e-0000-4000-8000-1234567890ab/b", "/a/{id}/b"),
        ("/files/9f86d081884c7d659a2feaa0c55ad015", "/files/{id}"),
        ("/v2/api", "/v2/api"),
        ("/cafe", "/cafe"),
    ],
)
def test_a_path_has_no_ids(uri: str, path: str) -> None:
    assert read(f'::1 - - [31/Jan/2030:12:00:00 +0000] "GET {uri}?x=1 HTTP/1.1" 200 5').path == path


def test_columns_of_cloudfront_are_those_of_its_last_line_of_names() -> None:
    format_ = make_format("s", Source("t", "cloudfront"), access_logs.FIELDS)
    assert format_.parse(b"#Version: 1.0") == ()
    assert format_.parse(b"#Fields: date time sc-status cs-uri-stem c-country") == ()
    (event,) = format_.parse(b"2030-01-31\t12:00:00\t404\t/a\tDE")
    found: Any = event
    assert (found.event_time, found.response_code, found.uri) == (1_896_091_200_000, 404.0, "/a")


def test_all_of_a_real_log_is_read() -> None:
    format_ = make_format("s", Source("t", "access-log"), access_logs.FIELDS)
    parsed = parse_all(format_, gzip.decompress(DATA.read_bytes()).splitlines())
    found: list[Any] = list(parsed.events)
    assert (len(found), len(parsed.bad)) == (2_000, 0)
    assert Counter(event.status_class for event in found).keys() == {"2xx", "3xx", "4xx"}
    assert len({event.path for event in found}) < len({event.uri for event in found})

r"""Access logs of web servers, one line a record: nginx and Apache, CloudFront, Application Load Balancers.

`access-log` is the combined or common form, also with a virtual host before it and numbers after it, of which
the last is taken for the seconds that the request took. `cloudfront` is the standard log, and `alb` that of a
load balancer. Forwarders wrap lines in JSON: `{"message": "…"}` and `{"log": "…"}` are read as well.

| field | what it is |
|---|---|
| client_ip | of the client |
| method, uri, args, http_version, host, referer, user_agent | of the request |
| path | the uri with numbers and ids replaced by `{id}`: few enough for a dimension |
| response_code | of the response; a number |
| status_class | of the same: 2xx, 3xx, 4xx, 5xx |
| bytes | of the response; a number |
| seconds | that the request took; a number |
| user | who is signed in; of `access-log` |
| server | edge location, or name of the load balancer |
| action | what was done, in the words of the log: `waf`, `forward`, Hit, Error |

What a log writes as `-` is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote

import msgspec

from detectors.config import FieldKind
from detectors.records import Event, Value, event_type
from detectors.sources import Source
from streams.formats.decoding import BYTE_ORDER_MARK, FAILURES, LARGEST_NUMBER, BadEvent, bad_time, excerpt
from streams.formats.event_time import read_datetime, read_text
from streams.formats.vocabulary import check_fields

FIELDS: Mapping[str, FieldKind] = {
    "client_ip": "any", "method": "any", "uri": "any", "args": "any", "http_version": "any", "host": "any",
    "referer": "any", "user_agent": "any", "path": "any", "response_code": "number", "status_class": "any",
    "bytes": "number", "seconds": "number", "user": "any", "server": "any", "action": "any",
}  # fmt: skip

#: What is in quotes may have quotes in it, with a backslash before them.
_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'
_COMBINED = re.compile(
    rf"(?:(\S+?)(?::\d+)? )?([^\s-]\S*) \S+ (.{{1,256}}?) \[([^\]]{{1,64}})\] {_QUOTED} (\d{{3}}|-) (\d+|-)"
    rf"(?: {_QUOTED} {_QUOTED})?(.*)$",
    re.DOTALL,
)
_LAST_NUMBER = re.compile(r"(?:^|\s)(\d+\.\d+)\s*(?:\S*)$")
_TOKEN = re.compile(rf"{_QUOTED}|(\S+)")
#: Parts of a path that are one of many: numbers, long hexadecimal ones, UUIDs.
_ID = re.compile(r"(?<=/)(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{16,})(?=/|$)")
_CLF = "%d/%b/%Y:%H:%M:%S %z"
#: Columns of the standard log of CloudFront, in their order unless a line says another.
_CLOUDFRONT = (
    "date", "time", "x-edge-location", "sc-bytes", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem",
    "sc-status", "cs(Referer)", "cs(User-Agent)", "cs-uri-query", "cs(Cookie)", "x-edge-result-type",
    "x-edge-request-id", "x-host-header", "cs-protocol", "cs-bytes", "time-taken", "x-forwarded-for",
    "ssl-protocol", "ssl-cipher", "x-edge-response-result-type", "cs-protocol-version",
)  # fmt: skip

#: Servers cut requests at some kilobytes.
LONGEST_LINE = 64 * 1024
LONGEST_REMEMBERED = 256

Values = dict[str, Value]


class AccessLog:
    """One line a request, of one of the forms."""

    #: No record is so plain that a decoder of JSON reads it.
    decode = None

    def __init__(self, source: Source, fields: Mapping[str, FieldKind]) -> None:
        check_fields(source, fields, FIELDS)
        self._fields = sorted(fields)
        self._event = event_type(fields)
        self._read = {"access-log": _combined, "cloudfront": _CloudFront().read, "alb": _alb}[source.format]

    def parse(self, raw: bytes) -> Sequence[Event]:
        """One event; none of a line that only says which columns there are.

        Raises:
            BadEvent: the line is of another form.
        """
        line = _line(raw.removeprefix(BYTE_ORDER_MARK))
        found = self._read(line)
        if found is None:
            return ()
        time, values = found
        uri, code = values.get("uri"), values.get("response_code")
        values["path"] = _path_of(uri) if isinstance(uri, str) else None
        values["status_class"] = f"{int(code) // 100}xx" if isinstance(code, float) else None
        return (self._event(time, **{field: values.get(field) for field in self._fields}),)


def _line(raw: bytes) -> str:
    if len(raw) > LONGEST_LINE:
        raise BadEvent("no_line", f"a line of {len(raw):,} bytes: no server writes such")
    try:
        if raw.startswith(b"{"):
            wrapped = msgspec.json.decode(raw)
            raw = next(
                wrapped[key] for key in ("message", "log") if isinstance(wrapped.get(key), str)
            ).encode()
        return raw.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise BadEvent("not_utf8", f"the record is not UTF-8: {error.reason}") from None
    except (*FAILURES, StopIteration):
        message = f"the record is JSON without a line in message or log; it begins with {excerpt(raw)}"
        raise BadEvent("no_line", message) from None


def _combined(line: str) -> tuple[int, Values]:
    found = _COMBINED.match(line)
    if found is None:
        message = f"no line of an access log: it begins with {excerpt(line)}"
        raise BadEvent("no_line", message)
    host, client, user, time, request, code, size, referer, agent, rest = found.groups()
    seconds = _LAST_NUMBER.search(rest)
    values = {
        "host": _known(host), "client_ip": client, "user": _known(user), **_request(_plain(request)),
        "response_code": _number(code), "bytes": _number(size),
        "referer": _known(referer and _plain(referer)), "user_agent": _known(agent and _plain(agent)),
        "seconds": _number(seconds[1]) if seconds else None,
    }  # fmt: skip
    return _time(time), values


@lru_cache(maxsize=1024)
def _time(said: str) -> int:
    """Remembered, since lines of the same second follow each other."""
    try:
        at = datetime.strptime(said, _CLF)  # noqa: DTZ007  (it has a zone)
    except ValueError:
        raise bad_time("time", said, "a time such as 31/Jan/2030:12:00:00 +0000") from None
    return read_datetime(at, "time")


class _CloudFront:
    """Reads columns by the names that the last line of names said."""

    def __init__(self) -> None:
        self._columns: Sequence[str] = _CLOUDFRONT

    def read(self, line: str) -> tuple[int, Values] | None:
        if line.startswith("#"):
            if line.startswith("#Fields:"):
                self._columns = line.removeprefix("#Fields:").split()
            return None
        row = dict(zip(self._columns, line.split("\t"), strict=False))
        if not {"date", "time", "sc-status"} <= row.keys():
            message = f"no line of a standard log of CloudFront: it begins with {excerpt(line)}"
            raise BadEvent("no_line", message)
        agent = _known(row.get("cs(User-Agent)"))
        return read_text(f"{row['date']}T{row['time']}Z", "date and time"), {
            "client_ip": _known(row.get("c-ip")), "method": _known(row.get("cs-method")),
            "uri": _known(row.get("cs-uri-stem")), "args": _known(row.get("cs-uri-query")),
            "http_version": (_known(row.get("cs-protocol-version")) or "").removeprefix("HTTP/") or None,
            "host": _known(row.get("x-host-header") or row.get("cs(Host)")),
            "referer": _known(row.get("cs(Referer)")), "user_agent": agent and unquote(agent),
            "response_code": _number(row["sc-status"]), "bytes": _number(row.get("sc-bytes")),
            "seconds": _number(row.get("time-taken")), "server": _known(row.get("x-edge-location")),
            "action": _known(row.get("x-edge-result-type")),
        }  # fmt: skip


def _alb(line: str) -> tuple[int, Values]:
    tokens = [quoted or plain for quoted, plain in _TOKEN.findall(line)]
    if len(tokens) < 14:
        message = f"no line of a log of a load balancer: it begins with {excerpt(line)}"
        raise BadEvent("no_line", message)
    times = [_number(token) for token in tokens[5:8]]
    known = [time for time in times if time is not None and time >= 0]
    values = _request(_plain(tokens[12]))
    target = str(values["uri"] or "")
    _, has_scheme, rest = target.partition("://")
    if has_scheme:
        authority, slash, path = rest.partition("/")
        values |= {"host": authority.rpartition(":")[0] or authority, "uri": f"{slash}{path}" or "/"}
    return read_text(tokens[1], "time"), {
        **values, "server": _known(tokens[2]), "client_ip": _known(tokens[3].rpartition(":")[0]),
        "response_code": _number(tokens[8]), "bytes": _number(tokens[11]), "user_agent": _known(tokens[13]),
        "seconds": sum(known) if known else None, "action": _known(tokens[22]) if len(tokens) > 22 else None,
    }  # fmt: skip


def _request(line: str) -> Values:
    """A request line; what a client sends that is none is its uri."""
    parts = line.split(" ")
    if len(parts) < 3 or not parts[-1].startswith("HTTP/"):
        return {"method": None, "uri": _known(line), "args": None, "http_version": None}
    uri, _, args = " ".join(parts[1:-1]).partition("?")
    return {
        "method": parts[0], "uri": uri, "args": args or None, "http_version": parts[-1].removeprefix("HTTP/"),
    }  # fmt: skip


def _plain(quoted: str) -> str:
    return quoted.replace('\\"', '"').replace("\\\\", "\\") if "\\" in quoted else quoted


def _known(value: str | None) -> str | None:
    return None if value in {None, "", "-"} else value


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and abs(number) <= LARGEST_NUMBER else None


def _path_of(uri: str) -> str:
    """The same, remembered where it is not so long that strangers could fill the memory."""
    return _path(uri) if len(uri) <= LONGEST_REMEMBERED else _path.__wrapped__(uri)


@lru_cache(maxsize=16_384)
def _path(uri: str) -> str:
    """A path without what is one of many.

    >>> _path("/orders/4711/items/9f86d081884c7d659a2feaa0c55ad015")
    '/orders/{id}/items/{id}'
    """
    return _ID.sub("{id}", uri)

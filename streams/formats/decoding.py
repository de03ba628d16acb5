"""Bytes of a record into a struct with only the fields that are read, or a BadEvent in words.

What no detector reads is skipped where the JSON is parsed, and types are checked there too; only for a
record that fails is it worth a second look, to say what is wrong and where. Apart from the formats,
because strangers' bytes fail in the same ways in all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

#: Why a record is no event: the label of a metric, so the list is closed.
Reason = Literal[
    "not_utf8",
    "not_json",
    "too_deep",
    "not_an_object",
    "no_line",
    "wrong_type",
    "out_of_range",
    "no_time",
    "bad_time",
]

#: What a field may be when a measure adds it up; JSON has no other numbers than finite ones.
LARGEST_NUMBER = 1e15
NUMBER = Annotated[float, Meta(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)] | None
#: What a field may be otherwise: nothing nested.
SCALAR = str | int | float | bool | None

#: What decoding raises; a bad byte and a flood of brackets have errors of their own.
FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_EXCERPT = 80


class BadEvent(ValueError):
    """A record that is no event: the reason for the metric, the message for people."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason


def explain(error: Exception, raw: bytes, time: str, at: str = "") -> BadEvent:
    """What is wrong with bytes that could not be decoded.

    `time` is the path of the event time in the record, `at` that of the bytes where they are a part.
    """
    if isinstance(error, RecursionError):
        return BadEvent("too_deep", "the record is nested too deeply")
    if isinstance(error, UnicodeDecodeError):
        return BadEvent("not_utf8", f"the record is not UTF-8: {error.reason}")
    if not isinstance(error, msgspec.ValidationError):
        return _malformed(error, raw)
    return _refused(error, raw, time, at)


def _refused(error: msgspec.ValidationError, raw: bytes, time: str, at: str) -> BadEvent:
    """JSON, but not the types that are read."""
    if str(error) == f"Object missing required field `{time}`":
        return bad_time(time, None)
    expected, _, path = str(error).partition(" - at `$")
    path = path.removesuffix("`").removeprefix(".")
    found = _value_at(raw, path)
    path = f"{at}.{path}".strip(".")
    if not path:
        return BadEvent("not_an_object", f"expected a JSON object, got {excerpt(found)}")
    if path == time:
        return bad_time(path, found)
    if "out of range" in expected or ">=" in expected or "<=" in expected:
        return BadEvent("out_of_range", f"{path}: expected a number within ±1e15, got {excerpt(found)}")
    return BadEvent("wrong_type", f"{path}: expected {_in_words(expected)}, got {excerpt(found)}")


def bad_time(path: str, found: object, expected: str = "a time from 1970 to 9999") -> BadEvent:
    """The record has no event time, or none that can be used."""
    if found is None:
        return BadEvent("no_time", f"{path}: missing")
    return BadEvent("bad_time", f"{path}: expected {expected}, got {excerpt(found)}")


def excerpt(value: object) -> str:
    r"""A stranger's value, safe to print: its kind, and its beginning with control characters escaped.

    >>> excerpt("twelve\n"), excerpt(None), excerpt({"a": 1})
    ("'twelve\\n'", 'null', 'an object')
    """
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is msgspec.UNSET:
        return "what cannot be shown"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, bytes):
        value = value[:LONGEST_EXCERPT].decode("utf-8", "replace")
    shown = repr(value[:LONGEST_EXCERPT] if isinstance(value, str) else value)
    return shown if len(shown) <= LONGEST_EXCERPT else shown[: LONGEST_EXCERPT - 1] + "…"


def _malformed(error: Exception, raw: bytes) -> BadEvent:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return BadEvent("not_utf8", f"the record is not UTF-8: {undecodable}"[:200])
    problem = str(error).removeprefix("JSON is malformed: ")
    begin = excerpt(raw) if raw else "nothing"
    return BadEvent("not_json", f"the record is not JSON: {problem}; it begins with {begin}")


def _in_words(expected: str) -> str:
    """What a struct wants, from msgspec's "Expected `float | null`, got `str`"."""
    wanted = expected.partition(", got ")[0]
    if "object" in wanted or "array" in wanted:
        return "an object" if "object" in wanted else "a list"
    if "str" in wanted:
        return "text, a number, true, false or null" if "bool" in wanted else "text"
    return "a number"


def _value_at(raw: bytes, path: str) -> object:
    """The value that was refused, for the message; UNSET where it cannot be read at all."""
    try:
        value = msgspec.json.decode(raw)
        for step in _steps(path):
            value = value[step]
    except (*FAILURES, KeyError, IndexError, TypeError):
        return msgspec.UNSET
    return value


def _steps(path: str) -> Iterator[str | int]:
    for key, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        yield int(index) if index else key

"""Queries: one that looked back from now becomes one that asks for an interval; a table becomes a query.

What is replaced is the window of the connector, `ts > DATEADD(hour, -1, getdate())` and its like. A query
that says its window in another way gets one around it that asks for the interval, and the user is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from streams.errors import LookoutError

NOW = r"(?:getdate\s*\(\s*\)|sysdate(?:\s*\(\s*\))?|current_timestamp(?:\s*\(\s*\))?|now\s*\(\s*\))"
#: Now, or so long before.
SHIFTED = (
    rf"(?:dateadd\s*\(\s*'?\w+'?\s*,\s*[-+]?\s*\d+\s*,\s*{NOW}\s*\)"
    rf"|date_sub\s*\(\s*{NOW}\s*,\s*interval\s+\d+\s+\w+\s*\)"
    rf"|{NOW}(?:\s*-\s*interval\s+(?:'[^']*'(?:\s+(?:minute|hour|day)s?\b)?|\d+\s+\w+))?)"
)
PART = r"(?:[A-Za-z_][\w$]*|\"[^\"]+\"|`[^`]+`)"
BOUND = re.compile(
    rf"(?<![\w.])(?P<column>{PART}(?:\.{PART})*)\s*(?P<how><=|>=|<|>)\s*{SHIFTED}(?!\s*[-+*/:])",
    re.IGNORECASE,
)
#: What is said of now anywhere.
MOVING = re.compile(rf"(?<![\w.]){NOW}", re.IGNORECASE)
#: Comments and texts, in which nothing is a bound.
NOT_CODE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)


@dataclass(frozen=True)
class Asking:
    """A query that asks for an interval."""

    query: str
    #: The parts of the window that were replaced, as they were.
    replaced: tuple[str, ...] = ()
    #: Another query is around it, which asks for the interval.
    around: bool = False
    #: What it still says of now: it looks back from there, whichever interval is asked for.
    moving: str | None = None
    #: Texts in it were escaped for UNLOAD.
    unescaped: bool = False


def asking(query: str, time: str, where: str, quote: str = '"') -> Asking:
    """A query of the connector, asking for an interval; `time` is the column of its result.

    >>> asking("SELECT t FROM v WHERE t > DATEADD(hour, -1, getdate()) AND t < getdate()", "t", "query").query
    'SELECT t FROM v WHERE t >= :interval_start AND t < :interval_end'

    Raises:
        LookoutError: it is no query that can be asked.
    """
    text = query.strip().rstrip(";").rstrip()
    if not re.match(r"(?:--[^\n]*\n|/\*.*?\*/|\s|\()*(?:select|with)\b", text, re.IGNORECASE | re.DOTALL):
        message = f"{where} is no query: give the SELECT by itself, as query.sql has it, without UNLOAD"
        raise LookoutError(message)
    text, unescaped = _unescaped(text)
    if ":interval_start" in text and ":interval_end" in text:
        return Asking(text, unescaped=unescaped)
    code = NOT_CODE.sub(lambda match: "\0" * len(match[0]), text)
    bounds = [match for match in BOUND.finditer(text) if code[match.start()] != "\0"]
    replaced = _replace(text, bounds) if _is_of_time(bounds, text, time) else None
    if replaced is not None and not MOVING.search(NOT_CODE.sub("", replaced)):
        return Asking(replaced, tuple(" ".join(match[0].split()) for match in bounds), unescaped=unescaped)
    moving = MOVING.search(code)
    return Asking(
        _around(text, time, quote), around=True, moving=moving[0] if moving else None, unescaped=unescaped
    )


def of_table(table: str, columns: Sequence[str], time: str, quote: str) -> str:
    """A query for the rows of a table.

    >>> print(of_table("public.sales", ["views"], "ts", '"'))
    SELECT "ts", "views"
    FROM "public"."sales"
    WHERE "ts" >= :interval_start AND "ts" < :interval_end
    """
    names = ", ".join(_quoted(column, quote) for column in (time, *columns))
    source = ".".join(_quoted(part, quote) for part in table.split("."))
    column = _quoted(time, quote)
    window = f"{column} >= :interval_start AND {column} < :interval_end"
    return f"SELECT {names}\nFROM {source}\nWHERE {window}"


def _unescaped(text: str) -> tuple[str, bool]:
    """The connector puts its query into a text, UNLOAD ('…'): so every quote of it is escaped, or none is."""
    if "'" in text and "'" not in re.sub(r"\\'|''", "", text):
        return re.sub(r"\\'|''", "'", text), True
    return text, False


def _is_of_time(bounds: Sequence[re.Match[str]], text: str, time: str) -> bool:
    """Whether all bounds are of one column, and that is the time of the result.

    Any other that is before now, such as the first day of a price, is no window.
    """
    names = {match["column"].lower() for match in bounds}
    if len(names) != 1:
        return False
    name = names.pop()
    called = rf"(?<![\w.]){re.escape(name)}\s+(?:as\s+)?[\"`]?{re.escape(time)}[\"`]?(?!\w)"
    return name.rpartition(".")[2].strip('"`') == time.lower() or bool(re.search(called, text, re.IGNORECASE))


def _replace(text: str, bounds: Sequence[re.Match[str]]) -> str | None:
    """The query with its window replaced; None where it is another kind of window."""
    sides = [match["how"][0] for match in bounds]
    both = len(set(sides)) == 2
    if both and sides.count("<") * 2 != len(sides):
        return None
    for match, side in reversed(list(zip(bounds, sides, strict=True))):
        column = match["column"]
        start, end = f"{column} >= :interval_start", f"{column} < :interval_end"
        new = (end if side == "<" else start) if both else f"{start} AND {end}"
        text = text[: match.start()] + new + text[match.end() :]
    return text


def _around(text: str, time: str, quote: str) -> str:
    column = f"asked.{_quoted(time, quote)}"
    window = f"{column} >= :interval_start AND {column} < :interval_end"
    return f"SELECT * FROM (\n{text}\n) AS asked\nWHERE {window}"  # noqa: S608  (as its owner has it)


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, quote * 2) + quote

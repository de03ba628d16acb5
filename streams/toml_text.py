"""Tables, and what is said of them → a TOML text with comments, which loads and says what the tables say.

All that comes of strangers is a value, which the library escapes, or in a comment, which is plain text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tomlkit
from tomlkit.items import Array, InlineTable, String, StringType, Table, Trivia

from detectors.words import plain

WIDTH = 110
#: Letters of a comment.
LONGEST = 1_000


class Entry(NamedTuple):
    """A key, and the sentences above it."""

    key: str
    value: Any
    above: Sequence[str] = ()


class Listed(NamedTuple):
    """A value: a list with a line for each element, the sentences above each, and those at its end."""

    elements: Sequence[tuple[Any, Sequence[str]]]
    below: Sequence[str] = ()


class Section(NamedTuple):
    """A table, and the sentences above it; `sources.shop`, or one of a list, such as of `detectors`."""

    section: str
    #: None in a list.
    name: str | None
    entries: Sequence[Entry]
    above: Sequence[str] = ()


def toml_text(title: Sequence[str], sections: Iterable[Section]) -> str:
    """The text of a configuration."""
    return "\n".join(["".join(_comments(title)), *map(_section, sections)])


def _section(of: Section) -> str:
    """One table by itself: what is appended to a longer document may lose its comments."""
    table = tomlkit.table()
    for entry in of.entries:
        for line in _wrapped(entry.above):
            table.add(tomlkit.comment(line))
        table.add(entry.key, _value(entry.value))
    document = tomlkit.document()
    if of.name is None:
        entries = tomlkit.aot()
        entries.append(table)
        document.append(of.section, entries)
    else:
        outer: Table = tomlkit.table(is_super_table=True)
        outer.append(of.name, table)
        document.append(of.section, outer)
    return "".join(_comments(of.above)) + tomlkit.dumps(document)


def _comments(sentences: Iterable[str]) -> Iterator[str]:
    return (f"# {line}\n" for line in _wrapped(sentences))


def _wrapped(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        text = plain(sentence, LONGEST)
        yield from textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _value(value: Any) -> Any:
    if isinstance(value, Listed):
        return _listed(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return _listed(Listed([(each, ()) for each in value]))
    if isinstance(value, dict):
        return _inline(value)
    if isinstance(value, str) and "\n" in value:
        return _lines(value)
    return value


def _listed(value: Listed) -> Array:
    array: Array = tomlkit.array()
    for element, above in value.elements:
        for line in _wrapped(above):
            array.add_line(indent="  ", comment=line)
        array.add_line(_value(element), indent="  ")
    for line in _wrapped(value.below):
        array.add_line(indent="  ", comment=line)
    array.add_line(indent="")
    return array


def _inline(values: Mapping[str, Any]) -> InlineTable:
    table = tomlkit.inline_table()
    for key, value in values.items():
        table.add(key, _value(value))
    return table


def _lines(value: str) -> String | str:
    """A text of several lines, such as a query: as it is, where that can be said."""
    if "'''" in value or value.endswith("'") or not all(c.isprintable() or c in "\n\t" for c in value):
        return value
    # The line break after the quotes is none of the text.
    return String(StringType.MLL, value, "\n" + value, Trivia())

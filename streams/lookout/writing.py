"""Tables → a TOML text with comments, which loads and says what the tables say.

All that comes of strangers is a value, which the library escapes, or in a comment, which is plain text.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.items import Array, String, StringType, Table, Trivia

from detectors.words import plain
from streams.lookout.remarks import Remark

WIDTH = 100
#: What a user must know who reads the file without having seen what was said.
COMMENTED = {"changed": "Note", "missing": "No equivalent", "to do": "To do"}

#: Section → its tables: by name, or a list of those that have a `name`.
Tables = Mapping[str, dict[str, Any] | list[dict[str, Any]]]


def write(title: str, tables: Tables, remarks: Sequence[Remark], descriptions: Mapping[str, str]) -> str:
    """The text of a configuration: above each table what it is, and the remarks about it."""
    return "\n".join(_parts(title, tables, remarks, descriptions))


def _parts(
    title: str, tables: Tables, remarks: Sequence[Remark], descriptions: Mapping[str, str]
) -> Iterator[str]:
    yield _comment(title)
    for section, content in tables.items():
        listed = isinstance(content, list)
        for name, table in named_tables(content):
            about = f"{section}.{name}"
            said = [descriptions[about]] if about in descriptions else []
            said += [
                f"{COMMENTED[remark.kind]}: {remark.says}"
                for remark in remarks
                if remark.about == about and remark.kind in COMMENTED
            ]
            yield "".join(map(_comment, said)) + _document(section, None if listed else name, table)


def named_tables(content: dict[str, Any] | list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The tables of a section by their names."""
    return [(each["name"], each) for each in content] if isinstance(content, list) else list(content.items())


def _document(section: str, name: str | None, values: Mapping[str, Any]) -> str:
    """One table by itself: what is appended to a longer document may lose its comments."""
    document = tomlkit.document()
    if name is None:
        entries = tomlkit.aot()
        entries.append(_table(values))
        document.append(section, entries)
    else:
        outer = tomlkit.table(is_super_table=True)
        outer.append(name, _table(values))
        document.append(section, outer)
    return tomlkit.dumps(document)


def _comment(text: str) -> str:
    lines = textwrap.wrap(plain(text, longest=1000), WIDTH, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _table(values: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, _value(value))
    return table


def _value(value: Any) -> Any:
    if isinstance(value, str) and "\n" in value:
        return _lines(value)
    if isinstance(value, dict):
        inline = tomlkit.inline_table()
        for key, inner in value.items():
            inline.add(key, _value(inner))
        return inline
    if isinstance(value, list) and value and isinstance(value[0], dict):
        array: Array = tomlkit.array().multiline(True)
        for each in value:
            array.append(_value(each))
        return array
    return value


def _lines(value: str) -> String | str:
    """A text of several lines, such as a query: as it is, where that can be said."""
    if "'''" in value or value.endswith("'") or not all(c.isprintable() or c in "\n\t" for c in value):
        return value
    # The line break after the quotes is none of the text.
    return String(StringType.MLL, value, "\n" + value, Trivia())

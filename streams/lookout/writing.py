"""What was made of Lookout's settings, and the remarks about it → the text of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.lookout.remarks import Remark
from streams.toml_text import Entry, Section, toml_text

#: What a user must know who reads the file without having seen what was said.
COMMENTED = {"changed": "Note", "missing": "No equivalent", "to do": "To do"}

#: Section → its tables: by name, or a list of those that have a `name`.
Tables = Mapping[str, dict[str, Any] | list[dict[str, Any]]]


def write(title: str, tables: Tables, remarks: Sequence[Remark], descriptions: Mapping[str, str]) -> str:
    """The text of a configuration: above each table what it is, and the remarks about it."""
    return toml_text([title], _sections(tables, remarks, descriptions))


def _sections(
    tables: Tables, remarks: Sequence[Remark], descriptions: Mapping[str, str]
) -> Iterator[Section]:
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
            entries = [Entry(key, value) for key, value in table.items()]
            yield Section(section, None if listed else name, entries, said)


def named_tables(content: dict[str, Any] | list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """The tables of a section by their names."""
    return [(each["name"], each) for each in content] if isinstance(content, list) else list(content.items())

"""Formats whose fields have fixed names: a configuration that asks for others is refused at the start."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

from detectors.config import ConfigError, FieldKind
from detectors.sources import Source


def check_fields(source: Source, fields: Mapping[str, FieldKind], known: Mapping[str, FieldKind]) -> None:
    """Refuse what the format does not have.

    Raises:
        ConfigError: an unknown field, a sum of a field that is text, or paths that belong to `json`.
    """
    if source.time is not None or source.fields:
        message = f"format {source.format!r} knows its own fields; time and fields are for json"
        raise ConfigError(message)
    for field, kind in fields.items():
        if field not in known:
            message = f"format {source.format!r} has no field {field!r}; {nearest(field, known)}"
            raise ConfigError(message)
        if kind == "number" and known[field] != "number":
            numbers = ", ".join(name for name, its in known.items() if its == "number")
            message = (
                f"format {source.format!r}: {field!r} is text and cannot be added up; numbers: {numbers}"
            )
            raise ConfigError(message)


def nearest(name: str, known: Collection[str]) -> str:
    """A hint for a name that is not known.

    >>> nearest("platfrom", ["event", "platform"])
    "did you mean 'platform'?"
    """
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"

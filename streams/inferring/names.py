"""Names of a configuration, made of what strangers call things: of letters that are allowed, each once."""

from __future__ import annotations

import re
import unicodedata

from detectors.records import Event, attribute

_ALLOWED = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
#: Shorter than a name may be, for something is put behind it here and there.
LONGEST = 50


def slug(text: str, otherwise: str) -> str:
    """A name of what a text says in plain letters.

    >>> slug("Füge hinzu!", "event"), slug("購入", "event"), slug("add to cart", "event")
    ('Fuge_hinzu', 'event', 'add_to_cart')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")[:LONGEST].strip("_-")
    return name or otherwise


class MeasureNames:
    """Names of measures, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """The name, or where it is taken the name with a number."""
        free, n = name, 2
        while free in self._taken:
            free, n = f"{name}_{n}", n + 1
        self._taken.add(free)
        return free


class FieldNames:
    """Names of fields, and the paths of those whose name is another."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._attributes: set[str] = set()

    def of(self, path: str) -> str:
        """The name of the field at a path."""
        if path in self._known:
            return self._known[path]
        wanted = path if _ALLOWED.fullmatch(path) else slug(path, "field")
        if not _ALLOWED.fullmatch(wanted):
            wanted = f"field_{wanted}"
        name, n = wanted, 2
        while attribute(name) in self._attributes or hasattr(Event, attribute(name)):
            name, n = f"{wanted}_{n}", n + 1
        self._attributes.add(attribute(name))
        self._known[path] = name
        if name != path:
            self.paths[name] = path
        return name

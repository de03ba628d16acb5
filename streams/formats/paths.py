"""Dotted paths into a JSON record, compiled: one struct that holds just the values at these paths.

All the rest of a record is skipped where it is parsed. A number in a path is an index into a list,
as in `items.0.price`. A key that has a dot itself cannot be named, nor one with a character that
JSON escapes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from detectors.config import ConfigError
from streams.formats.decoding import FAILURES, explain

Path = tuple[str, ...]

#: Characters that the decoder takes in no name: JSON escapes them.
UNNAMEABLE = frozenset({'"', "\\", *map(chr, range(0x20))})


class Paths:
    """Reads the values at paths, each of a type: `read(raw)` gives them in the order of the paths.

    >>> from streams.formats.decoding import NUMBER, SCALAR
    >>> read = Paths({"geo.country": SCALAR, "items.0.price": NUMBER}, time="ts").read
    >>> read(b'{"geo": {"country": "DE"}, "items": [{"price": 7}, {"price": 9}]}')
    ['DE', 7.0]
    >>> read(b'{"geo": null}')
    [None, None]
    """

    def __init__(self, types: Mapping[str, Any], time: str) -> None:
        self._time = time
        keys = {path: split(path) for path in types}
        self._keys = list(keys.values())
        self._decode = msgspec.json.Decoder(_struct({keys[path]: types[path] for path in types})).decode
        self._readers = [_reader(keys[path], types[path], time) for path in types]

    def compiled(self, result: str, **objects: Any) -> Callable[[bytes], Any] | None:
        """A function of a record's bytes: a Python expression in which `{0}` is the value of the first path.

        It does in one go what `read` does in many, and raises one of FAILURES where that says what is
        wrong. None where a path leads through a list.
        """
        if any(_head(keys) != keys for keys in self._keys):
            return None
        values = [_expression([_name(key) for key in keys]) for keys in self._keys]
        source = f"lambda raw: (record := decode(raw)) and {result.format(*values)}"
        made: Callable[[bytes], Any] = eval(source, {**objects, "decode": self._decode})  # noqa: S307
        return made

    def read(self, raw: bytes) -> list[Any]:
        """The values of a record.

        Raises:
            BadEvent: it is no JSON object, or has something else at a path.
        """
        try:
            record = self._decode(raw)
        except FAILURES as error:
            raise explain(error, raw, self._time) from error
        return [read(record) for read in self._readers]


def split(path: str) -> Path:
    """The keys of a path.

    Raises:
        ConfigError: one of them is empty.
    """
    keys = tuple(path.split("."))
    if not all(keys) or keys[0].isdecimal():
        message = f"{path!r} is no path into a JSON object; write one such as geo.country or items.0.price"
        raise ConfigError(message)
    if UNNAMEABLE & set(path):
        message = f'{path!r}: keys with ", \\ or control characters cannot be named in a path'
        raise ConfigError(message)
    return keys


def _head(keys: Path) -> Path:
    """The keys up to the first list."""
    index = next((i for i, key in enumerate(keys) if key.isdecimal()), len(keys))
    return keys[:index]


def _struct(types: Mapping[Path, Any]) -> type[msgspec.Struct]:
    """A struct, with others inside, for values at paths; a list stays bytes until it is asked for."""
    below: dict[str, dict[Path, Any]] = {}
    for keys, kind in types.items():
        below.setdefault(keys[0], {})[keys[1:]] = kind
    fields = []
    for key, inner in below.items():
        lists = [bool(keys) and keys[0].isdecimal() for keys in inner]
        if all(lists):
            kind = list[msgspec.Raw] | None
        elif () in inner and len(inner) == 1:
            kind = inner[()]
        elif () in inner or any(lists):
            message = f"{key!r} cannot be a value in one path and hold values in another"
            raise ConfigError(message)
        else:
            kind = _struct(inner) | None
        fields.append((_name(key), kind, msgspec.field(name=key, default=None)))
    return msgspec.defstruct("Record", fields, frozen=True, gc=False)


def _name(key: str) -> str:
    """An attribute for a key: any text, turned into an identifier without two becoming one."""
    return "key_" + key.encode("utf-8").hex()


def _expression(names: Sequence[str]) -> str:
    """The value below `record` as Python; None where something on the way is."""
    *outer, last = names
    if not outer:
        return f"record.{last}"
    steps = [f"(it := {'it' if i else 'record'}.{name}) is None" for i, name in enumerate(outer)]
    return f"(None if {' or '.join(steps)} else it.{last})"


def _reader(keys: Path, kind: Any, time: str) -> Callable[[Any], Any]:
    head = _head(keys)
    names = [_name(key) for key in head]

    def read(record: Any) -> Any:
        for name in names:
            if record is None:
                return None
            record = getattr(record, name)
        return record

    if head == keys:
        return read
    element = _element(keys, len(head), kind, time)
    return lambda record: element(read(record))


def _element(keys: Path, at: int, kind: Any, time: str) -> Callable[[list[msgspec.Raw] | None], Any]:
    """Reads what is below one element of a list, which is decoded only here."""
    index, rest = int(keys[at]), keys[at + 1 :]
    here = ".".join(keys[: at + 1])
    inner: Any = kind
    read: Callable[[Any], Any] = _itself
    if rest and rest[0].isdecimal():
        inner, read = list[msgspec.Raw] | None, _element(keys, at + 1, kind, time)
    elif rest:
        inner, read = _struct({rest: kind}) | None, _reader(rest, kind, time)
    decode = msgspec.json.Decoder(inner).decode

    def read_element(elements: list[msgspec.Raw] | None) -> Any:
        if elements is None or index >= len(elements):
            return None
        raw = bytes(elements[index])
        try:
            return read(decode(raw))
        except FAILURES as error:
            raise explain(error, raw, time, at=here) from error

    return read_element


def _itself(value: Any) -> Any:
    return value

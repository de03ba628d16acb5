"""Places and the ids of series: which dimension values a number belongs to, as text that never collides.

A place has a value for each dimension of its detector, or None where that dimension is rolled up.
Values come from strangers: they stay text, are bounded in length, and are escaped in ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import cast
from urllib.parse import quote, unquote
from zlib import crc32

import msgspec

from detectors.records import Place, Value

#: The value of a dimension that an event does not carry.
MISSING = "(missing)"
#: Where the values go that do not fit under `max_series`.
OTHER = "(other)"

_encode = msgspec.json.Encoder().encode

LONGEST = 200
_RESERVED = {MISSING, OTHER}


def text(value: Value) -> str:
    """A field's value as a dimension value.

    Long values become a prefix and a hash, so that two of them stay two. What events call
    `(missing)` or `(other)` is escaped, so that it is not taken for ours.

    >>> text(404), text(True), text(None), text("(other)")
    ('404', 'true', '(missing)', '%28other)')
    """
    if type(value) is str:
        said = "%28" + value[1:] if value in _RESERVED else value
    elif value is None:
        said = MISSING
    elif isinstance(value, bool):
        said = "true" if value else "false"
    elif isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        said = str(int(value))
    elif isinstance(value, int) and value.bit_length() > 64:
        # Python refuses to write thousands of digits in decimal.
        said = hex(value)
    else:
        said = str(value)
    if len(said) > LONGEST:
        digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        return f"{said[: LONGEST - 17]}~{digest}"
    return said


@lru_cache(maxsize=1024)
def roller(kept: tuple[bool, ...]) -> Callable[[Place], Place]:
    """A function that rolls a place up to the dimensions that are kept.

    >>> roller((True, False))(("web", "DE"))
    ('web', None)
    """
    values = "".join(f"place[{i}], " if keep else "None, " for i, keep in enumerate(kept))
    # One expression: it runs for every leaf of every interval, and a loop is five times as slow.
    return cast(Callable[[Place], Place], eval(f"lambda place: ({values})"))  # noqa: S307


def shard_of(detector: str, place: Place, shards: int) -> int:
    """The shard of a detector that scores a place: the same in every process and for ever.

    >>> [shard_of("shop", place, 4) for place in [("web", "DE"), ("web", None), (None, None)]]
    [2, 1, 1]
    """
    return crc32(_encode((detector, place))) % shards


def named(dimensions: Sequence[str], place: Place) -> dict[str, str]:
    """A place as dimension → value, without what is rolled up."""
    return {name: value for name, value in zip(dimensions, place, strict=True) if value is not None}


def series_id(measure: str, place: Mapping[str, str]) -> str:
    """The durable id of a series: dimensions sorted, values percent-encoded.

    >>> series_id("orders", {"platform": "web", "marketplace": "D E"})
    'orders{marketplace=D%20E,platform=web}'
    """
    pairs = ",".join(f"{quote(k, safe='')}={quote(v, safe='()')}" for k, v in sorted(place.items()))
    return f"{measure}{{{pairs}}}"


def series_of(id_: str) -> tuple[str, dict[str, str]]:
    """The measure and the place that an id of a series names.

    >>> series_of("orders{marketplace=D%20E,platform=web}")
    ('orders', {'marketplace': 'D E', 'platform': 'web'})

    Raises:
        ValueError: it is no such id.
    """
    measure, brace, rest = id_.partition("{")
    pairs = [pair.split("=") for pair in rest.removesuffix("}").split(",") if pair]
    if not measure or bool(brace) != rest.endswith("}") or any(len(pair) != 2 for pair in pairs):
        message = f"{id_!r} is no series: expected measure{{dimension=value,…}}, or the measure alone of all"
        raise ValueError(message)
    return measure, {unquote(name): unquote(value) for name, value in pairs}

"""Places and the ids of series: which dimension values a number belongs to, as text that never collides.

A place has a value for each dimension of its detector, or None where that dimension is rolled up.
Values come from strangers: they stay text, are bounded in length, and are escaped in ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from detectors.records import Place, Value

#: The value of a dimension that an event does not carry.
MISSING = "(missing)"
#: Where the values go that do not fit under `max_series`.
OTHER = "(other)"

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
        if len(value) > LONGEST:
            digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            return f"{value[: LONGEST - 17]}~{digest}"
        return "%28" + value[1:] if value in _RESERVED else value
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def rolled_up(place: Place, kept: Sequence[bool]) -> Place:
    """The place with only the dimensions that are kept.

    >>> rolled_up(("web", "DE"), (True, False))
    ('web', None)
    """
    return tuple(value if keep else None for value, keep in zip(place, kept, strict=True))


def contains(outer: Place, inner: Place) -> bool:
    """Whether every event at `inner` is also at `outer`.

    >>> contains(("web", None), ("web", "DE")), contains(("web", None), ("app", "DE"))
    (True, False)
    """
    return all(a is None or a == b for a, b in zip(outer, inner, strict=True))


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

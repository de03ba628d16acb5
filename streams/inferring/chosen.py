"""A choice that was made for somebody: what, how sure that is, and why in plain words."""

from __future__ import annotations

import re
from typing import Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

Sure = Literal["high", "medium", "low"]

#: Fewer records than this say little of anything.
FEW = 30

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


class Chosen(msgspec.Struct, Generic[T], frozen=True):
    """A value, and what speaks for it."""

    value: T
    sure: Sure
    why: str


class LeftOut(msgspec.Struct, frozen=True):
    """A field that is not used, and why."""

    field: str
    why: str


def at_most(sure: Sure, records: int) -> Sure:
    """How sure one may be after so many records."""
    return "low" if records < FEW else sure


def words(name: str) -> list[str]:
    """The words of a name, whatever is between them.

    >>> words("geo.countryCode"), words("HTTP_status_200")
    (['geo', 'country', 'code'], ['http', 'status', '200'])
    """
    return [word.lower() for word in _WORD.findall(name)]

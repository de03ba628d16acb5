"""The names of the topics between the hops; durable, a rename is a migration."""

from __future__ import annotations

from typing import NamedTuple


class Names(NamedTuple):
    """Topic names under one prefix."""

    partials: str
    scores: str
    groups: str
    alerts: str
    dead_letters: str

    @classmethod
    def under(cls, prefix: str) -> Names:
        """The names under a prefix.

        >>> Names.under("lookalive").dead_letters
        'lookalive.dead-letters'
        """
        return cls(*(f"{prefix}.{name.replace('_', '-')}" for name in cls._fields))

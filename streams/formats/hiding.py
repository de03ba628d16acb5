"""Fields of which only a part is kept: an address becomes its network, any value a hash that tells it apart.

Nothing after the format sees the value itself: no partial, no score, no alert, no stored state. A record that
cannot be read goes to the dead letters as it is.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from detectors.filters import address
from detectors.records import Event, Value, attribute
from detectors.sources import Hidden
from streams.secrets import read_secret

if TYPE_CHECKING:
    from streams.formats import Format

#: How much of an address is kept: what providers give to one customer is seldom larger than what is left.
BITS = {4: 24, 6: 48}
#: Digits of a hash: among a million values two are alike once in twenty million times.
DIGITS = 16


class Hiding:
    """A format whose events have some of their fields hidden."""

    #: No record is so plain that nothing is to be hidden in it.
    decode = None

    def __init__(self, inner: Format, hidden: Mapping[str, Hidden], key: str | None) -> None:
        """`key` is where the key of hashes is.

        Raises:
            SettingsError: there is no key, and it is needed.
        """
        self._inner = inner
        hashed = _hasher(read_secret(key)) if key is not None else None
        ways: dict[str, Callable[[Value], Value]] = {"network": network}
        if hashed is not None:
            ways["hash"] = hashed
        self._hidden = [(attribute(field), ways[way]) for field, way in hidden.items()]

    def parse(self, raw: bytes) -> Sequence[Event]:
        """The events of a record, with what is hidden.

        Raises:
            BadEvent: the record cannot be read.
        """
        events = self._inner.parse(raw)
        for event in events:
            for name, hide in self._hidden:
                # Nobody else has this event yet, and frozen ones are made by each format in its own way.
                msgspec.structs.force_setattr(event, name, hide(getattr(event, name)))
        return events


@lru_cache(maxsize=65_536)
def network(value: Value) -> Value:
    """The network of an address; None of what is no address.

    >>> network("203.0.113.9"), network("2001:db8:1:2::9"), network("elsewhere")
    ('203.0.113.0/24', '2001:db8:1::/48', None)
    """
    found = address(value) if isinstance(value, str) and len(value) < 64 else None
    if found is None:
        return None
    return str(ipaddress.ip_network((found, BITS[found.version]), strict=False))


def _hasher(key: str) -> Callable[[Value], Value]:
    secret = key.encode()

    def hashed(value: Value) -> Value:
        if value is None:
            return None
        return hmac.digest(secret, str(value).encode("utf-8", "surrogatepass"), "sha256").hex()[:DIGITS]

    return hashed

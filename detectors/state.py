"""State as bytes: a version, then msgpack; arrays as raw bytes with their type and shape.

Snapshots live in Kafka's changelog, where strangers may be able to write. So nothing here runs what
it reads: records are decoded by their declared types, and there is no pickle. River's models give
their numbers as arrays.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from detectors.migrations import OLDEST, VERSION, migrated

#: How numpy writes the types of truth values, whole numbers and floats.
_NUMBERS = re.compile(r"[<>|=][biuf]\d{1,2}")

#: What an operator can do with state that cannot be read.
WAY_OUT = "start afresh with another LOOKALIVE_GROUP and LOOKALIVE_DATA, which learns from the source topics"

#: What else may be raised by bytes that are no record, or not one of their version.
_DAMAGED = (UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueError, AttributeError)

S = TypeVar("S", bound=msgspec.Struct)


class StateError(RuntimeError):
    """Stored state cannot be read: the worker stops rather than guess."""


class Array(msgspec.Struct, frozen=True):
    """A numpy array on the wire."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of(cls, array: NDArray[Any]) -> Array:
        """The wire form of an array of numbers."""
        return cls(array.dtype.str, array.shape, np.ascontiguousarray(array).tobytes())

    def array(self) -> NDArray[Any]:
        """The array itself, writable.

        Raises:
            StateError: it is no array of numbers, or damaged.
        """
        if not _NUMBERS.fullmatch(self.dtype):
            message = f"an array of type {self.dtype!r} is no state of ours: it holds no numbers"
            raise StateError(message)
        try:
            return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape).copy()
        except (TypeError, ValueError, OverflowError) as error:
            message = f"a stored array of type {self.dtype!r} is damaged: {error}"
            raise StateError(message) from error


def encode(record: msgspec.Struct) -> bytes:
    """A state record as bytes."""
    return bytes([VERSION]) + msgspec.msgpack.encode(record)


def decode(data: bytes, kind: type[S]) -> S:
    """The state record in the bytes.

    One of an earlier version is migrated.

    Raises:
        StateError: written by a version that cannot be read, or damaged.
    """
    version = data[0] if data else 0
    if not OLDEST <= version <= VERSION:
        message = (
            f"the stored {kind.__name__} has version {version or 'nothing'}, this program reads versions "
            f"{OLDEST} to {VERSION}; run the version that wrote it, or {WAY_OUT}"
        )
        raise StateError(message)
    body = memoryview(data)[1:]
    try:
        if version < VERSION:
            record = migrated(kind.__name__, msgspec.msgpack.decode(body), version)
            body = memoryview(msgspec.msgpack.encode(record))
        return msgspec.msgpack.decode(body, type=kind)
    except (*_DAMAGED, msgspec.DecodeError) as error:
        message = f"the stored {kind.__name__} is damaged: {error}; {WAY_OUT}"
        raise StateError(message) from error

"""State as bytes: a version, then msgpack; arrays as raw bytes with their type and shape.

Snapshots live in Kafka's changelog, where strangers may be able to write. So nothing here runs what
it reads: records are decoded by their declared types, and River objects, which have no other form
than pickle, pass through an unpickler that knows a short list of exact names.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

#: Raised by one when stored bytes change their meaning; then a migration is written.
VERSION = 1

#: How numpy writes the types of truth values, whole numbers and floats.
_NUMBERS = re.compile(r"[<>|=][biuf]\d{1,2}")

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

    Raises:
        StateError: written by another version, or damaged.
    """
    if not data or data[0] != VERSION:
        found = data[0] if data else "nothing"
        message = (
            f"the stored {kind.__name__} has version {found}, this program reads version {VERSION}; "
            "run the version that wrote it, or start with a new consumer group and data directory"
        )
        raise StateError(message)
    try:
        return msgspec.msgpack.decode(memoryview(data)[1:], type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the stored {kind.__name__} is damaged: {error}"
        raise StateError(message) from error


#: Every class and function that a pickled River model of ours may name. Exact names, never prefixes.
PICKLED = frozenset(
    {
        ("river.anomaly.hst", "HalfSpaceTrees"),
        ("river.tree.padded", "PaddedBranch"),
        ("river.tree.padded", "PaddedLeaf"),
        ("random", "Random"),
        ("collections", "defaultdict"),
        # The limits of a feature that is new: `partial(tuple, (0.0, 1.0))`.
        ("functools", "partial"),
        ("builtins", "tuple"),
    }
)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PICKLED:
            message = f"stored state names {module}.{name}, which is no part of our models"
            raise StateError(message)
        return super().find_class(module, name)


def unpickle(data: bytes) -> Any:
    """A River model from bytes that may come from a stranger.

    Raises:
        StateError: the bytes name anything that is not in `PICKLED`, or are damaged.
    """
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except StateError:
        raise
    except Exception as error:  # whatever it is that damaged bytes ask for
        message = f"a stored model is damaged: {error}"
        raise StateError(message) from error

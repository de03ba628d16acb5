"""Sketches: distinct counts and quantiles of any number of values, in bounded space, merged exactly.

Both are a function of the values that were added, never of their order or of how they were split and
merged, and so is their wire form. Counting distinct values follows Flajolet, Fusy, Gandouet and
Meunier, "HyperLogLog" (2007), estimated as by Ertl, "New cardinality estimation algorithms for
HyperLogLog sketches" (2017), which needs no table of corrections. Quantiles follow Masson, Rim and
Lee, "DDSketch" (2019), over a fixed range of values, so that no bucket is ever collapsed.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from math import ceil, copysign, floor, inf, log, nan, sqrt
from sys import byteorder
from typing import Final

import numpy as np
from xxhash import xxh3_64_intdigest

from detectors.places import text
from detectors.records import Value

#: 2^12 registers: a standard error of 1.04 / √4096 = 1.6 %, in 4 KiB.
PRECISION: Final = 12
REGISTERS: Final = 1 << PRECISION
#: Up to this many distinct values the hashes themselves are kept, and the count is exact.
EXACT: Final = 64

#: Quantiles are within 1 % of the true value.
ACCURACY: Final = 0.01
GAMMA: Final = (1 + ACCURACY) / (1 - ACCURACY)
#: Values nearer to zero are zero; no value is beyond LARGEST.
SMALLEST, LARGEST = 1e-9, 1e15

_LOG_GAMMA = log(GAMMA)
_BEFORE_FIRST = ceil(log(SMALLEST) / _LOG_GAMMA) - 1
_RANKS = 64 - PRECISION + 1
_INDEX = REGISTERS - 1
#: By rank: what is left of a hash of higher rank is below this.
_HIGHER = [1 << _RANKS - 1 - rank for rank in range(_RANKS)] + [0]


class HyperLogLog:
    """About how many distinct values were added; exact up to 64, then within some 1.6 %.

    Two values are one when they are the same as text: 404 and "404".

    >>> visitors = HyperLogLog()
    >>> for address in ("192.0.2.1", "192.0.2.7", "192.0.2.1"):
    ...     visitors.add(address)
    >>> visitors.estimate()
    2.0
    """

    __slots__ = ("_hashes", "_registers")

    def __init__(self) -> None:
        self._hashes: set[int] = set()
        #: None while the hashes are few enough to be kept.
        self._registers: bytearray | None = None

    def add(self, value: Value) -> None:
        """Take in a value; None is none."""
        # For every event: what `stable_hash` and `_register` do, without the calls.
        said = value if type(value) is str else text(value)
        try:
            hashed = xxh3_64_intdigest(said.encode())
        except UnicodeEncodeError:
            hashed = stable_hash(said)
        registers = self._registers
        if registers is None:
            self._add_hash(hashed)
        elif (rest := hashed >> PRECISION) < _HIGHER[registers[index := hashed & _INDEX]]:
            registers[index] = _RANKS - rest.bit_length()

    def update(self, other: HyperLogLog) -> None:
        """Take in all that another has seen."""
        if other._registers is None:
            for hashed in other._hashes:
                self._add_hash(hashed)
            return
        mine = np.frombuffer(self._widen(), dtype=np.uint8)
        np.maximum(mine, np.frombuffer(other._registers, dtype=np.uint8), out=mine)

    def estimate(self) -> float:
        """How many distinct values, as a whole number."""
        if self._registers is None:
            return float(len(self._hashes))
        return float(round(_cardinality(self._registers)))

    def pack(self) -> bytes:
        """The hashes in order, or the registers: the length tells which."""
        if self._registers is not None:
            return bytes(self._registers)
        packed = array("Q", sorted(self._hashes))
        if byteorder == "big":
            packed.byteswap()
        return packed.tobytes()

    @classmethod
    def unpack(cls, wire: bytes) -> HyperLogLog:
        """The sketch of a wire form."""
        sketch = cls()
        if len(wire) == REGISTERS:
            sketch._registers = bytearray(wire)
            return sketch
        packed = array("Q", wire)
        if byteorder == "big":
            packed.byteswap()
        sketch._hashes = set(packed)
        return sketch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HyperLogLog) and self.pack() == other.pack()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _add_hash(self, hashed: int) -> None:
        if self._registers is not None:
            _register(self._registers, hashed)
            return
        self._hashes.add(hashed)
        if len(self._hashes) > EXACT:
            self._widen()

    def _widen(self) -> bytearray:
        """The registers, made from the hashes where there are none yet."""
        if self._registers is None:
            self._registers = bytearray(REGISTERS)
            for hashed in self._hashes:
                _register(self._registers, hashed)
            self._hashes = set()
        return self._registers


def stable_hash(value: str) -> int:
    """64 bits that are the same in every process and on every machine."""
    try:
        return xxh3_64_intdigest(value.encode())
    except UnicodeEncodeError:
        return xxh3_64_intdigest(value.encode("utf-8", "surrogatepass"))


def _register(registers: bytearray, hashed: int) -> None:
    rank = _RANKS - (hashed >> PRECISION).bit_length()
    registers[hashed & _INDEX] = max(registers[hashed & _INDEX], rank)


def _cardinality(registers: bytearray) -> float:
    """Ertl's improved raw estimator: one formula over the whole range."""
    having = np.bincount(np.frombuffer(registers, dtype=np.uint8), minlength=_RANKS + 1).tolist()
    z = REGISTERS * _tau(1 - having[_RANKS] / REGISTERS)
    for rank in range(_RANKS - 1, 0, -1):
        z = 0.5 * (z + having[rank])
    z += REGISTERS * _sigma(having[0] / REGISTERS)
    return REGISTERS * REGISTERS / (2 * log(2) * z)


def _sigma(x: float) -> float:
    """Corrects for registers that are still zero."""
    if x == 1:
        return inf
    y, z, before = 1.0, x, -1.0
    while z != before:
        x *= x
        before = z
        z += x * y
        y += y
    return z


def _tau(x: float) -> float:
    """Corrects for registers that are full."""
    if x in {0, 1}:
        return 0.0
    y, z, before = 1.0, 1 - x, -1.0
    while z != before:
        x = sqrt(x)
        before = z
        y *= 0.5
        z -= (1 - x) ** 2 * y
    return z / 3


class LogBuckets:
    """Quantiles within 1 %: how many values fell into each of buckets that grow by a constant factor.

    >>> latency = LogBuckets()
    >>> for milliseconds in (12, 15, 11, 13, 900):
    ...     latency.add(milliseconds)
    >>> round(latency.quantile(0.5)), round(latency.quantile(1.0))
    (13, 907)
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        #: Bucket → values in it. Positive values have positive buckets, zero has bucket 0, and a
        #: negative value the negative bucket of its opposite: the order of buckets is that of values.
        self._counts: dict[int, int] = {}

    def add(self, value: float) -> None:
        """Take in a value; it must be a number within ±LARGEST."""
        if value > SMALLEST:
            bucket = ceil(log(value) / _LOG_GAMMA) - _BEFORE_FIRST
        elif value < -SMALLEST:
            bucket = _BEFORE_FIRST - ceil(log(-value) / _LOG_GAMMA)
        else:
            bucket = 0
        counts = self._counts
        counts[bucket] = counts.get(bucket, 0) + 1

    def add_times(self, value: float, times: int) -> None:
        """Take in a value so many times."""
        one = LogBuckets()
        one.add(value)
        (bucket,) = one._counts
        self._counts[bucket] = self._counts.get(bucket, 0) + times

    def update(self, other: LogBuckets) -> None:
        """Take in all that another has seen."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count

    def quantile(self, share: float) -> float:
        """The value below which this share of all values lies; NaN when there are none."""
        if not self._counts:
            return nan
        rank = floor(share * (sum(self._counts.values()) - 1))
        buckets = sorted(self._counts)
        upto = accumulate(self._counts[bucket] for bucket in buckets)
        return next(_middle(bucket) for bucket, values in zip(buckets, upto, strict=True) if values > rank)

    def pack(self) -> list[int]:
        """Buckets in order, each followed by its count."""
        return [number for pair in sorted(self._counts.items()) for number in pair]

    @classmethod
    def unpack(cls, wire: list[int]) -> LogBuckets:
        """The sketch of a wire form."""
        sketch = cls()
        sketch._counts = dict(zip(wire[::2], wire[1::2], strict=True))
        return sketch

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogBuckets) and self._counts == other._counts

    __hash__ = None  # type: ignore[assignment]  # it changes


def _middle(bucket: int) -> float:
    """The value that is within 1 % of every value in the bucket."""
    if bucket == 0:
        return 0.0
    size = 2 * GAMMA ** (abs(bucket) + _BEFORE_FIRST) / (GAMMA + 1)
    return copysign(size, bucket)

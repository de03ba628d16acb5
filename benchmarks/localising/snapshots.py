"""Tables of leaves with faults planted in them, and the intervals before, with errors as forecasts have them.

What is expected is wrong in three ways at once: each leaf by itself, with heavy tails; all leaves of a
value together, differently in each interval; and, of counts, by the luck of the draw. Faults are uneven:
each leaf of an element is hit by another amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from detectors.localisation_levels import Codes, Numbers

Mask = NDArray[np.bool_]
#: A value for one dimension or more: the number of each, and the code of its value.
Element = tuple[tuple[int, int], ...]

#: Leaves → how many values the dimensions have.
SHAPES = {28: (2, 2, 7), 360: (3, 8, 15), 2_016: (4, 6, 7, 12), 48_000: (10, 12, 20, 20)}
#: What is wrong → the actual as a multiple of what it would be: between these.
DROPS, RISES = (0.2, 0.65), (1.5, 3.0)
#: How differently the leaves of a fault are hit.
UNEVEN = (0.6, 1.4)
#: An element has between these shares of all events: what nobody would see is no fault, nor is nearly all.
LEAST_SHARE, MOST_SHARE = 0.004, 0.4


@dataclass(frozen=True)
class Kind:
    """How snapshots are made."""

    leaves: int = 2_016
    events_a_leaf: float = 200.0
    past: int = 24
    #: Relative forecast error that all leaves of a value share, in standard deviations.
    bias: float = 0.03
    #: Whether that is the same in all intervals.
    steady: bool = False
    #: Relative forecast error of a leaf, the scale of a t-law with three degrees of freedom.
    leaf_error: float = 0.05
    #: How many elements are at fault, drawn from these; none for an interval without a fault.
    elements: tuple[int, ...] = (1, 2, 3)
    #: Dimensions of an element at most.
    deepest: int = 3
    #: Nothing comes any more of what is at fault.
    silent: bool = False
    #: What one fault takes, the next one adds.
    cancelling: bool = False
    #: Measured is a ratio, whose denominator has ups and downs of its own.
    ratio: bool = False


@dataclass(frozen=True)
class Snapshot:
    """Intervals of leaves; something is wrong in the last one."""

    codes: Codes
    actual: Numbers
    expected: Numbers
    elements: frozenset[Element]
    #: Leaf → whether it is in an element.
    at_fault: Mask
    #: Of ratios, the actual and the expected of the denominator.
    denominator: tuple[Numbers, Numbers] | None = None


def snapshots(kind: Kind, seeds: Iterable[int]) -> Iterator[Snapshot]:
    """One for each seed."""
    return (snapshot(kind, seed) for seed in seeds)


def snapshot(kind: Kind, seed: int) -> Snapshot:
    """Leaves in a shape, a day that goes up and down, forecasts with their errors, and then the faults."""
    rng = np.random.default_rng(seed)
    sizes = SHAPES[kind.leaves]
    codes: Codes = np.stack([axis.ravel() for axis in np.indices(sizes)], axis=1)
    weight = rng.lognormal(0.0, 0.4, len(codes))
    for axis, size in enumerate(sizes):
        weight *= rng.lognormal(0.0, 0.8, size)[codes[:, axis]]
    base = weight / weight.mean() * kind.events_a_leaf
    day = 1.0 + 0.4 * np.sin(2 * np.pi * (np.arange(kind.past + 1) + rng.integers(24)) / 24)
    rate = day[:, None] * base
    elements = _elements(kind, base, codes, rng)
    at_fault = np.any(
        [inside(element, codes) for element in elements] or [np.zeros(len(codes), bool)], axis=0
    )
    effect = np.ones_like(rate)
    effect[-1] = _effect(kind, elements, base, codes, rng)
    if not kind.ratio:
        actual = rng.poisson(rate * effect).astype(float)
        return Snapshot(codes, actual, _forecast(kind, rate, codes, rng), frozenset(elements), at_fault)
    chance = rng.uniform(0.1, 0.4, sizes[0])[codes[:, 0]]
    tried = rng.poisson(rate * rng.lognormal(0.0, 0.15, rate.shape))
    happened = rng.binomial(tried, np.clip(chance * effect, 0.0, 1.0)).astype(float)
    expected = _forecast(kind, rate, codes, rng)
    denominator = (tried.astype(float), expected)
    fitting = _forecast(kind, expected * chance, codes, rng)
    return Snapshot(codes, happened, fitting, frozenset(elements), at_fault, denominator)


def inside(element: Element, codes: Codes) -> Mask:
    """Leaf → whether it is in an element."""
    return np.asarray(np.all([codes[:, axis] == value for axis, value in element], axis=0))


def _forecast(kind: Kind, rate: Numbers, codes: Codes, rng: np.random.Generator) -> Numbers:
    factor = 1 + kind.leaf_error * rng.standard_t(3, rate.shape)
    for axis in range(codes.shape[1]):
        drawn = rng.standard_normal((len(rate), codes[:, axis].max() + 1))
        factor *= 1 + kind.bias * (drawn[:1] if kind.steady else drawn)[:, codes[:, axis]]
    return np.asarray(rate * np.maximum(factor, 0.05))


def _effect(
    kind: Kind, elements: list[Element], base: Numbers, codes: Codes, rng: np.random.Generator
) -> Numbers:
    """Leaf → how many times as much comes of it."""
    effect = np.ones(len(codes))
    taken = 0.0
    for n, element in enumerate(elements):
        hit = inside(element, codes)
        adds = n % 2 == 1 if kind.cancelling else rng.random() < 0.4
        size = rng.uniform(*(RISES if adds else DROPS))
        if kind.cancelling and adds:
            size = float(np.clip(1 + taken / base[hit].sum(), *RISES))
        if kind.silent:
            size = 0.0
        uneven = 1.0 if kind.silent else rng.uniform(*UNEVEN, hit.sum())
        effect[hit] = np.maximum(0.0, 1 + (size - 1) * uneven)
        taken = float(base[hit] @ (1 - effect[hit]))
    return effect


def _elements(kind: Kind, base: Numbers, codes: Codes, rng: np.random.Generator) -> list[Element]:
    """None shares leaves with another, and together they have no more than half of them."""
    wanted = int(rng.choice(kind.elements)) if kind.elements else 0
    found: list[Element] = []
    taken = np.zeros(len(codes), bool)
    for _ in range(1_000):
        if len(found) == wanted:
            break
        dimensions = codes.shape[1]
        axes = list(combinations(range(dimensions), int(rng.integers(1, min(kind.deepest, dimensions) + 1))))
        chosen = axes[rng.integers(len(axes))]
        element = tuple((axis, int(rng.integers(codes[:, axis].max() + 1))) for axis in chosen)
        hit = inside(element, codes)
        is_seen = LEAST_SHARE <= base[hit].sum() / base.sum() <= MOST_SHARE
        if is_seen and not taken[hit].any() and taken.sum() + hit.sum() <= len(codes) / 2:
            found.append(element)
            taken |= hit
    return found

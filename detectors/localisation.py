"""A table of leaves, actual and expected → the smallest set of elements that explains the change.

    levels = Levels(codes)                      codes[leaf, dimension]: the number of a value, from 0
    errors = learned(levels, actual, expected)  past intervals, [interval, leaf]; or Errors.learn, one by one
    localise(actual, expected, errors)          this interval, a number a leaf → Localisation

An element is a place of any level whose leaves all changed alike. Where nothing is more unusual than it
usually is, nothing is localised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from detectors.localisation_errors import ALSO, ENOUGH, SURE, Errors
from detectors.localisation_levels import Level, Levels, Numbers
from detectors.localisation_unusual import TINY, Evidence, Unusual

#: Elements at most: what takes more is no explanation.
MOST_ELEMENTS = 8
#: Where elements have more of the leaves than this, all is off.
EVERYWHERE = 0.75
#: What an element must be worth, in nats, beside the choice between the places of its level: so much for
#: each dimension.
A_DIMENSION = 1.0


@dataclass(frozen=True)
class Element:
    """A place whose leaves changed together."""

    #: Dimension → code of its value.
    place: dict[int, int]
    actual: float
    expected: float
    #: Its part of the whole change, 0 to 1.
    share: float
    #: 0 to 1: how sure it is that this is no general wobble.
    confidence: float
    #: How clear it is: the square of how many times as unusual it is as such a place ever is.
    strength: float


@dataclass(frozen=True)
class Localisation:
    """Where a change is; without elements, it is nowhere in particular."""

    elements: list[Element]
    #: The part of the change that is in the elements.
    share: float
    confidence: float
    #: The total, where all is off: what elements there are then are off beside all else.
    everywhere: Element | None = None

    @property
    def localised(self) -> bool:
        """Whether there is a place to look at."""
        return bool(self.elements)


@dataclass(frozen=True)
class _Found:
    place: dict[int, int]
    leaves: NDArray[np.bool_]
    direction: float
    chance: float
    strength: float


def localise(actual: Numbers, expected: Numbers, errors: Errors) -> Localisation:
    """The elements that explain the change of an interval, the largest first."""
    found = _elements(actual, expected, errors)
    told = np.any([one.leaves for one in found], axis=0) if found else np.zeros(len(actual), bool)
    if told.mean() > EVERYWHERE:
        # All is off: that is no place. There may be one that is off beside all others.
        there = expected > 0
        common = float(np.median(actual[there] / expected[there])) if there.any() else 1.0
        all_of_it = _all(found, actual, expected, errors)
        expected = expected * common
        found = _elements(actual, expected, errors)
        return replace(_told(found, actual, expected, errors), everywhere=all_of_it)
    return _told(found, actual, expected, errors)


def _elements(actual: Numbers, expected: Numbers, errors: Errors) -> list[_Found]:
    levels, usual = errors.levels, errors.usual(ALSO)
    limits, sure = usual.limits, errors.limits(SURE)
    seen = Unusual(levels, usual, actual, expected)
    found: list[_Found] = []
    is_sure = False
    # Some of what is looked into turns out to be usual: that is no element, and not looked at again.
    for _ in range(2 * MOST_ELEMENTS):
        evidences = [seen.evidence(level) for level in levels]
        start = _best(evidences, levels, limits)
        if start is None or len(found) == MOST_ELEMENTS:
            break
        rest = seen.rest_without(start[0].of_leaf == start[1])
        place = _narrowed(seen, rest, *start)
        leaves = inside(levels, place)
        number = levels.number(tuple(sorted(place)))
        unusual = float(evidences[number].unusual[levels.places_of(number)[leaves.argmax()]])
        if unusual >= limits[number]:
            is_sure |= unusual >= sure[number]
            direction = float(seen.weight[leaves] @ rest[leaves])
            # One that is found after parts of it, and went where they did, takes their place.
            found = [
                old
                for old in found
                if not (place.items() <= old.place.items() and old.direction * direction > 0)
            ]
            chance = errors.chance(number, unusual)
            found.append(_Found(place, leaves, direction, chance, (unusual / float(limits[number])) ** 2))
        seen.leave_out(leaves)
    return found if is_sure else []


def contributions(
    levels: Levels, actual: Numbers, expected: Numbers
) -> list[list[tuple[int, float, float, float]]]:
    """Dimension → its values, those that changed most first: code, share 0 to 100, actual, expected.

    The share is of the changes of all values whatever their sides: with changes that cancel, their sum is
    nothing.
    """
    shares = []
    for level in levels.singles:
        came, meant = level.sums(actual), level.sums(expected)
        change = np.abs(came - meant)
        share = 100 * change / max(change.sum(), TINY)
        there = np.flatnonzero(np.bincount(level.of_leaf, minlength=level.count))
        order = there[np.argsort(-share[there], kind="stable")]
        shares.append([(int(n), float(share[n]), float(came[n]), float(meant[n])) for n in order])
    return shares


def given_denominator(
    expected_numerator: Numbers, actual_denominator: Numbers, expected_denominator: Numbers
) -> Numbers:
    """What was to be expected of the numerator of a ratio, as its denominator came.

    A fault of the ratio is then one of the numerator beside this, however the denominator has shifted.

    >>> given_denominator(np.array([10.0, 4.0]), np.array([50.0, 7.0]), np.array([100.0, 0.0]))
    array([5., 4.])
    """
    known = expected_denominator > 0
    ratio = np.divide(
        actual_denominator, expected_denominator, np.ones_like(expected_denominator), where=known
    )
    return expected_numerator * ratio


def inside(levels: Levels, place: dict[int, int]) -> NDArray[np.bool_]:
    """Leaf → whether it is in a place."""
    within = np.ones(len(levels.codes), bool)
    for dimension, value in place.items():
        within &= levels.codes[:, dimension] == value
    return within


def _best(evidences: Sequence[Evidence], levels: Levels, limits: Numbers) -> tuple[Level, int] | None:
    """The place that explains most, of those that are more unusual than is usual."""
    best, most = None, 0.0
    for level, evidence, limit in zip(levels, evidences, limits, strict=True):
        gains = evidence.gains - np.log(level.count) - A_DIMENSION * len(level.dimensions)
        gains[evidence.unusual < limit] = 0.0
        place = int(gains.argmax())
        if gains[place] > most:
            best, most = (level, place), gains[place]
    return best


def _narrowed(seen: Unusual, rest: Numbers, level: Level, number: int) -> dict[int, int]:
    """The place, or what within it the change is confined to.

    In a fault, leaves are hit alike, more or less. So some values of another dimension explain a place
    better than the whole only if the others hardly changed.
    """
    codes = seen.levels.codes
    leaf = int((level.of_leaf == number).argmax())
    place = {n: int(codes[leaf, n]) for n in level.dimensions}
    leaves = np.flatnonzero(level.of_leaf == number)
    leaves = leaves[seen.weight[leaves] > 0]
    while True:
        deeper, most = None, 0.0
        weight, rests = seen.weight[leaves], rest[leaves]
        whole = weight @ rests
        for n in range(codes.shape[1]):
            if n in place or tuple(sorted((*place, n))) not in seen.levels:
                continue
            values = codes[leaves, n]
            weights = np.bincount(values, weight)
            there = np.flatnonzero(weights)
            if len(there) < 2:
                continue
            sums = np.bincount(values, weight * rests)
            sizes = sums / (weights + TINY)
            # The values that were hit hardest, one after the other, as if alike.
            order = there[np.argsort(-sizes[there] * np.sign(whole))]
            together = np.cumsum(sums[order]) ** 2 / np.cumsum(weights[order]) / 2
            some = int(together[:-1].argmax())
            strays = weight @ (rests - sizes[values]) ** 2 / max(1, len(leaves) - len(there))
            gain = (together[some] - together[-1]) / max(1.0, strays) - (some + 1) * (
                np.log(len(there)) + A_DIMENSION
            )
            if gain > most:
                hit = order[: some + 1]
                deeper, most = (n, int(hit[(sums[hit] ** 2 / weights[hit]).argmax()])), gain
        if deeper is None:
            return place
        dimension, value = deeper
        place[dimension] = value
        leaves = leaves[codes[leaves, dimension] == value]


def _told(found: list[_Found], actual: Numbers, expected: Numbers, errors: Errors) -> Localisation:
    left = np.ones(len(actual), bool)
    sums: list[tuple[_Found, float, float]] = []
    for one in found:
        leaves = one.leaves & left
        left &= ~one.leaves
        sums.append((one, float(actual[leaves].sum()), float(expected[leaves].sum())))
    explained = sum(abs(a - e) for _, a, e in sums)
    whole = max(explained + abs(float((actual - expected)[left].sum())), TINY)
    elements = [
        Element(one.place, a, e, abs(a - e) / whole, _confidence(one, errors), one.strength)
        for one, a, e in sums
    ]
    elements.sort(key=lambda element: -element.share)
    confidence = max((element.confidence for element in elements), default=0.0)
    return Localisation(elements, sum(element.share for element in elements), confidence)


def _all(found: list[_Found], actual: Numbers, expected: Numbers, errors: Errors) -> Element:
    """The total, that is as surely off as the surest of what was found."""
    confidence = max(_confidence(one, errors) for one in found)
    strength = max(one.strength for one in found)
    return Element({}, float(actual.sum()), float(expected.sum()), 1.0, confidence, strength)


def _confidence(one: _Found, errors: Errors) -> float:
    # Of one that is guessed nobody can say more than that it may be.
    surest = 1.0 if errors.intervals >= ENOUGH else 0.5
    return surest * max(0.0, 1 - len(errors.levels) * one.chance)

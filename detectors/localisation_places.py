"""The leaves of each measure, interval after interval → where its change is, as places.

    localiser = Localiser(detector)
    localiser.learn("orders", leaves)       an interval in which nothing was wrong at these leaves
    localiser.localise("orders", leaves)    an interval in which something is

Leaves come and go: those of an interval are what it names, in any order. What was learnt of one that is not
there any more is kept for as long as there is room for twice as many as there are. Of a measure that has no
past, the standard errors of its forecasts say what is usual. Ratios are localised in their numerators: what
was to be expected of these, as the denominators came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from detectors.config import Detector
from detectors.leaf_scores import LeafScores, Leaves, numerators
from detectors.localisation import Element, localise
from detectors.localisation_errors import Errors, ErrorsState
from detectors.localisation_levels import Codes, Levels, Numbers
from detectors.localisation_unusual import TINY
from detectors.places import named
from detectors.records import Part, Place

#: What is off beside all else is a fault by itself where all else is off by no more than this share of it.
BESIDE = 0.25


class PlaceElement(msgspec.Struct, frozen=True):
    """A place whose leaves changed together, its share of the change, and how sure it is, each 0 to 1."""

    measure: str
    place: Place
    actual: float
    expected: float
    share: float
    confidence: float
    #: How clear it is: the square of how many times as unusual it is as such a place ever is.
    strength: float

    def told(self, dimensions: Sequence[str]) -> Part:
        """The same as people read it."""
        place = named(dimensions, self.place)
        actual, expected = round(self.actual, 4), round(self.expected, 4)
        return Part(place, self.measure, actual, expected, round(self.share, 3), round(self.confidence, 3))


def strength(elements: Sequence[PlaceElement]) -> float:
    """How clear the clearest of some elements is; 0 where there is none."""
    return max((element.strength for element in elements), default=0.0)


class LocaliserState(msgspec.Struct):
    """A Localiser as it is stored."""

    places: list[Place] = []
    errors: dict[str, ErrorsState] = {}


class Localiser:
    """What is usual of the leaves of a detector, measure by measure."""

    def __init__(self, detector: Detector) -> None:
        self._dimensions = len(detector.dimensions)
        self._ratios = {m.name: m.ratio[1] for m in detector.measures if m.ratio is not None}
        self._places: list[Place] = []
        self._numbers: dict[Place, int] = {}
        #: Dimension → its values, by their code.
        self._values: list[list[str]] = []
        self._levels: Levels | None = None
        self._errors: dict[str, Errors] = {}

    def learnt(self, measure: str) -> int:
        """Intervals that have taught what is usual of a measure."""
        return self._errors[measure].intervals if measure in self._errors else 0

    def learn(self, measure: str, leaves: Leaves) -> None:
        """Take in an interval in which nothing was wrong at these leaves."""
        of = self.of(measure, leaves)
        if of.places:
            self._errors_of(measure, of, leaves).learn(*self._in_order(of)[:2])

    def localise(self, measure: str, leaves: Leaves) -> list[PlaceElement]:
        """The elements that explain the change, the largest first; none where it is nowhere in particular.

        Where all is off, that is the total, if no part of it is off by far more.
        """
        of = self.of(measure, leaves)
        if not of.places:
            return []
        errors = self._errors_of(measure, of, leaves)
        found = localise(*self._in_order(of)[:2], errors)
        elements, total = found.elements, found.everywhere
        if total is not None and all(BESIDE * _far(one) < _far(total) for one in elements):
            elements = [total]
        return [self._named(measure, one) for one in elements]

    def of(self, measure: str, leaves: Leaves) -> LeafScores:
        """The leaves of a measure: of a ratio, as its numerator."""
        of = leaves.get(measure, LeafScores())
        denominator = self._ratios.get(measure)
        return of if denominator is None else numerators(of, leaves.get(denominator, LeafScores()))

    def _named(self, measure: str, one: Element) -> PlaceElement:
        codes = map(one.place.get, range(self._dimensions))
        place = tuple(
            None if code is None else of[code] for of, code in zip(self._values, codes, strict=True)
        )
        return PlaceElement(measure, place, one.actual, one.expected, one.share, one.confidence, one.strength)

    def _errors_of(self, measure: str, of: LeafScores, leaves: Leaves) -> Errors:
        """The errors of a measure, in a table in which these leaves have a row."""
        if self._levels is None or any(place not in self._numbers for place in of.places):
            there = {place for one in leaves.values() for place in one.places}
            known = there | self._numbers.keys()
            # In one order, however they came, and so the same after a restart.
            self._levels = self._seat(sorted(known if len(known) <= 2 * len(there) else there))
        errors = self._errors.get(measure)
        if errors is None:
            errors = self._errors[measure] = Errors(self._levels)
            errors.begin(*self._in_order(of)[1:], of.wobble)
        return errors

    def _seat(self, places: list[Place]) -> Levels:
        values = [sorted({place[n] or "" for place in places}) for n in range(self._dimensions)]
        codes = [{value: code for code, value in enumerate(of)} for of in values]
        levels = Levels(
            np.array([[codes[n][value or ""] for n, value in enumerate(p)] for p in places], np.intp)
        )
        if self._errors:
            was = [{value: code for code, value in enumerate(of)} for of in self._values]
            leaves: Codes = np.array([self._numbers.get(place, -1) for place in places], np.intp)
            moves = [
                np.array([was[n].get(value, -1) for value in of], np.intp) for n, of in enumerate(values)
            ]
            self._errors = {
                measure: errors.moved(levels, leaves, moves) for measure, errors in self._errors.items()
            }
        self._places, self._numbers = places, {place: n for n, place in enumerate(places)}
        self._values = values
        return levels

    def _in_order(self, leaves: LeafScores) -> tuple[Numbers, Numbers, Numbers]:
        """Actual, expected and scale of each row; of leaves that are not there nothing was expected.

        Where less than nothing is expected, what counts is how far off it is.
        """
        rows = [self._numbers[place] for place in leaves.places]
        value, expected, scale = leaves.arrays()
        ordered = np.zeros((3, len(self._places)))
        size = np.abs(expected)
        ordered[:, rows] = size + value - expected, size, scale
        return ordered[0], ordered[1], ordered[2]

    def save(self) -> LocaliserState:
        """The state as it is stored."""
        return LocaliserState(
            self._places, {measure: errors.save() for measure, errors in self._errors.items()}
        )

    def load(self, state: LocaliserState) -> None:
        """Go on from a stored state."""
        self._errors, self._numbers, self._levels = {}, {}, None
        if state.places:
            self._levels = self._seat(state.places)
            for measure, known in state.errors.items():
                errors = self._errors[measure] = Errors(self._levels)
                errors.load(known)


def _far(one: Element) -> float:
    """How far off it is, so that half as much is as far as twice as much."""
    return abs(math.log(max(one.actual, TINY) / max(one.expected, TINY)))

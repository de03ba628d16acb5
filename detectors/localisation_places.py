"""The leaves of one measure, interval after interval → where its change is, as places.

    localiser = Localiser(dimensions=2)
    localiser.learn(places, actual, expected)      an interval in which nothing was wrong: no group is open
    localiser.localise(places, actual, expected)   an interval in which something is

Leaves come and go: those of an interval are what it names, in any order. What was learnt of one that is not
there any more is kept for as long as there is room for twice as many as there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from detectors.localisation import localise
from detectors.localisation_errors import Errors, ErrorsState
from detectors.localisation_levels import Codes, Levels, Numbers
from detectors.records import Place


class PlaceElement(msgspec.Struct, frozen=True):
    """A place whose leaves changed together, its share of the change, and how sure it is, each 0 to 1."""

    place: Place
    actual: float
    expected: float
    share: float
    confidence: float


class LocaliserState(msgspec.Struct):
    """A Localiser as it is stored."""

    places: list[Place]
    errors: ErrorsState | None


class Localiser:
    """What is usual of the leaves of one measure."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._places: list[Place] = []
        self._numbers: dict[Place, int] = {}
        #: Dimension → its values, by their code.
        self._values: list[list[str]] = []
        self._errors: Errors | None = None

    def learn(self, places: Sequence[Place], actual: Numbers, expected: Numbers) -> None:
        """Take in an interval in which nothing was wrong."""
        if places:
            self._seated(places).learn(*self._in_order(places, actual, expected))

    def localise(self, places: Sequence[Place], actual: Numbers, expected: Numbers) -> list[PlaceElement]:
        """The elements that explain the change, the largest first; none where it is nowhere in particular."""
        if not places:
            return []
        errors = self._seated(places)
        found = localise(*self._in_order(places, actual, expected), errors)
        return [
            PlaceElement(
                tuple(
                    self._values[n][one.place[n]] if n in one.place else None for n in range(self._dimensions)
                ),
                one.actual,
                one.expected,
                one.share,
                one.confidence,
            )
            for one in found.elements
        ]

    def _seated(self, places: Sequence[Place]) -> Errors:
        """The errors of a table in which these leaves have a row."""
        new = {place for place in places if place not in self._numbers}
        if self._errors is not None and not new:
            return self._errors
        kept = set(places) if len(self._places) + len(new) > 2 * len(places) else new | self._numbers.keys()
        # In one order, however they came, and so the same after a restart.
        return self._seat(sorted(kept))

    def _seat(self, places: list[Place]) -> Errors:
        values = [sorted({place[n] or "" for place in places}) for n in range(self._dimensions)]
        codes = [{value: code for code, value in enumerate(of)} for of in values]
        levels = Levels(
            np.array([[codes[n][value or ""] for n, value in enumerate(p)] for p in places], np.intp)
        )
        if self._errors is None:
            errors = Errors(levels)
        else:
            was = [{value: code for code, value in enumerate(of)} for of in self._values]
            leaves: Codes = np.array([self._numbers.get(place, -1) for place in places], np.intp)
            moves = [
                np.array([was[n].get(value, -1) for value in of], np.intp) for n, of in enumerate(values)
            ]
            errors = self._errors.moved(levels, leaves, moves)
        self._places, self._numbers = places, {place: n for n, place in enumerate(places)}
        self._values, self._errors = values, errors
        return errors

    def _in_order(
        self, places: Sequence[Place], actual: Numbers, expected: Numbers
    ) -> tuple[Numbers, Numbers]:
        rows = [self._numbers[place] for place in places]
        ordered = np.zeros((2, len(self._places)))
        ordered[0, rows], ordered[1, rows] = actual, expected
        return ordered[0], ordered[1]

    def save(self) -> LocaliserState:
        """The state as it is stored."""
        return LocaliserState(self._places, None if self._errors is None else self._errors.save())

    def load(self, state: LocaliserState) -> None:
        """Go on from a stored state."""
        self._errors, self._numbers = None, {}
        if state.errors is not None:
            self._seat(state.places).load(state.errors)

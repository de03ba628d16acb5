"""Where a change is: the elements that were planted, and no answer to a general wobble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from detectors.localisation import Localisation, contributions, localise
from detectors.localisation_errors import Errors, learned
from detectors.localisation_levels import Codes, Levels, Numbers

SIZES = (4, 5, 6)
INTERVALS = 24


@dataclass
class Table:
    """Leaves with intervals in which nothing was wrong, and one more."""

    levels: Levels
    errors: Errors
    actual: Numbers
    expected: Numbers

    def changed(self, factor: float, **place: int) -> Table:
        """The same with another actual at a place; dimensions are a, b, c."""
        at = np.all([self.levels.codes[:, "abc".index(n)] == value for n, value in place.items()], axis=0)
        return Table(self.levels, self.errors, np.where(at, self.actual * factor, self.actual), self.expected)

    def localise(self) -> Localisation:
        return localise(self.actual, self.expected, self.errors)


def table(bias: float = 0.03, seed: int = 1) -> Table:
    rng = np.random.default_rng(seed)
    codes: Codes = np.stack([axis.ravel() for axis in np.indices(SIZES)], axis=1)
    rate = 300 * rng.lognormal(0, 0.7, len(codes))
    expected = np.tile(rate, (INTERVALS + 1, 1))
    for axis, size in enumerate(SIZES):
        expected *= 1 + bias * rng.standard_normal((INTERVALS + 1, size))[:, codes[:, axis]]
    actual = rng.poisson(rate, expected.shape).astype(float)
    levels = Levels(codes)
    return Table(levels, learned(levels, actual[:-1], expected[:-1]), actual[-1], expected[-1])


def places(localisation: Localisation) -> list[dict[int, int]]:
    return [element.place for element in localisation.elements]


@pytest.mark.parametrize("place", [{"b": 2}, {"a": 1, "c": 3}, {"a": 0, "b": 4, "c": 2}])
def test_a_fault_is_found_at_its_place_whatever_dimensions_it_has(place: dict[str, int]) -> None:
    found = table().changed(0.4, **place).localise()

    assert places(found) == [{"abc".index(n): value for n, value in place.items()}]
    assert found.confidence > 0.95


def test_a_general_wobble_is_not_localised() -> None:
    for seed in range(20):
        assert not table(bias=0.08, seed=seed).localise().localised


def test_faults_that_cancel_are_both_found() -> None:
    quiet = table()
    up, down = quiet.levels.codes[:, 0] == 1, quiet.levels.codes[:, 1] == 3
    taken = 0.5 * quiet.actual[down & ~up].sum()
    found = quiet.changed(1 + taken / quiet.actual[up].sum(), a=1).changed(0.5, b=3).localise()

    assert sorted(map(str, places(found))) == ["{0: 1}", "{1: 3}"]
    assert found.share > 0.9


def test_an_error_no_larger_than_those_that_a_value_always_has_is_no_fault() -> None:
    assert table(bias=0.01).changed(0.85, a=2).localise().localised
    assert not table(bias=0.08).changed(0.85, a=2).localise().localised


def test_a_forecast_that_is_always_wrong_in_the_same_way_is_usual() -> None:
    quiet = table()
    lopsided = np.where(quiet.levels.codes[:, 0] == 1, 0.6, 1.0)
    rng = np.random.default_rng(5)
    actual = rng.poisson(quiet.expected * lopsided, (INTERVALS + 1, len(lopsided))).astype(float)
    errors = learned(quiet.levels, actual[:-1], np.tile(quiet.expected, (INTERVALS, 1)))

    assert not localise(actual[-1], quiet.expected, errors).localised
    assert localise(quiet.actual, quiet.expected, errors).localised


def test_nothing_is_localised_before_it_is_known_what_is_usual() -> None:
    quiet = table().changed(0.3, a=1)
    assert not localise(quiet.actual, quiet.expected, Errors(quiet.levels)).localised


def test_what_happens_everywhere_is_nowhere_in_particular() -> None:
    quiet = table()
    halved = Table(quiet.levels, quiet.errors, np.floor(quiet.actual / 2), quiet.expected)

    assert not halved.localise().localised
    assert places(halved.changed(0.3, a=1, c=2).localise()) == [{0: 1, 2: 2}]


def test_a_value_that_was_not_expected_at_all_is_found() -> None:
    quiet = table()
    at = quiet.levels.codes[:, 2] == 4
    expected = np.where(at, 0.0, quiet.expected)
    rng = np.random.default_rng(6)
    past = rng.poisson(expected, (INTERVALS, len(expected))).astype(float)
    errors = learned(quiet.levels, past, np.tile(expected, (INTERVALS, 1)))

    assert places(localise(np.where(at, 80.0, expected), expected, errors)) == [{2: 4}]


def test_contributions_of_changes_that_cancel_add_up() -> None:
    levels = Levels(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    first, second = contributions(levels, np.array([8.0, 10, 14, 8]), np.array([10.0, 10, 10, 10]))

    assert [(code, round(share, 1)) for code, share, _, _ in first] == [(0, 50.0), (1, 50.0)]
    assert [(code, round(share, 1)) for code, share, _, _ in second] == [(0, 50.0), (1, 50.0)]
    assert contributions(levels, np.ones(4), np.ones(4))[0][0][1] == 0.0

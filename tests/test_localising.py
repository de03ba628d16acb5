"""The benchmark of localisation: faults are where it says, and published methods find what they should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.localisation import measured
from benchmarks.localising.published import PUBLISHED
from benchmarks.localising.snapshots import Element, Kind, snapshot
from detectors.localisation_levels import Levels

CLEAR = Kind(leaves=2_016, bias=0.0, leaf_error=0.0, events_a_leaf=2_000.0, past=1, elements=(1,))


def halved(element: Element) -> tuple[Levels, np.ndarray, np.ndarray]:
    """Forecasts that are right but for one element, in which everything is at a half."""
    quiet = snapshot(replace(CLEAR, elements=()), 7)
    expected = quiet.actual[-1] + 1.0
    hit = np.all([quiet.codes[:, axis] == value for axis, value in element], axis=0)
    wobble = 1 + 0.01 * np.random.default_rng(2).standard_normal(len(hit))
    return Levels(quiet.codes), expected * wobble * np.where(hit, 0.5, 1.0), expected


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("Adtributor", ((3, 5),)),
        ("RiskLoc", ((3, 5),)),
        ("RiskLoc", ((0, 1), (2, 3))),
        ("Squeeze", ((3, 5),)),
        ("Squeeze", ((0, 1), (2, 3))),
    ],
)
def test_published_methods_find_one_fault_where_forecasts_are_right(name: str, element: Element) -> None:
    levels, actual, expected = halved(element)

    assert PUBLISHED[name](levels, actual, expected) == {element}


def test_faults_are_planted_where_the_snapshot_says() -> None:
    for seed in range(5):
        planted = snapshot(CLEAR, seed)
        ratio = planted.actual[-1].astype(float) / planted.expected[-1]
        (element,) = planted.elements
        hit = np.all([planted.codes[:, axis] == value for axis, value in element], axis=0)

        assert (hit == planted.at_fault).all()
        assert abs(np.median(ratio[hit]) - 1) > 0.2
        assert abs(np.median(ratio[~hit]) - 1) < 0.02


def test_faults_that_cancel_leave_the_total_nearly_as_it_was() -> None:
    shifts = []
    for seed in range(10):
        planted = snapshot(replace(CLEAR, elements=(2,), cancelling=True), seed)
        change = planted.actual[-1] - planted.expected[-1]
        shifts.append(abs(change.sum()) / np.abs(change).sum())

    assert np.median(shifts) < 0.5


def test_ours_tells_the_elements_where_forecasts_are_wrong_as_they_are() -> None:
    tally = measured("3 % shared bias", "ours", 4)

    assert tally.f1 >= 0.9
    assert tally.answered == 0
    assert tally.quiet == 12

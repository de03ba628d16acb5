"""The measures of a place are also scored together, and nothing of that is lost in a restart."""

import math
import random
from datetime import timedelta

import numpy as np

from detectors.config import Measure
from detectors.joints import MOST_PLACES, Joints
from detectors.records import Place
from tests.detectors.builders import detector

PLACES: dict[Place, int] = {(None,): 0, ("web",): 1}


def residuals(rng: random.Random) -> np.ndarray:
    common = rng.gauss(0, 1)
    return np.array([[common + rng.gauss(0, 0.3) for _ in range(3)] for _ in PLACES])


def three_measures():
    names = ("views", "orders", "visitors")
    measures = [Measure(name=name, aggregation="count") for name in names]
    return detector(interval=timedelta(hours=1), dimensions=("platform",), measures=measures)


def test_measures_that_part_are_surprising_and_a_restart_changes_no_number() -> None:
    rng = random.Random(1)
    whole, interrupted = Joints(three_measures()), Joints(three_measures())
    for n in range(1500):
        row = residuals(rng)
        told = whole.score(PLACES, row)
        assert interrupted.score(PLACES, row) == told
        if n % 400 == 399:
            restarted = Joints(three_measures())
            restarted.load(interrupted.save())
            interrupted = restarted
    apart = whole.score(PLACES, np.array([[3.0, -3.0, 0.0], [0.1, 0.1, 0.1]]))
    assert apart[None,] > math.log(70)
    assert apart["web",] < 0


def test_only_the_total_and_single_values_are_watched_and_not_too_many() -> None:
    joints = Joints(three_measures())
    places: dict[Place, int] = {(f"{n}",): n for n in range(MOST_PLACES + 20)}
    joints.score(places, np.zeros((len(places), 3)))
    assert len(joints.save()) == MOST_PLACES
    leaf: dict[Place, int] = {("web", "DE"): 0}
    pairs = Joints(three_measures())
    pairs.score(leaf, np.zeros((1, 3)))
    assert pairs.save() == []


def test_one_measure_alone_has_nothing_to_be_compared_with() -> None:
    joints = Joints(detector(dimensions=("platform",)))
    joints.score(PLACES, np.zeros((2, 1)))
    assert joints.save() == []

"""Measures that stay in their bands each, but not together."""

import math
import pickle

import numpy as np
import pytest

from detectors.models.joint import Joint


def correlated(points: int, seed: int = 0, rho: float = 0.8, measures: int = 3) -> list[list[float]]:
    covariance = np.full((measures, measures), rho) + (1 - rho) * np.eye(measures)
    random = np.random.default_rng(seed)
    rows: list[list[float]] = random.multivariate_normal(np.zeros(measures), covariance, points).tolist()
    return rows


def taught(rows: list[list[float]], interval: float = 3600) -> tuple[Joint, list[float]]:
    joint, surprises = Joint(len(rows[0]), interval), []
    for row in rows:
        surprises.append(joint.assess(row))
        joint.learn(row)
    return joint, surprises


@pytest.fixture(scope="module")
def joint() -> Joint:
    return taught(correlated(24 * 90))[0]


def test_measures_that_part_are_found_though_each_is_ordinary(joint: Joint) -> None:
    assert joint.assess([2.5, -2.5, 0.0]) > math.log(70)


def test_measures_that_move_together_are_left_to_their_own_models(joint: Joint) -> None:
    assert joint.assess([2.5, 2.5, 2.5]) < 0
    assert joint.assess([0.3, -0.2, 0.1]) < 0


def test_independent_noise_keeps_the_promise_of_severity_seventy() -> None:
    hours, runs = 24 * 60, 6
    told = [taught(correlated(hours, seed, rho=0.0))[1] for seed in range(runs)]
    weeks = runs * (hours - 500) / 168
    assert sum(s > math.log(70) for run in told for s in run) / weeks <= 0.1


def test_assess_only_reads(joint: Joint) -> None:
    before = pickle.dumps(joint)
    assert joint.assess([1.0, -3.0, 0.0]) == joint.assess([1.0, -3.0, 0.0])
    assert pickle.dumps(joint) == before


def test_nothing_is_told_before_trees_and_tail_are_known() -> None:
    _, surprises = taught(correlated(600))
    assert all(math.isnan(s) for s in surprises[:500])
    assert not any(math.isnan(s) for s in surprises[500:])


def test_missing_residuals_count_as_none(joint: Joint) -> None:
    assert joint.assess([math.nan, math.inf, 0.0]) == joint.assess([0.0, 0.0, 0.0])


@pytest.mark.parametrize("huge", [1e300, -1e300, 1e15])
def test_no_residual_breaks_it(joint: Joint, huge: float) -> None:
    assert math.isfinite(joint.assess([huge, -huge, huge]))


def test_a_restored_model_goes_on_as_if_nothing_had_happened() -> None:
    rows = correlated(900)
    uninterrupted, expected = taught(rows)
    stopped, _ = taught(rows[:600])
    restored = pickle.loads(pickle.dumps(stopped))
    for row, surprise in zip(rows[600:], expected[600:], strict=True):
        assert restored.assess(row) == surprise
        restored.learn(row)
    assert restored.assess([3.0, -3.0, 0.0]) == uninterrupted.assess([3.0, -3.0, 0.0])


def test_its_size_is_bounded() -> None:
    young, old = taught(correlated(600))[0], taught(correlated(3000))[0]
    assert len(pickle.dumps(old)) < 1.05 * len(pickle.dumps(young)) < 150_000


def test_another_number_of_measures_is_refused(joint: Joint) -> None:
    with pytest.raises(ValueError, match="2 residuals, where the model knows 3"):
        joint.assess([0.0, 0.0])


@pytest.mark.parametrize("points", [0, 1, 249, 250, 700])
def test_a_model_that_was_saved_goes_on_as_if_it_had_not_been(points: int) -> None:
    rows = correlated(points + 400)
    kept, _ = taught(rows[:points]) if points else (Joint(3, 3600), [])
    restored = Joint(3, 3600)
    restored.load(kept.save())
    for row in rows[points:]:
        np.testing.assert_equal(restored.assess(row), kept.assess(row))
        restored.learn(row)
        kept.learn(row)


def test_the_state_of_a_place_stays_small(joint: Joint) -> None:
    assert sum(array.nbytes for array in joint.save().values()) < 16_000

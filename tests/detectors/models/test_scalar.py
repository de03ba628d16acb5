"""One series by itself is told what the columns would tell it, to the last bit."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.models.alone import alone
from detectors.models.base import Moment
from detectors.models.holt_winters import HoltWinters
from detectors.models.scalar import Scalar
from detectors.models.seasonal import Seasonal
from detectors.models.tracing import OUTPUTS, Expression, trace

WEEK = 7 * 86_400

HOSTILE = [0.0, -0.0, 1.0, -7.5, 1e15, -1e15, 1e-300, 1e60, 1e61, float("nan"), float("inf"), -float("inf")]


def series(seed: int, points: int) -> NDArray[np.float64]:
    """Counts, sparse or dense, or a gauge; with a season, a shift, gaps and absurdities."""
    random = np.random.default_rng(seed)
    hours = np.arange(points)
    shape = 10.0 ** random.uniform(-1, 4) * (1 + 0.5 * np.sin(hours / 24 * 2 * np.pi)) * (1 + (hours > 200))
    is_gauge, noise = random.random() < 0.3, random.normal(0, 1, points)
    values: NDArray[np.float64] = shape * noise if is_gauge else random.poisson(shape).astype(np.float64)
    values[random.random(points) < 0.05] = np.nan
    odd = random.random(points) < 0.02
    values[odd] = random.choice(HOSTILE, odd.sum())
    return values


def say_the_same(values: NDArray[np.float64], interval: int, special: bool) -> None:
    columns, one = Seasonal(interval), Scalar(Seasonal(interval), interval)
    columns.grow(1)
    for point, value in enumerate(values.tolist()):
        moment = Moment(point * interval % WEEK, special and point % 50 > 40)
        told, alone_told = columns.assess(moment, np.array([value])), one.assess(moment, value)
        for name in OUTPUTS:
            np.testing.assert_array_equal(getattr(alone_told, name), getattr(told, name)[0], name)
        assert one.grounds(alone_told) == told.grounds(0)
        columns.learn(told)
        one.learn(alone_told)
    kept = one.model.save()
    for name, column in columns.save().items():
        np.testing.assert_array_equal(kept[name], column, name)


@pytest.mark.parametrize("interval", [60, 300, 3600, 86_400])
@settings(max_examples=2)
@given(seed=st.integers(0, 10_000), special=st.booleans())
def test_it_says_and_remembers_what_the_columns_do(interval: int, seed: int, special: bool) -> None:
    say_the_same(series(seed, 400), interval, special)


@settings(max_examples=20)
@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=40), st.booleans())
def test_no_value_sets_them_apart(values: list[float], special: bool) -> None:
    say_the_same(np.array(values * 2), 3600, special)


def test_it_goes_on_from_what_was_pickled() -> None:
    one, values = Scalar(Seasonal(3600), 3600), series(1, 100).tolist()
    for point, value in enumerate(values):
        one.learn(one.assess(Moment(point * 3600), value))
    other = pickle.loads(pickle.dumps(one))
    one.learn(one.assess(Moment(0), 5.0))
    other.learn(other.assess(Moment(0), 5.0))
    assert one.assess(Moment(3600), 5.0) == other.assess(Moment(3600), 5.0)


def test_a_model_that_keeps_more_than_numbers_is_asked_in_columns() -> None:
    one, columns = alone(HoltWinters(3600), 3600), HoltWinters(3600)
    columns.grow(1)
    for point, value in enumerate(series(2, 100).tolist()):
        told = columns.assess(Moment(point * 3600), np.array([value]))
        np.testing.assert_equal(one.assess(Moment(point * 3600), value).expected, told.expected[0])
        one.learn(one.assess(Moment(point * 3600), value))
        columns.learn(told)


def test_a_model_that_decides_while_it_is_traced_is_refused() -> None:
    class Deciding(Seasonal):
        def _echo(self) -> NDArray[np.float64]:
            return super()._echo() if (self._state.count > 3)[0] else np.zeros_like(self._state.count)

    with pytest.raises(TypeError, match="'greater' gives is not known"):
        trace(Deciding(3600), special=False)


def test_an_operation_of_numpy_that_is_not_known_is_refused() -> None:
    class Sorting(Seasonal):
        def _echo(self) -> NDArray[np.float64]:
            return np.sort(super()._echo())

    with pytest.raises(TypeError, match="sort cannot be traced"):
        trace(Sorting(3600), special=False)


def test_a_trace_has_only_what_changes() -> None:
    learnt = trace(Seasonal(3600), special=True).learnt
    assert ("series.special", 0) in learnt
    assert not any(column.startswith("seasons.") for column, _ in learnt)
    plain = trace(Seasonal(3600), special=False).learnt
    lines = {line for column, line in plain if column == "seasons.week"}
    assert {type(line) for line in lines} == {Expression}

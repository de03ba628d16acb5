"""What every model keeps, whatever it forecasts."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detectors.models import MODELS
from detectors.models.base import Assessment, Column, Model, Moment

WEEK = 7 * 86_400
OUTPUTS = ("expected", "lower", "upper", "scale", "surprise", "confidence", "learning")

#: Those that are River's, whose objects remember a season each, and more than the columns may.
RIVERS = {"holt-winters", "snarimax", "half-space-trees", "change"}

every_model = pytest.mark.parametrize("name", list(MODELS))
every_forecast = pytest.mark.parametrize(
    "name", [name for name in MODELS if name not in ("static", "change")]
)


def moments(points: int, interval: int = 3600, special: bool = False) -> Iterator[Moment]:
    return (Moment(i * interval % WEEK, special and i % 50 > 40) for i in range(points))


def values(points: int, series: int, seed: int = 0) -> NDArray[np.float64]:
    """Counts with a daily season, some of them sparse, with gaps and a few absurdities."""
    random = np.random.default_rng(seed)
    level = 10.0 ** random.uniform(-1, 3, series)
    season = 1 + 0.5 * np.sin(np.arange(points) / 24 * 2 * np.pi)
    table = random.poisson(season[:, None] * level).astype(np.float64)
    table[random.random(table.shape) < 0.05] = np.nan
    table[random.random(table.shape) < 0.01] = 1e6
    return table


def grown(name: str, series: int, interval: int = 3600) -> Model:
    model = MODELS[name](interval)
    model.grow(series)
    return model


def run(model: Model, table: NDArray[np.float64], times: Iterator[Moment]) -> list[Assessment]:
    told = []
    for row, moment in zip(table, times, strict=False):
        told.append(model.assess(moment, row))
        model.learn(told[-1])
    return told


def saved(model: Model) -> dict[str, NDArray[np.generic]]:
    """What a model has saved by now; what it gives are the arrays it goes on with."""
    return {name: array.copy() for name, array in model.save().items()}


def equal(a: dict[str, NDArray[np.generic]], b: dict[str, NDArray[np.generic]]) -> bool:
    return a.keys() == b.keys() and all(a[n].tobytes() == b[n].tobytes() for n in a)


def nbytes(state: dict[str, NDArray[np.generic]]) -> int:
    return sum(array.nbytes for array in state.values())


def outputs(told: Assessment) -> list[Column]:
    return [np.asarray(getattr(told, name)) for name in OUTPUTS]


@every_model
def test_assess_only_reads(name: str) -> None:
    model, table = grown(name, 4), values(60, 4)
    run(model, table, moments(60))
    before = saved(model)
    first = model.assess(Moment(0), table[0])
    again = model.assess(Moment(0), table[0])
    assert equal(before, model.save())
    for a, b in zip(outputs(first), outputs(again), strict=True):
        np.testing.assert_array_equal(a, b)


@every_model
def test_a_forecast_does_not_know_the_value_it_forecasts(name: str) -> None:
    model = grown(name, 4)
    run(model, values(200, 4), moments(200))
    low, high = (model.assess(Moment(0), np.full(4, value)) for value in (0.0, 1e4))
    for told in ("expected", "lower", "upper", "scale"):
        np.testing.assert_allclose(getattr(low, told), getattr(high, told), rtol=0.2)


@every_forecast
def test_a_value_surprises_less_once_it_is_learnt(name: str) -> None:
    model = grown(name, 1)
    run(model, np.random.default_rng(0).poisson(100, (500, 1)).astype(float), moments(500))
    first, *_, last = run(model, np.full((60, 1), 150.0), moments(60))
    assert last.surprise[0] < first.surprise[0] - 5


@every_model
@settings(max_examples=8)
@given(cut=st.integers(1, 7), seed=st.integers(0, 1000), special=st.booleans())
def test_it_does_not_matter_which_series_share_a_block(name: str, cut: int, seed: int, special: bool) -> None:
    table = values(120, 8, seed)
    whole, left, right = grown(name, 8), grown(name, cut), grown(name, 8 - cut)
    all_told = run(whole, table, moments(120, special=special))
    left_told = run(left, table[:, :cut], moments(120, special=special))
    right_told = run(right, table[:, cut:], moments(120, special=special))
    for told, a, b in zip(all_told, left_told, right_told, strict=True):
        assert told.surprise.tobytes() == np.concatenate([a.surprise, b.surprise]).tobytes()
    first, second = left.save(), right.save()
    assert equal(whole.save(), {n: np.concatenate([first[n], second[n]], axis=-1) for n in first})


@every_model
def test_a_saved_model_goes_on_as_if_nothing_had_happened(name: str) -> None:
    table = values(240, 5)
    uninterrupted, stopped, started = grown(name, 5), grown(name, 5), grown(name, 5)
    run(uninterrupted, table, moments(240))
    times = moments(240)
    run(stopped, table[:100], times)
    started.load(saved(stopped))
    run(started, table[100:], (Moment(i * 3600 % WEEK) for i in range(100, 240)))
    assert equal(uninterrupted.save(), started.save())


@every_model
def test_new_series_leave_the_old_ones_as_they_are(name: str) -> None:
    model, table = grown(name, 3), values(90, 5)
    run(model, table[:, :3], moments(90))
    before = saved(model)
    model.grow(2)
    after = model.save()
    assert equal(before, {n: array[..., :3] for n, array in after.items()})
    fresh = model.assess(Moment(0), table[0])
    assert fresh.learning[3:].all() or name == "static"
    assert not fresh.learning[:3].any()


@every_model
def test_a_series_that_is_reset_is_like_new_and_the_others_are_as_they_were(name: str) -> None:
    model, table = grown(name, 5), values(100, 5)
    run(model, table[:50], moments(50))
    before = saved(model)
    model.reset(np.array([1, 3]))
    after = model.save()
    kept = [0, 2, 4]
    assert equal({n: a[..., kept] for n, a in before.items()}, {n: a[..., kept] for n, a in after.items()})
    assert equal({n: a[..., [1, 3]] for n, a in after.items()}, grown(name, 2).save())


@every_model
def test_a_model_that_goes_on_leaves_alone_what_was_loaded(name: str) -> None:
    stopped, started = grown(name, 3), grown(name, 3)
    run(stopped, values(50, 3), moments(50))
    state = saved(stopped)
    started.load(state)
    run(started, values(50, 3), moments(50))
    assert equal(state, stopped.save())


@every_model
@pytest.mark.parametrize("interval", [60, 300, 3600, 86_400])
def test_state_is_bounded_and_one_number_a_series_and_line(name: str, interval: int) -> None:
    model = grown(name, 7, interval)
    run(model, values(30, 7), moments(30, interval))
    young = model.save()
    assert all(array.shape[-1] == 7 for array in young.values())
    assert name in RIVERS or nbytes(young) <= 4096 * 7
    run(model, values(60, 7), moments(60, interval))
    assert nbytes(model.save()) == nbytes(young)


HOSTILE = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1e15,
    -1e15,
    1e-300,
    0.1,
    1e100,
    -1e300,
    float("nan"),
    float("inf"),
    -float("inf"),
]


@every_model
@settings(max_examples=20)
@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=40), st.booleans())
def test_no_value_breaks_it(name: str, column: list[float], special: bool) -> None:
    model = grown(name, 2)
    table = np.array([[value, 7.0] for value in column] * 2)
    for told in run(model, table, moments(len(table), special=special)):
        assert not np.isnan(told.confidence).any()
        assert not np.isposinf(told.surprise).any()
    assert all(np.isfinite(array).all() for array in model.save().values() if array.dtype.kind == "f")


@every_model
def test_a_series_that_never_has_a_value_says_nothing_and_disturbs_no_other(name: str) -> None:
    table = values(100, 2)
    alone, beside = grown(name, 1), grown(name, 2)
    for a, b in zip(
        run(alone, table[:, :1], moments(100)),
        run(beside, np.column_stack([table[:, 0], np.full(100, np.nan)]), moments(100)),
        strict=True,
    ):
        assert a.surprise[0].tobytes() == b.surprise[0].tobytes()
        assert np.isnan(b.surprise[1])
        assert np.isnan(b.expected[1]) or name == "static"


@every_model
@pytest.mark.parametrize("level", [0.0, 1.0, -7.5, 1e9])
def test_a_series_that_never_moves_is_never_surprising(name: str, level: float) -> None:
    for told in run(grown(name, 1), np.full((24 * 10, 1), level), moments(24 * 10)):
        assert not told.surprise[0] > 0
    if name != "static" and (name, level) != ("counts", -7.5):  # no count is negative
        assert told.expected[0] == pytest.approx(level, rel=0.001, abs=0.01)


@every_model
def test_bounds_hold_the_forecast_between_them(name: str) -> None:
    for told in run(grown(name, 6), values(200, 6), moments(200))[1:]:
        known = ~np.isnan(told.lower)
        assert (told.lower <= told.expected)[known].all()
        assert (told.expected <= told.upper)[known].all()
        assert (told.scale > 0)[known].all()


@every_forecast
def test_confidence_grows_from_little_to_full(name: str) -> None:
    told = run(grown(name, 1), values(24 * 20, 1), moments(24 * 20))
    confidence = [t.confidence[0] for t in told]
    assert 0 < confidence[0] < 0.01
    assert confidence == sorted(confidence)
    assert confidence[-1] == 1

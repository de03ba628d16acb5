"""What the models that a measure may name find, each in its own way."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import state
from detectors.blocks import BlockState
from detectors.config import Detector, Measure
from detectors.models import MODELS
from detectors.models.base import Assessment, Moment
from detectors.models.static import Static
from detectors.records import IntervalScores, Place
from detectors.scorer import Scorer, ScorerState
from detectors.severity import severity
from tests.detectors.builders import MINUTE, detector, interval, ms

HOUR, WEEK = 3600, 7 * 86_400
FORECASTS = [name for name in MODELS if name not in ("static", "change")]

every_forecast = pytest.mark.parametrize("name", FORECASTS)
every_forecast_of_its_own = pytest.mark.parametrize(
    "name", [name for name in FORECASTS if name != "half-space-trees"]
)


def daily(days: int, level: float = 200.0, series: int = 4) -> NDArray[np.float64]:
    """Hourly counts, half as many at night."""
    hours = np.arange(24 * days)[:, np.newaxis]
    shape = level * (1 + 0.5 * np.sin(hours / 24 * 2 * np.pi))
    return np.random.default_rng(2).poisson(shape, (24 * days, series)).astype(np.float64)


def told(name: str, table: NDArray[np.float64]) -> Iterator[Assessment]:
    model = MODELS[name](HOUR)
    model.grow(table.shape[1])
    for hour, row in enumerate(table):
        assessment = model.assess(Moment(hour * HOUR % WEEK), row)
        yield assessment
        model.learn(assessment)


@every_forecast
def test_a_spike_and_a_fall_to_zero_are_found_and_little_else(name: str) -> None:
    table = daily(28)
    table[24 * 24 + 12] *= 3
    table[24 * 26 + 6] = 0
    severities = np.array([severity(assessment.surprise) for assessment in told(name, table)])
    assert severities[24 * 24 + 12].min() > 70
    assert severities[24 * 26 + 6].min() > 70
    assert (severities[24 * 7 : 24 * 24] > 70).mean() < 0.01


@every_forecast_of_its_own
def test_the_season_of_a_day_is_in_the_forecast(name: str) -> None:
    table = daily(21)
    expected = np.array([assessment.expected for assessment in told(name, table)])
    ahead = slice(24 * 14, None)
    error = np.abs(expected - table)[ahead].mean()
    assert error < 0.5 * np.abs(table[ahead] - table[ahead].mean(axis=0)).mean()


@every_forecast_of_its_own
def test_a_value_is_as_severe_as_its_band_says(name: str) -> None:
    *_, last = told(name, daily(28))
    model = MODELS[name](HOUR)
    model.grow(4)
    for hour, row in enumerate(daily(28)):
        model.learn(model.assess(Moment(hour * HOUR % WEEK), row))
    moment = Moment(0)
    band = model.assess(moment, last.expected)
    inside = 0.5 * (band.expected + band.upper)
    assert severity(model.assess(moment, inside).surprise).max() < 50
    assert severity(model.assess(moment, 2 * band.upper).surprise).min() > 50


def test_a_shift_that_lasts_is_told_once_as_a_change() -> None:
    table = np.random.default_rng(3).poisson(100, (24 * 42, 3)).astype(np.float64)
    table[24 * 21 :, 1] += 15
    assessments = list(told("change", table))
    found = np.array([assessment.surprise > 0 for assessment in assessments])
    assert found.sum(axis=0).tolist() == [0, 1, 0]
    (when,) = np.flatnonzero(found[:, 1])
    assert 24 * 21 < when < 24 * 25
    assert assessments[when].grounds(1)[0].startswith("the mean has changed: ")
    assert assessments[when].grounds(0) == ()
    assert assessments[-1].expected[1] == pytest.approx(115, rel=0.05)


def test_limits_are_those_of_each_measure() -> None:
    model = Static(60, [(None, 100.0), (0.0, 1.0), (50.0, None)])
    value = np.array([101.0, 0.5, 50.0, 100.0, 2.0, 25.0])
    assessment = model.assess(Moment(0), value)
    assert severity(assessment.surprise).round().tolist() == [71, 0, 0, 0, 90, 85]
    assert assessment.grounds(0) == ("above its limit of 100",)
    assert assessment.grounds(1) == ()
    assert assessment.grounds(5) == ("below its limit of 50",)


def test_at_a_limit_severity_is_what_rules_ask_for() -> None:
    model = Static(60, [(None, 100.0)])
    at, beyond = (model.assess(Moment(0), np.array([value])) for value in (100.0, 100.0001))
    assert severity(at.surprise).tolist() == [0]
    assert severity(beyond.surprise).tolist() == [pytest.approx(70, abs=0.01)]


def models_of_a_detector() -> Detector:
    """A measure for each model, and a second one with limits."""
    named = [
        Measure(name=n, aggregation="count", model=n, upper=30 if n == "static" else None) for n in MODELS
    ]
    return detector(
        measures=[*named, Measure(name="few", aggregation="count", model="static", lower=1, upper=9)]
    )


def scored(scorer: Scorer, minute: int, **values: float) -> IntervalScores:
    usual = {measure.name: 20.0 + minute * 7 % 5 for measure in scorer.detector.measures}
    rows: dict[Place, dict[str, float]] = {(): usual | {"few": 5.0} | values}
    return scorer.score(interval(ms("00:00") + minute * MINUTE, rows, events=30))


def test_a_detector_may_have_every_model_and_goes_on_after_a_restart() -> None:
    one = Scorer(models_of_a_detector())
    for minute in range(60):
        scored(one, minute)
    head, blocks = one.save()
    other = Scorer(one.detector)
    other.load(
        state.decode(state.encode(head), ScorerState),
        [state.decode(state.encode(block), BlockState) for block in blocks],
    )
    for minute in range(60, 100):
        assert list(scored(other, minute).rows()) == list(scored(one, minute).rows())


def test_each_limit_is_that_of_its_own_measure() -> None:
    one = Scorer(models_of_a_detector())
    told = {score.measure: score for score in scored(one, 0, few=12.0, static=12.0).rows()}
    assert (told["few"].lower, told["few"].upper, told["few"].phase) == (1.0, 9.0, "active")
    assert (told["static"].lower, told["static"].upper) == (None, 30.0)
    assert told["few"].severity > 70
    assert told["static"].severity == 0
    assert any("above its limit of 9" in why for why in told["few"].why)

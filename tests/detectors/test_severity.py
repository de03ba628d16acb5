import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.severity import severity

surprises = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(("a_week", "expected"), [(1, 50), (0.1, 70), (0.01, 90), (10, 30)])
def test_severity_promises_a_rate_of_false_episodes(a_week: float, expected: float) -> None:
    surprise = np.array([math.log(7 / a_week)])
    assert severity(surprise)[0] == pytest.approx(expected)


def test_no_surprise_is_no_severity() -> None:
    assert severity(np.array([np.nan, -np.inf, np.inf])).tolist() == [0.0, 0.0, 100.0]


@given(surprises, surprises)
def test_severity_is_monotone_and_stays_within_its_scale(a: float, b: float) -> None:
    low, high = severity(np.array(sorted((a, b))))
    assert 0 <= low <= high <= 100


def test_ordinary_points_spread_below_once_a_day() -> None:
    assert len(set(severity(np.array([-3.0, -2.0, -1.0, 0.0])).tolist())) == 4

"""Surprise in nats → severity 0–100: what the number promises, in one place.

A surprise of s is expected e^-s times a day while nothing is wrong. Severity is that rate on a scale
for people: 50 is one false episode per series and week, 70 one in ten weeks, 90 one in a hundred, at
every interval length.
"""

from __future__ import annotations

import math

import numpy as np

from detectors.models.base import Column

DAYS_A_WEEK = 7
#: Severity of what is expected once a week, and what a ten times rarer surprise adds.
ONCE_A_WEEK, DECADE = 50.0, 20.0

_NATS = DECADE / math.log(10)
_ONCE_A_DAY = ONCE_A_WEEK - DECADE * math.log10(DAYS_A_WEEK)


def surprise(severity: float) -> float:
    """The surprise of a severity.

    >>> round(math.exp(surprise(50.0)), 6), round(math.exp(surprise(70.0)), 6)
    (7.0, 70.0)
    """
    return (severity - _ONCE_A_DAY) / _NATS


def severity(surprise: Column) -> Column:
    """Severity of each surprise; no surprise (NaN) is severity 0.

    >>> severity(np.array([np.nan, -9.0, 0.0, np.log(7), np.log(70), np.log(700), 30.0])).round(1).tolist()
    [0.0, 0.0, 33.1, 50.0, 70.0, 90.0, 100.0]
    """
    return np.clip(np.nan_to_num(_ONCE_A_DAY + _NATS * surprise, nan=0.0), 0.0, 100.0)

"""From which severity on a series is told of: what the rules ask for, moved by its sensitivity.

Severity promises a number of false episodes, and stays what it is. A sensitivity multiplies how many
of them people want to see: so it moves the bar, and the same for all rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from detectors.config import AlertRule, Detector
from detectors.severity import DECADE

#: No group opens below this severity, whatever a rule asks for.
FLOOR = 30.0
#: Where no rule says what matters: an anomaly that comes once in a week of a series.
UNASKED = 50.0
#: Anomalies around an open group join it, and keep it open, down to so much less than opens one.
HYSTERESIS = 20.0
#: What is as severe as can be passes every bar.
HIGHEST = 100.0


class Bars:
    """The bars of one detector.

    >>> from datetime import timedelta
    >>> from detectors.config import Measure
    >>> views = Measure(name="views", aggregation="count")
    >>> errors = Measure(name="errors", aggregation="count", sensitivity=0.1)
    >>> shop = Detector("shop", "shop", timedelta(minutes=1), [views, errors])
    >>> bars = Bars(shop, [AlertRule("page", "shop", severity_threshold=70)])
    >>> bars.opens("views"), bars.opens("errors"), bars.joins("errors"), bars.told("errors", 90.0)
    (70.0, 90.0, 70.0, 100.0)
    """

    def __init__(self, detector: Detector, rules: Sequence[AlertRule]) -> None:
        asked = [rule.severity_threshold for rule in rules if rule.detector == detector.name]
        self._opens = min(asked, default=UNASKED)
        self._all = _relief(detector.sensitivity)
        self._own = {measure.name: _relief(measure.sensitivity) for measure in detector.measures}

    def told(self, measure: str, threshold: float) -> float:
        """From which severity on a rule with this threshold tells of the measure."""
        relief = self._all + self._own.get(measure, 0.0)
        return max(FLOOR, min(threshold - relief, HIGHEST))

    def opens(self, measure: str) -> float:
        """From which severity on the measure opens a group: what the least of the rules asks for."""
        return self.told(measure, self._opens)

    def joins(self, measure: str) -> float:
        """From which severity on it joins what is open."""
        return max(FLOOR, self.opens(measure) - HYSTERESIS)


def _relief(sensitivity: float) -> float:
    return DECADE * math.log10(sensitivity)

"""Rules that hold a surprising score back: its severity stays as it is, and it opens no group.

They are for what is unusual and does not matter: more orders than ever, a change of two in a count of
ten, a conversion of three views.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from detectors.blocks import Table
from detectors.config import Detector, Measure
from detectors.records import HeldBy, LevelChange


class Holds:
    """The rules of the measures of one detector."""

    def __init__(self, detector: Detector) -> None:
        names = [measure.name for measure in detector.measures]
        self._width = len(names)
        #: Measures with rules, by their column; and the column of what each is divided by.
        self._rules = {m: measure for m, measure in enumerate(detector.measures) if has_rules(measure)}
        ratios = {m: measure.ratio for m, measure in self._rules.items() if measure.ratio is not None}
        self._denominators = {m: names.index(denominator) for m, (_, denominator) in ratios.items()}

    def of(
        self, table: Table, surprising: Iterable[int], level_changes: Mapping[int, LevelChange]
    ) -> dict[int, HeldBy]:
        """What holds back those that are surprising, by their position in the table row by row."""
        held: dict[int, HeldBy] = {}
        for position in surprising:
            row, m = divmod(position, self._width)
            measure = self._rules.get(m)
            if measure is not None and row < len(table.value):
                values = table.value[row]
                volume = values[self._denominators.get(m, m)]
                now, before = values[m], table.expected[row, m]
                if (change := level_changes.get(position)) is not None:
                    now, before = change.now, change.before
                by = holds(measure, float(now), float(before), float(volume))
                if by is not None:
                    held[position] = by
        return held


def has_rules(measure: Measure) -> bool:
    """Whether anything can hold the measure back."""
    limits = (measure.minimum_change, measure.minimum_relative_change, measure.minimum_volume)
    return measure.direction != "both" or measure.missing == "ignore" or any(limits)


def holds(measure: Measure, value: float, expected: float, volume: float) -> HeldBy | None:
    """The first rule of the measure that holds a value back; NaN is no value, or no forecast.

    `volume` is the denominator of a ratio.

    >>> orders = Measure(name="orders", aggregation="count", direction="below", minimum_change=5)
    >>> holds(orders, 300.0, 240.0, 1.0), holds(orders, 236.0, 240.0, 1.0), holds(orders, 12.0, 240.0, 1.0)
    ('direction', 'minimum_change', None)
    """
    if math.isnan(value):
        if measure.missing == "ignore":
            return "missing"
        # To be missing is to fall.
        return "direction" if measure.direction == "above" and measure.missing != "alarm" else None
    change = value - expected
    if (measure.direction == "above" and change < 0) or (measure.direction == "below" and change > 0):
        return "direction"
    if abs(change) < max(measure.minimum_change, measure.minimum_relative_change * abs(expected)):
        return "minimum_change"
    if volume < measure.minimum_volume:
        return "minimum_volume"
    return None

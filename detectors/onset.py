"""How a group began: which of its measures was off first, while another was still as it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

#: Intervals of a group that tell how it began.
FIRST = 6
#: A measure is off from so many standard errors on, and as it should be within so many.
OFF, WELL = 4.0, 2.0
#: How far off, and one standard error of that, where a measure has no leaves.
UNKNOWN = (0.0, math.inf)


class Onset(msgspec.Struct):
    """How far off the measures of a detector were in the first intervals of a group."""

    #: Measure → of each interval, how far off it was as a share of its forecast, and one standard error.
    of: dict[str, list[tuple[float, float]]] = {}
    intervals: int = 0

    @property
    def is_young(self) -> bool:
        """Whether the group is still beginning."""
        return self.intervals < FIRST

    def go_on(self, off: Mapping[str, tuple[float, float]]) -> None:
        """Add an interval; of a measure that is not in it, nothing is known."""
        for measure in self.of.keys() | off.keys():
            known = self.of.setdefault(measure, [UNKNOWN] * self.intervals)
            known.append(off.get(measure, UNKNOWN))
        self.intervals += 1

    def lead(self, cause: str, effect: str) -> int | None:
        """After how many intervals the effect followed; None where no lead is clear.

        When the cause began the effect was as it should be, and would have been seen if it had been as far
        off as it was when it began itself; then the cause still was off, the same way.
        """
        before, after = self.of.get(cause, []), self.of.get(effect, [])
        first = next((n for n, (shift, error) in enumerate(before) if abs(shift) > OFF * error), None)
        then = next((n for n, (shift, error) in enumerate(after) if abs(shift) > OFF * error), None)
        if first is None or then is None or then <= first or first >= len(after) or then >= len(before):
            return None
        was_well = all(abs(shift) <= WELL * error for shift, error in after[: first + 1])
        would_be_seen = abs(after[then][0]) > OFF * after[first][1]
        goes_on = before[then][0] * before[first][0] > 0 and abs(before[then][0]) > WELL * before[then][1]
        return then - first if was_well and would_be_seen and goes_on else None

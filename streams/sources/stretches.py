"""The intervals of a span, as stretches of equal ones: these can be asked for by start, end and step.

Where clocks change, a day is longer or shorter than others, and is a stretch by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from detectors.intervals import Intervals


class Stretch(NamedTuple):
    """Intervals of one length, one after the other; times in milliseconds."""

    start: int
    length: int
    intervals: int

    @property
    def end(self) -> int:
        """The end of the last one."""
        return self.start + self.length * self.intervals

    def begins_one(self, time: int) -> bool:
        """Whether one of its intervals begins at a time."""
        return self.start <= time < self.end and (time - self.start) % self.length == 0


def stretches(
    intervals: Intervals, start: datetime, end: datetime, most: int | None = None
) -> Iterator[Stretch]:
    """The intervals that begin from start up to before end, in stretches of at most so many.

    >>> from datetime import timedelta
    >>> days = Intervals(timedelta(days=1), "Europe/Berlin")
    >>> march = map(datetime.fromisoformat, ("2026-03-27T00:00+01:00", "2026-03-31T00:00+02:00"))
    >>> [(one.length // 3_600_000, one.intervals) for one in stretches(days, *march)]
    [(24, 2), (23, 1), (24, 1)]
    """
    since, until = round(start.timestamp() * 1000), round(end.timestamp() * 1000)
    time = intervals.start(since)
    if time < since:
        time = intervals.end(time)
    first, length, count = time, 0, 0
    while time < until:
        after = intervals.end(time)
        if count and (after - time != length or count == most):
            yield Stretch(first, length, count)
            first, count = time, 0
        length, count, time = after - time, count + 1, after
    if count:
        yield Stretch(first, length, count)

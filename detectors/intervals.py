"""Which interval an event time belongs to: half-open, aligned to local midnight of the time zone.

Times are milliseconds since the epoch. Borders are where a clock on the wall shows a whole number of
lengths since midnight. When the clock is changed, an interval of up to an hour ends, and one that is
longer goes on if the clock still shows a time of it: so an hour that is repeated is two, and a day has
23 or 25 hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

MILLISECOND = timedelta(milliseconds=1)
HOUR = timedelta(hours=1)
#: Every offset from UTC in use today is a multiple of it: what divides it lies alike in all zones.
QUARTER = timedelta(minutes=15) // MILLISECOND


class Intervals:
    """The intervals of a detector.

    >>> hours = Intervals(timedelta(hours=1), "Asia/Kolkata")
    >>> hours.start(3_600_000)      # Indian hours begin at half past, in UTC
    1800000
    """

    def __init__(self, length: timedelta, timezone: str = "UTC") -> None:
        self._length = length
        self._ms = length // MILLISECOND
        self._zone = ZoneInfo(timezone)
        self._alike_everywhere = QUARTER % self._ms == 0 or timezone == "UTC"
        self._borders: dict[int, tuple[int, int]] = {}

    def start(self, time: int) -> int:
        """Start of the interval that holds a time."""
        if self._alike_everywhere:
            return time - time % self._ms
        return self._borders_around(time)[0]

    def end(self, start: int) -> int:
        """End of the interval that begins at `start`."""
        if self._alike_everywhere:
            return start + self._ms
        return self._borders_around(start)[1]

    def _borders_around(self, time: int) -> tuple[int, int]:
        # Events come close together: the interval around the last one of about that time is tried first.
        about = time // self._ms
        borders = self._borders.get(about)
        if borders is None or not borders[0] <= time < borders[1]:
            if len(self._borders) > 10_000:
                self._borders.clear()
            borders = self._borders[about] = self._look_up(time)
        return borders

    def _look_up(self, time: int) -> tuple[int, int]:
        offset = self._offset(time)
        start = time - (time + offset) % self._ms
        end = start + self._ms
        if self._offset(start - 1) != offset:
            start = self._changed(start - 1, time)
            if self._goes_on(start):
                start -= 1 + (start - 1 + self._offset(start - 1)) % self._ms
        if self._offset(end) != offset:
            end = self._changed(time, end)
            if self._goes_on(end):
                end += self._ms - (end + self._offset(end)) % self._ms
        return start, end

    def _goes_on(self, change: int) -> bool:
        """Whether the interval before a change of the clock does not end with it."""
        before = (change - 1 + self._offset(change - 1)) // self._ms
        after = (change + self._offset(change)) // self._ms
        return self._length > HOUR and before == after

    def _changed(self, before: int, after: int) -> int:
        """The first instant of the offset that there is at `after`, where `before` has another."""
        offset = self._offset(after)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                after = middle
            else:
                before = middle
        return after

    def _offset(self, time: int) -> int:
        local = datetime.fromtimestamp(time / 1000, self._zone)
        return (local.utcoffset() or timedelta(0)) // MILLISECOND

"""Which interval an event time belongs to: half-open, aligned to local midnight of the time zone.

Times are milliseconds since the epoch. Intervals of up to a quarter of an hour lie alike in every
time zone, so that arithmetic does; longer ones follow the zone, and a day may have 23 or 25 hours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from detectors.models.base import Moment

MILLISECOND = timedelta(milliseconds=1)
HOUR = timedelta(hours=1)
#: Every offset from UTC in use today is a multiple of it.
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
        self._alike_everywhere = QUARTER % self._ms == 0
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

    def moment(self, start: int) -> Moment:
        """When the interval that begins at `start` is, in local time."""
        local = datetime.fromtimestamp(start / 1000, self._zone)
        return Moment(local.weekday() * 86_400 + local.hour * 3600 + local.minute * 60 + local.second)

    def _borders_around(self, time: int) -> tuple[int, int]:
        # One look into the time zone for all events of a quarter: no border can lie within it,
        # unless the length itself is odd.
        if self._ms % QUARTER:
            return self._look_up(time)
        quarter = time // QUARTER
        borders = self._borders.get(quarter)
        if borders is None:
            if len(self._borders) > 10_000:
                self._borders.clear()
            borders = self._borders[quarter] = self._look_up(time)
        return borders

    def _look_up(self, time: int) -> tuple[int, int]:
        local = datetime.fromtimestamp(time / 1000, self._zone)
        if self._length <= HOUR:
            # By offset, so that the hour that a clock change repeats is two intervals.
            offset = (local.utcoffset() or timedelta(0)) // MILLISECOND
            start = time - (time + offset) % self._ms
            return start, start + self._ms
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        n = (local.replace(tzinfo=None) - midnight.replace(tzinfo=None)) // self._length
        return self._instant(midnight + n * self._length), self._instant(midnight + (n + 1) * self._length)

    @staticmethod
    def _instant(local: datetime) -> int:
        # Adding to an aware time moves the wall clock; the conversion finds the instant it shows that.
        return round(local.astimezone(UTC).timestamp() * 1000)

"""Quiet hours: the times of the week at which a rule tells of nothing new."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import NamedTuple

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"([01]\d|2[0-3]|24(?=:00)):([0-5]\d)"
_FORM = re.compile(rf"(?:({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))? )?{_TIME}-{_TIME}")


class QuietHours(NamedTuple):
    """A stretch of some days; one that ends before it begins ends on the day after."""

    days: frozenset[int]
    #: Since midnight.
    start: timedelta
    end: timedelta

    @classmethod
    def read(cls, text: str) -> QuietHours:
        """Hours that are written as `22:00-07:00`, `sat-sun 00:00-24:00`.

        >>> night = QuietHours.read("fri 22:00-07:00")
        >>> night.has(datetime(2026, 3, 7, 6, 59)), night.has(datetime(2026, 3, 7, 7))
        (True, False)

        Raises:
            ValueError: they are written otherwise.
        """
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            message = f"{text!r} are no hours: expected some such as '22:00-07:00' or 'sat-sun 00:00-24:00'"
            raise ValueError(message)
        first, last, *clock = found.groups()
        hours = [timedelta(hours=int(clock[n]), minutes=int(clock[n + 1])) for n in (0, 2)]
        begins = DAYS.index(first or "mon")
        ends = DAYS.index(last or first or "sun")
        days = frozenset((begins + n) % 7 for n in range((ends - begins) % 7 + 1))
        return cls(days, hours[0], hours[1] + timedelta(days=hours[1] <= hours[0]))

    def has(self, local: datetime) -> bool:
        """Whether a time on the clock is in it."""
        since = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        today = local.weekday() in self.days and self.start <= since < self.end
        yesterday = (local.weekday() - 1) % 7 in self.days
        return today or (yesterday and since < self.end - timedelta(days=1))

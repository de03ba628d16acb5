"""Seasons: what is usual at a time of day and at an hour of the week, in tables that fill as time goes.

A moment names one slot in each table, the same for all series: reading a season is reading a line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Column, Flags, Moment, Series
from detectors.models.columns import Columns, Layout, clip, track

WEEK, DAY, HOUR = 604_800, 86_400, 3_600
#: A day has as many bins as intervals, within these limits.
LEAST_BINS, MOST_BINS = 24, 96
#: Visits from which on a slot is asked, if it has one a day or week: two; of those that have some, nearly
#: twice as many. And visits after which half of its memory is new.
ASKED, VISITS = 1.75, 12.0
#: How fast the scale of an hour follows; and what share of the scale it is, once it is known.
HOUR_RATE, HOUR_SHARE, HOUR_ASKED = 0.03, 0.6, 13
#: Visits in which a slot also takes in how far the series is off its season by now.
YOUNG_VISITS = 30

#: Visits are counted up to here, where one more has long ceased to matter at any interval length.
MOST_VISITS = np.iinfo(np.uint16).max

#: Kept small: most of a series' bytes are here.
Table = NDArray[np.float32]
Visits = NDArray[np.uint16]
Weekly = Annotated[Table, Layout(168, dtype=np.float32)]
Hourly = Annotated[Table, Layout(24, dtype=np.float32)]
Daily = Annotated[Table, Layout(LEAST_BINS, dtype=np.float32)]
WeeklyVisits = Annotated[Visits, Layout(168, dtype=np.uint16)]
HourlyVisits = Annotated[Visits, Layout(24, dtype=np.uint16)]
DailyVisits = Annotated[Visits, Layout(LEAST_BINS, dtype=np.uint16)]


@dataclass(frozen=True, slots=True)
class Season:
    """What the tables say of one moment."""

    day: Column
    week: Column
    #: Whether the slot of the day, and of the week, has been visited often enough to be asked.
    known: NDArray[np.bool_]


class _Table(NamedTuple):
    """A table, and from how many visits on a slot of it is asked."""

    mean: Table
    visits: Visits
    asked: int
    #: What it counts as having been visited when it is lent: an hour's scale is not asked before it fits.
    lent: int


class Seasons(Columns):
    """Mean by time of day and by hour of the week, scale by hour of the day; and visits of each."""

    day: Daily
    day_visits: DailyVisits
    week: Weekly
    week_visits: WeeklyVisits
    hour: Hourly
    hour_visits: HourlyVisits

    def __init__(self, interval_seconds: float) -> None:
        self._bins = min(max(int(DAY / interval_seconds), LEAST_BINS), MOST_BINS)
        super().__init__(day=self._bins, day_visits=self._bins)
        points = max(1.0, DAY / self._bins / interval_seconds), max(1.0, HOUR / interval_seconds)
        self._day_rate, self._week_rate = ((1 - 0.5 ** (1 / VISITS)) / each for each in points)
        self._day_asked, self._week_asked = (math.ceil(ASKED * each) for each in points)

    def look(self, moment: Moment) -> Season:
        """What is usual at that moment."""
        day, week, _ = self._slots(moment)
        return Season(
            self.day[day].astype(np.float64),
            self.week[week].astype(np.float64),
            np.stack((self.day_visits[day] >= self._day_asked, self.week_visits[week] >= self._week_asked)),
        )

    def _slots(self, moment: Moment) -> tuple[int, int, int]:
        second = moment.second_of_week % DAY
        return second * self._bins // DAY, moment.second_of_week // HOUR, second // HOUR

    def blend(self, moment: Moment, scale: Column, floor: Column) -> Column:
        """A scale drawn to the own scale of the hour."""
        hour = self._slots(moment)[2]
        own = np.maximum(self.hour[hour], floor)
        blended = scale ** (1 - HOUR_SHARE) * own**HOUR_SHARE
        return np.where(self.hour_visits[hour] >= HOUR_ASKED, blended, scale)

    def learn_means(self, moment: Moment, x: Column, keep: Flags, offset: Column, limit: Column) -> None:
        """Take in values; `offset` is how far day and week are off by now, `limit` what is believed."""
        day, week, _ = self._slots(moment)
        for table, visits, slot, least, shift in (
            (self.day, self.day_visits, day, self._day_rate, offset[0]),
            (self.week, self.week_visits, week, self._week_rate, offset[1]),
        ):
            mean, times = table[slot].astype(np.float64), visits[slot].astype(np.float64)
            away = x - mean
            move = clip(away - shift, limit) + np.where(times < YOUNG_VISITS, shift, 0.0)
            rate = keep * np.maximum(least, 1 / (times + 1))
            table[slot] = mean + rate * np.where(times < 2, away, move)
            _count(visits[slot], keep)

    def lend(self, series: Series, other: Seasons, lenders: Series, scale: Column) -> None:
        """Let series have the seasons of others, as large as they are there, as if they had seen a little.

        `scale` is that of the others: those of hours are shares of it, not to be asked before they fit.
        """
        for mine, theirs in zip(self._tables(), other._tables(), strict=True):
            known = theirs.visits[:, lenders] >= theirs.asked
            mine.mean[:, series] = np.where(known, theirs.mean[:, lenders], 0.0)
            mine.visits[:, series] = known * mine.lent
        self.hour[:, series] /= scale

    def fit(self, series: Series, size: Column, scale: Column) -> None:
        """Let what was lent be seasons of series that many times as large, and of that scale."""
        for table, factor in zip(self._tables(), (size, size, scale), strict=True):
            table.mean[:, series] *= factor
            table.visits[:, series] = np.where(table.visits[:, series] > 0, table.asked, 0)

    def _tables(self) -> tuple[_Table, _Table, _Table]:
        return (
            _Table(self.day, self.day_visits, self._day_asked, self._day_asked),
            _Table(self.week, self.week_visits, self._week_asked, self._week_asked),
            _Table(self.hour, self.hour_visits, HOUR_ASKED, lent=1),
        )

    def learn_scale(self, moment: Moment, residual: Column, keep: Flags, floor: Column) -> None:
        """Take in the size of a residual into the scale of the hour."""
        hour = self._slots(moment)[2]
        own, times = self.hour[hour].astype(np.float64), self.hour_visits[hour].astype(np.float64)
        self.hour[hour] = np.where(keep, track(own, residual, floor, HOUR_RATE, times), own)
        _count(self.hour_visits[hour], keep)


def _count(visits: Visits, keep: Flags) -> None:
    visits += keep & (visits < MOST_VISITS)

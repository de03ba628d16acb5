"""Whether a source that says nothing has stopped, or is only quiet as it is at this hour."""

from __future__ import annotations

import math

import msgspec

from detectors.models.base import Moment

#: A feed has stopped when so much silence comes once in a hundred times.
IMPLAUSIBLE = math.log(100)
#: Intervals over which the habits of a source are remembered, in all and for an hour of the day or week.
MEMORY = 2_000
SLOT_MEMORY = 200
#: What is known of all hours counts for so many intervals where an hour has been seen less.
PRIOR = 2.0


class Habit(msgspec.Struct):
    """How often there was silence."""

    seen: float = 0.0
    share: float = 0.0

    def rate(self, prior: float) -> float:
        """The share of silent intervals, which is taken to be `prior` before any was seen."""
        return (self.share * self.seen + prior * PRIOR) / (self.seen + PRIOR)

    def learn(self, *, silent: bool, memory: int) -> None:
        """Take in an interval."""
        self.seen = min(self.seen + 1, memory)
        self.share += (silent - self.share) / self.seen


class Silence(msgspec.Struct):
    """The habits of a source, and how unusual its present silence is, in nats."""

    always: Habit = msgspec.field(default_factory=Habit)
    by_hour: dict[int, Habit] = {}
    by_hour_of_week: dict[int, Habit] = {}
    surprise: float = 0.0
    #: How often the first event of an interval came in its second half.
    late: Habit = msgspec.field(default_factory=Habit)

    def hear(self, events: int, moment: Moment, *, late: bool | None = None, learns: bool = True) -> bool:
        """Take in an interval, and learn from it; True if its silence means that the feed has stopped.

        A silence that is usual at this hour, or at this hour of the week, is no surprise: shops close.
        `late`: whether its first event came in its second half, where that is known.
        """
        day, week = self._hours(moment)
        self.surprise = 0.0 if events else self.surprise - math.log(self._usual(day, week))
        silent = not events
        if learns and late is not None:
            self.late.learn(silent=late, memory=MEMORY)
        if learns:
            self.always.learn(silent=silent, memory=MEMORY)
            day.learn(silent=silent, memory=SLOT_MEMORY)
            week.learn(silent=silent, memory=SLOT_MEMORY)
        return self.surprise > IMPLAUSIBLE

    def foresee(self, moment: Moment) -> bool:
        """Whether the feed has stopped if an interval, silent until its middle, stays so to its end.

        Not of a source that often begins late in its intervals, as one does that comes in batches.
        """
        late = max(self.late.share, 1 / (self.late.seen + 1))
        # A look changes nothing, not even by making room for an hour.
        hour = moment.second_of_week // 3600
        usual = self._usual(self.by_hour.get(hour % 24, Habit()), self.by_hour_of_week.get(hour, Habit()))
        surprise = self.surprise - math.log(usual)
        return min(-math.log(late), surprise) > IMPLAUSIBLE

    def _usual(self, day: Habit, week: Habit) -> float:
        # Never none: what has not been seen yet may still come.
        usual = max(self.always.share, 1 / (self.always.seen + 1))
        return max(day.rate(usual), week.rate(usual))

    def _hours(self, moment: Moment) -> tuple[Habit, Habit]:
        hour = moment.second_of_week // 3600
        return self.by_hour.setdefault(hour % 24, Habit()), self.by_hour_of_week.setdefault(hour, Habit())

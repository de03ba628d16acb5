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

    def hear(self, events: int, moment: Moment, *, learns: bool = True) -> bool:
        """Take in an interval, and learn from it; True if its silence means that the feed has stopped.

        A silence that is usual at this hour, or at this hour of the week, is no surprise: shops close.
        """
        hour = moment.second_of_week // 3600
        day = self.by_hour.setdefault(hour % 24, Habit())
        week = self.by_hour_of_week.setdefault(hour, Habit())
        # Never none: what has not been seen yet may still come.
        usual = max(self.always.share, 1 / (self.always.seen + 1))
        usual = max(day.rate(usual), week.rate(usual))
        self.surprise = 0.0 if events else self.surprise - math.log(usual)
        silent = not events
        if learns:
            self.always.learn(silent=silent, memory=MEMORY)
            day.learn(silent=silent, memory=SLOT_MEMORY)
            week.learn(silent=silent, memory=SLOT_MEMORY)
        return self.surprise > IMPLAUSIBLE

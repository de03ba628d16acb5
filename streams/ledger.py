"""What a sink was told of which incident: alerts in the order of their log → notices, each once.

It depends on the log alone: whoever reads that again from its beginning knows the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from detectors.records import Alert
from streams.notices import Notice, Site, measures

#: Why nothing is told: the same was told already, or the incident is one of the past.
Silence = Literal["repeated", "history"]
#: Whether an incident that is found at a time is one of the past.
IsHistory = Callable[[Alert, datetime], bool]
#: An end is sent again for so long: a receiver that restarts forgets what it was told.
ENDS_AGAIN = timedelta(minutes=5)


class Told(NamedTuple):
    """What is known of one incident; of one that is over its revision alone."""

    revision: int
    #: The first and the last notice.
    first: Notice | None = None
    last: Notice | None = None
    #: The measures that were named.
    measures: tuple[str, ...] = ()
    #: It is one of the past: its end is not told either.
    silent: bool = False


class Ledger:
    """What was told of the incidents of one partition of the alerts."""

    def __init__(self, site: Site, is_history: IsHistory) -> None:
        self._site = site
        self._is_history = is_history
        self._told: dict[tuple[str, str], Told] = {}
        self._ended: dict[tuple[str, str], Notice] = {}

    @property
    def open(self) -> list[Notice]:
        """The last notice of each incident that is open."""
        return [told.last for told in self._told.values() if told.last is not None and not told.silent]

    def ended(self, now: datetime) -> list[Notice]:
        """The last notice of each incident that was over a short while ago."""
        return [notice for notice in self._ended.values() if now - notice.told_at <= ENDS_AGAIN]

    def read(self, alert: Alert, told_at: datetime) -> Notice | Silence:
        """Take in an alert, and when it was published; what is to be told, or why nothing."""
        key = (alert.rule, alert.group)
        before = self._told.get(key, Told(0))
        if alert.revision <= before.revision:
            return "repeated"
        if before.silent and alert.kind == "UPDATED" and not self._is_history(alert, told_at):
            # It began in the past and goes on: a sink hears of it from here on.
            before = Told(before.revision)
        begins = before.first is None
        silent = before.silent if not begins else alert.kind == "OPENED" and self._is_history(alert, told_at)
        opened = alert if before.first is None else before.first.alert
        news = tuple(measure for measure in measures(alert) if measure not in before.measures)
        notice = Notice(alert, self._site, opened, news, told_at)
        self._told[key] = (
            Told(alert.revision)
            if notice.over
            else Told(alert.revision, before.first or notice, notice, before.measures + news, silent)
        )
        self._ended.pop(key, None)
        if notice.over and not silent:
            self._ended[key] = notice
            while told_at - next(iter(self._ended.values())).told_at > ENDS_AGAIN:
                del self._ended[next(iter(self._ended))]
        return "history" if silent else notice

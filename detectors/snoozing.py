"""Snoozes: groups, series and places of which nothing new is told for a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import msgspec

from detectors.feedback import Snooze
from detectors.filters import matches_dimensions
from detectors.records import Anomaly


class Snoozes:
    """The snoozes of one detector."""

    def __init__(self) -> None:
        self._snoozes: dict[str, Snooze] = {}
        self._matches: dict[str, Callable[[Mapping[str, str]], bool]] = {}

    def take(self, snooze: Snooze) -> None:
        """Take in a snooze, or that one is over."""
        self._snoozes.pop(snooze.id, None)
        self._matches.pop(snooze.id, None)
        if not snooze.undo:
            self._snoozes[snooze.id] = snooze
            self._matches[snooze.id] = matches_dimensions(snooze.where)

    def expire(self, now: datetime) -> None:
        """Let go of those that are over."""
        for key in [key for key, snooze in self._snoozes.items() if snooze.until <= now]:
            del self._snoozes[key], self._matches[key]

    def merge(self, group: str, into: str) -> None:
        """Let what is said of series of a group go with them into another that it becomes part of."""
        for key, snooze in self._snoozes.items():
            if snooze.group == group and snooze.exactly:
                self._snoozes[key] = msgspec.structs.replace(snooze, group=into)

    def of(self, groups: Collection[str], now: datetime) -> Callable[[Anomaly], bool]:
        """Whether nothing is told of a member of a group, which may be known by several ids.

        There may be thousands of groups that are over: one for each series that was expected.
        """
        holding = [
            (snooze, self._matches[key])
            for key, snooze in self._snoozes.items()
            if now < snooze.until and (snooze.group is None or snooze.group in groups)
        ]
        return lambda member: any(
            (not snooze.measures or member.measure in snooze.measures)
            and matches(member.dimensions)
            and (not snooze.exactly or member.dimensions.keys() == snooze.where.keys())
            for snooze, matches in holding
        )

    def save(self) -> dict[str, Snooze]:
        """The state as it is stored."""
        return self._snoozes

    def load(self, snoozes: Mapping[str, Snooze]) -> None:
        """Go on from a stored state."""
        self._snoozes, self._matches = {}, {}
        for snooze in snoozes.values():
            self.take(snooze)

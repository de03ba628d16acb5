"""An alert rule, compiled: which members of a group it looks at, and whether it asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from detectors.bars import Bars
from detectors.config import AlertRule
from detectors.filters import matches_dimensions
from detectors.records import Anomaly


class Rule:
    """A rule, compiled."""

    def __init__(self, rule: AlertRule, bars: Bars) -> None:
        self.name = rule.name
        self._bars = bars
        self.provisional = rule.provisional
        self._threshold = rule.severity_threshold
        self.matches_all = not rule.measures and not rule.where
        self._measures = frozenset(rule.measures)
        self._matches: Callable[[Mapping[str, str]], bool] | None = (
            matches_dimensions(rule.where) if rule.where else None
        )

    def asks_for(self, member: Anomaly) -> bool:
        """Whether a member is severe enough for it."""
        return member.severity + member.relief >= self._bars.told(member.measure, self._threshold)

    def why(self, members: Sequence[Anomaly]) -> str:
        """Which of the members has let the group through, in words."""
        member = next(filter(self.asks_for, members), members[0])
        bar = self._bars.told(member.measure, self._threshold)
        return f"{self.name} tells of {member.measure} from severity {bar:.3g} on"

    def matching(self, members: Sequence[Anomaly]) -> list[Anomaly]:
        """The members that it looks at."""
        return [
            member
            for member in members
            if (not self._measures or member.measure in self._measures)
            and (self._matches is None or self._matches(member.dimensions))
        ]

"""An alert rule, compiled: which members of a group it looks at, whether it asks for them, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from detectors import conditions
from detectors.bars import Bars
from detectors.config import AlertRule, Detector
from detectors.filters import matches_dimensions
from detectors.quiet_hours import QuietHours
from detectors.records import Anomaly, AnomalyGroup
from detectors.words import duration_in_words


def asked_in_words(rule: AlertRule) -> list[str]:
    """What a rule asks for besides severity, and when it tells of it.

    >>> asked_in_words(AlertRule("page", "shop", measures=["orders"], minimum_series=3))
    ['only orders', 'at least 3 series']
    """
    said = []
    if rule.measures:
        said.append(f"only {', '.join(rule.measures)}")
    if rule.where:
        said.append(f"where {', '.join(rule.where)} matches")
    if rule.minimum_series > 1:
        said.append(f"at least {rule.minimum_series} series")
    if rule.when is not None:
        said.append(f"when {rule.when}")
    if rule.delay:
        said.append(f"after {duration_in_words(rule.delay)}")
    if rule.quiet_hours:
        said.append(f"quiet {', '.join(rule.quiet_hours)}")
    if rule.repeat is not None:
        said.append(f"again every {duration_in_words(rule.repeat)}")
    if not rule.updates:
        said.append("not when it is worse")
    return said


class Rule:
    """A rule, compiled."""

    def __init__(self, rule: AlertRule, detector: Detector, bars: Bars) -> None:
        self.name = rule.name
        self._bars = bars
        self.provisional = rule.provisional
        self.updates, self.repeat = rule.updates, rule.repeat
        self._threshold = rule.severity_threshold
        self.matches_all = not rule.measures and not rule.where
        self._measures = frozenset(rule.measures)
        self._matches: Callable[[Mapping[str, str]], bool] | None = (
            matches_dimensions(rule.where) if rule.where else None
        )
        self._minimum_series = rule.minimum_series
        self._when = conditions.read(rule.when) if rule.when is not None else None
        self._delay = rule.delay
        self._quiet = [QuietHours.read(text) for text in rule.quiet_hours]
        self._zone = ZoneInfo(detector.timezone)

    def matching(self, members: Sequence[Anomaly]) -> list[Anomaly]:
        """The members that it looks at."""
        return [
            member
            for member in members
            if (not self._measures or member.measure in self._measures)
            and (self._matches is None or self._matches(member.dimensions))
        ]

    def asks_for(self, members: Sequence[Anomaly], total: int) -> bool:
        """Whether it wants people to know of members, of which there are more than are named."""
        severe = list(filter(self._is_severe, members))
        if not severe or total < self._minimum_series:
            return False
        return self._when is None or self._when.holds({(m.measure, m.direction) for m in severe})

    def _is_severe(self, member: Anomaly) -> bool:
        return member.severity + member.relief >= self._bars.told(member.measure, self._threshold)

    def may_speak(self, group: AnomalyGroup, now: datetime) -> bool:
        """Whether the group is old enough, and it is no quiet hour."""
        local = now.astimezone(self._zone)
        return now - group.start >= self._delay and not any(quiet.has(local) for quiet in self._quiet)

    def why(self, members: Sequence[Anomaly]) -> str:
        """Which of the members has let the group through, in words."""
        member = next(filter(self._is_severe, members), members[0])
        bar = self._bars.told(member.measure, self._threshold)
        return f"{self.name} tells of {member.measure} from severity {bar:.3g} on"

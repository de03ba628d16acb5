"""A notice: an alert, and what must be known beside it to write it for someone."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

from detectors.records import JOINT, Alert, Anomaly
from streams.settings import Settings


class Site(NamedTuple):
    """Where the sender is: what links and ARNs are made of."""

    console_url: str | None = None
    region: str = "us-east-1"
    account: str = "000000000000"

    @classmethod
    def of(cls, settings: Settings) -> Site:
        """That of a process."""
        return cls(settings.console_url, settings.aws_region, settings.aws_account)


class Notice(NamedTuple):
    """An alert, on its way to a sink."""

    alert: Alert
    site: Site
    #: What was told of the incident first. What identifies it elsewhere is made of this, since it stays.
    opened: Alert
    #: The measures that no notice of this incident has named before.
    news: tuple[str, ...]
    #: When the alert was published.
    told_at: datetime

    @property
    def id(self) -> str:
        """The same for a notice that is sent again, and for no other."""
        return f"{self.incident}/{self.alert.revision}"

    @property
    def incident(self) -> str:
        """What all notices of a rule and a group have in common."""
        return f"{self.alert.group}/{self.alert.rule}"

    @property
    def link(self) -> str | None:
        """Where the incident is shown."""
        root = self.site.console_url
        return None if root is None else f"{root.rstrip('/')}/groups/{quote(self.alert.group, safe='')}"

    @property
    def over(self) -> bool:
        """Whether it says that the incident has ended."""
        return self.alert.kind == "CLOSED"


def measures(alert: Alert) -> list[str]:
    """The measures of an incident, the most severe first; `(joint)` only where there is no other."""
    named = [member.measure for member in (*alert.members, *alert.leaves)]
    named += [contribution.measure for contribution in alert.contributions]
    found = list(dict.fromkeys([alert.measure, *named]))
    return [measure for measure in found if measure != JOINT] or found


def members_of(alert: Alert, measure: str) -> list[Anomaly]:
    """The members of a measure, the most severe first."""
    return [member for member in (*alert.members, *alert.leaves) if member.measure == measure]


def shortened(text: str, longest: int) -> str:
    """A text of so many characters at most.

    >>> shortened("orders on web", 9)
    'orders o…'
    """
    return text if len(text) <= longest else f"{text[: longest - 1]}…"

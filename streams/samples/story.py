"""What the demo plants, and whether it is told: the timeline of its traffic, and the story of its alerts.

Apart from the demo, which runs processes, so that tests can read and hold against each other the same.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import msgspec

from detectors.loading import parse
from detectors.records import Alert, utc
from streams.samples.shop import Incident, Shop
from streams.samples.traffic import Generator, Pace
from streams.samples.web_acl import Attack, WebAcl

MINUTE = 60_000
INTERVAL = 5 * MINUTE
HISTORY = 3 * 24 * 60 * MINUTE
#: How long before now the live part begins: it runs faster than the clock and must not overtake it.
BEFORE_NOW = 80 * MINUTE
SPEED = 100.0
#: Of the live part, in event time; the incidents are over and closed well before.
ONCE = 75 * MINUTE
#: Without --once, incidents come again.
AGAIN_EVERY = 60 * MINUTE
SEED = 1
TOPICS = ("clickstream", "waf")


class Expected(msgspec.Struct):
    """An incident that was planted, and what was told of it."""

    name: str
    detector: str
    expected_place: dict[str, str]
    start: datetime
    end: datetime
    opened: bool = False
    closed: bool = False
    place: dict[str, str] | None = None
    #: From the end of the first anomalous interval, plus lateness, to the alert.
    delay_seconds: float | None = None
    group: str | None = None


class Timeline:
    """When everything happens, in event time."""

    def __init__(self, now_ms: int, *, repeats: bool) -> None:
        self.live = (now_ms - BEFORE_NOW) // INTERVAL * INTERVAL
        self.history = self.live - HISTORY
        starts = range(self.live, self.live + 24 * 60 * MINUTE, AGAIN_EVERY) if repeats else [self.live]
        failures = [
            Incident("checkouts collapse", t + 10 * MINUTE, t + 30 * MINUTE, "mobile_app", "US")
            for t in starts
        ]
        attacks = [Attack("XSS requests", t + 21 * MINUTE, t + 23 * MINUTE) for t in starts]
        self.sources: list[tuple[str, Generator]] = [
            (TOPICS[0], Shop(SEED, failures)),
            (TOPICS[1], WebAcl(SEED, attacks)),
        ]
        self.expected = [
            Expected(
                failures[0].name,
                "shop",
                {"platform": failures[0].platform, "marketplace": failures[0].marketplace},
                utc(failures[0].start),
                utc(failures[0].end),
            ),
            Expected(
                attacks[0].name,
                "edge",
                {"rule": "CrossSiteScripting_QUERYARGUMENTS"},
                utc(attacks[0].start // INTERVAL * INTERVAL),
                utc(attacks[0].end),
            ),
        ]


def demo_configuration() -> str:
    """The TOML of what the demo detects."""
    return (files("streams.samples") / "demo.toml").read_text(encoding="utf-8")


class Story:
    """What was told, held against what was planted."""

    def __init__(self, timeline: Timeline, pace: Pace, began: float) -> None:
        self._timeline = timeline
        self._pace = pace
        self._began = began
        self._lateness = parse(demo_configuration()).detectors[0].lateness
        self._first: float | None = None
        self._alerts = 0
        self._others = 0
        self._in_history = 0

    @property
    def over(self) -> bool:
        """Whether everything that was planted has been told to be over."""
        return all(incident.closed for incident in self._timeline.expected)

    @property
    def ok(self) -> bool:
        """Whether it was also told where it really was."""
        return self.over and all(i.place == i.expected_place for i in self._timeline.expected)

    def hear(self, arrived: float, alert: Alert) -> bool:
        """Take in an alert; False for one of the history, which nobody waits for."""
        if alert.end < utc(self._timeline.live):
            self._in_history += 1
            return False
        self._alerts += 1
        self._first = self._first or arrived
        told = next((i for i in self._timeline.expected if i.group == alert.group), None)
        if told is not None:
            told.closed = told.closed or alert.kind == "CLOSED"
        elif alert.kind == "OPENED":
            self._opened(arrived, alert)
        return True

    def _opened(self, arrived: float, alert: Alert) -> None:
        incident = self._meant(alert)
        if incident is None:
            self._others += 1
            return
        incident.opened, incident.group, incident.place = True, alert.group, alert.dimensions
        told_at_best = self._pace.wall_time(int((alert.end + self._lateness).timestamp() * 1000))
        incident.delay_seconds = round(max(0.0, arrived - told_at_best), 2)

    def _meant(self, alert: Alert) -> Expected | None:
        """The incident that a new group can be: of its detector, at its time, and not told of yet."""
        for incident in self._timeline.expected:
            during = incident.start < alert.end <= incident.end + timedelta(minutes=10)
            if alert.detector == incident.detector and not incident.opened and during:
                return incident
        return None

    def summary(self, events: int) -> dict[str, object]:
        """What the last line says."""
        now = time.time()
        return {
            "ok": self.ok,
            "incidents": [
                {
                    "name": i.name,
                    "opened": i.opened,
                    "closed": i.closed,
                    "place": i.place,
                    "expected_place": i.expected_place,
                    "delay_seconds": i.delay_seconds,
                }
                for i in self._timeline.expected
            ],
            "events": events,
            "alerts": self._alerts,
            "other_incidents": self._others,
            "alerts_in_history": self._in_history,
            "first_alert_seconds": None if self._first is None else round(self._first - self._began, 1),
            "seconds": round(now - self._began, 1),
            "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }

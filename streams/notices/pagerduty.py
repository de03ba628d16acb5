"""An event for PagerDuty, version 2: trigger while an incident goes on, resolve when it is over."""

from __future__ import annotations

from typing import Any

from detectors.words import place_in_words
from streams.notices.notice import Notice, shortened

LONGEST_SUMMARY, LONGEST_KEY = 1024, 255

_SEVERITIES = ((90, "critical"), (70, "error"), (40, "warning"), (0, "info"))


def event(notice: Notice, routing_key: str) -> dict[str, Any]:
    """The event; all of an incident have one `dedup_key`, so sending one again changes nothing."""
    alert = notice.alert
    said: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if notice.over else "trigger",
        "dedup_key": shortened(notice.incident, LONGEST_KEY),
    }
    if notice.over:
        return said
    said["client"] = "Lookalive"
    said["payload"] = {
        "summary": shortened(alert.summary, LONGEST_SUMMARY),
        "source": alert.detector,
        "severity": next(name for least, name in _SEVERITIES if alert.severity >= least),
        "timestamp": alert.start.isoformat(),
        "component": place_in_words(alert.dimensions).strip() or "everywhere",
        "group": alert.detector,
        "class": alert.measure,
        "custom_details": {
            "rule": alert.rule,
            "group": alert.group,
            "revision": alert.revision,
            "severity": alert.severity,
            "confidence": alert.confidence,
            "value": alert.value,
            "expected": alert.expected,
            "lower": alert.lower,
            "upper": alert.upper,
            "series": alert.members_total,
            "elements": alert.elements,
            "why": list(alert.why),
        },
    }
    if notice.link is not None:
        said["client_url"] = notice.link
        said["links"] = [{"href": notice.link, "text": "Show it"}]
    return said

"""A Detection Finding of the Open Cybersecurity Schema Framework: class 2004, with its anomaly analyses.

https://schema.ocsf.io/1.5.0/classes/detection_finding
"""

from __future__ import annotations

from datetime import datetime
from importlib.metadata import version
from typing import Any

from detectors.places import series_id
from detectors.records import Alert, Anomaly
from streams.notices.notice import Notice, measures, members_of

SCHEMA = "1.5.0"
CATEGORY, CLASS = 2, 2004

_ACTIVITIES = {"OPENED": (1, "Create"), "UPDATED": (2, "Update"), "CLOSED": (3, "Close")}
_NEW, _RESOLVED = 1, 4
_STATISTICAL = 3
#: Severity from which on → its number and name.
_SEVERITIES = (
    (90, 5, "Critical"),
    (70, 4, "High"),
    (40, 3, "Medium"),
    (1, 2, "Low"),
    (0, 1, "Informational"),
)
_CONFIDENCES = ((0.75, 3, "High"), (0.4, 2, "Medium"), (0.0, 1, "Low"))


def messages(notice: Notice) -> list[dict[str, Any]]:
    """The finding as it is now."""
    return [finding(notice)]


def finding(notice: Notice) -> dict[str, Any]:
    """The finding of an incident; all notices of one have its `finding_info.uid`."""
    alert, opened = notice.alert, notice.opened
    activity, activity_name = _ACTIVITIES[alert.kind]
    severity_id, severity = next(rest for least, *rest in _SEVERITIES if alert.severity >= least)
    confidence_id, confidence = next(rest for least, *rest in _CONFIDENCES if alert.confidence >= least)
    told: dict[str, Any] = {
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": CATEGORY,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {activity_name}",
        "time": _ms(notice.told_at),
        "start_time": _ms(alert.start),
        "end_time": _ms(alert.end),
        "severity_id": severity_id,
        "severity": severity,
        "confidence_id": confidence_id,
        "confidence": confidence,
        "confidence_score": round(alert.confidence * 100),
        "status_id": _RESOLVED if notice.over else _NEW,
        "status": "Resolved" if notice.over else "New",
        "is_alert": not notice.over,
        "message": alert.summary,
        "metadata": {
            "version": SCHEMA,
            "uid": notice.id,
            "product": {"name": "Lookalive", "vendor_name": "Lookalive", "version": version("lookalive")},
        },
        "finding_info": {
            "uid": notice.incident,
            "title": opened.summary,
            "desc": alert.summary,
            "types": ["Anomaly"],
            "analytic": {
                "uid": f"{alert.detector}/{alert.rule}",
                "name": alert.detector,
                "type_id": _STATISTICAL,
                "type": "Statistical",
            },
            "created_time": _ms(opened.end),
            "modified_time": _ms(notice.told_at),
            "first_seen_time": _ms(alert.start),
            "last_seen_time": _ms(alert.end),
        },
        "resources": [
            {"uid": series_id(member.measure, member.dimensions), "name": member.measure, "type": "Series"}
            for member in alert.members
        ],
        "anomaly_analyses": [
            _analysis(alert, measure) for measure in measures(alert) if members_of(alert, measure)
        ],
        "unmapped": {"severity_score": alert.severity, "revision": alert.revision},
    }
    if notice.link is not None:
        told["finding_info"]["src_url"] = notice.link
    return told


def _analysis(alert: Alert, measure: str) -> dict[str, Any]:
    members = members_of(alert, measure)
    said: dict[str, Any] = {
        "analysis_targets": [{"name": f"{alert.detector}/{measure}", "type": "Measure"}],
        "anomalies": [_observed(m, m.value, m.direction) for m in members],
    }
    expected = [_observed(m, m.expected, "expected") for m in members if m.expected is not None]
    return {**said, "baselines": expected} if expected else said


def _observed(member: Anomaly, value: float | None, pattern: str) -> dict[str, Any]:
    return {
        "observation_parameter": series_id(member.measure, member.dimensions),
        "observation_type": "Deviation Analysis",
        "observed_pattern": pattern.upper(),
        "observations": [
            {
                "value": "none" if value is None else f"{value:.15g}",
                "count": 1,
                "timespan": {"start_time": _ms(member.interval_start)},
            }
        ],
    }


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)

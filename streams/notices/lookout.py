"""What SNS and Lambda subscribers of Amazon Lookout for Metrics received: one message an impacted measure.

Every key is always there, since subscribers read them without asking. Nothing is sent of an incident that
is over: Lookout never did. Where it wrote `Z[UTC]`, all times are UTC.
"""

from __future__ import annotations

import hashlib
from typing import Any

from detectors.places import series_id
from detectors.records import Alert, Anomaly
from streams.notices.notice import Notice, Site, members_of, shortened

#: SNS and subscribers that pass it on have limits.
LONGEST_DESCRIPTION = 980
#: In the place of a dimension that a series is rolled up over, where no leaf is known.
ALL = "(all)"


def messages(notice: Notice) -> list[dict[str, Any]]:
    """One message for each measure that has not been told of before."""
    return [] if notice.over else [message(notice, measure) for measure in notice.news]


def message(notice: Notice, measure: str) -> dict[str, Any]:
    """The message of one measure."""
    alert, site = notice.alert, notice.site
    members = members_of(alert, measure)
    rule = f"{_arn(site)}:Alert:{alert.rule}"
    began = members[0].interval_start if members else alert.start
    return {
        "alertName": alert.rule,
        "alertEventId": f"{rule}:event/{alert.group}",
        "anomalyGroupId": alert.group,
        "anomalyDetectorArn": f"{_arn(site)}:AnomalyDetector:{alert.detector}",
        "alertArn": rule,
        "alertDescription": shortened(alert.summary, LONGEST_DESCRIPTION),
        "impactedMetric": {
            "metricName": measure,
            "dimensionContribution": _contribution(alert, measure),
            "relevantTimeSeries": _series(alert, measure, members),
        },
        "timestamp": f"{began:%Y-%m-%dT%H:%M}Z[UTC]",
        "anomalyScore": round(alert.severity, 2),
        "consoleUrl": notice.link or "",
    }


def _arn(site: Site) -> str:
    return f"arn:aws:lookoutmetrics:{site.region}:{site.account}"


def _contribution(alert: Alert, measure: str) -> list[dict[str, Any]]:
    return [
        {
            "dimensionName": dimension,
            "dimensionValueContributions": [
                {"dimensionValue": value, "valueContribution": share} for value, share in shares.items()
            ],
        }
        for contribution in alert.contributions
        if contribution.measure == measure
        for dimension, shares in contribution.shares.items()
    ]


def _series(alert: Alert, measure: str, members: list[Anomaly]) -> list[dict[str, Any]]:
    """The leaves; where only roll-ups are known, these, with a value for every dimension all the same."""
    dimensions = sorted(_dimensions(alert))
    leaves = [member for member in members if len(member.dimensions) == len(dimensions)]
    return [
        {
            "timeSeriesId": hashlib.sha512(series_id(measure, member.dimensions).encode()).hexdigest(),
            "dimensions": [
                {"dimensionName": name, "dimensionValue": member.dimensions.get(name, ALL)}
                for name in dimensions
            ],
            # Subscribers calculate with it: where there was no value, that is what there was of it.
            "metricValue": 0.0 if member.value is None else member.value,
        }
        for member in leaves or members
    ]


def _dimensions(alert: Alert) -> set[str]:
    """The dimensions of the detector, as far as the alert names them."""
    of_members = {name for member in (*alert.members, *alert.leaves) for name in member.dimensions}
    return of_members.union(*(contribution.shares for contribution in alert.contributions))

"""A finding in the format of AWS Security Hub (ASFF): one an incident, the same id from first to last."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from detectors.places import series_id
from streams.notices.notice import Notice, shortened

SCHEMA = "2018-10-08"
MOST_RESOURCES = 32
LONGEST_ID, LONGEST_TITLE, LONGEST_DESCRIPTION, LONGEST_FIELD = 512, 256, 1024, 2048

_LABELS = ((90, "CRITICAL"), (70, "HIGH"), (40, "MEDIUM"), (1, "LOW"), (0, "INFORMATIONAL"))
_TYPE = "Unusual Behaviors/Application/Anomaly"


def messages(notice: Notice) -> list[dict[str, Any]]:
    """The finding as it is now."""
    return [finding(notice)]


def finding(notice: Notice, product: str | None = None) -> dict[str, Any]:
    """The finding of an incident; what is over is archived.

    `product` is the ARN of who finds it; unless given, that of an account's own findings.
    """
    alert, opened, site = notice.alert, notice.opened, notice.site
    # Whole numbers, so that the label is that of the number beside it.
    severity = {
        "Label": next(label for least, label in _LABELS if int(alert.severity) >= least),
        "Normalized": int(alert.severity),
        "Original": f"{alert.severity:.2f}",
    }
    own = f"arn:aws:securityhub:{site.region}:{site.account}:product/{site.account}/default"
    said: dict[str, Any] = {
        "SchemaVersion": SCHEMA,
        "Id": notice.incident,
        "ProductArn": product or own,
        "ProductName": "Lookalive",
        "CompanyName": "Lookalive",
        "GeneratorId": f"lookalive/{alert.detector}/{alert.rule}",
        "AwsAccountId": site.account,
        "Region": site.region,
        "Types": [_TYPE],
        "CreatedAt": _iso(opened.start),
        "UpdatedAt": _iso(notice.told_at),
        "FirstObservedAt": _iso(alert.start),
        "LastObservedAt": _iso(alert.end),
        "Severity": severity,
        "Confidence": round(alert.confidence * 100),
        "Title": shortened(opened.summary, LONGEST_TITLE),
        "Description": shortened(alert.summary, LONGEST_DESCRIPTION),
        "Resources": [
            {
                "Type": "Other",
                "Id": shortened(series_id(member.measure, member.dimensions), LONGEST_ID),
                "Partition": "aws",
                "Region": site.region,
                "Details": {"Other": {"measure": member.measure, **_visible(member.dimensions)}},
            }
            for member in alert.members[:MOST_RESOURCES]
        ],
        "ProductFields": _fields(notice),
        "RecordState": "ARCHIVED" if notice.over else "ACTIVE",
        # What a finding is updated by.
        "FindingProviderFields": {
            "Severity": {"Label": severity["Label"], "Original": severity["Original"]},
            "Types": [_TYPE],
            "Confidence": round(alert.confidence * 100),
        },
    }
    if notice.link is not None:
        said["SourceUrl"] = notice.link
    return said


def _visible(dimensions: Mapping[str, str]) -> dict[str, str]:
    """Security Hub refuses a finding in which a value is blank, and strangers choose values."""
    return {name: value for name, value in dimensions.items() if value.strip()}


def _fields(notice: Notice) -> dict[str, str]:
    alert = notice.alert
    known = {
        "revision": str(alert.revision),
        "series": str(alert.members_total),
        "value": alert.value,
        "expected": alert.expected,
        "lower": alert.lower,
        "upper": alert.upper,
        "direction": alert.direction,
        "reason": alert.reason,
        "why": "; ".join(alert.why) or None,
    }
    return {
        f"lookalive/{key}": shortened(str(value), LONGEST_FIELD)
        for key, value in known.items()
        if value is not None
    }


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"

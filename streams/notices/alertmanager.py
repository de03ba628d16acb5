"""An alert for Prometheus Alertmanager, as version 2 of its interface takes it.

Alertmanager knows an alert by its labels, so they are made of what was told first, and stay.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from streams.notices.notice import Notice
from streams.notices.texts import long

MOST_DIMENSIONS = 3

_SEVERITIES = ((90, "critical"), (70, "warning"), (0, "info"))


def alert(notice: Notice, ends: datetime) -> dict[str, Any]:
    """The alert, which is over at a time: when it is sent, or when it will be unless it is sent again."""
    said: dict[str, Any] = {
        "labels": labels(notice),
        "annotations": {
            "summary": notice.alert.summary,
            "description": long(notice),
            "severity": f"{notice.alert.severity:.0f}",
            "confidence": f"{notice.alert.confidence:.2f}",
            "series": str(notice.alert.members_total),
        },
        "startsAt": min(notice.opened.start, ends).isoformat(),
        "endsAt": ends.isoformat(),
    }
    if notice.link is not None:
        said["generatorURL"] = notice.link
    return said


def labels(notice: Notice) -> dict[str, str]:
    """What an incident is routed and silenced by: no number that changes."""
    opened = notice.opened
    own = {
        "alertname": opened.rule,
        "detector": opened.detector,
        "measure": opened.measure,
        "severity": next(name for least, name in _SEVERITIES if opened.severity >= least),
        "group": opened.group,
    }
    places = {
        label(name): value for name, value in list(opened.dimensions.items())[:MOST_DIMENSIONS] if value
    }
    return {**{f"{name}_" if name in own else name: value for name, value in places.items()}, **own}


def label(dimension: str) -> str:
    """The name of a dimension as that of a label.

    >>> label("geo.country")
    'geo_country'
    """
    return re.sub(r"\W", "_", dimension, flags=re.ASCII)

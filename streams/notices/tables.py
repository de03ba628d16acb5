"""An alert as a table for visualisation: one line a series, every dimension in one column."""

from __future__ import annotations

import csv
import io

from detectors.places import series_id
from detectors.records import Anomaly
from streams.notices.notice import Notice

COLUMNS = (
    "told_at", "kind", "rule", "detector", "group", "revision", "group_severity", "interval_start", "measure",
    "series", "dimensions", "value", "expected", "lower", "upper", "severity", "confidence", "direction",
)  # fmt: skip


def table(notice: Notice) -> str:
    """The lines, under a line of names."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(notice, member) for member in (*notice.alert.members, *notice.alert.leaves))
    return out.getvalue()


def _row(notice: Notice, member: Anomaly) -> list[object]:
    alert = notice.alert
    place = "; ".join(f"{name}={value}" for name, value in sorted(member.dimensions.items()))
    row: list[object] = [
        notice.told_at.isoformat(), alert.kind, alert.rule, alert.detector, alert.group, alert.revision,
        alert.severity, member.interval_start.isoformat(), member.measure,
        series_id(member.measure, member.dimensions), place, member.value, member.expected, member.lower,
        member.upper, member.severity, member.confidence, member.direction,
    ]  # fmt: skip
    return [_harmless(cell) for cell in row]


def _harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: dimension values come from strangers."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"} else cell

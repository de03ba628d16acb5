"""A source on its way from a metric set into a configuration, with what there is to say about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from streams.lookout.remarks import Kind, Remark
from streams.lookout.shapes import MetricSet


@dataclass
class MadeSource:
    """A source as it is written, and what there is to say."""

    name: str
    table: dict[str, Any] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def say(self, kind: Kind, says: str) -> None:
        """Add a remark about this source."""
        self.remarks.append(Remark(kind, f"sources.{self.name}", says))


def columns(metric_set: MetricSet) -> list[str]:
    """The columns of a metric set that are read beside the time, in order."""
    filters = [each.name for each in metric_set.dimension_filter_list or ()]
    measured = [metric.metric_name for metric in metric_set.metric_list]
    return list(dict.fromkeys([*(metric_set.dimension_list or ()), *filters, *measured]))


def time_column(metric_set: MetricSet) -> str:
    """The column of the time."""
    column = metric_set.timestamp_column
    return (column.column_name if column else None) or "timestamp"


def time_pattern(metric_set: MetricSet) -> str | None:
    """How its times are written, as Java says it."""
    column = metric_set.timestamp_column
    return column.column_format if column else None

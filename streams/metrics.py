"""What Prometheus sees: every metric by name, with a registry that is passed in.

Labels are bounded by the configuration: sources, detectors, measures, rules. Never a dimension value.
"""

from __future__ import annotations

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900)
_FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_LATENESS = (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400)


class Metrics:
    """The metrics of one worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"lookalive_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"lookalive_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"lookalive_{name}", text, labels, registry=registry, buckets=buckets)

        self.events = counter("events_total", "Events read.", "source")
        self.events_invalid = counter("events_invalid_total", "Records refused.", "source", "reason")
        self.events_filtered = counter("events_filtered_total", "Events that filters left out.", "detector")
        self.events_other = counter(
            "events_other_total", "Events of places beyond max_series, counted as (other).", "detector"
        )
        self.data_quality = gauge(
            "data_quality_ratio",
            "Share of events with a value in a column, in the last interval.",
            "detector",
            "column",
        )
        self.feed_stopped = gauge("feed_stopped", "Whether the source says nothing any more.", "detector")
        self.events_late = counter("events_late_total", "Events after their interval closed.", "detector")
        self.event_lateness = histogram(
            "event_lateness_seconds", "How late late events were.", _LATENESS, "detector"
        )
        self.last_event = gauge("last_event_timestamp_seconds", "Newest event time.", "source", "partition")
        self.dead_letters = counter("dead_letters_total", "Records in the dead-letter topic.", "source")
        self.watermark = gauge(
            "watermark_timestamp_seconds", "No event before it is expected any more.", "detector"
        )
        self.lag = gauge("consumer_lag_records", "Records not read yet.", "topic", "partition")
        self.intervals = counter("intervals_closed_total", "Intervals scored.", "detector")
        self.close_delay = histogram(
            "interval_close_delay_seconds", "From an interval's end to its scores.", _SECONDS, "detector"
        )
        self.score_seconds = histogram(
            "score_seconds", "Time to score an interval and learn from it.", _FAST, "detector"
        )
        self.series = gauge("series_active", "Series that are scored.", "detector")
        self.learning = gauge("series_learning", "Series that have seen too little.", "detector")
        self.rejected = counter("series_rejected_total", "Places beyond max_series.", "detector")
        self.waiting = gauge("series_waiting", "Places beyond max_series that may get room.", "detector")
        self.evicted = counter("series_evicted_total", "Places given up.", "detector", "reason")
        self.series_anew = counter(
            "series_anew_total",
            "Series whose stored state could not be taken over.",
            "detector",
            "model",
        )
        self.series_bytes = gauge("series_bytes", "State of a series, joint models apart.", "detector")
        self.state_bytes = gauge("state_bytes", "Size of the last snapshot.", "table", "partition")
        self.snapshot_seconds = histogram(
            "snapshot_seconds", "Time that a snapshot kept the worker from other work.", _FAST, "table"
        )
        self.anomalies = counter(
            "anomalies_total", "Series that became members of a group.", "detector", "measure", "direction"
        )
        self.groups_open = gauge("anomaly_groups_open", "Groups that have not ended.", "detector")
        self.feedback = counter("feedback_total", "What people said of series.", "detector", "verdict")
        self.groups = counter("anomaly_groups_total", "Groups opened.", "detector")
        self.group_severity = gauge(
            "group_severity_score", "Severity of the worst open group, 0 to 100.", "detector"
        )
        self.detection_delay = histogram(
            "detection_delay_seconds", "From an anomalous interval's end to its alert.", _SECONDS, "detector"
        )
        self.alerts = counter("alerts_total", "Alerts published.", "rule", "kind")
        self.build = Info("lookalive_build", "The version that runs.", registry=registry)


def remove(gauge: Gauge, *labels: str) -> None:
    """Take a gauge back, if it was ever set: another worker shows it now."""
    with contextlib.suppress(KeyError):
        gauge.remove(*labels)

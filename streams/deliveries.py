"""What Prometheus sees of `lookalive notify`. Labels are bounded by the configuration: the names of sinks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)


class Deliveries:
    """The metrics of one process that delivers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.alerts = Counter(
            "lookalive_deliveries_total",
            "Alerts that a sink is done with: delivered, refused, given_up, repeated, history.",
            ("sink", "outcome"),
            registry=registry,
        )
        self.retries = Counter(
            "lookalive_delivery_retries_total", "Attempts that failed.", ("sink",), registry=registry
        )
        self.delay = Histogram(
            "lookalive_delivery_delay_seconds",
            "From an alert's publication to its delivery.",
            ("sink",),
            registry=registry,
            buckets=_SECONDS,
        )
        self.waiting = Gauge(
            "lookalive_deliveries_waiting",
            "Alerts not delivered yet.",
            ("sink", "partition"),
            registry=registry,
        )

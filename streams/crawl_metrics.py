"""What Prometheus sees of `lookalive crawl`. Labels are bounded by the configuration."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900)


class CrawlMetrics:
    """The metrics of one process that crawls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        labels = ("source", "detector")
        self.records = Counter(
            "lookalive_crawl_records_total", "Records that were read.", labels, registry=registry
        )
        self.invalid = Counter(
            "lookalive_crawl_invalid_total",
            "Records that were read and not used: `outside` is of another time than was asked for.",
            (*labels, "reason"),
            registry=registry,
        )
        self.failures = Counter(
            "lookalive_crawl_failures_total",
            "Times that a source could not say all of what it was asked for; it is asked again.",
            labels,
            registry=registry,
        )
        self.seconds = Histogram(
            "lookalive_crawl_seconds",
            "How long it took to read what was asked for at once.",
            labels,
            registry=registry,
            buckets=_SECONDS,
        )
        self.through = Gauge(
            "lookalive_crawled_through_timestamp_seconds",
            "End of the last interval that was read.",
            labels,
            registry=registry,
        )
        self.failing = Gauge(
            "lookalive_crawl_failing",
            "1 while a source does not say what it is asked for.",
            labels,
            registry=registry,
        )

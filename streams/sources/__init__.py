"""Sources that are crawled, one reader a file: an interval goes in, its records come out as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from detectors import sources
from detectors.config import Detector
from streams.settings import Settings
from streams.sources.cloudwatch import CloudWatchReader
from streams.sources.files import FilesReader
from streams.sources.prometheus import PrometheusReader
from streams.sources.reading import Reader, Unavailable

__all__ = ["READERS", "Reader", "Unavailable", "make_reader"]

#: Kind of source → what reads it.
READERS: Mapping[type[sources.Crawled], Callable[[Any, Detector, Settings], Reader]] = {
    sources.CloudWatch: CloudWatchReader,
    sources.Prometheus: PrometheusReader,
    sources.Files: FilesReader,
}


def make_reader(source: sources.AnyCrawled, detector: Detector, settings: Settings) -> Reader:
    """What reads a source for a detector.

    Raises:
        SettingsError: its secret, or a library that it needs, is not there.
    """
    return READERS[type(source)](source, detector, settings)

"""Sources that are crawled, one reader a file: an interval goes in, its records come out as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from detectors import sources
from detectors.config import Detector
from streams.errors import SettingsError
from streams.settings import Settings
from streams.sources.cloudwatch import CloudWatchReader
from streams.sources.files import FilesReader
from streams.sources.prometheus import PrometheusReader
from streams.sources.reading import Reader, Unavailable
from streams.sources.redshift_data import RedshiftDataReader

__all__ = ["READERS", "Reader", "Unavailable", "make_reader"]


def _sql(source: sources.Sql, detector: Detector, settings: Settings) -> Reader:
    try:
        from streams.sources.sql import SqlReader  # noqa: PLC0415  (an extra)
    except ImportError as error:
        message = (
            "a database needs its driver: pip install 'lookalive[postgres]', 'lookalive[mysql]' "
            "or 'lookalive[redshift]'"
        )
        raise SettingsError(message) from error
    return SqlReader(source, detector, settings)


#: Kind of source → what reads it.
READERS: Mapping[type[sources.Crawled], Callable[[Any, Detector, Settings], Reader]] = {
    sources.CloudWatch: CloudWatchReader,
    sources.Prometheus: PrometheusReader,
    sources.Files: FilesReader,
    sources.Sql: _sql,
    sources.RedshiftData: RedshiftDataReader,
}


def make_reader(source: sources.AnyCrawled, detector: Detector, settings: Settings) -> Reader:
    """What reads a source for a detector.

    Raises:
        SettingsError: its secret, or a library that it needs, is not there.
    """
    return READERS[type(source)](source, detector, settings)

"""Amazon CloudWatch: statistics of all metrics of a namespace that have the dimensions of a detector.

What there is to ask for is listed at every read, so that new values of dimensions come in by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from detectors.config import Detector
from detectors.crawled_metrics import field_of, places_of
from detectors.intervals import Intervals
from detectors.sources import CloudWatch
from detectors.words import many, plain
from streams import aws
from streams.settings import Settings
from streams.sources.numbers import Numbers, place_of
from streams.sources.reading import Unavailable
from streams.sources.stretches import Stretch, stretches

#: CloudWatch takes so many queries at once, and so many conditions of a list.
MOST_QUERIES, MOST_CONDITIONS = 500, 10
#: So many pages of a list are read for each name of a metric; one has 500 metrics.
MOST_PAGES = 200
#: The standard mode of boto3 waits between them.
ATTEMPTS = 3


class _Metric(NamedTuple):
    """What CloudWatch calls it."""

    name: str
    dimensions: Sequence[Mapping[str, str]]

    @property
    def values(self) -> dict[str, str]:
        """Its dimensions as fields."""
        return {field_of(dimension["Name"]): dimension["Value"] for dimension in self.dimensions}


class CloudWatchReader:
    """Reads the metrics of a source for one detector."""

    def __init__(self, source: CloudWatch, detector: Detector, settings: Settings) -> None:
        """Look whether CloudWatch can be asked.

        Raises:
            SettingsError: boto3 is not there.
        """
        self._source = source
        self._dimensions = places_of(source, detector)
        self._most = detector.max_series
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._client = aws.client("cloudwatch", source.region or settings.aws_region, ATTEMPTS)

    def read(self, start: datetime, end: datetime) -> Iterator[bytes]:
        """A record for each combination of dimension values and interval."""
        numbers = Numbers()
        metrics = self._list()
        for stretch in stretches(self._intervals, start, end):
            for first in range(0, len(metrics), MOST_QUERIES):
                self._ask(metrics[first : first + MOST_QUERIES], stretch, numbers)
        return numbers.records()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _list(self) -> list[_Metric]:
        """What there is to ask for."""
        # A metric may be in a list twice.
        found: dict[tuple[str, frozenset[tuple[str, str]]], _Metric] = {}
        for name in self._source.metrics:
            for number, page in enumerate(self._pages(name, self._conditions())):
                for metric in page:
                    named = frozenset((one["Name"], one["Value"]) for one in metric.dimensions)
                    if metric.values.keys() == self._dimensions and self._source.where.items() <= named:
                        found[name, named] = metric
                if len(found) > self._most:
                    message = (
                        f"CloudWatch has more than {many(self._most, 'metric')} of {self._source.namespace} "
                        f"by {_listing(self._dimensions)}: ask for fewer with where, or raise max_series"
                    )
                    raise Unavailable(message)
                if number >= MOST_PAGES:
                    many_listed = f"more than {MOST_PAGES * 500:,} metrics called {name}"
                    message = f"CloudWatch lists {many_listed}: ask for fewer with where"
                    raise Unavailable(message)
        if not found:
            self._explain()
        return list(found.values())

    def _conditions(self) -> list[dict[str, str]]:
        """What CloudWatch itself may leave out of a list, of which it must know the very names."""
        where = [{"Name": name, "Value": value} for name, value in self._source.where.items()]
        given = {field_of(name) for name in self._source.where}
        # Behind a `_` there may be another character.
        names = [{"Name": name} for name in sorted(self._dimensions - given) if "_" not in name]
        return [*where, *names][:MOST_CONDITIONS]

    def _explain(self) -> None:
        """Say why there is nothing, where that is no matter of time.

        Raises:
            Unavailable: there is, but by other dimensions.
        """
        names = [{"Name": condition["Name"]} for condition in self._conditions()]
        for name in self._source.metrics:
            pages = (next(self._pages(name, conditions)) for conditions in (names, []))
            others = {tuple(sorted(metric.values)) for page in pages for metric in page}
            if others and tuple(sorted(self._dimensions)) not in others:
                known = " or ".join(_listing(found) for found in sorted(others)[:5])
                message = (
                    f"CloudWatch has {name} of {self._source.namespace} by {known}, and none by exactly "
                    f"{_listing(self._dimensions)}, which the detector reads"
                )
                raise Unavailable(message)

    def _pages(self, name: str, conditions: Sequence[Mapping[str, str]]) -> Iterator[list[_Metric]]:
        """All metrics of a name that meet conditions."""
        asked: dict[str, Any] = {"Namespace": self._source.namespace, "MetricName": name}
        if conditions:
            asked["Dimensions"] = conditions
        while True:
            answer = _call(self._client.list_metrics, **asked)
            yield [_Metric(name, one.get("Dimensions", [])) for one in answer.get("Metrics", [])]
            if not answer.get("NextToken"):
                return
            asked["NextToken"] = answer["NextToken"]

    def _ask(self, metrics: Sequence[_Metric], stretch: Stretch, numbers: Numbers) -> None:
        asked: dict[str, Any] = {
            "MetricDataQueries": [self._query(f"m{i}", metric, stretch) for i, metric in enumerate(metrics)],
            "StartTime": datetime.fromtimestamp(stretch.start / 1000, UTC),
            "EndTime": datetime.fromtimestamp(stretch.end / 1000, UTC),
            "ScanBy": "TimestampAscending",
        }
        status: dict[str, str] = {}
        while True:
            answer = _call(self._client.get_metric_data, **asked)
            for result in answer.get("MetricDataResults", []):
                status[result["Id"]] = result.get("StatusCode", "Complete")
                metric = metrics[int(result["Id"][1:])]
                field, place = field_of(metric.name), place_of(metric.values)
                for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                    time = round(at.timestamp() * 1000)
                    if not stretch.begins_one(time):
                        message = f"CloudWatch has a value of another interval, at {at:%Y-%m-%d %H:%M}"
                        raise Unavailable(message)
                    numbers.add(time, place, field, value)
            if not answer.get("NextToken"):
                break
            asked["NextToken"] = answer["NextToken"]
        if failed := sorted({said for said in status.values() if said != "Complete"}):
            message = f"CloudWatch has not said all that was asked for: {', '.join(failed)}"
            raise Unavailable(message)

    def _query(self, id_: str, metric: _Metric, stretch: Stretch) -> dict[str, Any]:
        return {
            "Id": id_,
            "MetricStat": {
                "Metric": {
                    "Namespace": self._source.namespace,
                    "MetricName": metric.name,
                    "Dimensions": metric.dimensions,
                },
                "Period": stretch.length // 1000,
                "Stat": self._source.metrics[metric.name],
            },
        }


def _call(operation: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
    """Call an operation of a client.

    Raises:
        Unavailable: it failed.
    """
    from botocore.exceptions import (  # noqa: PLC0415  (an extra)
        BotoCoreError,
        ClientError,
        ConnectionError,
        HTTPClientError,
    )

    try:
        answer: Mapping[str, Any] = operation(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        said = plain(f"{status} {code}: {error.response['Error'].get('Message', '')}", 300)
        raise Unavailable(f"CloudWatch: {said}") from None
    except (ConnectionError, HTTPClientError) as error:
        # Their texts hold the address.
        raise Unavailable(f"CloudWatch does not answer: {type(error).__name__}") from None
    except BotoCoreError as error:
        raise Unavailable(f"CloudWatch cannot be asked: {plain(str(error), 300)}") from None
    except Exception as error:
        # What parses answers raises whatever it stumbles over.
        raise Unavailable(f"what answers is not CloudWatch: {type(error).__name__}") from error
    # And takes what is no answer at all for an empty one.
    if "RequestId" not in answer["ResponseMetadata"]:
        message = "what answers is not CloudWatch"
        raise Unavailable(message)
    return answer


def _listing(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"

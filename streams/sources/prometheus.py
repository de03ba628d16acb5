"""Prometheus: a range query for each field, evaluated at the end of each interval.

What a query says at the end of an interval is the value of the interval that ends there, so that
`increase(…[5m])` of an interval of five minutes is what happened in it.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from detectors.config import Detector
from detectors.crawled_metrics import field_of, places_of
from detectors.intervals import Intervals
from detectors.sources import Prometheus
from detectors.words import plain
from streams.errors import SettingsError
from streams.secrets import read_address, read_secret
from streams.settings import Settings
from streams.sources.http import post
from streams.sources.numbers import Numbers, Place, place_in_words, place_of
from streams.sources.reading import Unavailable
from streams.sources.stretches import Stretch, stretches

#: Prometheus answers with so many points of a series and no more.
MOST_POINTS = 11_000
_LONGEST_ANSWER = 300


class _Series(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]] = []
    histograms: list[Any] = []


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: list[_Series]


class _Answer(msgspec.Struct):
    status: str
    data: _Data


class _Refusal(msgspec.Struct, rename="camel"):
    error: str
    error_type: str = ""


class PrometheusReader:
    """Reads the queries of a source for one detector."""

    def __init__(self, source: Prometheus, detector: Detector, settings: Settings) -> None:
        """Look whether there is an address and a password.

        Raises:
            SettingsError: there is none.
        """
        del settings
        self._source = source
        self._queries = {field_of(name): query for name, query in source.queries.items()}
        self._labels = places_of(source, detector)
        self._intervals = Intervals(detector.interval, detector.timezone)
        self._address()
        self._headers()

    def read(self, start: datetime, end: datetime) -> Iterator[bytes]:
        """A record for each combination of labels and interval."""
        numbers = Numbers()
        for stretch in stretches(self._intervals, start, end, MOST_POINTS):
            for field, query in self._queries.items():
                for place, time, value in self._values(field, query, stretch):
                    numbers.add(time, place, field, value)
        return numbers.records()

    def close(self) -> None:
        """Nothing is kept between two queries."""

    def _values(self, field: str, query: str, stretch: Stretch) -> Iterator[tuple[Place, int, float]]:
        """Place, start of the interval and value."""
        seen: set[Place] = set()
        for series in self._ask(field, query, stretch):
            labels = {field_of(name): value for name, value in series.metric.items()}
            place = place_of({name: labels[name] for name in self._labels & labels.keys()})
            if place in seen:
                raise Unavailable(_several(field, self._labels, place))
            seen.add(place)
            if series.histograms:
                message = (
                    f"query {field!r} gives histograms: ask for numbers, such as histogram_quantile(…) "
                    "or histogram_count(…)"
                )
                raise Unavailable(message)
            for seconds, text in series.values:
                time = round(seconds * 1000) - stretch.length
                if not stretch.begins_one(time):
                    raise Unavailable(f"query {field!r}: it answers for times that it was not asked for")
                yield place, time, _number(field, text)

    def _ask(self, field: str, query: str, stretch: Stretch) -> list[_Series]:
        seconds = self._source.timeout / timedelta(seconds=1)
        form = {
            "query": query,
            "start": f"{(stretch.start + stretch.length) / 1000:.3f}",
            "end": f"{stretch.end / 1000:.3f}",
            "step": f"{stretch.length / 1000:.3f}",
            "timeout": f"{seconds:.3f}",
        }
        try:
            url, headers = f"{self._address()}/api/v1/query_range", self._headers()
        except SettingsError as error:
            # It was there when the reader was made.
            raise Unavailable(str(error)) from None
        try:
            status, body = post(url, form, headers, seconds)
        except Unavailable as error:
            raise Unavailable(f"Prometheus, query {field!r}: {error}") from None
        if not 200 <= status < 300:
            raise Unavailable(f"Prometheus, query {field!r}: {status} {_said(body, url, headers)}")
        try:
            answer = msgspec.json.decode(body, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = _said(body, url, headers)
            raise Unavailable(f"Prometheus, query {field!r}: no answer of Prometheus: {said}") from None
        if answer.status != "success" or answer.data.result_type != "matrix":
            raise Unavailable(f"Prometheus, query {field!r}: no answer of Prometheus: {plain(answer.status)}")
        return answer.data.result

    def _address(self) -> str:
        address = read_address(self._source.url)
        try:
            parts = urlsplit(address)
            named, _ = parts.hostname, parts.port
        except ValueError:
            named = None
        if named is None:
            message = "the url of a Prometheus is no address: it should be like https://prometheus:9090"
            raise SettingsError(message)
        if parts.username is not None:
            message = "the url of a Prometheus holds a user: give username and password by themselves"
            raise SettingsError(message)
        return address.rstrip("/")

    def _headers(self) -> dict[str, str]:
        if self._source.username is None or self._source.password is None:
            return {}
        both = f"{self._source.username}:{read_secret(self._source.password)}"
        return {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}


def _said(body: bytes, url: str, headers: Mapping[str, str]) -> str:
    """What an answer says that is none of success, without what it may repeat of the request."""
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
        text = f"{refusal.error_type}: {refusal.error}"
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = body[: 16 * _LONGEST_ANSWER].decode("utf-8", "replace")
    credentials = headers.get("Authorization", "").removeprefix("Basic ")
    password = b64decode(credentials).decode().partition(":")[2]
    for secret in (urlsplit(url).path, credentials, password):
        text = text.replace(secret, "…") if len(secret) > 1 else text
    return plain(text, _LONGEST_ANSWER)


def _number(field: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"Prometheus, query {field!r}: no answer of Prometheus: {plain(text)!r} is no number"
        raise Unavailable(message) from None


def _several(field: str, labels: frozenset[str], place: Place) -> str:
    by = ", ".join(sorted(labels))
    return (
        f"query {field!r} gives several series for {place_in_words(place)}: aggregate over the labels that "
        f"the detector does not read, such as sum by ({by}) (…)"
    )

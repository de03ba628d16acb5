"""What a detector reads of metrics that are asked for: which fields are numbers, which say where.

Apart from the sources, since it needs the detector as well: whether there is what it reads, in intervals
that there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from detectors.config import Detector
from detectors.sources import AnySource, CloudWatch, Prometheus

MINUTE = timedelta(minutes=1)
#: CloudWatch keeps values of a multiple of so long for so many days.
KEPT = ((timedelta(hours=1), 455), (timedelta(minutes=5), 63), (MINUTE, 15))


def field_of(name: str) -> str:
    """What a metric, a dimension or a label is called as a field.

    >>> field_of("BlockedRequests"), field_of("4XXError"), field_of("Cluster Name"), field_of("http.status")
    ('BlockedRequests', '_4XXError', 'Cluster_Name', 'http_status')
    """
    # A dot would lead into a record.
    field = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return field if re.match(r"[A-Za-z_]", field) else f"_{field}"


def numbers_of(source: CloudWatch | Prometheus) -> list[str]:
    """The fields that a source gives numbers for, in order."""
    names = source.metrics if isinstance(source, CloudWatch) else source.queries
    return [field_of(name) for name in names]


def places_of(source: CloudWatch | Prometheus, detector: Detector) -> frozenset[str]:
    """The fields that say where: dimensions of a detector, and what conditions look at."""
    places = {*detector.dimensions, *detector.where}
    for measure in detector.additive:
        places.update(measure.where)
        if measure.aggregation == "distinct" and measure.field is not None:
            places.add(measure.field)
    if isinstance(source, CloudWatch):
        places.update(map(field_of, source.where))
    return frozenset(places.difference(numbers_of(source)))


def contradictions(source: AnySource | None, detector: Detector) -> Iterator[str]:
    """What a source of metrics cannot give to a detector, a sentence each; nothing of other sources."""
    if not isinstance(source, CloudWatch | Prometheus):
        return
    where = f"source {detector.source!r}"
    numbers = numbers_of(source)
    for field in sorted({field for field in numbers if numbers.count(field) > 1}):
        yield f"{where} gives two fields called {field!r}: leave out one of them"
    for measure in detector.additive:
        if measure.aggregation == "distinct" or measure.field is None:
            continue
        if measure.field not in numbers:
            known = ", ".join(sorted(numbers))
            yield f"measure {measure.name!r}: {where} gives no field {measure.field!r}; known: {known}"
    for field in sorted(places_of(source, detector)):
        if field_of(field) != field:
            yield f"{where} gives no field {field!r}: there it is called {field_of(field)!r}"
    if isinstance(source, CloudWatch):
        yield from _bad_times(source, detector)


def _bad_times(source: CloudWatch, detector: Detector) -> Iterator[str]:
    where = f"source {detector.source!r}"
    days = next((days for step, days in KEPT if not detector.interval % step), None)
    if days is None:
        yield f'{where}: CloudWatch counts in whole minutes; let interval be such as "PT5M"'
    elif source.history > timedelta(days=days):
        yield (
            f"{where}: CloudWatch keeps values of such intervals for {days} days; "
            f'let history be "P{days}D" at most'
        )

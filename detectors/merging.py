"""Partials of all partitions → one Interval: what each measure comes to at every place.

Column by column, since there may be a hundred thousand places: of each partition it is found out once
which of its rows belongs to which place. The result is in one order, however the places were spread
over the partitions.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from detectors.aggregation import Aggregator, columns
from detectors.config import Detector
from detectors.intake import together
from detectors.records import Interval, Partial, Place

#: For each Partial, the place in the merged columns that each of its rows has.
Rows = Sequence[Sequence[int]]


class Merger:
    """Merges the partitions of a detector."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._columns = columns(detector)

    def merge(self, start: int, end: int, partials: Sequence[Partial]) -> Interval:
        """The interval that they make together: one Partial of each block of each partition."""
        known: dict[Place, int] = {}
        rows = [[known.setdefault(place, len(known)) for place in partial.places] for partial in partials]
        places = coarse_first(known)
        order = [known[place] for place in places]
        volumes = [0] * len(known)
        for taken, partial in zip(rows, partials, strict=True):
            for row, volume in zip(taken, partial.volumes, strict=True):
                volumes[row] += volume
        values: dict[str, list[float]] = {}
        evidence: dict[str, dict[str, list[Any]]] = {}
        for m, (measure, aggregate) in enumerate(self._columns):
            merged = _merged(aggregate, len(known), rows, [partial.columns[m] for partial in partials])
            if measure.aggregation is None:
                heaviest = evidence.setdefault(measure.name, {})
                heaviest[str(measure.field)] = [aggregate.pack(merged[row]) for row in order]
            else:
                values[measure.name] = [aggregate.value(merged[row]) for row in order]
        for measure in self._detector.measures:
            if measure.ratio is not None:
                numerator, denominator = (values[name] for name in measure.ratio)
                values[measure.name] = [_ratio(a, b) for a, b in zip(numerator, denominator, strict=True)]
        # Every block tells of all events of its partition.
        events = sum(partial.events for partial in partials if partial.block == 0)
        first = min((partial.first for partial in partials if partial.first is not None), default=None)
        intake = together(partial.intake for partial in partials)
        return Interval(
            self._detector.name, start, end, events, places, [volumes[row] for row in order], values, first,
            intake, evidence,
        )  # fmt: skip


def _merged(
    aggregate: Aggregator[Any], places: int, rows: Rows, columns: Sequence[Sequence[Any]]
) -> list[Any]:
    merge, unpack = aggregate.merge, aggregate.unpack
    merged: list[Any] = [None] * places
    for taken, column in zip(rows, columns, strict=True):
        for row, wire in zip(taken, column, strict=True):
            known = merged[row]
            merged[row] = unpack(wire) if known is None else merge(known, unpack(wire))
    return merged


def coarse_first(places: Iterable[Place]) -> list[Place]:
    """Places in one order: those that leave out more dimensions before those that leave out fewer.

    >>> coarse_first([("web", "DE"), (None, "DE"), ("app", None), (None, None)])
    [(None, None), (None, 'DE'), ('app', None), ('web', 'DE')]
    """
    alike: defaultdict[tuple[bool, ...], list[Place]] = defaultdict(list)
    for place in places:
        alike[tuple([value is not None for value in place])].append(place)
    # Places of one level leave out the same dimensions, so that text is compared with text alone.
    levels = sorted(alike, key=lambda given: (sum(given), given))
    return [place for level in levels for place in sorted(alike[level])]


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan

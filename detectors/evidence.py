"""Surprising rows of an interval → where their values come from: who did it, on which path, with which words.

Addresses, paths, statements and their like are too many to be series. Of each measure that asks for it, its
events are counted by them where they are folded, in a sketch of the heaviest: see `aggregation.Heaviest`. A
ratio is told by the events of its numerator.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from detectors.aggregation import Tally
from detectors.config import Detector
from detectors.records import Evidence, Interval, Line, Place

#: Values of a field that are told.
TOLD = 5


def evidence(
    detector: Detector, interval: Interval, series: Iterable[tuple[int, str, Place]]
) -> dict[int, tuple[Evidence, ...]]:
    """Row → its evidence, of series given as (row, measure, place); rows without any are left out."""
    if not interval.evidence:
        return {}
    counted = {m.name: m.name if m.ratio is None else m.ratio[0] for m in detector.measures}
    at = {place: n for n, place in enumerate(interval.places)}
    told = {}
    for row, measure, place in series:
        fields = interval.evidence.get(counted.get(measure, ""), {})
        if place in at and (found := tuple(_told(fields, at[place]))):
            told[row] = found
    return told


def lines(
    detector: Detector, interval: Interval, series: Iterable[tuple[int, str, Place]]
) -> dict[int, Line]:
    """Row → what it is told beside, of the series whose measure asks for that."""
    of = {measure.name: measure.line for measure in detector.measures if measure.line is not None}
    if not of:
        return {}
    at = {place: n for n, place in enumerate(interval.places)}
    return {
        row: Line(of[measure], value)
        for row, measure, place in series
        if measure in of and place in at and (value := interval.values[of[measure]][at[place]]) == value
    }


def _told(fields: Mapping[str, Sequence[Tally]], place: int) -> Iterator[Evidence]:
    for field, tallies in fields.items():
        events, kept = tallies[place]
        known = sorted(((error - weight, value) for value, weight, error in kept if weight > error))
        if known:
            yield Evidence(field, events, {value: -less for less, value in known[:TOLD]})

"""Anomalies of an interval → clusters: those of one fault together, however many roll-ups show it.

A total that is off because of what happens in two of its leaves is no reason to call both one incident. So an
anomaly belongs to the element that explains the most of it, and elements that share events are one fault.
Where leaves say nothing, anomalies belong together whose places hold one another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from detectors.config import Detector
from detectors.leaf_scores import LeafScores, Leaves, inside, outside
from detectors.localisation_levels import combined
from detectors.localisation_places import Localiser, PlaceElement
from detectors.overlap import Overlap, level, nested, shares
from detectors.places import roller
from detectors.records import Place, Score

#: After so many intervals of each measure, one measure is learnt from an interval: there are enough of them.
IN_TURN = 24
#: And of so many sums over leaves, not from every interval: what is usual takes days to change.
MANY_SUMS = 100_000


class Cluster(msgspec.Struct):
    """The anomalies of one fault."""

    scores: list[Score]
    #: Where it is, the clearest first: what joins shares events with these.
    places: list[Place]
    #: Its elements, the clearest first; none where it is only known that some places hold others.
    elements: list[PlaceElement] = []


class Separator:
    """Tells the faults of a detector apart."""

    def __init__(self, detector: Detector) -> None:
        dimensions = range(len(detector.dimensions))
        #: What is usual of its leaves.
        self.localiser = Localiser(detector)
        levels = {tuple(n in chosen for n in dimensions) for chosen in combined(len(dimensions))}
        levels |= {tuple(False for _ in dimensions), *detector.monitored}
        self._interval = detector.interval
        self._coarsest = detector.monitored[0]
        self._measures = [measure.name for measure in detector.measures]
        self._levels = sorted(levels, key=lambda kept: (sum(kept), kept))
        self.overlap = Overlap(self._levels)

    def learn(self, start: datetime, leaves: Leaves, wrong: Sequence[Place]) -> None:
        """Take in what is usual of the leaves of an interval, but of those where something is wrong."""
        number = int(start.timestamp() // self._interval.total_seconds())
        taught = [
            name
            for n, name in enumerate(self._measures)
            if name in leaves and self._is_taught(number, n, len(leaves[name].places))
        ]
        if taught and len(self._levels) > 1:
            # Denominators stay whole: they are only read where there is a numerator.
            well = leaves | outside({name: leaves[name] for name in taught}, wrong) if wrong else leaves
            for name in taught:
                self.localiser.learn(name, well)

    def _is_taught(self, number: int, position: int, leaves: int) -> bool:
        """Whether an interval teaches a measure: the first do, then each measure has its turn."""
        rounds = 1 + leaves * len(self._levels) // MANY_SUMS
        turn = number % (rounds * len(self._measures))
        return self.localiser.learnt(self._measures[position]) < IN_TURN or turn == position

    def separate(self, anomalies: Sequence[Score], leaves: Leaves) -> list[Cluster]:
        """The clusters of the anomalies of an interval."""
        off: dict[str, set[Place]] = {}
        for score in anomalies:
            off.setdefault(score.measure, set()).add(score.place)
        elements: list[PlaceElement] = []
        explaining: dict[tuple[str, Place], Place] = {}
        for measure, places in off.items():
            if found := self._localised(measure, leaves, places):
                elements += found
                told = _explaining(places, found, self.localiser.of(measure, leaves))
                explaining |= {(measure, place): of for place, of in told.items()}
        faults, echoes = _faults(elements)
        clear = {element.place: element for element in sorted(elements, key=_strength)}
        by_fault: dict[Place, Cluster] = {}
        used, left = set[Place](), []
        for score in anomalies:
            place = explaining.get((score.measure, score.place)) or _sharing(score.place, faults)
            if place is None:
                left.append(score)
                continue
            cluster = by_fault.setdefault(faults[place], Cluster([], []))
            cluster.scores.append(score)
            used.add(place)
        for place, fault in faults.items():
            if place in used and place not in echoes:
                by_fault[fault].elements.append(clear[place])
        for fault, cluster in by_fault.items():
            cluster.elements = cluster.elements or [clear[fault]]
            cluster.places = [element.place for element in cluster.elements]
        clusters = list(by_fault.values())
        for scores in self.overlap.connected(left):
            clusters.append(Cluster(scores, list(dict.fromkeys(score.place for score in scores))))
        return clusters

    def _localised(self, measure: str, leaves: Leaves, off: Collection[Place]) -> list[PlaceElement]:
        """The elements of a measure, of which these places are off."""
        # Without dimensions there is nothing to tell apart.
        found = self.localiser.localise(measure, leaves) if len(self._levels) > 1 else []
        # Not all is off where the total is not.
        return [one for one in found if level(one.place) != self._coarsest or one.place in off]


def _faults(elements: Sequence[PlaceElement]) -> tuple[dict[Place, Place], set[Place]]:
    """Element → the clearest of its fault, the clearest of all first; and which elements are echoes.

    One that holds a clearer one is an echo of it, where another measure shows the same less well. Nothing is
    in a fault because it shares events with an echo.
    """
    faults: dict[Place, Place] = {}
    echoes: set[Place] = set()
    for element in sorted(elements, key=_strength, reverse=True):
        place = element.place
        if place in faults:
            continue
        known = _sharing(place, [other for other in faults if other not in echoes])
        faults[place] = place if known is None else faults[known]
        if nested(place, faults[place]) and sum(level(place)) < sum(level(faults[place])):
            echoes.add(place)
    return faults, echoes


def _explaining(
    places: Collection[Place], elements: Sequence[PlaceElement], leaves: LeafScores
) -> dict[Place, Place]:
    """Of places, the element that explains the most of each; without those that none explains."""
    rolls = [roller(kept) for kept in {level(place) for place in places}]
    away: dict[Place, dict[Place, float]] = {}
    left = set(range(len(leaves.places)))
    for element in sorted(elements, key=_strength, reverse=True):
        rows = [row for row in inside(leaves.places, [element.place]) if row in left]
        left.difference_update(rows)
        for row in rows:
            leaf, off = leaves.places[row], leaves.value[row] - leaves.expected[row]
            for roll in rolls:
                if (place := roll(leaf)) in places:
                    of = away.setdefault(place, {})
                    of[element.place] = of.get(element.place, 0.0) + off
    return {place: max(of, key=lambda element: abs(of[element])) for place, of in away.items()}


def _strength(element: PlaceElement) -> float:
    return element.strength


def _sharing(place: Place, others: Collection[Place]) -> Place | None:
    """The first of other places that shares events with a place."""
    return next((other for other in others if shares(place, other)), None)

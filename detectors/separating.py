"""Anomalies of an interval → clusters: those of one fault together, however many roll-ups show it.

A total that is off because of what happens in two of its leaves is no reason to call both one incident. So an
anomaly belongs to the element that explains the most of it, and elements that share events are one fault.
Where leaves say nothing, anomalies belong together whose places hold one another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from detectors.config import Detector
from detectors.elements import Element, Scan, levels
from detectors.leaf_scores import LeafScores
from detectors.overlap import Overlap, level, nested, shares
from detectors.records import Place, Score


class Cluster(msgspec.Struct):
    """The anomalies of one fault."""

    scores: list[Score]
    #: Where it is, the clearest first: what joins shares events with these.
    places: list[Place]
    #: The clearest element of it; None where it is only known that some places hold others.
    element: Element | None = None


class Separator:
    """Tells the faults of a detector apart."""

    def __init__(self, detector: Detector) -> None:
        self._monitored = frozenset(detector.monitored)
        every = {*levels(len(detector.dimensions)), *detector.monitored}
        self._levels = sorted(every, key=lambda kept: (sum(kept), kept))
        self.overlap = Overlap(self._levels)

    def separate(
        self,
        anomalies: Sequence[Score],
        leaves: Mapping[str, LeafScores],
        known: Collection[Place] = (),
    ) -> list[Cluster]:
        """The clusters of the anomalies of an interval; groups are already at `known` places."""
        off: dict[str, set[Place]] = {}
        for score in anomalies:
            off.setdefault(score.measure, set()).add(score.place)
        elements: list[Element] = []
        explaining: dict[tuple[str, Place], Place] = {}
        for measure, places in off.items():
            # Without dimensions there is nothing to tell apart.
            if len(self._levels) > 1 and measure in leaves and leaves[measure].places:
                scan = Scan(leaves[measure], self._monitored, places | set(known), self._levels)
                elements += scan.elements
                explaining |= {(measure, place): of for place, of in scan.explaining(places).items()}
        faults, echoes = _faults(elements)
        clear = {element.place: element for element in sorted(elements, key=_strength)}
        found: dict[Place, Cluster] = {}
        used, left = set[Place](), []
        for score in anomalies:
            place = explaining.get((score.measure, score.place)) or _sharing(score.place, faults)
            if place is None:
                left.append(score)
                continue
            cluster = found.setdefault(faults[place], Cluster([], [], clear[faults[place]]))
            cluster.scores.append(score)
            used.add(place)
        for place, fault in faults.items():
            if place in used and place not in echoes:
                found[fault].places.append(place)
        for fault, cluster in found.items():
            cluster.places = cluster.places or [fault]
        clusters = list(found.values())
        for scores in self.overlap.connected(left):
            clusters.append(Cluster(scores, list(dict.fromkeys(score.place for score in scores))))
        return clusters


def _faults(elements: Sequence[Element]) -> tuple[dict[Place, Place], set[Place]]:
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


def _strength(element: Element) -> float:
    return element.strength


def _sharing(place: Place, others: Collection[Place]) -> Place | None:
    """The first of other places that shares events with a place."""
    return next((other for other in others if shares(place, other)), None)

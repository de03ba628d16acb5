"""Places share events where one holds the other; anomalies that share events are one cluster.

A cluster is compared with all open groups by looking up places, not by comparing each with each:
there may be a thousand of either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from detectors.places import roller
from detectors.records import Place, Score


class HasId(Protocol):
    """What is known by its id."""

    @property
    def id(self) -> str:
        """The id."""


G = TypeVar("G", bound=HasId)


def level(place: Place) -> tuple[bool, ...]:
    """Which dimensions a place keeps."""
    return tuple([value is not None for value in place])


def holds(coarse: Sequence[bool], fine: Sequence[bool]) -> bool:
    """Whether places of one level hold those of another."""
    return all(f or not c for c, f in zip(coarse, fine, strict=True))


def shares(place: Place, other: Place) -> bool:
    """Whether there are leaves in both of two places.

    >>> shares(("web", None), (None, "DE")), shares(("web", None), ("app", "DE"))
    (True, False)
    """
    return all(a is None or b is None or a == b for a, b in zip(place, other, strict=True))


def nested(place: Place, other: Place) -> bool:
    """Whether one of two places holds the other.

    >>> nested(("web", None), ("web", "DE")), nested(("web", None), (None, "DE"))
    (True, False)
    """
    pairs = list(zip(place, other, strict=True))
    return all(a is None or a == b for a, b in pairs) or all(b is None or a == b for a, b in pairs)


def innermost(places: Sequence[Place]) -> list[Place]:
    """The place that all others hold, if there is one, and not all there is.

    >>> innermost([(None, None), ("web", "DE"), ("web", None)]), innermost([("web", None), ("app", None)])
    ([('web', 'DE')], [])
    """
    finest = max(places, key=lambda place: sum(level(place)), default=())
    return [finest] if any(level(finest)) and all(nested(place, finest) for place in places) else []


class Overlap:
    """Which of the places at some levels hold which.

    >>> total, web, web_de = (None, None), ("web", None), ("web", "DE")
    >>> Overlap([(False, False), (True, False), (True, True)]).holders(web_de)
    [(None, None), ('web', None), ('web', 'DE')]
    """

    def __init__(self, levels: Iterable[tuple[bool, ...]]) -> None:
        every = list(levels)
        self._rollers = {fine: [roller(coarse) for coarse in every if holds(coarse, fine)] for fine in every}

    def holders(self, place: Place) -> list[Place]:
        """The places that hold every event at a place, itself among them."""
        return [roll(place) for roll in self._rollers.get(level(place), ())]

    def connected(self, anomalies: Sequence[Score]) -> list[list[Score]]:
        """Anomalies in lists of those that share events, directly or through others, in order."""
        by_place: dict[Place, list[Score]] = {}
        for score in anomalies:
            by_place.setdefault(score.place, []).append(score)
        leader = {place: place for place in by_place}

        def lead(place: Place) -> Place:
            while leader[place] != place:
                leader[place] = place = leader[leader[place]]
            return place

        for place in by_place:
            for outer in self.holders(place):
                if outer in leader:
                    leader[lead(outer)] = lead(place)
        clusters: dict[Place, list[Score]] = {}
        for place, scores in by_place.items():
            clusters.setdefault(lead(place), []).extend(scores)
        return list(clusters.values())


class Whereabouts(Generic[G]):
    """Where groups are, each at one place or several; finds those that share events with others."""

    def __init__(self, overlap: Overlap) -> None:
        self._overlap = overlap
        self._age: dict[str, int] = {}
        self._at: defaultdict[Place, dict[str, G]] = defaultdict(dict)
        #: Place → groups that are at a place which it holds.
        self._within: defaultdict[Place, dict[str, G]] = defaultdict(dict)

    def add(self, group: G, places: Iterable[Place]) -> None:
        """A group is at these places too; one that is added later is the younger."""
        self._age.setdefault(group.id, len(self._age))
        for place in places:
            self._at[place][group.id] = group
            for outer in self._overlap.holders(place):
                self._within[outer][group.id] = group

    def sharing(self, places: Iterable[Place]) -> list[G]:
        """The groups that share events with one of the places, the oldest first."""
        found: dict[str, G] = {}
        for place in places:
            found |= self._within.get(place, {})
            for outer in self._overlap.holders(place):
                found |= self._at.get(outer, {})
        return sorted(found.values(), key=lambda group: self._age[group.id])

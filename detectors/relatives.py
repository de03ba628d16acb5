"""Relatives: whose shape a place that begins takes over, of those that have been here for long enough.

That is the smallest of its roll-ups, the finest first and the total last; and where none of them is here,
as in one of several shards, the largest of its siblings, which differ from it in one value. A day is the
same day only in the same time zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from detectors.admission import Admission, Rows
from detectors.config import Detector
from detectors.locales import Locales
from detectors.places import roller
from detectors.records import Place

#: Two days make a daily season.
LONG_ENOUGH = timedelta(days=2)

#: A place without one of its values, which value that is, and its time zone.
_Rest = tuple[Place, int, str]


class Relatives:
    """Finds relatives in one shard of a detector."""

    def __init__(self, detector: Detector, locales: Locales) -> None:
        self._locales = locales
        self._least_age = -(-LONG_ENOUGH // detector.interval)
        finest_first = sorted(detector.subsets, key=sum, reverse=True)
        self._roll_ups = [(sum(kept), roller(kept)) for kept in finest_first]

    def of(self, places: Sequence[Place], admission: Admission) -> Rows:
        """The row of a relative of each place, -1 where there is none."""
        known = admission.older(self._least_age) if places else {}
        found = [self._parent(place, known) for place in places] if known else [None] * len(places)
        if known and None in found:
            largest = self._largest(known)
            found = [
                parent or self._sibling(place, largest) for place, parent in zip(places, found, strict=True)
            ]
        return np.array([-1 if one is None else admission.rows[one] for one in found], dtype=np.intp)

    def _parent(self, place: Place, known: Mapping[Place, float]) -> Place | None:
        """The smallest roll-up of a place, of the finest that are known; `known` has the volumes."""
        roll_ups = ((values, roll(place)) for values, roll in self._roll_ups)
        holding = [(-values, known[one], one) for values, one in roll_ups if one != place and one in known]
        alike = [each for each in holding if self._timezone(each[2]) == self._timezone(place)]
        return min(alike, key=lambda each: each[:2])[2] if alike else None

    def _largest(self, known: Mapping[Place, float]) -> dict[_Rest, Place]:
        """The largest of all places that are the same but for one value."""
        by_volume = sorted(known, key=lambda place: known[place])
        return {rest: place for place in by_volume for rest in self._rests(place)}

    def _sibling(self, place: Place, largest: Mapping[_Rest, Place]) -> Place | None:
        return next((largest[rest] for rest in self._rests(place) if rest in largest), None)

    def _rests(self, place: Place) -> list[_Rest]:
        zone = self._timezone(place)
        values = [n for n, value in enumerate(place) if value is not None]
        return [((*place[:n], None, *place[n + 1 :]), n, zone) for n in values]

    def _timezone(self, place: Place) -> str:
        return self._locales.of(place).timezone

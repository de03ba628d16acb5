"""What is anomalous, and where that comes from → what the configuration says that people should do then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from detectors.config import Detector
from detectors.filters import matches_dimensions
from detectors.records import Anomaly, Recommendation

#: Of one alert; the first that are configured.
MOST = 3


class Adviser:
    """The advice of one detector."""

    def __init__(self, detector: Detector) -> None:
        self._advice = [(advice, matches_dimensions(advice.where)) for advice in detector.advice]

    def on(self, members: Sequence[Anomaly], elements: Sequence[Mapping[str, str]]) -> list[Recommendation]:
        """Advice on an incident: what fits its first member, else one of its elements or other members.

        What is most of the evidence of a member is as good as a dimension of it.
        """
        if not members or not self._advice:
            return []
        first = {**members[0].dimensions, **dict(_mostly(members[0]))}
        found = list(self._fitting([first], members[0].measure))
        if not found:
            found = list(self._fitting([*elements, *(m.dimensions for m in members[1:])], members[0].measure))
        return found[:MOST]

    def _fitting(self, places: Sequence[Mapping[str, str]], measure: str) -> Iterator[Recommendation]:
        for advice, fits in self._advice:
            if advice.measures and measure not in advice.measures:
                continue
            if any(fits(place) for place in places):
                yield Recommendation(advice.say, advice.runbook)


def _mostly(anomaly: Anomaly) -> Iterator[tuple[str, str]]:
    for evidence in anomaly.evidence:
        if (value := evidence.mostly) is not None:
            yield evidence.field, value

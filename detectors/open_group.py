"""An open group, and the record that tells of it as it is by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from detectors.bars import HIGHEST
from detectors.causes import relations
from detectors.config import Detector
from detectors.courses import Courses, contributions
from detectors.gathering import SeriesKey
from detectors.localisation_places import PlaceElement
from detectors.members import Member, importance
from detectors.overlap import innermost
from detectors.places import named
from detectors.records import AnomalyGroup, Ending, Place

#: Members that a record names; the rest is counted, up to so many. Then only severer ones take a place.
NAMED_MEMBERS = 200
MOST_MEMBERS = 20_000
#: Places that a record names.
MOST_PLACES = 20
#: How much severer a group is that has all of its detector in it.
ALL_OF_IT = 10.0


class OpenGroup(msgspec.Struct):
    """A group that has not ended."""

    id: str
    revision: int
    start: datetime
    end: datetime
    quiet: int
    #: Intervals since there was an anomaly, during which the group was held open.
    held: int
    #: Where it was anomalous last: what joins it must share events with these.
    places: list[Place]
    members: dict[SeriesKey, Member]
    #: The member that it is called after.
    primary: Member
    reopened: int = 0
    #: Where it was when that was clearest, and how much of the change is there.
    elements: list[Place] = []
    parts: list[PlaceElement] = []
    courses: Courses = msgspec.field(default_factory=Courses)

    @property
    def everywhere(self) -> list[Place]:
        """Where it is, and where it was clearest: later, of a fault that lasts, only parts may be seen."""
        return [*self.places, *self.elements]


def record(
    group: OpenGroup,
    detector: Detector,
    followed: Mapping[str, Sequence[str]],
    status: Literal["open", "closed"],
    *,
    reason: Ending | None = None,
    merged_into: str | None = None,
) -> AnomalyGroup:
    """The next revision of what is told of a group; `followed` are the measures that each follows."""

    def rank(member: Member) -> tuple[float, ...]:
        anomaly = member.anomaly
        return importance(detector, anomaly.measure, anomaly.severity, member.deviation)

    group.revision += 1
    members = sorted(group.members.values(), key=rank, reverse=True)
    primary = members[0].anomaly
    group.primary = members[0]
    if len(members) > MOST_MEMBERS:
        members = members[:MOST_MEMBERS]
        group.members = {(member.anomaly.measure, member.place): member for member in members}
    courses, breadth = group.courses.of, group.courses.breadth(detector)
    where = group.elements or innermost(group.places)
    parts = group.parts[:MOST_PLACES]
    # Measures change by different amounts: the share is that of the clearest of them.
    share = sum(part.share for part in parts if part.measure == parts[0].measure)
    return AnomalyGroup(
        id=group.id,
        detector=detector.name,
        revision=group.revision,
        status=status,
        start=group.start,
        end=group.end,
        severity=round(min(HIGHEST, primary.severity + ALL_OF_IT * breadth), 1),
        primary=primary,
        members=[member.anomaly for member in members],
        members_total=len(members),
        reason=reason,
        merged_into=merged_into,
        reopened=group.reopened,
        localised=bool(where),
        elements=[named(detector.dimensions, place) for place in where[:MOST_PLACES]],
        share=round(min(1.0, share), 3) if parts else None,
        confidence=round(max(part.confidence for part in parts), 3) if parts else None,
        parts=[part.told(detector.dimensions) for part in parts],
        breadth=round(breadth, 3),
        contributions=contributions(detector, courses, group.members),
        relations=relations(detector, group.courses, primary.measure, followed),
        shape=courses[primary.measure].shape(over=status == "closed") if primary.measure in courses else None,
        totals={measure: round(course.away, 4) for measure, course in courses.items() if course.away},
    )


def shortened(group: AnomalyGroup) -> AnomalyGroup:
    """The group as it is told: of very many members, the most severe."""
    return msgspec.structs.replace(group, members=group.members[:NAMED_MEMBERS])

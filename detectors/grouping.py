"""Scores → groups: anomalies that share events and time are one incident, told once.

Two anomalous places belong together where one contains the other: orders on the app in Germany,
orders on the app, all orders. A group opens with an anomaly that is severe enough to matter to a
rule, takes in lesser ones around it, and closes after a few quiet intervals.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from detectors.bars import Bars
from detectors.breaches import Breaches, Suspect, is_still_off
from detectors.config import AlertRule, Detector
from detectors.following import Following
from detectors.gathering import Gathered, Gatherer, GathererState, SeriesKey
from detectors.localisation_places import LocaliserState, strength
from detectors.members import Member, anomaly_of, deviation, importance, says_more
from detectors.models import MODELS
from detectors.models.seasonal import Seasonal
from detectors.open_group import MOST_MEMBERS, OpenGroup, record
from detectors.overlap import Whereabouts, level, nested
from detectors.places import named, series_id
from detectors.records import Anomaly, AnomalyGroup, DataQuality, Ending, IntervalScores, Score
from detectors.separating import Cluster, Separator

#: A group closes after so many intervals without an anomaly.
CLOSE_AFTER = 2
#: While what it is called after stays where it was at its worst, a group is not over: a forecast that
#: has got used to an outage does not end it. After so many intervals that is the new normal.
HELD_FOR = 24
#: A band is one of its hour: later, the day takes through it what is well.
BAND_HOLDS_FOR = timedelta(hours=2)
#: What comes back within so many intervals of its end is the same incident.
COOL_DOWN = 6
#: What gets clearer by so much, some time after it began, is the incident: what was before was little.
GROWN = 2.0
#: What has not lasted for so many intervals is on its way back, and no new normal.
NORMAL_AFTER = 8

_NAMESPACE = uuid.UUID("6f3c1a0e-6f0b-5d0a-9a40-1b7f3f0d8f55")


class GrouperState(msgspec.Struct):
    """A Grouper as it is stored."""

    dimensions: tuple[str, ...]
    gatherer: GathererState
    open: list[OpenGroup]
    suspects: dict[SeriesKey, Suspect]
    over: list[OpenGroup] = []
    following: Following = msgspec.field(default_factory=Following)
    localiser: LocaliserState = msgspec.field(default_factory=LocaliserState)


class Grouper:
    """The open groups of one detector."""

    def __init__(self, detector: Detector, rules: Sequence[AlertRule]) -> None:
        self.detector = detector
        self._bars = Bars(detector, rules)
        self._breaches = Breaches(detector)
        self._coarsest = detector.monitored[0]
        self._band_holds_for = BAND_HOLDS_FOR // detector.interval
        #: Measures of which it is known what the last days would have brought.
        self._remembered = {m.name for m in detector.measures if issubclass(MODELS[m.model], Seasonal)}
        self._gatherer = Gatherer(detector, self._bars)
        self._separator = Separator(detector)
        self._open: list[OpenGroup] = []
        #: Those that ended a short while ago, and may come back.
        self._over: list[OpenGroup] = []
        self._following = Following()
        #: Anomalies that became members with the last chunk of scores.
        self.joined: list[Anomaly] = []
        #: How good the data of the intervals are that were grouped with it.
        self.qualities: list[DataQuality] = []

    @property
    def open(self) -> int:
        """How many groups are open."""
        return len(self._open)

    @property
    def passed(self) -> datetime | None:
        """Start of the last interval that was grouped."""
        return self._gatherer.passed

    @property
    def worst(self) -> float:
        """The severity of the worst open group; 0 where there is none."""
        return max((group.primary.anomaly.severity for group in self._open), default=0.0)

    @property
    def asked(self) -> Set[SeriesKey]:
        """The series whose values are to be gathered, whether they are anomalous or not."""
        primaries = {(group.primary.anomaly.measure, group.primary.place) for group in self._open}
        return primaries | self._breaches.suspects.keys()

    def group(self, scores: IntervalScores) -> list[AnomalyGroup]:
        """Take in a chunk of scores; returns the groups that opened, changed or closed.

        An interval is grouped when all its chunks of all shards are there, once.
        """
        self.joined, self.qualities = [], []
        groups: list[AnomalyGroup] = []
        for interval in self._gatherer.add(scores, self.asked):
            groups += self.group_whole(interval)
            if interval.quality is not None:
                self.qualities.append(interval.quality)
        return groups

    def settle(self, group: str) -> None:
        """Let a group end when there is nothing new in it: people call what it is the new normal."""
        for settled in self._open:
            if settled.id == group:
                settled.held = HELD_FOR

    def foresee(self, scores: IntervalScores) -> list[AnomalyGroup]:
        """The groups that the scores of an open interval would open; nothing of them is kept."""
        if self.passed is not None and scores.interval_start <= self.passed:
            return []
        anomalies = list(self._gatherer.anomalies(scores))
        if scores.stopped:
            anomalies = [score for score in anomalies if level(score.place) == self._coarsest]
        found, where = [], self._whereabouts()
        for cluster in self._separator.separate(anomalies, {}):
            openers = [
                s for s in cluster.scores if self._is_severe(s) and (s.stopped or self._breaches.suffices(s))
            ]
            if openers and not where.sharing(cluster.places):
                group = self._start(openers)
                self._join(group, cluster)
                found.append(self._record(group, "open"))
        return found

    def _is_severe(self, score: Score) -> bool:
        return score.severity + score.relief >= self._bars.opens(score.measure)

    def group_whole(self, interval: Gathered) -> list[AnomalyGroup]:
        """Take in an interval of which all chunks are gathered; returns the groups that changed."""
        self._over = [g for g in self._over if interval.end - g.end <= COOL_DOWN * self.detector.interval]
        anomalies = {(score.measure, score.place): score for score in interval.anomalies}
        severe = list(filter(self._is_severe, interval.anomalies))
        leaves = interval.leaves or {}
        if interval.stopped:
            # A feed that has stopped is one finding, not one of every series, and is told at once.
            anomalies = {key: s for key, s in anomalies.items() if level(s.place) == self._coarsest}
            opens = {(score.measure, score.place) for score in severe}
            leaves = {}
        else:
            confirmed = self._breaches.confirmed(severe, interval.values)
            anomalies |= confirmed
            opens = set(confirmed)
        clusters: list[Cluster] = []
        if opens or self._open:
            clusters = self._separator.separate(list(anomalies.values()), leaves)
        else:
            self._following.learn(leaves, [measure.name for measure in self.detector.measures])
        joined, told = self._take_in(clusters, opens, interval)
        wrong = [place for group in self._open for place in group.everywhere]
        self._separator.learn(interval.start, leaves, wrong)
        for group in self._open:
            if group.id in joined:
                group.quiet = group.held = 0
                measures = {measure for measure, _ in group.members}
                group.courses.go_on(interval.start, group.places, measures, leaves, self.detector)
            elif group.held < HELD_FOR and self._is_still_off(group, interval):
                group.quiet, group.held, group.end = 0, group.held + 1, interval.end
            else:
                group.quiet += 1
        changed = [group for group in self._open if joined.get(group.id)]
        closed = [group for group in self._open if group.quiet >= CLOSE_AFTER]
        self._open = [group for group in self._open if group.quiet < CLOSE_AFTER]
        told += [self._record(group, "open") for group in changed]
        for group in closed:
            told.append(self._record(group, "closed", self._ending(group, interval)))
            if told[-1].reason == "over":
                self._over.append(group)
        return told

    def _take_in(
        self, clusters: Sequence[Cluster], opens: Set[SeriesKey], interval: Gathered
    ) -> tuple[dict[str, bool], list[AnomalyGroup]]:
        """Add clusters to the groups that they share events with; `opens` are the series that may open one.

        Returns the id of each such group → whether that is news, and those that are now one with another.
        """
        joined: dict[str, bool] = {}
        merged: list[AnomalyGroup] = []
        if not clusters:
            return joined, merged
        where, now = self._whereabouts(), dict[str, OpenGroup]()
        for cluster in clusters:
            found = where.sharing(cluster.places)
            # Where a group has gone that was merged with another in this interval.
            found = list({(there := now.get(g.id, g)).id: there for g in found}.values())
            if not found and (openers := [s for s in cluster.scores if (s.measure, s.place) in opens]):
                found = [self._reopened(cluster) or self._start(openers)]
                self._open.append(found[0])
                joined[found[0].id] = True
                found[0].places = []
            if not found:
                continue
            group = found[0]
            if group.id not in joined:
                group.places = []
            # That places hold one another is no reason to call two groups one.
            for other in found[1:] if cluster.elements else ():
                merged.append(self._merged(other, group))
                now = {id_: group if there is other else there for id_, there in now.items()}
                now[other.id] = group
                joined.pop(other.id, None)
                joined[group.id] = True
            group.end = interval.end
            news = self._join(group, cluster)
            joined[group.id] = news or joined.get(group.id, False)
        return joined, merged

    def _whereabouts(self) -> Whereabouts[OpenGroup]:
        where: Whereabouts[OpenGroup] = Whereabouts(self._separator.overlap)
        for group in self._open:
            where.add(group, group.everywhere)
        return where

    def _start(self, openers: Sequence[Score]) -> OpenGroup:
        worst = max(openers, key=self._importance)
        place = named(self.detector.dimensions, worst.place)
        name = f"{self.detector.name}|{worst.interval_start.isoformat()}|{series_id(worst.measure, place)}"
        id_ = str(uuid.uuid5(_NAMESPACE, name))
        primary = Member(worst.place, anomaly_of(worst, place), deviation(worst))
        return OpenGroup(id_, 0, worst.interval_start, worst.interval_end, 0, 0, [], {}, primary)

    def _reopened(self, cluster: Cluster) -> OpenGroup | None:
        """The group that ended a short while ago where a cluster is now, open again."""
        for group in self._over:
            if any(nested(place, other) for place in group.everywhere for other in cluster.places):
                self._over.remove(group)
                group.quiet = group.held = 0
                group.reopened += 1
                # It is called after what is off now.
                group.members = {}
                return group
        return None

    def _merged(self, other: OpenGroup, group: OpenGroup) -> AnomalyGroup:
        """Let a group have what another has, which is over."""
        self._open.remove(other)
        for key, member in other.members.items():
            known = group.members.get(key)
            if known is None or member.anomaly.severity > known.anomaly.severity:
                group.members[key] = member
        group.start = min(group.start, other.start)
        group.courses.merge(other.courses)
        return self._record(other, "closed", "merged", merged_into=group.id)

    def _join(self, group: OpenGroup, cluster: Cluster) -> bool:
        """Add the cluster to the group; True if it says something new."""
        news = False
        bar = 0.0
        if len(group.members) >= MOST_MEMBERS:
            bar = min(member.anomaly.severity for member in group.members.values())
        # Several clusters of one interval may join the same group.
        group.places += [place for place in cluster.places if place not in group.places]
        if (clear := strength(cluster.elements)) > strength(group.parts):
            if group.parts and clear > GROWN * strength(group.parts):
                group.courses.grow(cluster.scores[0].interval_start)
            group.elements, group.parts = cluster.places, cluster.elements
        for score in cluster.scores:
            key = score.measure, score.place
            known = group.members.get(key)
            if score.severity > (bar if known is None else known.anomaly.severity) or says_more(score, known):
                dimensions = named(self.detector.dimensions, score.place)
                member = Member(score.place, anomaly_of(score, dimensions), deviation(score))
                group.members[key] = member
                news = True
                if known is None:
                    self.joined.append(member.anomaly)
        return news

    def _is_still_off(self, group: OpenGroup, interval: Gathered) -> bool:
        """Whether the series it is called after is still outside the band that its worst interval had.

        After two hours, that it is not where the last days would have it either is asked as well, where the
        model knows that.
        """
        primary = group.primary.anomaly
        key = primary.measure, group.primary.place
        sided = primary.direction in {"above", "below"} and primary.measure in self._remembered
        if sided and group.held >= self._band_holds_for and interval.off.get(key) != primary.direction:
            return False
        # A place that is forgotten is off no more.
        values = interval.values
        return key in values and is_still_off(primary.direction, primary.lower, primary.upper, values[key])

    def _ending(self, group: OpenGroup, interval: Gathered) -> Ending:
        """How a group ends with an interval: a day may well take another level through the band of before."""
        primary = group.primary.anomaly
        if primary.level_change is not None:
            return "new_normal"
        side = interval.off.get((primary.measure, group.primary.place))
        lasted = group.end - group.start >= NORMAL_AFTER * self.detector.interval
        stays = lasted and side == primary.direction
        return "new_normal" if stays or self._is_still_off(group, interval) else "over"

    def _importance(self, score: Score) -> tuple[float, ...]:
        return importance(self.detector, score.measure, score.severity, deviation(score))

    def _record(
        self,
        group: OpenGroup,
        status: Literal["open", "closed"],
        reason: Ending | None = None,
        merged_into: str | None = None,
    ) -> AnomalyGroup:
        return record(
            group, self.detector, self._following.followed(), status, reason=reason, merged_into=merged_into
        )

    def save(self) -> GrouperState:
        """The state as it is stored."""
        suspects = self._breaches.suspects
        gatherer, localiser = self._gatherer.save(), self._separator.localiser.save()
        return GrouperState(
            self.detector.dimensions, gatherer, self._open, suspects, self._over, self._following, localiser
        )

    def load(self, state: GrouperState) -> None:
        """Go on from a stored state; groups of other dimensions can only end."""
        self._open, self._over = state.open, state.over
        self._gatherer.load(state.gatherer)
        self._breaches.suspects = state.suspects
        self._following = state.following
        if state.dimensions != self.detector.dimensions:
            self._gatherer.dismiss()
            self._breaches.suspects = {}
            self._over = []
            for group in self._open:
                group.places, group.elements, group.parts = [], [], []
        else:
            self._separator.localiser.load(state.localiser)

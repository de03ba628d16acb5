"""Groups → alerts: each rule tells of a group once when it opens, when it has grown, when it ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from detectors.advising import Adviser
from detectors.bars import Bars
from detectors.config import AlertRule, Detector
from detectors.feedback import Snooze
from detectors.members import first_of_each
from detectors.records import Alert, Anomaly, AnomalyGroup, Ending
from detectors.rules import Rule
from detectors.snoozing import Snoozes
from detectors.words import (
    anomaly_in_words,
    duration_in_words,
    elements_in_words,
    evidence_in_words,
    level_of,
    mostly_in_words,
)

#: A group is told of again when its severity has grown by this much, or it has twice the members.
WORSE_BY = 10.0
BROADER_BY = 2
#: Members that an alert names; the rest is counted.
NAMED_MEMBERS = 20
#: Roll-ups are more severe than leaves, but where it is, leaves say: so many of a measure are named as well.
NAMED_LEAVES = 10

_ENDED: Mapping[Ending, str] = {
    "over": "over",
    "new_normal": "the new normal",
    "merged": "part of another incident",
}


class Told(msgspec.Struct):
    """What a rule has last said of a group."""

    revision: int
    severity: float
    members: int
    alert: Alert


class Withheld(msgspec.Struct):
    """What may be told later: groups by rule as they were last, and what is snoozed."""

    groups: dict[str, AnomalyGroup] = {}
    snoozes: dict[str, Snooze] = {}


class Alerter:
    """What the rules of one detector have told of its open groups."""

    def __init__(self, detector: Detector, rules: Sequence[AlertRule]) -> None:
        bars = Bars(detector, rules)
        self._rules = [Rule(rule, detector, bars) for rule in rules]
        self._adviser = Adviser(detector)
        self._interval = detector.interval
        self._dimensions = len(detector.dimensions)
        #: Names of the rules, and of those that are gone since.
        self._names = {rule.name for rule in rules}
        self._told: dict[str, Told] = {}
        #: Open groups that a rule may come back to when time has passed, though they do not change.
        self._waiting: dict[str, AnomalyGroup] = {}
        self._snoozes = Snoozes()

    def take(self, snooze: Snooze) -> None:
        """Take in that something is snoozed: it holds from the next interval on."""
        self._snoozes.take(snooze)

    def alert(self, group: AnomalyGroup) -> Iterator[Alert]:
        """Take in a group that opened, changed or closed; yields what the rules have to say of it."""
        if group.status == "closed":
            yield from self._end(group)
            return
        for rule in self._rules:
            yield from self._tell(rule, group, group.end)

    def _end(self, group: AnomalyGroup) -> Iterator[Alert]:
        """Close what was told of a group, also by a rule that is gone since."""
        if group.merged_into is not None:
            self._snoozes.merge(group.id, group.merged_into)
        for key in sorted(_key(name, group) for name in self._names):
            self._waiting.pop(key, None)
            if key in self._told:
                yield _closed(self._told.pop(key).alert, group)

    def wake(self, passed: datetime) -> Iterator[Alert]:
        """Let time pass; yields what was withheld until then, or is repeated.

        `passed` is the start of the last interval that was grouped.
        """
        now = passed + self._interval
        self._snoozes.expire(now)
        for rule in self._rules:
            for key, group in list(self._waiting.items()):
                if key == _key(rule.name, group):
                    yield from self._tell(rule, group, now)

    def _tell(self, rule: Rule, group: AnomalyGroup, now: datetime) -> Iterator[Alert]:
        key = _key(rule.name, group)
        told = self._told.get(key)
        self._waiting.pop(key, None)
        ids = {group.id} if told is None else {group.id, told.alert.group}
        members, total, hidden = self._seen(rule, group, ids, now)
        if hidden or (rule.repeat is not None and members):
            self._waiting[key] = group
        if not members:
            return
        asked = rule.asks_for(members, total)
        if told is None and asked and (early := self._foretold(rule, members)) is not None:
            told = self._told.pop(early)
        if not asked and (told is None or told.alert.provisional):
            # What was told early has not become what the rule asks for: it will be withdrawn.
            return
        if (told is None or not told.alert.provisional) and not rule.may_speak(group, now):
            self._waiting[key] = group
            return
        alert = self._opened(rule, group, members, total)
        if told is not None:
            again = rule.repeat is not None and now - told.alert.end >= rule.repeat
            if not again and not (_is_news(alert, told) and (rule.updates or told.alert.provisional)):
                return
            # An incident keeps the id by which people know it.
            alert = msgspec.structs.replace(
                alert,
                group=told.alert.group,
                revision=told.revision + 1,
                kind="UPDATED",
                end=max(now, alert.end),
            )
        self._told[key] = Told(alert.revision, alert.severity, alert.members_total, alert)
        yield alert

    def _seen(
        self, rule: Rule, group: AnomalyGroup, ids: Collection[str], now: datetime
    ) -> tuple[list[Anomaly], int, int]:
        """The members that a rule sees of a group, how many there are in all, and how many are snoozed."""
        matching = rule.matching(group.members)
        is_snoozed = self._snoozes.of(ids, now)
        members = [member for member in matching if not is_snoozed(member)]
        hidden = len(matching) - len(members)
        total = group.members_total if rule.matches_all and not hidden else len(members)
        return members, total, hidden

    def _opened(self, rule: Rule, group: AnomalyGroup, members: Sequence[Anomaly], total: int) -> Alert:
        first = members[0]
        return Alert(
            rule=rule.name,
            detector=group.detector,
            group=group.id,
            revision=self._revision(group),
            kind="OPENED",
            summary=_summary(group, members, total),
            severity=max(member.severity for member in members),
            confidence=first.confidence,
            start=group.start,
            end=group.end,
            measure=first.measure,
            dimensions=first.dimensions,
            value=first.value,
            expected=first.expected,
            lower=first.lower,
            upper=first.upper,
            direction=first.direction,
            members=list(members[:NAMED_MEMBERS]),
            members_total=total,
            leaves=self._leaves(members[NAMED_MEMBERS:]),
            why=(*first.why, *map(evidence_in_words, first.evidence), rule.why(members)),
            localised=group.localised,
            elements=group.elements,
            share=group.share,
            parts=group.parts,
            breadth=group.breadth,
            contributions=group.contributions,
            relations=group.relations,
            totals=group.totals,
            level=level_of(max(member.severity for member in members)),
            shape=group.shape,
            advice=self._adviser.on(members, group.elements),
        )

    def _revision(self, group: AnomalyGroup) -> int:
        """Where the revisions of what is told begin: of what comes back, above all that there were.

        A rule tells of a group once an interval, though nothing is new where it repeats itself, and once more
        where it told early and at the end.
        """
        if not group.reopened:
            return 1
        return group.revision + 1 + 2 * ((group.end - group.start) // self._interval)

    def _leaves(self, members: Sequence[Anomaly]) -> list[Anomaly]:
        """The first leaves of each measure."""
        leaves = (member for member in members if len(member.dimensions) == self._dimensions)
        return first_of_each(leaves, NAMED_LEAVES)

    def foresee(self, group: AnomalyGroup) -> Iterator[Alert]:
        """Take in a group of an interval that is still open; yields what is told of it early."""
        for rule in self._rules:
            members, total, _ = self._seen(rule, group, {group.id}, group.end)
            asked = rule.provisional and rule.asks_for(members, total)
            if not asked or not rule.may_speak(group, group.end):
                continue
            # Each shard tells what it sees of an incident, and sees more of it the next time.
            places = [early.dimensions for _, early in self._early(rule)]
            if not any(_overlap(place, member.dimensions) for place in places for member in members):
                alert = self._opened(rule, group, members, total)
                alert = msgspec.structs.replace(alert, provisional=True, summary=f"so far: {alert.summary}")
                self._told[_key(rule.name, group)] = Told(1, alert.severity, alert.members_total, alert)
                yield alert

    def withdraw(self, passed: datetime) -> Iterator[Alert]:
        """Take back what was told early of intervals that are over, and has not come true."""
        for key, told in list(self._told.items()):
            alert = told.alert
            if alert.provisional and alert.start <= passed:
                del self._told[key]
                yield _ended(alert, alert.end, "withdrawn", f"withdrawn: {alert.summary}")

    def _early(self, rule: Rule) -> list[tuple[str, Alert]]:
        """What a rule has told early and was not confirmed yet, by its key."""
        told = ((key, told.alert) for key, told in self._told.items() if told.alert.provisional)
        return [(key, alert) for key, alert in told if alert.rule == rule.name]

    def _foretold(self, rule: Rule, members: Sequence[Anomaly]) -> str | None:
        """The key of what was told early of one of these; None where there is nothing."""
        series = [(member.measure, member.dimensions) for member in members]
        early = (key for key, alert in self._early(rule) if (alert.measure, alert.dimensions) in series)
        return next(early, None)

    def save(self) -> tuple[dict[str, Told], Withheld]:
        """The state as it is stored."""
        return self._told, Withheld(self._waiting, self._snoozes.save())

    def load(self, told: Mapping[str, Told], withheld: Withheld) -> None:
        """Go on from a stored state; of what a rule that is gone has opened only the end is told."""
        self._told = dict(told)
        self._waiting = dict(withheld.groups)
        self._names |= {key.partition("|")[0] for key in (*told, *withheld.groups)}
        self._snoozes.load(withheld.snoozes)


def _summary(group: AnomalyGroup, members: Sequence[Anomaly], total: int) -> str:
    first = members[0]
    if first.direction == "stopped":
        return f"no events for {group.detector} any more, severity {first.severity:.0f}"
    said = anomaly_in_words(first) + (f"; {total - 1} more series with it" if total > 1 else "")
    if group.localised and group.elements != [first.dimensions]:
        said += f"; {elements_in_words(group.elements, group.share)}"
    if mostly := mostly_in_words(first.evidence):
        said += f"; {mostly}"
    cause = group.relations[0] if group.relations else None
    if cause is not None and cause.role == "cause" and cause.measure != first.measure:
        said += f"; it began with {cause.measure}"
    return said


def _overlap(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    """Whether one place holds the other."""
    return a.items() <= b.items() or b.items() <= a.items()


def _key(rule: str, group: AnomalyGroup) -> str:
    return f"{rule}|{group.id}"


def _is_news(now: Alert, told: Told) -> bool:
    """Whether a group has become so much worse that it is told of again, or what was early is confirmed."""
    return (
        told.alert.provisional
        or now.severity >= told.severity + WORSE_BY
        or now.members_total >= told.members * BROADER_BY
        or now.direction == "stopped" != told.alert.direction
    )


def _closed(last: Alert, group: AnomalyGroup) -> Alert:
    reason = group.reason or "over"
    lasted = duration_in_words(group.end - group.start)
    went = f", a {group.shape}" if group.shape is not None else ""
    alert = _ended(last, group.end, reason, f"{_ENDED[reason]} after {lasted}{went}: {last.summary}")
    return msgspec.structs.replace(
        alert,
        shape=group.shape,
        totals=group.totals,
        merged_into=group.merged_into,
        peak=group.primary.severity,
    )


def _ended(last: Alert, end: datetime, reason: Ending | Literal["withdrawn"], summary: str) -> Alert:
    return msgspec.structs.replace(
        last, kind="CLOSED", revision=last.revision + 1, summary=summary, end=end, reason=reason
    )

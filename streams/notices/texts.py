"""Notices for people: a line, a page of plain text, and a page of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from detectors.records import Alert, Recommendation, Relation
from detectors.words import (
    anomaly_in_words,
    duration_in_words,
    elements_in_words,
    extent_in_words,
    level_of,
    many,
    number,
    part_in_words,
    plain,
)
from streams.notices.notice import Notice

#: Of a section of a page; more are counted.
NAMED_LINES = 10
LONGEST_LINE = 1_000
NAMED_VALUES = 3

_MARKED = str.maketrans({c: f"\\{c}" for c in "\\`*_[]#|<>~"})
#: What Markdown makes a link or a mention of, though it is plain text: a space of no width prevents that.
_LINKED = re.compile(r"(?<=:)(?=//)|(?<=@)|(?<=www)(?=\.)", re.IGNORECASE)
#: What begins a list or a heading.
_LEADING = re.compile(r"^([-+=]|\d+[.)])")


def short(notice: Notice) -> str:
    """One line: for a pager, a text message, a subject."""
    return plain(f"{headline(notice.alert)}: {notice.alert.summary}", LONGEST_LINE)


def headline(alert: Alert) -> str:
    """What has happened, in a few words."""
    early = ", provisional" if alert.provisional else ""
    return f"{alert.kind} {alert.detector}/{alert.rule}, severity {alert.severity:.0f}{early}"


def long(notice: Notice) -> str:
    """A page of plain text."""
    alert = notice.alert
    parts = [f"{headline(alert)}\n{alert.summary}", "\n".join(_facts(notice))]
    for title, lines in sections(alert):
        parts.append("\n".join([f"{title}:", *(f"  {line}" for line in lines)]))
    return "\n\n".join(parts) + "\n"


def markdown(notice: Notice) -> str:
    """The same as Markdown; what strangers wrote stays text."""
    alert = notice.alert
    parts = [f"## {marked(headline(alert))}", marked(alert.summary)]
    parts.append("\n".join(f"- {marked(fact)}" for fact in _facts(notice, link=False)))
    for title, lines in sections(alert):
        parts.append("\n".join([f"**{title}**", "", *(f"- {marked(line)}" for line in lines)]))
    if notice.link is not None:
        parts.append(f"[Show it]({notice.link})")
    return "\n\n".join(parts) + "\n"


def marked(text: str) -> str:
    r"""A text with all that Markdown reads as its own made harmless.

    >>> marked("orders_total on [web](http)")
    'orders\\_total on \\[web\\](http)'
    """
    return _LINKED.sub("\u200b", _LEADING.sub(r"\\\1", plain(text, LONGEST_LINE).translate(_MARKED)))


def _facts(notice: Notice, link: bool = True) -> Iterator[str]:
    alert = notice.alert
    until = f" to {alert.end:%Y-%m-%d %H:%M}" if alert.end > alert.start else ""
    yield f"When: {alert.start:%Y-%m-%d %H:%M}{until} UTC ({duration_in_words(alert.end - alert.start)})"
    yield f"How much: {extent_in_words(alert.members_total, alert.breadth)}"
    yield f"How bad: {level_of(alert.severity)}"
    yield f"How sure: {alert.confidence:.0%}"
    if alert.reason is not None:
        yield f"How it ended: {alert.reason.replace('_', ' ')}"
    if alert.peak is not None:
        yield f"At its worst: severity {alert.peak:.0f}"
    for measure, total in alert.totals.items():
        yield f"In all: {number(abs(total))} {measure} {'too many' if total > 0 else 'missing'}"
    if alert.merged_into is not None:
        yield f"Goes on as: {alert.merged_into}"
    yield f"Incident: {alert.group}, revision {alert.revision}"
    if link and notice.link is not None:
        yield f"Shown at: {notice.link}"


def sections(alert: Alert) -> Iterator[tuple[str, list[str]]]:
    """What a page says under a title each; what there is nothing to say of is left out."""
    if alert.localised:
        yield "Where", [elements_in_words(alert.elements, alert.share), *map(part_in_words, alert.parts)]
    elif alert.contributions:
        yield "Where", ["not localised: no place is more unusual than one always is"]
    shares = [
        f"{contribution.measure} by {dimension}: {_shares(values)}"
        for contribution in alert.contributions
        for dimension, values in contribution.shares.items()
        if values
    ]
    if shares:
        yield "What contributes", _first(shares, len(shares))
    if relations := list(relations_in_words(alert.relations)):
        yield "Cause and effect", _first(relations, len(relations))
    yield "Series", _first([anomaly_in_words(member) for member in alert.members], alert.members_total)
    if alert.why:
        yield "Why", list(alert.why)
    if alert.advice:
        yield "What to do", [_advised(advice) for advice in alert.advice]


def _advised(advice: Recommendation) -> str:
    return advice.say if advice.runbook is None else f"{advice.say} See {advice.runbook}"


def _shares(values: dict[str, int]) -> str:
    named = list(values.items())[:NAMED_VALUES]
    more = f" and {len(values) - len(named)} more" if len(values) > len(named) else ""
    return ", ".join(f"{plain(value)} {share} %" for value, share in named) + more


def _first(lines: list[str], total: int) -> list[str]:
    named = lines[:NAMED_LINES]
    return named + ([f"and {total - len(named)} more"] if total > len(named) else [])


def relations_in_words(relations: Sequence[Relation]) -> Iterator[str]:
    """What the measures of an incident have to do with the first of them.

    >>> list(relations_in_words([Relation("views", "cause"), Relation("orders", "effect", 80, 2)]))
    ['views began it', 'orders follows from views, 80 % of it, 2 intervals later']
    """
    for relation in relations:
        first = relations[0].measure
        if relation.measure == first:
            if relation.role == "cause":
                yield f"{first} began it"
            continue
        said = "follows from" if relation.role == "effect" else "is off together with"
        share = "" if relation.share is None else f", {relation.share} % of it"
        when = "later" if relation.lag > 0 else "earlier"
        lag = f", {many(abs(relation.lag), 'interval')} {when}" if relation.lag else ""
        yield f"{relation.measure} {said} {first}{share}{lag}"

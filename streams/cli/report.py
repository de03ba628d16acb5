"""A backtest → a page that stands by itself: what was run, how good it is, and each incident, drawn.

It needs no network and no script. What strangers wrote is text in it wherever it stands: the template escapes
whatever is no Markup, and Markup is made here and in `drawings` alone, with its parts escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from detectors.config import Config, Detector
from detectors.episodes import Fit, Incident, Label, fit
from detectors.words import duration_in_iso, duration_in_words, many, number, place_in_words, plain
from streams.cli.backtest_run import Run
from streams.cli.drawings import Stretch, chart, strip
from streams.cli.stories import Stories, Story
from streams.cli.verdicts import AS_IT_IS, Tally, delay_in_words, what_if_rows
from streams.notices.texts import sections

#: Labels that were missed, of which there is a line each.
MISSED = 200
#: What one name of a series or summary is cut to.
LONGEST = 300

Row = tuple[str, ...]


class Reported(NamedTuple):
    """What a page tells of."""

    configuration: str
    what: Config
    source: str
    inputs: Sequence[str]
    run: Run
    known: Sequence[Label] | None
    stories: Stories


class Drawing(NamedTuple):
    """A series of a group, with its name."""

    name: str
    svg: Markup


class Told(NamedTuple):
    """A group as the page tells of it."""

    id: str
    severity: str
    when: str
    lasted: str
    summary: str
    #: Whether a label says that it happened; None where nothing is known.
    right: bool | None
    facts: Sequence[Row]
    sections: Sequence[tuple[str, Sequence[str]]]
    drawings: Sequence[Drawing]


def page(of: Reported, seconds: float) -> str:
    """The page; `seconds` is how long the backtest took."""
    run, tally = of.run, of.run.tally
    whole, brief = of.stories.finish()
    incidents = list(run.incidents)
    labels = None if of.known is None or not run.span else run.labels(of.known)
    fitting = None if labels is None else fit(incidents, labels)
    right = _right(incidents, fitting)
    titles, rows = what_if_rows(tally)
    marked = {AS_IT_IS, *({f"{_threshold(of.what):g}"} if _threshold(of.what) is not None else ())}
    missed = [] if labels is None or fitting is None else list(_missed(labels, fitting))
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("report.html").render(
        title=f"{of.configuration}: {', '.join(detector.name for detector in _detectors(of))}",
        about=list(_about(of, seconds)),
        refused=[(reason, f"{count:,}", plain(run.examples.get(reason, ""), LONGEST))
                 for reason, count in tally.refused.items()],
        judged=_judged(tally),
        kinds=[] if tally.judged is None else [
            (plain(kind), f"{found:,}", f"{count:,}")
            for kind, (found, count) in sorted(tally.judged.kinds.items())
        ],
        titles=titles,
        what_if=rows,
        marked=marked,
        strips=list(_strips(run, incidents, labels, fitting)),
        begins="" if run.first is None else _time(run.first),
        ends="" if run.last is None else _time(run.last),
        missed=missed[:MISSED],
        more_missed=max(0, len(missed) - MISSED),
        told=[_told(story, right, number) for number, story in enumerate(whole)],
        brief=[_told(story, right, None) for story in brief],
        others=of.stories.others,
        incidents=many(len(incidents), "group"),
    )  # fmt: skip


def _detectors(of: Reported) -> list[Detector]:
    return [detector for detector in of.what.detectors if detector.source == of.source]


def _threshold(what: Config) -> float | None:
    """From which severity on all rules tell; None where they differ."""
    asked = {rule.severity_threshold for rule in what.alerts}
    return asked.pop() if len(asked) == 1 else None


def _about(of: Reported, seconds: float) -> Iterator[Row]:
    run, tally = of.run, of.run.tally
    yield "configuration", of.configuration
    for detector in _detectors(of):
        measures = ", ".join(measure.name for measure in detector.measures)
        by = f" by {', '.join(detector.dimensions)}" if detector.dimensions else ""
        yield f"detector {detector.name}", f"{measures}{by}, every {duration_in_iso(detector.interval)}"
        for rule in of.what.rules_of(detector.name):
            yield f"rule {rule.name}", f"from severity {rule.severity_threshold:g} on"
    yield "input", ", ".join(plain(name) for name in of.inputs)
    if run.first is not None and run.last is not None:
        yield "period", f"{_time(run.first)} to {_time(run.last)} ({duration_in_words(run.span)})"
    yield "events", f"{tally.events:,}"
    yield "refused", f"{sum(tally.refused.values()):,}"
    yield "late", f"{tally.late:,}"
    yield "intervals", f"{tally.intervals:,}"
    yield "series", f"{tally.series:,}"
    yield "groups", f"{tally.groups:,}"
    yield "alerts", f"{tally.alerts:,}, of which {tally.opened:,} opened: {tally.alerts_a_day:.2g} a day"
    yield "took", f"{seconds:.1f} s"


def _judged(tally: Tally) -> list[Row]:
    """The few numbers that say how good it is."""
    judged = tally.judged
    if judged is None:
        return []
    told = [(f"{judged.incidents_a_day:.2g}", "incidents a day")]
    if judged.labels is not None:
        shares = ("precision", judged.precision), ("recall", judged.recall), ("F1", judged.f1)
        told += [("–" if share is None else f"{share:.2f}", name) for name, share in shares]
        told.append((f"{judged.found:,} of {judged.labels:,}", "labels found"))
        told.append((delay_in_words(judged.median_delay_seconds), "median delay"))
    return [*told]


def _right(incidents: Sequence[Incident], fitting: Fit | None) -> dict[str, bool]:
    """Group → whether a label says that it happened."""
    if fitting is None:
        return {}
    return {incident.group: n in fitting.right for n, incident in enumerate(incidents)}


def _strips(
    run: Run, incidents: Sequence[Incident], labels: Sequence[Label] | None, fitting: Fit | None
) -> Iterator[tuple[str, Markup]]:
    """What happened over what was told, on one line of time each."""
    if run.first is None or run.last is None:
        return
    if labels is not None and fitting is not None:
        stretches = [
            Stretch(label.start, label.end, delay is not None)
            for label, delay in zip(labels, fitting.delays, strict=True)
        ]
        yield "labelled", strip(0, "labelled", stretches, run.first, run.last)
    told = [
        Stretch(incident.start, incident.end, fitting is None or n in fitting.right)
        for n, incident in enumerate(incidents)
    ]
    yield "told", strip(1, "told", told, run.first, run.last)


def _missed(labels: Sequence[Label], fitting: Fit) -> Iterator[Row]:
    for label, delay in zip(labels, fitting.delays, strict=True):
        if delay is None:
            where = plain(f"{label.measure or 'any measure'}{place_in_words(label.dimensions)}", LONGEST)
            yield (
                _time(label.start),
                duration_in_words(label.end - label.start),
                where,
                plain(label.kind or ""),
            )


def _told(story: Story, right: dict[str, bool], number_of: int | None) -> Told:
    alert = story.alert
    # At its end it is known how much it was in all.
    last = story.closed or alert
    ended = "still going on when the files end" if last.reason is None else last.reason.replace("_", " ")
    facts = [
        ("detector", alert.detector),
        ("told by", ", ".join(story.rules)),
        ("from", _time(alert.start)),
        ("to", _time(story.end)),
        ("lasted", duration_in_words(story.end - alert.start)),
        ("told", _time(story.told)),
        ("severity", f"{story.severity:.0f}"),
        ("how sure", f"{alert.confidence:.0%}"),
        ("ended", ended),
        *(("in all", _in_all(measure, total)) for measure, total in last.totals.items()),
        ("group", alert.group),
    ]
    drawings = [
        Drawing(
            said := plain(f"{course.measure}{place_in_words(course.dimensions) or ', total'}", LONGEST),
            chart(f"g{number_of}c{n}", said, course.points, alert.start, story.end),
        )
        for n, course in enumerate(story.courses)
    ]
    return Told(
        alert.group,
        f"{story.severity:.0f}",
        _time(alert.start),
        duration_in_words(story.end - alert.start),
        plain(alert.summary, LONGEST),
        right.get(alert.group),
        facts,
        [] if number_of is None else [(title, lines) for title, lines in sections(alert)],
        drawings,
    )


def _in_all(measure: str, total: float) -> str:
    return f"{number(abs(total))} {measure} {'too many' if total > 0 else 'missing'}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M}Z"

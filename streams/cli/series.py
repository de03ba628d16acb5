"""`lookalive series`: one series of a backtest: its last scores, and what its model believes by then."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any
from urllib.parse import unquote

import click
import msgspec
from rich.console import Console
from rich.table import Table

from detectors import loading
from detectors.config import AlertRule, Config, ConfigError, Detector
from detectors.detection import Detection, Outcome
from detectors.models.base import Model
from detectors.models.beliefs import beliefs
from detectors.places import named, series_id
from detectors.records import JOINT, Alert, IntervalScores, Phase, Place, Score
from detectors.words import many, number
from streams import backup_files, backups
from streams.cli import configuration_option
from streams.cli.charts import Drawn, page
from streams.cli.past import replay
from streams.formats.vocabulary import nearest

_encode = msgspec.json.Encoder().encode

#: Scores that are printed, and at most drawn.
SHOWN, DRAWN = 12, 50_000
#: Beliefs that are tables of a season, and the parts in which people are told of it.
HOURS = tuple(f"{hour:02}h" for hour in range(24))
SEASONS = {"day": HOURS, "week": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}


class LastScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """A score, as it is printed."""

    interval_start: datetime
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    severity: float
    confidence: float
    phase: Phase
    held_by: str | None = None
    why: tuple[str, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """A series, what its model believes, and its last scores."""

    series: str
    detector: str
    measure: str
    dimensions: dict[str, str]
    model: str
    intervals: int
    alerts: int
    believes: dict[str, Any]
    last: list[LastScore]


@click.command(epilog="Example: lookalive series 'views{platform=app}' -c lookalive.toml --input past.csv")
@click.argument("series")
@configuration_option
@click.option(
    "--input",
    "inputs",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Past events, as of backtest. May be given again.",
)
@click.option(
    "--copy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Instead of events: a copy of what workers have learnt, by `lookalive state save`.",
)
@click.option("--detector", "detector_name", help="Whose series, where several have the measure.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Draw it to this file.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(
    *,
    series: str,
    configuration: Path,
    inputs: tuple[Path, ...],
    copy: Path | None,
    detector_name: str | None,
    html: Path | None,
    as_json: bool,
) -> None:
    """Show what a model believes about a series.

    SERIES is a measure, such as views for all of them, or one at a place, such as views{platform=app}. Files
    of past events are run through the configuration as by backtest, and shown is what is known in the end;
    a copy of the state shows what workers know, without scores. Exit status 1 when there is no such series.
    """
    if bool(inputs) == (copy is not None):
        message = "say from what: --input with past events, or --copy with what workers have learnt"
        raise click.UsageError(message)
    what = loading.load(configuration)
    measure, dimensions = _parsed(series)
    detector = _detector(what, measure, detector_name)
    place = _place(detector, dimensions)
    look = _Look(what, detector, measure, place)
    if copy is None:
        look.run(inputs)
        found = look.detection.model_of(detector.name, measure, place)
    else:
        found = _in_copy(what, detector, measure, place, copy)
    if found is None:
        known = f"; known: {', '.join(look.known[:10])}" if look.known else ""
        click.echo(f"no series {series_id(measure, dimensions)} there{known}", err=True)
        sys.exit(1)
    model, position = found
    seen = Seen(
        series=series_id(measure, dimensions),
        detector=detector.name,
        measure=measure,
        dimensions=dimensions,
        model=next(m.model for m in detector.measures if m.name == measure),
        intervals=look.intervals,
        alerts=len(look.alerts),
        believes=beliefs(model, position),
        last=[_last(score) for score in list(look.scores)[-SHOWN:]],
    )
    if html is not None:
        html.write_text(_page(seen, look), encoding="utf-8")
    if as_json:
        click.echo(_encode(seen))
    else:
        _present(seen)


def _parsed(series: str) -> tuple[str, dict[str, str]]:
    """Measure and dimensions of a series id; what its values escape is taken back.

    >>> _parsed("views{country=D%20E,platform=app}"), _parsed("views")
    (('views', {'country': 'D E', 'platform': 'app'}), ('views', {}))
    """
    measure, _, rest = series.strip().partition("{")
    pairs = [pair.partition("=") for pair in rest.removesuffix("}").split(",") if pair]
    if not all(equals for _, equals, _ in pairs) or (rest and not rest.endswith("}")):
        message = f"{series!r} is no series; expected one such as views or views{{platform=app,country=DE}}"
        raise ConfigError(message)
    return measure, {unquote(name.strip()): unquote(value) for name, _, value in pairs}


def _detector(what: Config, measure: str, name: str | None) -> Detector:
    having = [d for d in what.detectors if any(m.name == measure for m in d.measures)]
    if not having:
        measures = {m.name for d in what.detectors for m in d.measures}
        message = f"no measure {measure!r}; {nearest(measure, measures)}"
        raise ConfigError(message)
    if name is None and len(having) == 1:
        return having[0]
    found = [detector for detector in having if detector.name == name]
    if not found:
        message = f"--detector: name one of {', '.join(detector.name for detector in having)}"
        raise ConfigError(message)
    return found[0]


def _place(detector: Detector, dimensions: Mapping[str, str]) -> Place:
    for name in dimensions:
        if name not in detector.dimensions:
            message = (
                f"detector {detector.name!r} has no dimension {name!r}; {nearest(name, detector.dimensions)}"
            )
            raise ConfigError(message)
    return tuple(dimensions.get(name) for name in detector.dimensions)


class _Look:
    """A backtest that keeps what it says of one series."""

    def __init__(self, what: Config, detector: Detector, measure: str, place: Place) -> None:
        self._what, self._detector = what, detector
        self._key = measure, place
        self.detection = Detection(what)
        self.rules = what.rules_of(detector.name)
        self.intervals = 0
        self.scores: deque[Score] = deque(maxlen=DRAWN)
        #: Starts of intervals in which an alert opened that names the series.
        self.alerts: set[datetime] = set()
        #: Other series there are, by their ids.
        self.known: list[str] = []

    def run(self, inputs: Sequence[Path]) -> None:
        """Run the files through the detector."""
        # What cannot be read is for backtest to tell.
        for outcomes in replay(self._what, self._detector.source, self.detection, inputs, lambda *_: None):
            self._take(outcomes)

    def _take(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, IntervalScores) and outcome.detector == self._detector.name:
                self._look(outcome)
            elif isinstance(outcome, Alert) and outcome.kind == "OPENED":
                measure, place = self._key
                own = measure, named(self._detector.dimensions, place)
                if any((m.measure, m.dimensions) == own for m in outcome.members):
                    self.alerts.add(outcome.end - self._detector.interval)

    def _look(self, scores: IntervalScores) -> None:
        keys = list(zip(scores.measures, scores.places, strict=True))
        if self._key in keys:
            self.intervals += 1
            self.scores.append(scores.row(keys.index(self._key)))
        else:
            self.known = [
                series_id(measure, named(scores.dimensions, place))
                for measure, place in keys
                if measure != JOINT
            ]


def _in_copy(
    what: Config, detector: Detector, measure: str, place: Place, copy: Path
) -> tuple[Model, int] | None:
    """The model of a series as workers had it."""
    scorers = backups.scorers(what, detector.name, backup_files.read(copy))
    models = (scorer.model_of(measure, place) for scorer in scorers)
    return next((model for model in models if model is not None), None)


def _last(score: Score) -> LastScore:
    return LastScore(
        score.interval_start, score.value, score.expected, score.lower, score.upper,
        score.severity, score.confidence, score.phase, score.held_by, score.why,
    )  # fmt: skip


def _facts(seen: Seen) -> list[tuple[str, str]]:
    """What a model believes, in lines of text."""
    facts = {"model": seen.model}
    if seen.last:
        last = seen.last[-1]
        facts |= {"intervals": f"{seen.intervals:,}", "alerts": f"{seen.alerts:,}"}
        facts["confidence"] = f"{last.confidence:.2f}, {last.phase}"
    facts |= {name: _said(belief) for name, belief in seen.believes.items() if name not in SEASONS}
    for name, parts in SEASONS.items():
        if name in seen.believes:
            facts[f"usual of {name}"] = _season(seen.believes[name], parts)
    return list(facts.items())


def _season(table: Sequence[float | None], parts: Sequence[str]) -> str:
    """The mean of each part of a season."""
    each = len(table) // len(parts)
    said = []
    for n, name in enumerate(parts):
        known = [value for value in table[n * each : (n + 1) * each] if value is not None]
        said.append(f"{name} {number(fmean(known)) if known else '?'}")
    return ", ".join(said)


def _said(belief: object) -> str:
    match belief:
        case int() | float():
            return number(float(belief))
        case dict():
            return ", ".join(f"{name} {_said(part)}" for name, part in belief.items())
        case list() | tuple():
            return "  ".join(map(_said, belief))
        case None:
            return "nothing yet"
    return str(belief)


def _present(seen: Seen) -> None:
    console = Console()
    about = Table(box=None, show_header=False, title=seen.series, title_justify="left")
    for name, fact in _facts(seen):
        about.add_row(name, fact)
    console.print(about)
    if not seen.last:
        return
    last = Table(box=None)
    for title in ("interval", "value", "expected", "lower", "upper", "severity"):
        last.add_column(title, justify="right")
    for score in seen.last:
        cells = [number(value) for value in (score.value, score.expected, score.lower, score.upper)]
        last.add_row(f"{score.interval_start:%Y-%m-%d %H:%M}Z", *cells, f"{score.severity:.0f}")
    console.print(last)


def _page(seen: Seen, look: _Look) -> str:
    drawn = [
        Drawn(
            round(score.interval_start.timestamp() * 1000),
            f"{score.interval_start:%Y-%m-%d %H:%M}Z",
            score,
            score.interval_start in look.alerts,
            score.why,
        )
        for score in look.scores
    ]
    told = f"{many(seen.alerts, 'alert')} that name it"
    about = f"detector {seen.detector}, {many(seen.intervals, 'interval')}, {told}"
    rules = look.rules or [AlertRule("default", seen.detector)]
    threshold = min(rule.severity_threshold for rule in rules)
    return page(seen.series, about, drawn, threshold, _facts(seen))

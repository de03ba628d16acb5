"""`lookalive score`: any CSV file of one series → what was expected, and how unusual each value is."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec
from rich.console import Console
from rich.progress import track

from detectors.config import Calendar, Direction
from detectors.intervals import MILLISECOND
from detectors.models import MODELS
from detectors.models.base import Moment
from detectors.one_series import OneSeries
from detectors.records import Score, utc
from detectors.words import duration_in_iso, many, number
from streams.cli.charts import Drawn, page
from streams.cli.occasions import HolidaysOf, Occasions
from streams.cli.written import check_written
from streams.csv_files.reading import read_table
from streams.csv_files.series import MONTH, Aggregation, Point, SeriesFile, points, read_series

FIELDS = ("timestamp", "value", "expected", "lower", "upper", "severity", "confidence", "phase", "alert")
#: Rows that could not be read and alerts that are shown; the rest is counted.
SHOWN = 10
#: Limits are given measure by measure.
CHOICES = [name for name in MODELS if name != "static"]
#: Fewer points need no progress bar.
LONG = 5_000
#: The one length of time that is not always as long.
MONTHLY = "P1M"


class OpenedAlert(msgspec.Struct, frozen=True):
    """An alert, as it is printed."""

    timestamp: str
    value: float | None
    expected: float | None
    severity: float
    confidence: float
    #: How unusual that is, and in which way, in words.
    why: tuple[str, ...]


class Summary(msgspec.Struct):
    """What was read and what was found."""

    file: str
    time_column: str
    value_column: str
    interval: str
    rows: int
    refused: int
    #: Intervals of which there is no row.
    missing: int
    alerts: list[OpenedAlert]


class Scored(NamedTuple):
    """A row with its score."""

    timestamp: str
    value: float
    score: Score
    alert: bool
    #: How unusual that is, and in which way, in words.
    why: tuple[str, ...]
    #: When that is by the clock on the wall, in milliseconds.
    time: int


class Duration(click.ParamType):
    """A length of time as in the configuration, or `auto`."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | None:
        """Read it."""
        if isinstance(value, timedelta) or value == "auto":
            return None if isinstance(value, str) else value
        if value == MONTHLY:
            return MONTH
        try:
            length = msgspec.convert(value, timedelta)
        except msgspec.ValidationError:
            self.fail(
                f"{value!r} is no length of time; expected one such as PT5M, PT1H, P1D, P1M, or auto",
                param,
                ctx,
            )
        if length < timedelta(milliseconds=1):
            self.fail(f"{value!r} is less than a millisecond; expected one such as PT5M", param, ctx)
        return length


class Zone(click.ParamType):
    """A time zone by its name."""

    name = "zone"

    def convert(
        self, value: str | ZoneInfo, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        """Find it."""
        if isinstance(value, ZoneInfo):
            return value
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.fail(f"no time zone {value!r}; expected a name such as Europe/Berlin or UTC", param, ctx)


@click.command(epilog="Example: lookalive score requests.csv --html requests.html -o scored.csv")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the rows; without it, to standard output.",
)
@click.option("--time-column", metavar="NAME", help="The column of times, by its name or number.")
@click.option("--value-column", metavar="NAME", help="The column of values, by its name or number.")
@click.option(
    "--interval",
    type=Duration(),
    default="auto",
    show_default=True,
    help="How far values are apart, such as PT5M. Rows that are closer are joined.",
)
@click.option(
    "--aggregation",
    type=click.Choice(["mean", "sum"]),
    default="mean",
    show_default=True,
    help="How rows of an interval are joined.",
)
@click.option(
    "--timezone",
    type=Zone(),
    metavar="NAME",
    help="Where days are days, such as Europe/Berlin. Without it times are taken as they are written.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 100),
    default=70.0,
    show_default=True,
    help="From which severity on an alert opens.",
)
@click.option(
    "--direction",
    type=click.Choice(["both", "above", "below"]),
    default="both",
    show_default=True,
    help="On which side of what was expected alerts open.",
)
@click.option(
    "--holidays",
    type=HolidaysOf(),
    metavar="COUNTRY",
    help="Public holidays that are expected: of DE, or of its part DE-BY.",
)
@click.option("--trade-days", is_flag=True, help="Days such as Black Friday are expected.")
@click.option(
    "--calendar",
    "calendars",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="An iCalendar file whose events are expected. May be given again.",
)
@click.option(
    "--model", type=click.Choice(CHOICES), default="seasonal", show_default=True, help="What forecasts."
)
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Draw it all to this file.")
@click.option("--json", "as_json", is_flag=True, help="What was found as one JSON object on standard output.")
def command(
    *,
    file: Path,
    output: Path | None,
    time_column: str | None,
    value_column: str | None,
    interval: timedelta | None,
    aggregation: Aggregation,
    timezone: ZoneInfo | None,
    threshold: float,
    direction: Direction,
    holidays: Calendar | None,
    trade_days: bool,
    calendars: tuple[Path, ...],
    model: str,
    html: Path | None,
    as_json: bool,
) -> None:
    """Score a CSV file of one series: what was expected, and how unusual each value is.

    Columns, separators, header, times and interval are found out; `-` reads standard input, .gz is
    unpacked. What comes out has a row for each row that could be read, in the same order: timestamp, value,
    expected, lower, upper, severity, confidence, phase, alert. alert is 1 where an alert opens. A value that
    is empty is missing. Rows that cannot be read are named and passed over. Exit status 1 when no row could
    be used.
    """
    check_written([file, *calendars], output, html)
    occasions = Occasions(holidays, calendars, timezone, trade_days=trade_days)
    series = read_series(read_table(file), time_column, value_column, interval, timezone)
    _complain(series)
    if not series.samples:
        sys.exit(1)
    one = OneSeries(series.interval, threshold, model, direction)
    scored, missing = _score(series, one, occasions, aggregation)
    summary = Summary(
        file=series.name,
        time_column=series.time_column,
        value_column=series.value_column,
        interval=_apart(series),
        rows=len(scored),
        refused=len(series.refused),
        missing=missing,
        alerts=[
            OpenedAlert(row.timestamp, s.value, s.expected, s.severity, s.confidence, row.why)
            for row in scored
            if row.alert and (s := row.score)
        ],
    )
    if output is not None and str(output) != "-":
        with output.open("w", newline="", encoding="utf-8") as out:
            _write(scored, out)
    elif not as_json:
        _write(scored, click.get_text_stream("stdout"))
    if html is not None:
        html.write_text(_page(series, summary, _drawn(scored), threshold), encoding="utf-8")
    if as_json:
        click.echo(msgspec.json.encode(summary))
    else:
        _tell(summary)
        if all(row.score.phase == "learning" for row in scored):
            _say("nothing is judged yet: the first 16 values are only learnt")


def _score(
    series: SeriesFile, one: OneSeries, occasions: Occasions, aggregation: Aggregation
) -> tuple[list[Scored], int]:
    """Every sample with the score of its point; and how many points had none.

    No alert opens where there is no row: files have gaps for all kinds of reasons.
    """
    scored: list[Scored | None] = [None] * len(series.samples)
    missing = 0
    length = series.interval // MILLISECOND
    for point in _tracked(list(points(series, aggregation))):
        known = occasions.during(point.time, length)
        start, moment = utc(point.time.ms), Moment(point.second_of_week, special=bool(known))
        if not point.samples:
            one.pass_over(start, moment)
            missing += 1
            continue
        score, alert = one.score(start, moment, point.value)
        why = (*score.why, f"a time unlike others: {', '.join(known)}") if known else score.why
        for n in point.samples[:1] if series.joined else point.samples:
            sample = series.samples[n]
            value = point.value if series.joined else sample.value
            opens = alert is not None and n == point.samples[0]
            scored[n] = Scored(sample.timestamp, value, score, opens, why, point.time.clock)
    return [row for row in scored if row is not None], missing


def _tracked(things: list[Point]) -> Iterable[Point]:
    console = Console(stderr=True)
    return track(
        things,
        "scoring",
        console=console,
        transient=True,
        disable=len(things) < LONG or not console.is_terminal,
    )


def _write(scored: list[Scored], out: IO[str]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(_cells(row) for row in scored)


def _cells(row: Scored) -> tuple[object, ...]:
    score = row.score
    return (
        row.timestamp, _said(row.value), _short(score.expected), _short(score.lower), _short(score.upper),
        score.severity, score.confidence, score.phase, int(row.alert),
    )  # fmt: skip


def _said(value: float) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _short(value: float | None) -> str:
    return "" if value is None else _said(float(f"{value:.7g}"))


def _complain(series: SeriesFile) -> None:
    """Say what could not be read, and what had to be guessed."""
    for refused in series.refused[:SHOWN]:
        _say(f"{series.name}: line {refused.line}: {refused.why}; passed over")
    if len(series.refused) > SHOWN:
        _say(f"{series.name}: {many(len(series.refused) - SHOWN, 'more row')} passed over")
    apart = _apart(series)
    if series.counted:
        _say(f"{series.name}: no column has times: rows are taken to be {apart} apart, or as --interval says")
    elif not series.regular:
        _say(
            f"{series.name}: rows come at no regular interval, about {apart} apart: each is scored by itself "
            "and no gap is looked for; --interval joins them"
        )


def _apart(series: SeriesFile) -> str:
    return MONTHLY if series.interval == MONTH else duration_in_iso(series.interval)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _tell(summary: Summary) -> None:
    refused = f", {summary.refused:,} passed over" if summary.refused else ""
    missing = f", {many(summary.missing, 'interval')} without a row" if summary.missing else ""
    _say(f"{many(summary.rows, 'row')} of {summary.value_column} every {summary.interval}{refused}{missing}")
    for alert in summary.alerts[:SHOWN]:
        said = f"{number(alert.value)}, expected {number(alert.expected)}"
        way = f": {alert.why[1]}" if len(alert.why) > 1 else ""
        _say(f"{alert.timestamp}  {said}, severity {alert.severity:.0f}{way}")
    if len(summary.alerts) > SHOWN:
        _say(many(len(summary.alerts) - SHOWN, "more alert"))
    if not summary.alerts:
        _say("no alert")


def _drawn(scored: list[Scored]) -> list[Drawn]:
    return [
        Drawn(row.time, row.timestamp, row.score, row.alert, row.why)
        for row in sorted(scored, key=lambda row: row.time)
    ]


def _page(series: SeriesFile, summary: Summary, drawn: list[Drawn], threshold: float) -> str:
    about = (
        f"{many(summary.rows, 'row')} of {summary.value_column} every {summary.interval}, "
        f"{many(len(summary.alerts), 'alert')} from severity {threshold:g} on"
    )
    return page(series.name, about, drawn, threshold, counted=series.counted)

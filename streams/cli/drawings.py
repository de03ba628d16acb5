"""Drawings that need no script: points of a series, and stretches of time → SVG that stands in a page.

`charts` draws what one looks into, with a script. These are read, and printed: they are as large as their
place, take their colours from the page, and say in words what they show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from detectors.words import many, number
from streams.cli.charts import Drawn

#: In the units of a drawing, which are about pixels where there is room for three beside each other.
WIDTH, HEIGHT = 380, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 6, 8, 20
#: Of a strip; what is narrower than a unit could not be seen.
LONG, LEAST = 1000.0, 1.5
#: A band that is far wider than the values shall not make them small.
REACH = 0.6


class Stretch(NamedTuple):
    """A stretch of time, and whether it is as it should be."""

    start: datetime
    end: datetime
    well: bool


def strip(number_of: int, name: str, stretches: Sequence[Stretch], start: datetime, end: datetime) -> Markup:
    """A line of time with stretches on it; those that cannot be told apart are drawn as one."""
    whole = max((end - start).total_seconds(), 1.0)
    drawn: list[Markup] = []
    for well in (True, False):
        spans = [
            (
                max(0.0, LONG * (each.start - start).total_seconds() / whole),
                min(LONG, LONG * (each.end - start).total_seconds() / whole),
            )
            for each in stretches
            if each.well == well
        ]
        for left, right in _joined(sorted(spans)):
            shape = Markup('<rect class="{}" x="{:.1f}" y="0" width="{:.1f}" height="20"/>')
            drawn.append(shape.format("well" if well else "not", left, right - left))
    said = f"{len(stretches):,} from {start:%Y-%m-%d} to {end:%Y-%m-%d}"
    head = Markup(
        '<svg class="strip" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img"'
        ' aria-labelledby="s{0}t s{0}d"><title id="s{0}t">{1}</title><desc id="s{0}d">{2}</desc>'
    ).format(number_of, name, said)
    return head + Markup("").join(drawn) + Markup("</svg>")


def _joined(spans: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Sorted stretches, each wide enough to be seen, joined where they touch."""
    left, right = None, 0.0
    for start, end in spans:
        seen = max(end, start + LEAST)
        if left is not None and start <= right + LEAST / 2:
            right = max(right, seen)
            continue
        if left is not None:
            yield left, right
        left, right = start, seen
    if left is not None:
        yield left, right


def chart(id_: str, name: str, points: Sequence[Drawn], start: datetime, end: datetime) -> Markup:
    """Points around a group that lasted from `start` to `end`: values, what was expected, and the band."""
    plot = _Plot(points)
    off = [point for point in points if point.alert]
    said = f"{many(len(points), 'interval')} from {points[0].label} to {points[-1].label}"
    if off:
        worst = max(off, key=lambda point: point.score.severity)
        came, meant = number(worst.score.value), number(worst.score.expected)
        said += (
            f", {len(off):,} of them anomalous; the most severe at {worst.label}: {came}, expected {meant}"
        )
    shapes = [
        plot.during(start, end),
        *plot.frame(),
        *plot.bands(),
        *plot.line("expected", [point.score.expected for point in points]),
        *plot.line("actual", [point.score.value for point in points]),
        *plot.marks(),
    ]
    head = Markup(
        '<svg class="chart" viewBox="0 0 {1} {2}" role="img" aria-labelledby="{0}t {0}d">'
        '<title id="{0}t">{3}</title><desc id="{0}d">{4}</desc>'
    ).format(id_, WIDTH, HEIGHT, name, said)
    return head + Markup("").join(shapes) + Markup("</svg>")


class _Plot:
    """Where in a drawing times and values are."""

    def __init__(self, points: Sequence[Drawn]) -> None:
        self._points = points
        self._first, self._last = points[0].time, points[-1].time
        self._low, self._high = _range(points)

    def _x(self, time: float) -> float:
        share = (time - self._first) / max(self._last - self._first, 1)
        return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def _y(self, value: float) -> float:
        share = (value - self._low) / (self._high - self._low)
        return HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)

    def _at(self, point: Drawn, value: float) -> str:
        return f"{self._x(point.time):.1f},{self._y(value):.1f}"

    def during(self, start: datetime, end: datetime) -> Markup:
        """The ground of the group itself."""
        left, right = self._x(start.timestamp() * 1000), self._x(end.timestamp() * 1000)
        shape = Markup('<rect class="during" x="{:.1f}" y="{}" width="{:.1f}" height="{}"/>')
        return shape.format(left, TOP, max(right - left, LEAST), HEIGHT - TOP - BOTTOM)

    def frame(self) -> Iterator[Markup]:
        """Lines at the least, the middle and the greatest value, and when it begins and ends."""
        for value in (self._low, (self._low + self._high) / 2, self._high):
            y = self._y(value)
            yield Markup('<path class="rule" d="M{},{:.1f}H{}"/>').format(LEFT, y, WIDTH - RIGHT)
            yield Markup('<text x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
                LEFT - 4, y + 4, _short(value)
            )
        for x, anchor, time in ((LEFT, "start", self._first), (WIDTH - RIGHT, "end", self._last)):
            shown = f"{datetime.fromtimestamp(time / 1000, tz=UTC):%b %d, %H:%M}"
            yield Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
                x, HEIGHT - 5, anchor, shown
            )

    def bands(self) -> Iterator[Markup]:
        """What is ordinary, where it is known."""
        for known, stretch in groupby(self._points, key=lambda point: None not in _band(point)):
            inside = list(stretch)
            if known:
                above = [self._at(point, point.score.upper or 0.0) for point in inside]
                below = [self._at(point, point.score.lower or 0.0) for point in reversed(inside)]
                yield Markup('<path class="band" d="M{}Z"/>').format("L".join(above + below))

    def line(self, name: str, values: Sequence[float | None]) -> Iterator[Markup]:
        """A line through values, with gaps where there are none."""
        together = zip(self._points, values, strict=True)
        for known, stretch in groupby(together, key=lambda pair: pair[1] is not None):
            if known:
                through = [self._at(point, value or 0.0) for point, value in stretch]
                # One value alone is a dot, which a line of no length shows by its round ends.
                yield Markup('<path class="{}" d="M{}"/>').format(name, "L".join([*through, through[-1]]))

    def marks(self) -> Iterator[Markup]:
        """What was anomalous; pointing at it says what it was. One without a value is marked below."""
        for point in self._points:
            if point.alert:
                score = point.score
                y = HEIGHT - BOTTOM if score.value is None else self._y(score.value)
                said = f"{point.label}: {number(score.value)}, expected {number(score.expected)}"
                yield Markup(
                    '<circle cx="{:.1f}" cy="{:.1f}" r="3"><title>{}, severity {:.0f}</title></circle>'
                ).format(self._x(point.time), y, said, score.severity)


def _band(point: Drawn) -> tuple[float | None, float | None]:
    return point.score.lower, point.score.upper


def _range(points: Sequence[Drawn]) -> tuple[float, float]:
    """From which value to which a drawing goes: all values, and bands as far as they are near these."""
    values = [value for p in points for value in (p.score.value, p.score.expected) if value is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    reach = REACH * ((high - low) or abs(high) or 1.0)
    bounds = [
        min(max(bound, low - reach), high + reach) for p in points for bound in _band(p) if bound is not None
    ]
    low, high = min([low, *bounds]), max([high, *bounds])
    if 0 <= low < high / 2:
        # Whether something fell to a half or to nothing is seen where there is a zero.
        low = 0.0
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _short(value: float) -> str:
    """A number for an axis.

    >>> _short(1234567.0), _short(1530.0), _short(0.25)
    ('1.23M', '1.53k', '0.25')
    """
    for unit, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"

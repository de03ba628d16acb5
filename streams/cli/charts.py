"""Charts: a scored series → one HTML file with everything in it, which asks for nothing from anywhere.

What strangers wrote (names, timestamps) is only ever data in it: JSON without `<`, shown as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import msgspec

from detectors.records import Score
from detectors.words import plain

PAGE = Path(__file__).with_name("chart.html")
#: More points than a screen can show are thinned out.
MOST_POINTS = 60_000


@dataclass(frozen=True)
class Drawn:
    """A point of a chart."""

    #: Milliseconds, as the clock on the wall shows them.
    time: int
    label: str
    score: Score
    alert: bool
    #: How unusual that is, and in which way, in words.
    why: tuple[str, ...] = ()


class _Data(msgspec.Struct):
    title: str
    about: str
    threshold: float
    counted: bool
    facts: list[tuple[str, str]]
    times: list[int]
    labels: list[str]
    value: list[float | None]
    expected: list[float | None]
    lower: list[float | None]
    upper: list[float | None]
    severity: list[float]
    alerts: list[int]
    #: Of each alert.
    why: list[str]


def page(
    title: str,
    about: str,
    drawn: Sequence[Drawn],
    threshold: float,
    facts: Sequence[tuple[str, str]] = (),
    *,
    counted: bool = False,
) -> str:
    """The page; `counted` says that times only number the points."""
    points = thinned(drawn)
    data = _Data(
        title=plain(title),
        about=plain(about, longest=1000),
        threshold=threshold,
        counted=counted,
        facts=list(facts),
        times=[point.time for point in points],
        labels=[plain(point.label) for point in points],
        value=[_short(point.score.value) for point in points],
        expected=[_short(point.score.expected) for point in points],
        lower=[_short(point.score.lower) for point in points],
        upper=[_short(point.score.upper) for point in points],
        severity=[point.score.severity for point in points],
        alerts=[n for n, point in enumerate(points) if point.alert],
        why=[plain("; ".join(point.why), longest=1000) for point in points if point.alert],
    )
    # In a script element nothing ends it but `</`, and `<!--` would hide its end.
    json = msgspec.json.encode(data).decode().replace("<", "\\u003c")
    title_in, data_in = "{{title}}", "{{data}}"
    before, after = PAGE.read_text(encoding="utf-8").split(data_in)
    return before.replace(title_in, escape(data.title)) + json + after


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def thinned(drawn: Sequence[Drawn], most: int | None = None) -> Sequence[Drawn]:
    """Of each stretch the least and the greatest value, the most severe one, and all alerts."""
    most = MOST_POINTS if most is None else most
    if len(drawn) <= most:
        return drawn
    stretch = 3 * len(drawn) // most + 1
    kept = set[int]()
    for start in range(0, len(drawn), stretch):
        positions = range(start, min(start + stretch, len(drawn)))
        known = [(value, n) for n in positions if (value := drawn[n].score.value) is not None]
        if known:
            kept |= {min(known)[1], max(known)[1]}
        kept.add(max(positions, key=lambda n: drawn[n].score.severity))
        kept.update(n for n in positions if drawn[n].alert)
    return [drawn[n] for n in sorted(kept)]

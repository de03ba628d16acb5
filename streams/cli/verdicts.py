"""What a backtest came to: the tally, and tables of it for people."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from rich.table import Table

from detectors.episodes import Judgement
from detectors.words import duration_in_words

#: The row of what is configured.
AS_IT_IS = "as it is"


class Threshold(msgspec.Struct, frozen=True):
    """What there would have been, had alerts opened from this severity on."""

    severity: float
    judged: Judgement


class Tally(msgspec.Struct):
    """What a backtest came to."""

    events: int = 0
    refused: dict[str, int] = {}
    late: int = 0
    intervals: int = 0
    #: At most at once.
    series: int = 0
    groups: int = 0
    alerts: int = 0
    #: Of the alerts, those that open: what someone is called for.
    opened: int = 0
    alerts_a_day: float = 0.0
    #: The alerts as they are configured, then at other thresholds; with labels, how good they are.
    judged: Judgement | None = None
    what_if: list[Threshold] = []


def tally_table(tally: Tally) -> Table:
    """What went in and what came out."""
    table = Table(box=None, show_header=False)
    reasons = ", ".join(f"{reason} {n}" for reason, n in tally.refused.items())
    rows = {
        "events": (tally.events, ""),
        "refused": (sum(tally.refused.values()), reasons),
        "late": (tally.late, ""),
        "intervals": (tally.intervals, ""),
        "series": (tally.series, ""),
        "groups": (tally.groups, ""),
        "alerts": (tally.alerts, f"{tally.opened:,} opened, {tally.alerts_a_day:.2g} a day"),
    }
    for what, (count, why) in rows.items():
        table.add_row(what, f"{count:,}", why)
    judged = tally.judged
    if judged is not None and judged.kinds:
        for kind, (found, of) in sorted(judged.kinds.items()):
            table.add_row(f"found of {kind}", f"{found}", f"of {of}")
    return table


def what_if_table(tally: Tally) -> Table:
    """How good the alerts are as they are configured, and what they would be at other thresholds."""
    table = Table(title="What if alerts opened from this severity on", title_justify="left", box=None)
    titles, rows = what_if_rows(tally)
    for title in titles:
        table.add_column(title, justify="right")
    for cells in rows:
        table.add_row(*cells)
    return table


def what_if_rows(tally: Tally) -> tuple[list[str], list[list[str]]]:
    """The same in words: the titles of columns, and the rows, the first of which is what is configured."""
    judgements = [(f"{row.severity:g}", row.judged) for row in tally.what_if]
    if tally.judged is not None:
        judgements.insert(0, (AS_IT_IS, tally.judged))
    titles = ["severity", "incidents", "a day"]
    if any(judged.labels is not None for _, judged in judgements):
        titles += ["found", "precision", "recall", "F1", "median delay"]
    return titles, [[name, *_cells(judged)] for name, judged in judgements]


def _cells(judged: Judgement) -> list[str]:
    cells = [f"{judged.incidents:,}", f"{judged.incidents_a_day:.2g}"]
    if judged.labels is not None:
        cells += [
            f"{judged.found:,} of {judged.labels:,}",
            *(_share(share) for share in (judged.precision, judged.recall, judged.f1)),
            delay_in_words(judged.median_delay_seconds),
        ]
    return cells


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"


def delay_in_words(seconds: float | None) -> str:
    """How late something was found."""
    return "–" if seconds is None else duration_in_words(timedelta(seconds=seconds))

"""What a backtest came to: the tally, and tables of it for people."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from rich.table import Table

from detectors.episodes import Judgement
from detectors.words import duration_in_words


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
    groups: int = 0
    alerts: int = 0
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
        "groups": (tally.groups, ""),
        "alerts": (tally.alerts, ""),
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
    judgements = [(f"{row.severity:g}", row.judged) for row in tally.what_if]
    if tally.judged is not None:
        judgements.insert(0, ("as it is", tally.judged))
    has_labels = any(judged.labels is not None for _, judged in judgements)
    titles = ["severity", "incidents", "a day"]
    if has_labels:
        titles += ["found", "precision", "recall", "F1", "median delay"]
    for title in titles:
        table.add_column(title, justify="right")
    for name, judged in judgements:
        cells = [name, f"{judged.incidents:,}", f"{judged.incidents_a_day:.2g}"]
        if judged.labels is not None:
            cells += [
                f"{judged.found:,} of {judged.labels:,}",
                *(_share(share) for share in (judged.precision, judged.recall, judged.f1)),
                _delay(judged.median_delay_seconds),
            ]
        table.add_row(*cells)
    return table


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.2f}"


def _delay(seconds: float | None) -> str:
    return "–" if seconds is None else duration_in_words(timedelta(seconds=seconds))

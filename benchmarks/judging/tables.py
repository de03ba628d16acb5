"""Results → tables for people: all contestants beside each other, then each of ours by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from benchmarks.judging.results import Contestant, Found, Nab, Streams
from detectors.models import MODELS

UNKNOWN = ""


def tables(contestants: Sequence[Contestant]) -> Iterator[Table]:
    """The comparison, and of each of our models what it finds where."""
    yield _comparison(contestants)
    for contestant in contestants:
        if contestant.name not in MODELS:
            continue
        if contestant.streams is not None:
            yield _families(f"{contestant.name}: families, severity 70", contestant.streams)
            yield _kinds(f"{contestant.name}: kinds of fault, severity 70", contestant.streams)
            yield _thresholds(f"{contestant.name}: thresholds", contestant.streams)
        if contestant.calibration is not None:
            yield _calibration(contestant)


def _comparison(contestants: Sequence[Contestant]) -> Table:
    table = Table(
        "", "streams: F1", "false a week", "F1, threshold chosen", "e-commerce: F1", "F1, threshold chosen",
        "NAB", "low FP", "low FN", "NAB at 70", "µs a point", "of 10,000 series", "bytes a series",
    )  # fmt: skip
    for contestant in contestants:
        streams, shop, nab, cost = contestant.streams, contestant.ecommerce, contestant.nab, contestant.cost
        table.add_row(
            contestant.name,
            *(
                (_number(streams.default.f1, 3), _number(streams.default.false_a_week, 3))
                if streams
                else "  "
            ),
            _chosen(streams),
            _number(shop.default.f1 if shop else None, 3),
            _chosen(shop),
            *(_number(number, 1) for number in (_nab(nab) if nab else (None,) * 4)),
            _number(cost.one_series if cost else None, 1),
            _number(cost.many_series if cost else None, 2),
            _number(cost.bytes_a_series if cost else None, 0),
        )
    return table


def _nab(nab: Nab) -> tuple[float | None, ...]:
    return nab.standard, nab.low_fp, nab.low_fn, nab.default


def _chosen(streams: Streams | None) -> str:
    return f"{streams.tuned.f1:.3f} at {streams.tuned.threshold:g}" if streams else UNKNOWN


def _number(number: float | None, digits: int) -> str:
    return UNKNOWN if number is None else f"{number:,.{digits}f}"


def _found(found: Found) -> list[str]:
    shares = (found.precision, found.recall, found.f1, found.false_a_week)
    return [str(found.episodes), *(_number(share, 3) for share in shares)]


def _families(title: str, streams: Streams) -> Table:
    table = Table("family", "episodes", "precision", "recall", "F1", "false a week", title=title)
    for family, found in streams.by_family.items():
        table.add_row(family, *_found(found))
    table.add_row("all", *_found(streams.default))
    return table


def _kinds(title: str, streams: Streams) -> Table:
    table = Table("kind", "found", "of", "recall", "median delay, intervals", title=title)
    for name, kind in streams.by_kind.items():
        recall = _number(kind.found / kind.of, 3)
        table.add_row(name, str(kind.found), str(kind.of), recall, _number(kind.delay, 1))
    return table


def _thresholds(title: str, streams: Streams) -> Table:
    table = Table("threshold", "episodes", "precision", "recall", "F1", "false a week", title=title)
    for found in streams.by_threshold:
        table.add_row(f"{found.threshold:g}", *_found(found))
    return table


def _calibration(contestant: Contestant) -> Table:
    title = f"{contestant.name}: false episodes a series-week where nothing is wrong"
    table = Table(
        "family", "interval", "severity", "promised", "from day 3", "times", "", "days 1–2", title=title
    )
    for kept in sorted(contestant.calibration or [], key=lambda kept: kept.severity):
        table.add_row(
            kept.family, f"{kept.interval_seconds} s", f"{kept.severity:g}", f"{kept.promised:g}",
            _number(kept.later, 3), _number(kept.factor, 1), "" if kept.is_kept else "✗",
            _number(kept.first_days, 2),
        )  # fmt: skip
    return table

"""How a source goes on in time: interval, lateness and clock, from the times of its sample.

Rows that were added up elsewhere come at the same times, one of each leaf: they say their interval
themselves. Of events there must be several a leaf in an interval for a model to learn anything of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import Literal

from detectors.intervals import MILLISECOND
from detectors.words import duration_in_words, number
from streams.csv_files.series import REGULAR, USUAL
from streams.inferring.chosen import FEW, Chosen, at_most
from streams.inferring.fields import Column, Fields

DAY = timedelta(days=1)
SHORTEST, LONGEST = timedelta(minutes=5), DAY
#: Lengths that people choose for events, of which one is taken that gives a leaf so many of them.
LENGTHS = [timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 360)] + [DAY]
ENOUGH = 5
#: Rows are of one interval each if so few leaves have two at a time.
ALONE = 0.99
#: What an interval waits at least.
LEAST_LATENESS = timedelta(seconds=10)
#: One record in so many may be late, where waiting for it would cost more than an interval.
MAY_BE_LATE = 1_000
#: Records that are about now reach the broker within this, and may be ahead of it by as much.
NEAR = timedelta(minutes=5)

Clock = Literal["wall", "event"]


@dataclass(frozen=True)
class Spacing:
    """How far the times are apart that records have, if that is nearly always the same."""

    step: timedelta | None
    #: The share of the distances that are like it.
    regular: float = 0.0
    #: Whether each leaf has one record at a time: then they are rows that were added up elsewhere.
    alone: bool = False


def find_spacing(fields: Fields, times: Sequence[int | None], dimensions: Sequence[Column]) -> Spacing:
    """How far times are apart, and whether each leaf has one record at a time."""
    known = sorted({time for time in times if time is not None})
    if len(known) < 3:
        return Spacing(None)
    step, often = Counter(b - a for a, b in pairwise(known)).most_common(1)[0]
    regular = often / (len(known) - 1)
    if regular < REGULAR or step < 1_000:
        return Spacing(None)
    leaves = zip(times, *(column.texts(fields.count) for column in dimensions), strict=True)
    alone = len(set(leaves)) / fields.count
    return Spacing(step * MILLISECOND, regular, alone >= ALONE)


def choose_interval(
    spacing: Spacing, times: Sequence[int | None], fields: Fields, totals: Sequence[int], leaves: int
) -> Chosen[timedelta]:
    """The length of an interval, which divides a day."""
    if spacing.step is not None and spacing.alone:
        return _of_rows(spacing.step, spacing.regular, fields.count)
    known = [time for time in times if time is not None]
    span = (max(known) - min(known)) * MILLISECOND if known else timedelta(0)
    rate = sum(_rates(times, fields, totals))
    if not rate or len(known) < FEW:
        return Chosen(SHORTEST, "low", "there are too few records to tell how fast they come")
    a_second = rate / leaves
    # Times that are rounded say nothing of what is shorter than they are apart.
    lengths = [one for one in LENGTHS if spacing.step is None or one >= spacing.step]
    length = next((one for one in lengths if one.total_seconds() * a_second >= ENOUGH), LONGEST)
    each = number(length.total_seconds() * a_second)
    why = f"some {number(rate * 60)} events a minute are {each} in an interval for each of {leaves:,} leaves"
    if length.total_seconds() * a_second < ENOUGH:
        return Chosen(length, "low", f"{why}, which is little: fewer dimensions would help")
    if span < 2 * length:
        return Chosen(length, "low", f"{why}; but the sample is only {duration_in_words(span)} long")
    return Chosen(
        length, "high" if span >= DAY else "medium", f"{why}; the sample is {duration_in_words(span)} long"
    )


def _rates(times: Sequence[int | None], fields: Fields, totals: Sequence[int]) -> Iterator[float]:
    """Records a second of each partition: what lies between its first and its last."""
    ends: dict[int, tuple[int, int, int]] = {}
    for part, time in zip(fields.parts, times, strict=True):
        if time is not None:
            first, last, count = ends.get(part, (time, time, 0))
            ends[part] = min(first, time), max(last, time), count + 1
    for part, (first, last, count) in ends.items():
        # Of a file a part is looked at, and known how many there are.
        if last > first:
            yield (max(count, totals[part]) - 1) / ((last - first) / 1000)


def _of_rows(step: timedelta, regular: float, rows: int) -> Chosen[timedelta]:
    said = duration_in_words(step)
    if step > DAY:
        why = f"rows are {said} apart, and an interval is a day at most: most days will have no value"
        return Chosen(DAY, "low", why)
    fitting = [timedelta(seconds=length) for length in USUAL if not DAY % timedelta(seconds=length)]
    length = next(one for one in fitting if one >= step)
    if length != step:
        return Chosen(length, "medium", f"rows are {said} apart, and this is the next that divides a day")
    why = f"each leaf has one row at a time, and {100 * regular:.3g} % of the times are {said} apart"
    return Chosen(length, at_most("high" if regular > 0.9 else "medium", rows), why)


def choose_lateness(
    times: Sequence[int | None], fields: Fields, interval: timedelta, *, by_time: bool
) -> Chosen[timedelta]:
    """How long an interval waits, by how far records are behind the newest of their partition."""
    if by_time:
        why = "rows of files are taken by their times; a topic may need more"
        return Chosen(LEAST_LATENESS, "medium", why)
    behind = sorted(_behind(times, fields.parts))
    if not behind:
        return Chosen(LEAST_LATENESS, "low", "there are no times")
    worst = behind[-1] * MILLISECOND
    if worst <= LEAST_LATENESS:
        why = (
            "all are in the order of time" if not worst else f"none is more than {_brief(worst)} out of order"
        )
        return Chosen(LEAST_LATENESS, at_most("high", len(behind)), why)
    most = behind[-1 - len(behind) // MAY_BE_LATE] * MILLISECOND
    needed = worst if worst <= interval else most
    length = next((timedelta(seconds=one) for one in USUAL if timedelta(seconds=one) >= needed), DAY)
    length = min(max(length, LEAST_LATENESS), DAY)
    late = sum(one * MILLISECOND > length for one in behind)
    why = f"the worst is {_brief(worst)} out of order; with this {late:,} of {len(behind):,} would be late"
    if length > interval:
        return Chosen(length, "low", f"{why}, and news comes so much later; is it sorted by something else?")
    return Chosen(length, at_most("medium", len(behind)), why)


def _behind(times: Sequence[int | None], parts: Sequence[int]) -> Iterator[int]:
    """How far each record is behind the newest before it; a single one from the future makes none late."""
    known = sorted(time for time in times if time is not None)
    if not known:
        return
    believed = known[len(known) - 1 - len(known) // MAY_BE_LATE] + DAY // MILLISECOND
    newest: dict[int, int] = {}
    for part, time in zip(parts, times, strict=True):
        if time is not None and time <= believed:
            newest[part] = max(newest.get(part, time), time)
            yield newest[part] - time


def choose_clock(times: Sequence[int | None], fields: Fields, *, is_topic: bool) -> Chosen[Clock]:
    """Whether time goes on by itself when nothing comes."""
    if not is_topic:
        return Chosen("event", "medium", "a file is of the past; for a topic of what happens now take wall")
    ahead = [
        time - arrived
        for time, arrived in zip(times, fields.arrived, strict=True)
        if time is not None and arrived is not None
    ]
    if not ahead:
        return Chosen("wall", "low", "nothing says when the records came to the broker")
    usual = abs(median(ahead)) * MILLISECOND
    if usual <= NEAR and max(ahead) * MILLISECOND <= NEAR:
        why = f"records are about {_brief(usual)} from when they happen to the broker"
        return Chosen("wall", at_most("high", len(ahead)), why)
    if max(ahead) * MILLISECOND > NEAR:
        why = "some records are of a time after they came to the broker, as a replay is"
    else:
        why = f"records came to the broker {duration_in_words(usual)} after they happened, as a replay does"
    return Chosen("event", at_most("medium", len(ahead)), why)


def _brief(length: timedelta) -> str:
    return duration_in_words(length) if length >= timedelta(seconds=1) else f"{length // MILLISECOND} ms"

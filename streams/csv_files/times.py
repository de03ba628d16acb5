"""The cells of a column → times, in whatever form they are written, all in the same.

A form is chosen that reads most of a sample; where it could be day before month or the other way round,
the one that leaves them in order. Times without a zone are what a clock on the wall shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from detectors.intervals import MILLISECOND
from streams.zones import in_zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Smaller numbers are no time since 1970, but count rows.
LEAST_EPOCH = 1e8
#: How much of a millisecond numbers are, by how large they are.
UNITS = ((1e11, 1e3), (1e14, 1.0), (1e17, 1e-3))
#: What is told of lies between the years 1000 and 9000: beyond, there is no room for zones and intervals.
EARLIEST, LATEST = -30_610_224_000_000, 221_845_392_000_000
#: Cells from which the form is told.
SAMPLE = 300
#: A form must read so many of them.
MOST_OF = 0.8

_DAYS = (
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d",
    "%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%d/%b/%Y", "%d/%m/%y",
    "%m/%d/%y", "%d.%m.%y", "%d-%b-%y", "%a, %d %b %Y", "%Y-%m", "%Y/%m", "%b %Y", "%b-%Y", "%Y-%m-%d",
)  # fmt: skip
_CLOCKS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M%p", "%H", "%H%M%S")
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_BEGINS_LIKE_TIME = re.compile(r"\d|[A-Z][a-z]{2,8}[, -]+\d")
_UTC_IN_WORDS = re.compile(r"\s*(UTC|GMT)$")


class Time(NamedTuple):
    """An instant in milliseconds, and how far the clock on the wall is ahead of it there.

    Without a zone the clock on the wall is all there is, and taken for the instant.
    """

    ms: int
    ahead: int

    @property
    def clock(self) -> int:
        """What the clock on the wall shows then, in milliseconds."""
        return self.ms + self.ahead


Reader = Callable[[str], datetime]
#: What a time without a zone is in one, behind another in milliseconds.
Meant = Callable[[datetime, ZoneInfo, int | None], Time]


def looks_like_time(text: str) -> bool:
    """Whether a cell of the first line is rather a time than a name.

    >>> looks_like_time("2014-04-01 00:00:00"), looks_like_time("Apr 1, 2014"), looks_like_time("p95 of 2014")
    (True, True, False)
    """
    return bool(_BEGINS_LIKE_TIME.match(text)) and sum(map(str.isdecimal, text)) >= 4


def read_times(cells: Sequence[str], zone: ZoneInfo | None) -> list[Time | None] | None:
    """The times of a column, None where a cell is none; None if the column has no times.

    `zone` is where times without one are meant to be, and where all of them are looked at from.
    """
    return _times(cells, zone, _on_the_wall)


def read_moments(cells: Sequence[str], zone: ZoneInfo) -> list[Time | None] | None:
    """The same of rows that are events, of which many have one time, and are in no order.

    Of a local time that comes twice the second is meant, as everywhere where events are read.
    """
    # Without a zone it is UTC, and equal cells are read once.
    return _times(
        cells, None if zone.key == "UTC" else zone, lambda at, zone, _: _seen_from(in_zone(at, zone), None)
    )


def _times(cells: Sequence[str], zone: ZoneInfo | None, meant: Meant) -> list[Time | None] | None:
    filled = [cell for cell in cells if cell]
    sample = filled[: SAMPLE // 3] + filled[:: max(1, len(filled) * 3 // (2 * SAMPLE))]
    if not sample:
        return None
    numbers = sum(bool(_NUMBER.fullmatch(cell)) for cell in sample)
    if numbers >= MOST_OF * len(sample) and not _are_dates(sample):
        return _since_1970(cells, zone)
    reader = _best(sample)
    return None if reader is None else list(_read(cells, reader, zone, meant))


def _are_dates(sample: Sequence[str]) -> bool:
    """Whether numbers are days such as 20300131."""
    return all(len(cell) == 8 and cell[:2] in {"19", "20"} and _reads(_compact, cell) for cell in sample)


def _since_1970(cells: Sequence[str], zone: ZoneInfo | None) -> list[Time | None] | None:
    numbers = [float(cell) if _NUMBER.fullmatch(cell) else None for cell in cells]
    known = sorted(abs(number) for number in numbers if number is not None)
    middle = known[len(known) // 2]
    if middle < LEAST_EPOCH:
        return None
    unit = next((unit for most, unit in UNITS if middle < most), 1e-6)
    return [None if number is None else _at(number * unit, zone) for number in numbers]


def _at(ms: float, zone: ZoneInfo | None) -> Time | None:
    if not EARLIEST <= ms <= LATEST:
        return None
    return _seen_from(EPOCH + round(ms) * MILLISECOND, zone)


def _best(sample: Sequence[str]) -> Reader | None:
    """The form that reads most of the sample; of equal ones the one that leaves it most in order."""
    if all(_reads(_iso, cell) for cell in sample):
        # By far the most frequent one, and the others are a thousand.
        return _iso
    if not any(map(looks_like_time, sample[:5])):
        return None
    best, best_rank = None, (MOST_OF * len(sample), 0)
    for reader in _readers():
        if not any(_reads(reader, cell) for cell in sample[:5]):
            continue
        times = [time for cell in sample if (time := _reads(reader, cell))]
        naive = [time.replace(tzinfo=None) for time in times]
        up = sum(a <= b for a, b in pairwise(naive))
        rank = (len(times), max(up, len(naive) - 1 - up))
        if rank > best_rank:
            best, best_rank = reader, rank
    return best


def _readers() -> Iterator[Reader]:
    yield _iso
    yield from _FORMS


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _iso_in_words(text: str) -> datetime:
    return datetime.fromisoformat(_UTC_IN_WORDS.sub("+00:00", text))


def _compact(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007  # zones come later


def _form(form: str) -> Reader:
    def read(text: str) -> datetime:
        return datetime.strptime(text, form)  # noqa: DTZ007  # zones come later

    return read


def _forms(day: str, clock: str) -> Iterator[Reader]:
    # What web servers write has a colon between day and clock.
    for between in (" ", ":") if day == "%d/%b/%Y" else (" ",):
        for zone in ("", " %z", "%z") if "%S" in clock else ("",):
            yield _form(f"{day}{between}{clock}{zone}".strip())


_FORMS: list[Reader] = [
    _iso_in_words,
    *(form for day in _DAYS for clock in _CLOCKS for form in _forms(day, clock)),
]


def _reads(reader: Reader, text: str) -> datetime | None:
    try:
        return reader(text)
    except (ValueError, OverflowError):
        return None


def _read(cells: Sequence[str], reader: Reader, zone: ZoneInfo | None, meant: Meant) -> Iterator[Time | None]:
    last: int | None = None
    before, read, known = "", None, None
    for cell in cells:
        # Rows of one interval mostly follow each other. By a clock of a zone, the same may be an hour later.
        if cell == before and zone is None:
            yield known
            continue
        if cell != before:
            before, read = cell, _reads(reader, cell)
        known = None
        if read is not None and 1000 <= read.year < 9000:
            if read.tzinfo is not None:
                known = _seen_from(read, zone)
            elif zone is None:
                known = Time((read.replace(tzinfo=UTC) - EPOCH) // MILLISECOND, 0)
            else:
                known = meant(read, zone, last)
            last = known.ms
        yield known


def _seen_from(time: datetime, zone: ZoneInfo | None) -> Time:
    offset = (time if zone is None else time.astimezone(zone)).utcoffset() or timedelta(0)
    return Time((time - EPOCH) // MILLISECOND, offset // MILLISECOND)


def _on_the_wall(time: datetime, zone: ZoneInfo, last: int | None) -> Time:
    """When a clock of the zone shows this; of an hour that comes twice the second, once the first is past."""
    first = _seen_from(time.replace(tzinfo=zone), None)
    if last is not None and first.ms <= last:
        second = _seen_from(time.replace(tzinfo=zone, fold=1), None)
        if second.ms > last:
            return second
    return first

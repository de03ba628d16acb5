"""Seating: which block the series of a row sit in. Those of one block go by the same locale.

So that a block is scored with one moment, however many time zones and calendars there are. Rows are
given by admission; where they sit is nobody else's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import numpy as np

from detectors.admission import Rows
from detectors.blocks import BLOCK_SERIES, Block, BlockState, Table
from detectors.config import Detector
from detectors.locales import Locale, Locales, Reading
from detectors.models.base import Column
from detectors.records import Place


class Seating:
    """The blocks of one shard of a detector."""

    def __init__(self, detector: Detector, locales: Locales) -> None:
        self._detector = detector
        self._locales = locales
        self._blocks: list[Block] = []
        #: By row: the number of its block, or -1; and its seat there.
        self._block = np.empty(0, dtype=np.intp)
        self._seat = np.empty(0, dtype=np.intp)

    @property
    def state_bytes(self) -> int:
        """The bytes of what is known of the series."""
        return sum(block.state_bytes for block in self._blocks)

    def begin(self, rows: Rows, places: Sequence[Place]) -> None:
        """Let rows be these places' from now on, without history."""
        self._make(int(rows.max(initial=-1)) + 1)
        again: dict[int, list[int]] = {}
        standing: dict[Locale, list[int]] = {}
        for row, place in zip(rows.tolist(), places, strict=True):
            locale, number = self._locales.of(place), int(self._block[row])
            if number >= 0 and self._blocks[number].locale is locale:
                again.setdefault(number, []).append(int(self._seat[row]))
                continue
            if number >= 0:
                self._blocks[number].rows[self._seat[row]] = -1
            standing.setdefault(locale, []).append(row)
        for number, seats in again.items():
            self._blocks[number].reset(np.array(seats, dtype=np.intp))
        for locale, those in standing.items():
            self._sit(locale, np.array(those, dtype=np.intp))

    def _make(self, rows: int) -> None:
        blank = np.full(max(0, rows - len(self._block)), -1, dtype=np.intp)
        self._block, self._seat = (np.concatenate([column, blank]) for column in (self._block, self._seat))

    def _sit(self, locale: Locale, rows: Rows) -> None:
        """Give rows the first free seats of a locale; blocks grow, and there may be more.

        A block that nobody sits in is free for any locale: places that come and go do not add up.
        """
        for number, block in enumerate(self._blocks):
            if len(rows) and (block.locale is locale or (block.rows < 0).all()):
                block.locale = locale
                free = np.flatnonzero(block.rows < 0)[: len(rows)]
                block.reset(free)
                self._take(number, free, rows[: len(free)])
                rows = rows[len(free) :]
                made = block.grow(max(0, min(len(rows), self._most - len(block))))
                self._take(number, made, rows[: len(made)])
                rows = rows[len(made) :]
        for first in range(0, len(rows), self._most):
            some = rows[first : first + self._most]
            self._blocks.append(Block(self._detector, locale))
            self._take(len(self._blocks) - 1, self._blocks[-1].grow(len(some)), some)

    @property
    def _most(self) -> int:
        return max(1, BLOCK_SERIES // len(self._detector.measures))

    def _take(self, number: int, seats: Rows, rows: Rows) -> None:
        self._blocks[number].rows[seats] = rows
        self._block[rows], self._seat[rows] = number, seats

    def lend(self, rows: Rows, lenders: Rows) -> None:
        """Let rows without history begin in the shape of others'; -1 where there is none."""
        rows, lenders = rows[lenders >= 0], lenders[lenders >= 0]
        if not len(rows):
            return
        pairs = np.stack((self._block[rows], self._block[lenders]))
        for pair in np.unique(pairs, axis=1).T:
            both = (pairs == pair[:, np.newaxis]).all(axis=0)
            mine, theirs = (self._blocks[number] for number in pair.tolist())
            mine.lend(self._seat[rows[both]], theirs, self._seat[lenders[both]])

    def seat_of(self, row: int) -> tuple[Block, int]:
        """Where a row sits."""
        return self._blocks[self._block[row]], int(self._seat[row])

    def filled(self, came: Column) -> Column:
        """The value of every series of an interval, row by row, where NaN came for some.

        `came` has a line more than there are rows, for the seats that no one has.
        """
        values = np.full(came.shape, np.nan)
        for block in self._blocks:
            values[block.rows] = block.filled(came[block.rows])
        values[-1] = np.nan
        return values

    def assess(self, readings: Mapping[Locale, Reading], value: Column) -> Table:
        """Score values, row by row, and learn nothing from them."""
        return self._asked(Block.assess, readings, value)

    def score(self, readings: Mapping[Locale, Reading], value: Column) -> Table:
        """Score the values of an interval, row by row, then learn from them."""
        return self._asked(Block.score, readings, value)

    def _asked(
        self,
        ask: Callable[[Block, Reading, Column], Table],
        readings: Mapping[Locale, Reading],
        value: Column,
    ) -> Table:
        table = Table.of(*value.shape)
        for block in self._blocks:
            table.seat(block.rows, ask(block, readings[block.locale], value[block.rows]))
        return table

    def locale_of(self, rows: Iterable[int]) -> Iterator[Locale]:
        """The locale that each row goes by."""
        return (self._blocks[self._block[row]].locale for row in rows)

    @property
    def locales(self) -> list[Locale]:
        """All locales that some block goes by."""
        return list(dict.fromkeys(block.locale for block in self._blocks))

    def save(self) -> Iterator[BlockState]:
        """The state as it is stored, block by block."""
        return (block.save() for block in self._blocks)

    def load(
        self, places: Sequence[Place | None], blocks: Iterable[BlockState], measures: Collection[str]
    ) -> Counter[str]:
        """Go on from stored blocks, of the measures that are kept.

        Rows may sit elsewhere now: blocks may hold more or fewer, and calendars may have changed. In
        another time zone a day is another one: then what was known of it is not kept. Tells how many series
        of which models begin anew for another reason: what is stored of them is not as it is now.
        """
        anew: Counter[str] = Counter()
        rows = [row for row, place in enumerate(places) if place is not None]
        self.begin(np.array(rows, dtype=np.intp), [place for place in places if place is not None])
        self._make(len(places))
        for stored in blocks:
            there = np.array(stored.rows, dtype=np.intp)
            now = np.where(there >= 0, self._block[there], -1)
            for number in np.unique(now[now >= 0]).tolist():
                block = self._blocks[number]
                if block.locale.timezone == stored.timezone:
                    source = np.flatnonzero(now == number)
                    anew += block.take(stored, source, self._seat[there[source]], measures)
        return anew

"""A CSV file of leaves → arrays of an interval a row and a leaf a column, for each pair that is asked for.

A line says of a leaf, in an interval if there are times, what came and what was expected. A leaf without a
line had nothing, and nothing was expected; several lines of a leaf are summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.localisation_levels import Numbers
from detectors.places import MISSING
from streams.csv_files.numbers import read_numbers
from streams.csv_files.reading import Table, TableError
from streams.csv_files.times import read_times
from streams.formats.decoding import excerpt

#: Leaves in all intervals: more would not fit into memory.
MOST_CELLS = 100_000_000
#: Beyond this a number is none: squares and sums of such could not be held.
LARGEST = 1e100


@dataclass(frozen=True)
class Pair:
    """The columns of what came and of what was expected, and the options that named them."""

    actual: str
    expected: str
    options: tuple[str, str]


@dataclass(frozen=True)
class LeafTable:
    """The leaves of a file."""

    dimensions: list[str]
    #: Leaf, dimension → number of its value.
    codes: NDArray[np.intp]
    #: Dimension → its values.
    values: list[list[str]]
    #: What the time column says of each interval, the oldest first; one without times.
    times: list[str]
    #: Of each pair: interval, leaf → actual, and expected.
    numbers: list[tuple[Numbers, Numbers]]
    #: Lines of which a cell is empty or no number.
    passed_over: list[int]


def read_leaves(
    table: Table, dimensions: Sequence[str], pairs: Sequence[Pair], time_column: str | None
) -> LeafTable:
    """Find the columns, and sort the rows of a table by interval and leaf.

    Raises:
        TableError: a column is not there, is no number or no time anywhere, or there are too many leaves.
    """
    read = [tuple(_numbers(table, *named) for named in _named(pair)) for pair in pairs]
    usable = np.all([np.abs(column) <= LARGEST for pair in read for column in pair], axis=0)
    if not usable.any():
        message = f"{table.name}: no row has a number in every column that is named"
        raise TableError(message)
    columns = [table.number_of(name, "--dimensions") for name in dimensions]
    values: list[list[str]] = []
    codes: list[NDArray[np.intp]] = []
    # The leaf of each row in one number, which sorts far faster than rows of codes.
    number = np.zeros(len(table.rows), np.intp)
    for column in map(table.column, columns):
        numbers = {value: n for n, value in enumerate(sorted({cell or MISSING for cell in column}))}
        values.append(list(numbers))
        codes.append(np.array([numbers[cell or MISSING] for cell in column], np.intp))
        number = np.unique(number * len(numbers) + codes[-1], return_inverse=True)[1]
    _, a_row, of_row = np.unique(number[usable], return_index=True, return_inverse=True)
    leaves = np.stack(codes, axis=1)[usable][a_row]
    times, interval = _intervals(table, time_column)
    if len(times) * len(leaves) > MOST_CELLS:
        message = f"{table.name}: {len(leaves):,} leaves in {len(times):,} intervals are too many to hold"
        raise TableError(message)
    shape = (len(times), len(leaves))
    cells = interval[usable] * len(leaves) + of_row
    summed = [[_summed(cells, column[usable], shape) for column in pair] for pair in read]
    passed_over = [table.rows[n].line for n in np.flatnonzero(~usable)]
    names = [table.columns[number] for number in columns]
    return LeafTable(
        names, leaves, values, times, [(actual, expected) for actual, expected in summed], passed_over
    )


def _summed(cells: NDArray[np.intp], column: Numbers, shape: tuple[int, int]) -> Numbers:
    return np.bincount(cells, column, shape[0] * shape[1]).reshape(shape).astype(float, copy=False)


def _named(pair: Pair) -> list[tuple[str, str]]:
    return [(pair.actual, pair.options[0]), (pair.expected, pair.options[1])]


def _numbers(table: Table, name: str, option: str) -> Numbers:
    cells = table.column(table.number_of(name, option))
    try:
        # What programs write can be read at once.
        return np.array([cell or "nan" for cell in cells], float)
    except ValueError:
        numbers = [np.nan if number is None else number for number in read_numbers(cells)]
    column = np.array(numbers, float)
    if np.isnan(column).all():
        message = f"{table.name}: column {name!r} has no numbers, but {excerpt(cells[0])}"
        raise TableError(message)
    return column


def _intervals(table: Table, name: str | None) -> tuple[list[str], NDArray[np.intp]]:
    """The times in their order, and of each row which one it has."""
    if name is None:
        return [""], np.zeros(len(table.rows), np.intp)
    cells = table.column(table.number_of(name, "--time-column"))
    texts = list(dict.fromkeys(cells))
    order = _order(texts)
    for text, at in zip(texts, order, strict=True):
        if at is None:
            line = table.rows[cells.index(text)].line
            message = f"{table.name}: line {line}: {name}: expected a time, got {excerpt(text)}"
            raise TableError(message)
    instants = sorted({at for at in order if at is not None})
    position = {at: n for n, at in enumerate(instants)}
    of_text = {text: position[at] for text, at in zip(texts, order, strict=True) if at is not None}
    said = {n: text for text, n in of_text.items()}
    return [said[n] for n in range(len(instants))], np.array([of_text[cell] for cell in cells], np.intp)


def _order(texts: Sequence[str]) -> list[float | None]:
    """Each time as a number: an instant, or a count of intervals."""
    times = read_times(texts, None)
    if times is not None:
        return [None if time is None else float(time.ms) for time in times]
    return [None if number is None or np.isnan(number) else number for number in read_numbers(texts)]

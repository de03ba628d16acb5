"""The scores of an interval in pieces: very many series do not fit into one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from detectors.records import IntervalScores

#: About the size of a chunk on the wire, in bytes.
CHUNK_BYTES = 512 * 1024
#: What a row takes at most beside its place and the name of its measure: five numbers of 24 digits, two
#: short ones and two words, with what is between them.
ROW_BYTES = 192

_COLUMNS = (
    "measures", "places", "value", "expected", "lower", "upper", "scale", "severity", "confidence", "phase",
)  # fmt: skip
#: What only some rows have.
_SPARSE = ("held_by", "why", "off", "relief", "level_changes", "evidence", "lines")
_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


def chunked(scores: IntervalScores, largest: int = CHUNK_BYTES) -> list[IntervalScores]:
    """The scores in chunks, each of about so many bytes at most; one chunk where there are no series."""
    cuts = list(_cuts(scores, largest))
    if len(cuts) == 1:
        return [scores]
    return [
        msgspec.structs.replace(
            scores,
            chunk=chunk,
            chunks=len(cuts),
            **{name: getattr(scores, name)[rows] for name in _COLUMNS},
            **{name: _of_rows(getattr(scores, name), rows) for name in _SPARSE},
        )
        for chunk, rows in enumerate(cuts)
    ]


def selected(scores: IntervalScores, rows: Sequence[int]) -> IntervalScores:
    """Some rows of scores."""
    columns: dict[str, Any] = {name: [getattr(scores, name)[row] for row in rows] for name in _COLUMNS}
    for name in _SPARSE:
        told = getattr(scores, name)
        columns[name] = {n: told[row] for n, row in enumerate(rows) if row in told}
    return msgspec.structs.replace(scores, **columns)


def _of_rows(sparse: dict[int, T], rows: slice) -> dict[int, T]:
    return {row - rows.start: told for row, told in sparse.items() if rows.start <= row < rows.stop}


def _cuts(scores: IntervalScores, largest: int) -> Iterator[slice]:
    first, size = 0, 0
    place, place_bytes = None, 0
    for row, measure in enumerate(scores.measures):
        # The series of a place lie side by side.
        if scores.places[row] is not place:
            place = scores.places[row]
            place_bytes = len(_encode(place))
        row_bytes = ROW_BYTES + len(measure) + place_bytes
        if row in scores.why:
            row_bytes += len(_encode(scores.why[row])) + 16
        if row in scores.evidence:
            row_bytes += len(_encode(scores.evidence[row])) + 16
        size += row_bytes
        if size > largest and row > first:
            yield slice(first, row)
            first, size = row, row_bytes
    yield slice(first, len(scores.measures))

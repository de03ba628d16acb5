"""The cells of a column → numbers, with points or commas as decimal marks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from detectors.models.base import LARGEST

#: What programs write where there is no value.
NOTHING = frozenset({"", "-", "na", "n/a", "nan", "null", "none", "nil", "missing", "?", "#n/a", "\\n", "."})

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_IN_THOUSANDS = re.compile(r"[+-]?\d{1,3}([,.' \u00a0\u202f])\d{3}(\1\d{3})*([.,]\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def is_number(text: str) -> bool:
    """Whether a cell is a number, however its marks are meant.

    >>> is_number("18.32"), is_number("1.234,5"), is_number("value"), is_number("")
    (True, True, False, False)
    """
    return any(pattern.fullmatch(text) for pattern in (_PLAIN, _COMMA, _IN_THOUSANDS))


def read_numbers(cells: Sequence[str]) -> list[float | None]:
    """The numbers of a column: NaN where a cell says that there is none, None where it is something else.

    Whether a comma is a decimal mark is told from the whole column.

    >>> read_numbers(["1,5", "", "n/a", "twelve", "1.204,25"])
    [1.5, nan, nan, None, 1204.25]
    >>> read_numbers(["1,500", "12", "1,204.25"])
    [1500.0, 12.0, 1204.25]
    """
    is_comma = _decimal_comma(cells)
    return [_number(cell, is_comma=is_comma) for cell in cells]


def _number(cell: str, *, is_comma: bool) -> float | None:
    if _PLAIN.fullmatch(cell) and not (is_comma and _IN_THOUSANDS.fullmatch(cell)):
        return _sensible(cell)
    if cell.lower() in NOTHING:
        return math.nan
    if _IN_THOUSANDS.fullmatch(cell) or _COMMA.fullmatch(cell):
        cell = re.sub(r"[' \u00a0\u202f]", "", cell)
        return _sensible(cell.replace(".", "").replace(",", ".") if is_comma else cell.replace(",", ""))
    return None


def _sensible(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST else None


def _decimal_comma(cells: Sequence[str]) -> bool:
    """Commas are decimal marks where one does not stand before three digits, or stands after a point."""
    for cell in cells:
        if "," in cell and (_COMMA.fullmatch(cell) or _IN_THOUSANDS.fullmatch(cell)):
            after = cell.rpartition(",")[2]
            if "." in after:
                return False
            if len(after) != 3 or "." in cell or cell.lstrip("+-").startswith("0,"):
                return True
    return False

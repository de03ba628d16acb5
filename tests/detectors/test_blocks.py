"""A block takes over what is stored as far as its models have it; the rest begins anew, and is counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors.blocks import Block, BlockState
from detectors.locales import Locales, Reading
from detectors.models.base import Moment
from detectors.state import Array
from tests.detectors.builders import detector

ROWS = np.arange(2)
SHOP = detector()
MONDAY_MORNING = Reading(Moment(second_of_week=0))


def block() -> Block:
    made = Block(SHOP, Locales(SHOP, {}).total)
    seats = made.grow(len(ROWS))
    made.rows[seats] = ROWS
    return made


@pytest.fixture
def stored() -> BlockState:
    known = block()
    for minute in range(20):
        known.score(MONDAY_MORNING, np.full((len(ROWS), 1), 50.0 + minute % 3))
    return known.save()


def taken(stored: BlockState) -> tuple[Counter[str], dict[str, NDArray[Any]]]:
    """What begins anew when a block takes over all that is stored, and the columns that it has then."""
    again = block()
    anew = again.take(stored, ROWS, ROWS, {"orders"})
    return anew, columns(again.save())


def columns(stored: BlockState) -> dict[str, NDArray[Any]]:
    return {name: array.array() for name, array in stored.models["seasonal"].arrays.items()}


def test_a_column_that_is_not_stored_is_as_series_begin(stored: BlockState) -> None:
    known, blank = columns(stored), columns(block().save())
    del stored.models["seasonal"].arrays["series.spread"]

    anew, now = taken(stored)

    assert anew == {}
    assert not np.array_equal(known["series.spread"], blank["series.spread"])
    for name, column in now.items():
        np.testing.assert_array_equal(column, (blank if name == "series.spread" else known)[name], name)


def test_a_column_that_is_no_more_is_left_out(stored: BlockState) -> None:
    known = columns(stored)
    stored.models["seasonal"].arrays["series.former"] = Array.of(np.ones((7, len(ROWS))))

    anew, now = taken(stored)

    assert anew == {}
    assert now.keys() == known.keys()
    np.testing.assert_array_equal(now["series.slow"], known["series.slow"])


def test_a_model_whose_column_has_other_lines_begins_anew(stored: BlockState) -> None:
    stored.models["seasonal"].arrays["series.slow"] = Array.of(np.ones((4, len(ROWS))))

    anew, now = taken(stored)

    assert anew == {"seasonal": 2}
    for name, column in columns(block().save()).items():
        np.testing.assert_array_equal(now[name], column, name)


def test_numbers_of_another_kind_are_no_column(stored: BlockState) -> None:
    visits = stored.models["seasonal"].arrays["seasons.day_visits"].array()
    stored.models["seasonal"].arrays["seasons.day_visits"] = Array.of(visits + 0.5)

    assert taken(stored)[0] == {"seasonal": 2}


def test_a_model_that_a_migration_has_dropped_begins_anew(stored: BlockState) -> None:
    del stored.models["seasonal"]

    assert taken(stored)[0] == {"seasonal": 2}

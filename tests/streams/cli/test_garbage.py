"""While a command holds much, garbage is looked for seldom, and afterwards as before."""

from __future__ import annotations

import gc

import pytest

from streams.cli.garbage import SELDOM, seldom_collected


def test_it_is_as_before_afterwards_also_after_an_error() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()

    during: list[tuple[int, int, int]] = []

    @seldom_collected()
    def refused() -> None:
        during.append(gc.get_threshold())
        assert gc.get_freeze_count() > before[1]
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        refused()

    assert during == [SELDOM]
    assert (gc.get_threshold(), gc.get_freeze_count()) == before

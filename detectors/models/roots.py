"""Roots: where the noise of counts is even, however large they are."""

from __future__ import annotations

import numpy as np

from detectors.models.base import Column

ROOT = float(np.sqrt(3 / 8))


def root(y: Column) -> Column:
    """Linear for small values, a root for large ones."""
    return np.copysign(np.sqrt(np.abs(y) + ROOT * ROOT) - ROOT, y)


def square(x: Column) -> Column:
    """The value of a root."""
    size = np.abs(x)
    return np.copysign(size * (size + 2 * ROOT), x)


def slope(x: Column) -> Column:
    """By how much the value changes as its root does."""
    return 2 * (np.abs(x) + ROOT)

"""Lent: what a series that begins has of another, in the unit of that one, until its own size is known.

The seasons that it was lent are in its own tables (`seasons`), and not learnt into meanwhile.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Column
from detectors.models.columns import Columns, Layout, Lines, Three

#: Stages of a series: it knows only what it has seen; its size is to be known first; its seasons were lent.
OWN, UNFITTED, LENT = 0.0, 1.0, 2.0

Series = NDArray[np.intp]


class Lent(Columns):
    """What series were lent besides seasons."""

    stage: Column
    #: Mean absolute errors of the candidates; scales of residuals, and of distances from the level.
    error: Annotated[Lines, Layout(6)]
    scale: Three

    def lend(self, series: Series, error: Lines, scale: Lines) -> None:
        """Let series have what does not fit them yet."""
        self.stage[series] = UNFITTED
        self.error[:, series], self.scale[:, series] = error, scale

    def unfitted(self) -> Series:
        """The series whose size is not known yet."""
        return np.flatnonzero(self.stage == UNFITTED)

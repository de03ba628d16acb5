"""Lent: what a series that begins has of another, in the unit of that one, until its own size is known.

The seasons that it was lent are in its own tables (`seasons`), and not learnt into meanwhile.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Column, Series
from detectors.models.columns import Columns, Layout, Lines, Three

#: Stages of a series: it knows only what it has seen; its size is to be known first; its seasons were lent.
OWN, UNFITTED, LENT = 0.0, 1.0, 2.0


class Lent(Columns):
    """What series were lent besides seasons."""

    stage: Column
    #: Mean absolute errors of the candidates; scales of residuals, and of distances from the level.
    error: Annotated[Lines, Layout(6)]
    scale: Three

    def __init__(self) -> None:
        super().__init__()
        self._look()

    def _look(self) -> None:
        #: The series whose size is not known yet: so that all others cost nothing.
        self.unfitted: Series = np.flatnonzero(self.stage == UNFITTED)

    def lend(self, series: Series, error: Lines, scale: Lines) -> None:
        """Let series have what does not fit them yet."""
        self.stage[series] = UNFITTED
        self.error[:, series], self.scale[:, series] = error, scale
        self._look()

    def fit(self, series: Series) -> None:
        """What was lent fits series from now on."""
        self.stage[series] = LENT
        self._look()

    def reset(self, series: Series) -> None:
        """Let series be without history again."""
        super().reset(series)
        self._look()

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Take the columns of a saved state."""
        super().load(state)
        self._look()

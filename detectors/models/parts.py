"""Parts: models whose state lies in several objects with series, each by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.models.columns import Columns
from detectors.models.objects import Objects


class Parted:
    """What such a model does with all of its state."""

    def __init__(self, parts: dict[str, Columns | Objects[Any]]) -> None:
        self.parts = parts

    def grow(self, series: int) -> None:
        """Add series without history."""
        for part in self.parts.values():
            part.grow(series)

    def reset(self, series: NDArray[np.intp]) -> None:
        """Forget the history of series."""
        for part in self.parts.values():
            part.reset(series)

    def save(self) -> dict[str, NDArray[np.generic]]:
        """The state, series along the last axis."""
        return {
            f"{title}.{name}": array
            for title, part in self.parts.items()
            for name, array in part.save().items()
        }

    def load(self, state: dict[str, NDArray[np.generic]]) -> None:
        """Go on from a saved state."""
        for title, part in self.parts.items():
            mine = f"{title}."
            part.load({n.removeprefix(mine): array for n, array in state.items() if n.startswith(mine)})

"""What a model believes about one of its series, in the unit of its values: for people who ask.

Read from what the model saves, and so from what it goes on from after a restart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.models.base import Model
from detectors.models.columns import SIGMA
from detectors.models.grounds import CANDIDATES, EVIDENCE
from detectors.models.lent import UNFITTED
from detectors.models.mixture import weights
from detectors.models.roots import slope, square
from detectors.models.seasonal import Seasonal


def beliefs(model: Model, series: int) -> dict[str, Any]:
    """What a model believes about a series; of other models than `seasonal`, its state as it is.

    >>> model = Seasonal(interval_seconds=3600)
    >>> model.grow(1)
    >>> beliefs(model, 0)
    {}
    """
    state = {name: array[..., series] for name, array in model.save().items()}
    if not isinstance(model, Seasonal):
        return {name: value.tolist() for name, value in state.items()}
    if state["lent.stage"] == UNFITTED:
        # Seasons in the size of another series are no belief about this one.
        state |= {name: np.zeros_like(state[name]) for name in ("seasons.day_visits", "seasons.week_visits")}
    return _seasonal(state) if state["series.count"] else {}


def _seasonal(state: dict[str, NDArray[Any]]) -> dict[str, Any]:
    is_signed = bool(state["series.negative"])
    level, scale = float(state["series.fast"]), SIGMA * float(state["fast.scale"])
    whole, count = float(state["series.whole"]), float(state["series.count"])
    return {
        "level": _in_unit(level, is_signed=is_signed),
        "level of the last day": _in_unit(float(state["series.slow"]), is_signed=is_signed),
        "usual size": _in_unit(float(state["series.magnitude"]), is_signed=is_signed),
        "deviation": float(slope(np.array(level))) * scale,
        "kind": "counts" if whole >= min(count, 20) else "a gauge",
        "values": int(count),
        "missing": int(state["series.missing"]),
        "gaps": int(state["series.gaps"]),
        "weights": _weights(state),
        "day": _table(state, "day", is_signed=is_signed),
        "week": _table(state, "week", is_signed=is_signed),
        "thresholds": dict(zip(EVIDENCE, _rounded(state["tails.threshold"]), strict=True)),
    }


def _weights(state: dict[str, NDArray[Any]]) -> dict[str, float]:
    """The share that each candidate has in the forecast, of those that know something."""
    known = np.ones(len(CANDIDATES), dtype=np.bool_)
    known[[1, 3]] = (state["seasons.day_visits"] > 1).mean() > 0.5
    known[[2, 4]] = (state["seasons.week_visits"] > 1).mean() > 0.5
    known[5] = state["series.count"] > 30
    weight = weights(state["fast.error"], known, state["series.magnitude"])
    shares = dict.fromkeys(CANDIDATES, 0.0)
    for name, share in zip(CANDIDATES, (weight / weight.sum()).tolist(), strict=True):
        shares[name] += share
    return {name: round(share, 3) for name, share in shares.items()}


def _table(state: dict[str, NDArray[Any]], season: str, *, is_signed: bool) -> list[float | None]:
    """What is usual at each time of a season, None where that is not known yet."""
    means, visits = state[f"seasons.{season}"].tolist(), state[f"seasons.{season}_visits"].tolist()
    return [
        _in_unit(mean, is_signed=is_signed) if times > 1 else None
        for mean, times in zip(means, visits, strict=True)
    ]


def _in_unit(x: float, *, is_signed: bool) -> float:
    """From roots to the unit of the value."""
    value = float(square(np.array(x)))
    return float(f"{value if is_signed else max(value, 0.0):.6g}")


def _rounded(column: NDArray[Any]) -> list[float]:
    return [float(f"{value:.4g}") for value in column.tolist()]

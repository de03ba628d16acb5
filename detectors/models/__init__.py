"""Models of what is expected, one a file; `base` is their contract, `MODELS` their names."""

from collections.abc import Sequence

from detectors.config import Measure
from detectors.models.base import Model
from detectors.models.change import Change
from detectors.models.counts import Counts
from detectors.models.half_space_trees import HalfSpaceTrees
from detectors.models.holt_winters import HoltWinters
from detectors.models.robust import Robust
from detectors.models.seasonal import Seasonal
from detectors.models.snarimax import Snarimax
from detectors.models.static import Static

#: Name in the configuration → model.
MODELS: dict[str, type[Model]] = {
    "seasonal": Seasonal,
    "robust": Robust,
    "counts": Counts,
    "holt-winters": HoltWinters,
    "snarimax": Snarimax,
    "half-space-trees": HalfSpaceTrees,
    "change": Change,
    "static": Static,
}


def model_of(measures: Sequence[Measure], interval_seconds: float) -> Model:
    """The model that these measures name, whose series go place by place."""
    name = measures[0].model
    if name == "static":
        return Static(interval_seconds, [(measure.lower, measure.upper) for measure in measures])
    return MODELS[name](interval_seconds)

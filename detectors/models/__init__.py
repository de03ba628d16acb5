"""Models of what is expected, one a file; `base` is their contract, `MODELS` their names."""

from detectors.models.base import Model
from detectors.models.seasonal import Seasonal

#: Name in the configuration → model.
MODELS: dict[str, type[Model]] = {"seasonal": Seasonal}

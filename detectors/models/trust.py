"""Trust: when a model that learns is asked about a series, and how far it is believed while it is young."""

from __future__ import annotations

import numpy as np

from detectors.models.base import Column

#: Points before a series is asked, and days until its confidence is full.
LEARNING_POINTS, CONFIDENT_DAYS = 16, 14.0
#: Nats taken off a series without history, fewer as its confidence grows: what it has not been through
#: yet (a night, a weekend) is no incident.
YOUTH = 1.5


def confidence(count: Column, points_a_day: float) -> Column:
    """0–1, by how many values were seen."""
    return np.minimum(1.0, (count + 1) / (CONFIDENT_DAYS * points_a_day))


def handicap(confidence: Column) -> Column:
    """Nats that are taken off."""
    doubt = 1 - confidence
    return YOUTH * doubt * doubt

"""What came of an interval → its DataQuality: how much came, how much of it is of use, and what it lacks.

What can be said by the first shard of a detector is said there; how many series there are is known where the
scores of all shards come together.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from detectors.config import Detector
from detectors.records import DataQuality, Intake, Interval, utc


def quality(detector: Detector, interval: Interval, *, stopped: bool) -> DataQuality:
    """The quality of the data of a closed interval, without how many series there are."""
    intake = interval.intake or Intake()
    return DataQuality(
        detector=detector.name,
        interval_start=utc(interval.start),
        interval_end=utc(interval.end),
        rows=interval.events,
        measured=intake.measured,
        late=intake.late,
        invalid=intake.invalid,
        stopped=stopped,
        completeness=dict(_completeness(detector, intake)),
    )


def with_series(quality: DataQuality, series: int, learning: int) -> DataQuality:
    """The same, with how many series there are, and how many of them learn."""
    return msgspec.structs.replace(quality, series=series, learning=learning)


def columns(detector: Detector) -> list[str | None]:
    """What each dimension, and then each additive measure is called; None of one that reads no field.

    A measure that is called like a dimension is told apart: no dimension has a name with a space.
    """
    dimensions = detector.dimensions
    measures = (
        None if measure.field is None else
        f"{measure.name} (measure)" if measure.name in dimensions else measure.name
        for measure in detector.additive
    )  # fmt: skip
    return [*dimensions, *measures]


def _completeness(detector: Detector, intake: Intake) -> Iterator[tuple[str, float]]:
    asked = [*(intake.measured for _ in intake.missing), *intake.asked]
    lacking = [*intake.missing, *intake.without]
    # Nothing is known of either where there was no event at all.
    for column, events, without in zip(columns(detector), asked, lacking, strict=False):
        if column is not None and events:
            yield column, (events - without) / events

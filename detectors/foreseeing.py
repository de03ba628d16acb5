"""Early warning: an open interval that is impossible already, scored before it closes.

Out comes what its close will very likely confirm, and it changes nothing: neither what is learnt nor
what is told of closed intervals. It depends on how often the source partitions tell of what they hold.
"""

from __future__ import annotations

from detectors.closing import Closer
from detectors.detector_fold import LOOKS
from detectors.intervals import MILLISECOND
from detectors.records import IntervalScores
from detectors.scorer import Scorer

#: Looks until the middle of an interval.
HALF = LOOKS // 2


class Foresight:
    """Looks at the open interval of one shard each time that a tenth of it has passed."""

    def __init__(self, closer: Closer, scorer: Scorer) -> None:
        self._closer = closer
        self._scorer = scorer
        self._interval = closer.detector.interval // MILLISECOND
        #: Start of the interval that was looked at last, and how many tenths of it had passed.
        self._looked = (0, 0)

    def look(self, now: int) -> IntervalScores | None:
        """What is impossible of the open interval already; None where nothing is, or nothing has changed.

        `now` is by the clock, in milliseconds: an interval that is over by it will close soon.
        """
        start, watermark = self._closer.closed_through, self._closer.watermark
        if start is None or watermark is None or start + self._interval <= now:
            return None
        tenths = (watermark - start) * LOOKS // self._interval
        if tenths < 1 or (start, tenths) <= self._looked:
            return None
        self._looked = start, tenths
        interval = self._closer.so_far(start)
        if not interval.events and not (tenths >= HALF and self._scorer.has_stopped(interval)):
            return None
        scores = self._scorer.foresee(interval)
        return scores if scores.measures else None

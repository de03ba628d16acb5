"""The benchmark of levels: the same scores, and what ADWIN finds in them besides."""

from __future__ import annotations

from benchmarks.judging.episodes import judge
from benchmarks.judging.streams import TUNING, stream
from benchmarks.levels import alerts


def test_a_drift_that_no_alert_tells_of_is_found_by_its_level() -> None:
    drifts = stream("growth", TUNING[0], 1)

    ((opened, found),) = alerts([drifts])

    assert judge(drifts, opened).recall_of("drift") == (0, 1)
    assert judge(drifts, [*opened, *found]).recall_of("drift") == (1, 1)
    assert len(found) < 3

"""The benchmark of levels: the same scores, and what ADWIN finds in them besides."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.judging.episodes import judge
from benchmarks.judging.streams import TUNING, Stream, stream
from benchmarks.levels import alerts


def first(points: int, of: Stream) -> Stream:
    return replace(
        of,
        second_of_week=of.second_of_week[:points],
        value=of.value[:points],
        special=of.special[:points],
        episodes=tuple(episode for episode in of.episodes if episode.stop <= points),
    )


def test_a_drift_that_no_alert_tells_of_is_found_by_its_level() -> None:
    drifts = first(640, stream("growth", TUNING[0], 6))

    ((opened, found),) = alerts([drifts])

    assert judge(drifts, opened).recall_of("drift") == (0, 1)
    assert judge(drifts, [*opened, *found]).recall_of("drift") == (1, 1)

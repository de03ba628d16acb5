"""The benchmark of a year: it counts what it wrote, and has no numbers where that is not what came of it."""

from __future__ import annotations

import msgspec

from benchmarks.year import PLACES, measured


def test_what_was_written_is_what_was_run() -> None:
    told = measured(15 * 24)

    # Two weeks are too short for all to be found; nothing else is wrong.
    assert all(problem.startswith("precision") for problem in told.problems)
    assert told.tally.events == PLACES * told.hours
    assert told.tally.judged is not None
    assert told.tally.judged.found
    assert told.cpu_seconds > 0
    lost = msgspec.structs.replace(told, tally=msgspec.structs.replace(told.tally, intervals=told.hours - 1))
    assert "359 intervals, not 360" in lost.problems

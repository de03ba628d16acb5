"""On the first day of a new value, what its parent lends finds more, and alarms no more than promised."""

from __future__ import annotations

from benchmarks.newcomers import Tally, compared


def test_faults_of_the_first_day_are_found_that_a_cold_start_misses() -> None:
    sums = {"cold": Tally(), "lent": Tally()}
    for start, tally in compared(interval_seconds=3600, share=0.02):
        sums[start] += tally
    cold, lent = sums["cold"], sums["lent"]

    assert lent.found > 1.5 * cold.found
    # Severity 70 promises one in ten weeks.
    assert lent.false_episodes / lent.well < 2 * 7 / 70

"""How often a worker saves: so seldom that its snapshots take a tenth of one core at most.

Only a measurement can say what a snapshot costs: a worker has a handful of open intervals, or a million
series. What is saved less often costs nothing but a longer replay after a crash.
"""

from __future__ import annotations

#: Of the time of one core, for the snapshots of all partitions together.
SHARE = 0.1


class Pace:
    """What the last snapshot of each partition of a worker took, and the pause that follows from it.

    >>> pace = Pace()
    >>> pace.took("score", 0, 0.03)
    >>> pace.took("score", 1, 0.02)
    >>> round(pace.pause, 6)
    0.5
    """

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, int], float] = {}

    def took(self, table: str, partition: int, seconds: float) -> None:
        """A snapshot kept the worker from other work for so long."""
        self._seconds[table, partition] = seconds

    def forget(self, table: str, partition: int) -> None:
        """A partition is another worker's now."""
        self._seconds.pop((table, partition), None)

    @property
    def pause(self) -> float:
        """Seconds from one snapshot of any partition to its next.

        If each is saved once in this time, then all of them take their share of it.
        """
        return sum(self._seconds.values()) / SHARE

"""A session that is active, and the events that a sample of them becomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

#: What a session that waits for nothing is said to wait for.
CPU = "CPU"


class Session(NamedTuple):
    """What a session does at the moment of a sample; None where the server does not say."""

    wait_type: str
    wait_event: str
    statement: str | None
    statement_id: str | None
    user: str | None
    host: str | None
    database: str | None
    application: str | None


class Sample(NamedTuple):
    """The sessions that were active at a moment."""

    #: Milliseconds since 1970.
    time: int
    #: For how many seconds it stands: since the sample before it.
    seconds: float
    sessions: list[Session]


def events(instance: str, vcpus: float | None, sample: Sample) -> Iterator[dict[str, Any]]:
    """One event for each session, and before them one that says that there was a sample.

    The load of a session is the time that its sample stands for: the sum of a minute's, over sixty, is how
    many sessions were active on average.
    """
    common = {"ts": sample.time, "instance": instance, "vcpus": vcpus}
    yield {**common, "kind": "sample", "seconds": sample.seconds, "sessions": len(sample.sessions)}
    for session in sample.sessions:
        yield {**common, "kind": "session", "load": sample.seconds, **_known(session._asdict().items())}


def _known(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None}

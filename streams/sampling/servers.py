"""What every kind of server of databases is asked: who is active, and whether it says all that is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from streams.sampling.sessions import Session


class Setting(NamedTuple):
    """A setting of a server, and how it should be."""

    name: str
    now: str
    #: Whether it is as it should be; None where it is better so, and all goes on without.
    good: bool | None
    #: What is lacking otherwise, and what to do.
    why: str
    how: str


class Server(Protocol):
    """A kind of server."""

    #: SQLAlchemy's name of the driver, the extra that brings it, and what SQL is read as.
    driver: str
    extra: str
    dialect: str
    #: Arguments of the driver.
    connecting: Mapping[str, Any]
    #: What a connection is told: to change nothing, and to give up soon.
    setup: Sequence[str]

    def sessions(self, connection: Connection) -> Iterator[tuple[Session, str | None]]:
        """Who is active, without the connection itself, each with its statement as the server has it."""

    def settings(self, connection: Connection) -> Iterator[Setting]:
        """The settings that matter, as they are."""

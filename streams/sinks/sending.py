"""What sinks have in common: how one says that it could not deliver, where secrets come from, and HTTP.

    Undelivered        the notice is not there
    ├── Refused        and never will be: the receiver does not take it
    └── Unavailable    and may be later: it is tried again

What they say goes into logs and dead letters, so it never holds an address or a secret.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Protocol, runtime_checkable

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout

from detectors.words import plain
from streams.errors import SettingsError
from streams.notices import Notice
from streams.secrets import read_address, read_secret

TIMEOUT_SECONDS = 30.0
#: Answers that no second attempt changes; all others, and none, may be a fault that someone puts right.
_FINAL = {400, 405, 406, 409, 410, 411, 413, 414, 415, 422}
_LONGEST_ANSWER, _READ_BYTES = 300, 4096


class Undelivered(Exception):
    """A notice could not be delivered; the message says why."""


class Refused(Undelivered):
    """The receiver does not take this notice, however often it is sent."""


class Unavailable(Undelivered):
    """The receiver cannot be reached, or asks to wait; `after` is for how many seconds."""

    def __init__(self, said: str, after: float | None = None) -> None:
        super().__init__(said)
        self.after = after


class Sender(Protocol):
    """What delivers notices to one sink."""

    async def send(self, notice: Notice) -> None:
        """Deliver a notice.

        Raises:
            Undelivered: it is not there.
        """


@runtime_checkable
class Renewing(Sender, Protocol):
    """What must be told again and again of what is open."""

    renew_every: timedelta

    async def renew(self, notices: Sequence[Notice]) -> None:
        """Tell of all that is open.

        Raises:
            Undelivered: it was not told.
        """


class Secret:
    """What a reference to a secret stands for now, since a file may be written anew; none is itself."""

    def __init__(self, reference: str) -> None:
        """Read it once, so that whoever starts is told.

        Raises:
            SettingsError: there is no such variable or file.
        """
        self._reference = reference
        read_secret(reference)

    def __call__(self) -> str:
        """The secret.

        Raises:
            Unavailable: it was there before.
        """
        try:
            return read_secret(self._reference)
        except SettingsError as error:
            raise Unavailable(str(error)) from None


def address(reference: str) -> Secret:
    """An address of HTTP, or where it is.

    Raises:
        SettingsError: there is none.
    """
    read_address(reference)
    return Secret(reference)


async def post(session: ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST a body.

    Raises:
        Undelivered: there was another answer than one of success, or none.
    """
    try:
        async with session.post(
            url,
            data=body,
            headers=headers,
            timeout=ClientTimeout(total=TIMEOUT_SECONDS),
            # Whoever answers with another address is not whom the operator named.
            allow_redirects=False,
        ) as answer:
            if not 200 <= answer.status < 300:
                raise await _refusal(answer)
    except (ClientError, OSError, ValueError) as error:
        # Their texts hold the address, which may be a secret.
        number = getattr(error, "errno", None)
        why = f": {os.strerror(number)}" if isinstance(number, int) else ""
        raise Unavailable(f"{type(error).__name__}{why}") from None


async def _refusal(answer: ClientResponse) -> Undelivered:
    text = (await answer.content.read(_READ_BYTES)).decode("utf-8", "replace")
    # Some name the path that was asked for, which may be the secret.
    for path in (answer.url.raw_path_qs, answer.url.raw_path):
        text = text.replace(path, "…") if len(path) > 1 else text
    said = plain(f"{answer.status} {answer.reason}: {text}", _LONGEST_ANSWER)
    if answer.status in _FINAL:
        return Refused(said)
    return Unavailable(said, wait_seconds(answer.headers.get("Retry-After", ""), datetime.now(UTC)))


def wait_seconds(asked: str, now: datetime) -> float | None:
    """How long a `Retry-After` asks to wait: so many seconds, or until a time; None if it does not say.

    >>> noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    >>> wait_seconds("7", noon), wait_seconds("Mon, 02 Mar 2026 12:01:00 GMT", noon)
    (7.0, 60.0)
    """
    if asked.isdecimal():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    # Without an offset it would be a time of somewhere.
    return max(0.0, (until - now).total_seconds()) if until.tzinfo is not None else None

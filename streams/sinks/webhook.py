"""POST to an address of one's own, signed.

`Lookalive-Signature: t=TIME,v1=HEX` is the HMAC-SHA-256 of `TIME.BODY` with the shared secret, TIME in
seconds: a receiver that also looks at the time cannot be sent an old notice again by a stranger.
"""

from __future__ import annotations

import hashlib
import hmac
import time

from aiohttp import ClientSession

from detectors.sinks import Webhook
from streams.notices import FORMS, Notice, encode
from streams.sinks.sending import Secret, address, post

_CONTENT_TYPES = {"long": "text/plain", "short": "text/plain", "markdown": "text/markdown"}


class WebhookSender:
    """Delivers to a webhook."""

    def __init__(self, sink: Webhook, session: ClientSession) -> None:
        self._session = session
        self._url = address(sink.url)
        self._key = None if sink.secret is None else Secret(sink.secret)
        self._form = FORMS[sink.format]
        self._type = f"{_CONTENT_TYPES.get(sink.format, 'application/json')}; charset=utf-8"

    async def send(self, notice: Notice) -> None:
        """POST each message of a notice."""
        for number, message in enumerate(self._form(notice)):
            body = encode(message)
            headers = {
                "Content-Type": self._type,
                "Idempotency-Key": f"{notice.id}/{number}",
                "User-Agent": "lookalive",
            }
            if self._key is not None:
                headers["Lookalive-Signature"] = signature(self._key().encode(), body, int(time.time()))
            await post(self._session, self._url(), body, headers)


def signature(key: bytes, body: bytes, seconds: int) -> str:
    """What a body is signed with at a time.

    >>> signature(b"key", b"{}", 0)[:12]
    't=0,v1=73143'
    """
    signed = hmac.new(key, b"%d." % seconds + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"

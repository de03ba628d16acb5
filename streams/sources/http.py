"""POST to a server that may be slow, wrong or hostile: an answer that is bounded in time and size.

What is said when there is none holds no address and no secret.
"""

from __future__ import annotations

import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import IO, Any
from urllib.parse import urlencode

from streams.sources.reading import Unavailable

#: An answer beyond this would be more than a worker can hold.
MOST_BYTES = 256 * 1024 * 1024
_AT_ONCE = 1024 * 1024


class _Stay(urllib.request.HTTPRedirectHandler):
    """Whoever answers with another address is not whom the operator named."""

    def redirect_request(self, *_: Any) -> None:
        """Go nowhere: it is an answer like any other that is none of success."""


def post(url: str, form: Mapping[str, str], headers: Mapping[str, str], timeout: float) -> tuple[int, bytes]:
    """Status and body of the answer to a form, if it is there within the timeout.

    Raises:
        Unavailable: there is none.
    """
    until = time.monotonic() + timeout
    try:
        request = urllib.request.Request(  # noqa: S310  (an address begins with http, see read_address)
            url, urlencode(form).encode(), {**headers, "User-Agent": "lookalive"}
        )
        opener = urllib.request.build_opener(_Stay)
        try:
            with opener.open(request, timeout=timeout) as answer:
                return answer.status, _body(answer, until)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _body(error, until)
    except (OSError, HTTPException, ValueError) as error:
        # Their texts hold the address, which may be a secret.
        reason = getattr(error, "reason", None)
        raise Unavailable(_why(reason if isinstance(reason, Exception) else error)) from None


def _body(answer: IO[bytes], until: float) -> bytes:
    """All of it; each part has the timeout of a connection, and all of them one together."""
    parts, size = [], 0
    read = getattr(answer, "read1", answer.read)
    while part := read(_AT_ONCE):
        parts.append(part)
        size += len(part)
        if time.monotonic() > until:
            raise TimeoutError
        if size > MOST_BYTES:
            message = f"its answer is over {MOST_BYTES:,} bytes: ask for fewer series, or a smaller chunk"
            raise Unavailable(message)
    return b"".join(parts)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer within the timeout"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return f"no answer: {os.strerror(number)}"
    return f"no answer: {type(error).__name__}"

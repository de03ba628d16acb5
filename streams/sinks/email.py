"""Mail, by SMTP: all mails of an incident are one thread."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import format_datetime

from detectors.sinks import Email
from streams.notices import Notice
from streams.notices.notice import shortened
from streams.notices.texts import long, short
from streams.sinks.sending import TIMEOUT_SECONDS, Refused, Secret, Unavailable

LONGEST_SUBJECT = 200


class EmailSender:
    """Delivers by one mail server."""

    def __init__(self, sink: Email) -> None:
        self._sink = sink
        self._password = None if sink.password is None else Secret(sink.password)
        #: Who has not got a notice yet, though others have.
        self._left: tuple[str, list[str]] = "", []

    async def send(self, notice: Notice) -> None:
        """Send a mail."""
        if self._left[0] != notice.id:
            self._left = notice.id, self._sink.to
        await asyncio.to_thread(self._send, mail(notice, self._sink.sender, self._sink.to))

    def _send(self, message: EmailMessage) -> None:
        try:
            with self._connected() as server:
                if self._sink.username is not None and self._password is not None:
                    server.login(self._sink.username, self._password())
                refused = server.send_message(message, to_addrs=self._left[1])
        except smtplib.SMTPRecipientsRefused as error:
            codes = {code for code, _ in error.recipients.values()}
            raise _because(min(codes), "no recipient was taken") from None
        except smtplib.SMTPResponseException as error:
            raise _because(int(error.smtp_code), type(error).__name__) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(type(error).__name__) from None
        if refused:
            self._left = self._left[0], list(refused)
            said = f"{len(refused)} of {len(self._sink.to)} recipients were not taken"
            raise _because(min(code for code, _ in refused.values()), said)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        sink = self._sink
        if sink.security == "tls":
            context = ssl.create_default_context()
            with smtplib.SMTP_SSL(sink.host, sink.port, timeout=TIMEOUT_SECONDS, context=context) as server:
                yield server
            return
        with smtplib.SMTP(sink.host, sink.port, timeout=TIMEOUT_SECONDS) as server:
            if sink.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            yield server


def _because(code: int, said: str) -> Refused | Unavailable:
    """A password that is wrong (535) can be put right; other answers from 550 on are for good."""
    return Refused(f"{code} {said}") if code >= 550 else Unavailable(f"{code} {said}")


def mail(notice: Notice, sender: str, to: list[str]) -> EmailMessage:
    """The mail of a notice; the same again has the same id, and all of an incident one thread."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Subject"] = shortened(short(notice), LONGEST_SUBJECT)
    message["Date"] = format_datetime(notice.told_at)
    message["Message-ID"] = _id(notice, notice.alert.revision)
    if notice.alert.revision != notice.opened.revision:
        first = _id(notice, notice.opened.revision)
        message["In-Reply-To"] = first
        message["References"] = first
    # No out-of-office note in return.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(long(notice))
    return message


def _id(notice: Notice, revision: int) -> str:
    return f"<{notice.alert.group}.{notice.alert.rule}.{revision}@lookalive>"

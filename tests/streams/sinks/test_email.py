"""Mail, to a real SMTP server: what arrives, and what becomes of a server's refusal."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from detectors.sinks import Email
from streams.sinks import Refused, Unavailable
from streams.sinks.email import EmailSender
from tests.streams.incidents import GROUP, closed, notice


class Mailbox:
    """Keeps mails, or answers what it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_RCPT(self, *received: Any) -> str:
        if self.answer.startswith("250"):
            cast(Envelope, received[2]).rcpt_tos.append(received[3])
        return self.answer

    async def handle_DATA(self, *received: Any) -> str:
        content = cast(bytes, cast(Envelope, received[2]).content)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        return "250 OK"


def knows(_: Any, __: Any, ___: Any, ____: str, given: Any) -> AuthResult:
    return AuthResult(success=given == LoginPassword(b"lookalive", b"s3cret"), handled=False)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=port, authenticator=knows, auth_require_tls=False
    )
    controller.start()
    yield port
    controller.stop()


def sink(port: int, **changes: Any) -> Email:
    settings: dict[str, Any] = {
        "security": "none",
        "sender": "lookalive@example.org",
        "to": ["a@example.org"],
    }
    return Email(host="127.0.0.1", port=port, **{**settings, **changes})


async def test_all_mails_of_an_incident_are_one_thread(mailbox: Mailbox, port: int) -> None:
    sender = EmailSender(sink(port, to=["a@example.org", "b@example.org"]))
    await sender.send(notice())
    await sender.send(notice(closed()))
    first, last = mailbox.mails
    assert first["To"] == "a@example.org, b@example.org"
    assert first["Subject"].startswith("OPENED shop/shop-page, severity 97: orders on web in DE")
    assert GROUP in first.get_content()
    assert first["Message-ID"] == last["In-Reply-To"] != last["Message-ID"]


async def test_a_name_and_a_password_are_given(
    mailbox: Mailbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL", "s3cret")
    await EmailSender(sink(port, username="lookalive", password="env:MAIL")).send(notice())
    monkeypatch.setenv("MAIL", "wrong")
    with pytest.raises(Unavailable, match="535"):
        await EmailSender(sink(port, username="lookalive", password="env:MAIL")).send(notice())
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", Refused), ("450 later", Unavailable)])
async def test_a_server_may_refuse_or_ask_to_wait(
    mailbox: Mailbox, port: int, answer: str, kind: type[Exception]
) -> None:
    mailbox.answer = answer
    with pytest.raises(kind, match=answer[:3]):
        await EmailSender(sink(port)).send(notice())


async def test_nothing_is_sent_in_the_open_unless_that_is_asked_for(mailbox: Mailbox, port: int) -> None:
    with pytest.raises(Unavailable):
        await EmailSender(sink(port, security="starttls")).send(notice())
    assert mailbox.mails == []

"""Mail, to a real SMTP server: what arrives, and what becomes of a server's refusal."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from detectors.sinks import Email
from streams.broker import free_port
from streams.sinks import Refused, Unavailable
from streams.sinks.email import EmailSender
from tests.streams.incidents import GROUP, alert, closed, notice


class Mailbox:
    """Keeps mails, or answers what it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[list[str]] = []
        self.answer = "250 OK"
        #: Whom the answer is for; all when empty.
        self.answered: set[str] = set()

    async def handle_RCPT(self, *received: Any) -> str:
        address = received[3]
        answer = self.answer if address in (self.answered or {address}) else "250 OK"
        if answer.startswith("250"):
            cast(Envelope, received[2]).rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, *received: Any) -> str:
        content = cast(bytes, cast(Envelope, received[2]).content)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        self.to.append(cast(Envelope, received[2]).rcpt_tos)
        return "250 OK"


def knows(_: Any, __: Any, ___: Any, ____: str, given: Any) -> AuthResult:
    return AuthResult(success=given == LoginPassword(b"lookalive", b"s3cret"), handled=False)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@contextmanager
def serving(mailbox: Mailbox, **settings: Any) -> Iterator[int]:
    """The port of a mail server."""
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, authenticator=knows, **settings)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def port(mailbox: Mailbox) -> Iterator[int]:
    with serving(mailbox, auth_require_tls=False) as port:
        yield port


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certified(authority: trustme.CA) -> ssl.SSLContext:
    """What a server that the authority knows speaks with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trust(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


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


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.usefixtures("trust")
async def test_mail_and_password_are_encrypted(
    security: str, mailbox: Mailbox, certified: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL", "s3cret")
    settings: dict[str, Any] = {
        "starttls": {"tls_context": certified, "require_starttls": True},
        # aiosmtpd takes only what has begun with STARTTLS for encrypted.
        "tls": {"ssl_context": certified, "auth_require_tls": False},
    }[security]
    with serving(mailbox, **settings) as port:
        sender = EmailSender(sink(port, security=security, username="lookalive", password="env:MAIL"))
        await sender.send(notice())
    assert len(mailbox.mails) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_server_that_nobody_vouches_for_is_told_nothing(
    security: str, mailbox: Mailbox, certified: ssl.SSLContext
) -> None:
    settings = {"tls_context": certified} if security == "starttls" else {"ssl_context": certified}
    with serving(mailbox, **settings) as port, pytest.raises(Unavailable, match="SSLCertVerificationError"):
        await EmailSender(sink(port, security=security)).send(notice())
    assert mailbox.mails == []


@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", Refused), ("450 later", Unavailable)])
async def test_who_did_not_get_a_mail_with_the_others_is_not_passed_over(
    answer: str, kind: type[Exception], mailbox: Mailbox, port: int
) -> None:
    mailbox.answer, mailbox.answered = answer, {"b@example.org"}
    sender = EmailSender(sink(port, to=["a@example.org", "B <b@example.org>"]))
    with pytest.raises(kind, match=f"{answer[:3]} 1 of 2 recipients were not taken"):
        await sender.send(notice())
    mailbox.answer = "250 OK"
    await sender.send(notice())
    await sender.send(notice(closed()))
    assert mailbox.to == [["a@example.org"], ["b@example.org"], ["a@example.org", "b@example.org"]]


async def test_what_strangers_chose_adds_no_header(mailbox: Mailbox, port: int) -> None:
    hostile = alert(summary="orders on web\r\nBcc: all@example.org\r\n\r\nClick here: 12")
    await EmailSender(sink(port)).send(notice(hostile, hostile))
    (mail,) = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"].endswith("orders on web Bcc: all@example.org Click here: 12")

"""Sinks that are spoken to by HTTP: what a real receiver gets, and what is made of its answers."""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession, web

from detectors.sinks import AnySink, PagerDuty, Slack, Webhook
from streams.errors import SettingsError
from streams.sinks import Refused, Unavailable, make_sender
from tests.streams.incidents import GROUP, SITE, alert, closed, notice
from tests.streams.sinks.receivers import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as one:
        yield one


async def test_a_webhook_is_sent_the_alert_as_it_is(receiver: Receiver, session: ClientSession) -> None:
    await make_sender(Webhook(url=f"{receiver.url}/alerts"), SITE, session).send(notice())
    (received,) = receiver.received
    assert received.path == "/alerts"
    assert received.body == msgspec.json.encode(alert())
    assert received.headers["Content-Type"] == "application/json; charset=utf-8"
    assert received.headers["Idempotency-Key"] == f"{GROUP}/shop-page/1/0"
    assert "Lookalive-Signature" not in received.headers


async def test_what_is_signed_can_be_checked(
    receiver: Receiver, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHARED", "s3cret")
    await make_sender(Webhook(url=receiver.url, secret="env:SHARED"), SITE, session).send(notice())
    (received,) = receiver.received
    time, signed = (part.partition("=")[2] for part in received.headers["Lookalive-Signature"].split(","))
    expected = hmac.new(b"s3cret", f"{time}.".encode() + received.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(signed, expected)


async def test_each_message_has_a_key_of_its_own(receiver: Receiver, session: ClientSession) -> None:
    await make_sender(Webhook(url=receiver.url, format="lookout"), SITE, session).send(notice())
    assert [one.json["impactedMetric"]["metricName"] for one in receiver.received] == ["orders", "views"]
    assert [one.headers["Idempotency-Key"][-2:] for one in receiver.received] == ["/0", "/1"]


async def test_text_is_sent_as_text(receiver: Receiver, session: ClientSession) -> None:
    await make_sender(Webhook(url=receiver.url, format="markdown"), SITE, session).send(notice())
    assert receiver.received[0].headers["Content-Type"] == "text/markdown; charset=utf-8"


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_notice_that_is_not_taken_is_refused(
    status: int, receiver: Receiver, session: ClientSession
) -> None:
    receiver.answers = [web.Response(status=status, text="no such field")]
    with pytest.raises(Refused, match=f"{status} .*: no such field"):
        await make_sender(Webhook(url=receiver.url), SITE, session).send(notice())


@pytest.mark.parametrize("status", [302, 401, 404, 429, 500, 503])
async def test_what_can_be_put_right_is_tried_again(
    status: int, receiver: Receiver, session: ClientSession
) -> None:
    receiver.answers = [web.Response(status=status, headers={"Retry-After": "7", "Location": "/b"})]
    with pytest.raises(Unavailable) as failure:
        await make_sender(Webhook(url=receiver.url), SITE, session).send(notice())
    assert failure.value.after == 7
    assert len(receiver.received) == 1


async def test_a_receiver_that_names_the_path_does_not_give_it_away(
    receiver: Receiver, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK", f"{receiver.url}/T0/s3cret?to=n0body")
    receiver.answers = [web.Response(status=404, text="Cannot POST /T0/s3cret?to=n0body,\nnor /T0/s3cret")]
    with pytest.raises(Unavailable) as failure:
        await make_sender(Slack(url="env:SLACK"), SITE, session).send(notice())
    assert str(failure.value) == "404 Not Found: Cannot POST …, nor …"


async def test_where_nobody_listens_the_address_is_not_told(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SLACK", f"http://127.0.0.1:{taken.getsockname()[1]}/s3cret")
        with pytest.raises(Unavailable, match="Connection refused") as failure:
            await make_sender(Slack(url="env:SLACK"), SITE, session).send(notice())
    assert "s3cret" not in str(failure.value)
    # aiohttp's own error holds it, so a traceback must not show that.
    assert failure.value.__suppress_context__


async def test_slack_is_sent_blocks(receiver: Receiver, session: ClientSession, tmp_path: Path) -> None:
    (tmp_path / "slack").write_text(f"{receiver.url}/services/T0/B0\n", encoding="utf-8")
    await make_sender(Slack(url=f"file:{tmp_path / 'slack'}"), SITE, session).send(notice())
    (received,) = receiver.received
    assert received.path == "/services/T0/B0"
    assert received.json["blocks"][0]["type"] == "header"


async def test_pagerduty_is_triggered_and_resolved_under_one_key(
    receiver: Receiver, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "R" * 32)
    sender = make_sender(PagerDuty(routing_key="env:PAGER", url=receiver.url), SITE, session)
    receiver.answers = [web.Response(status=202), web.Response(status=202)]
    await sender.send(notice())
    await sender.send(notice(closed()))
    first, last = (one.json for one in receiver.received)
    assert (first["event_action"], last["event_action"]) == ("trigger", "resolve")
    assert first["dedup_key"] == last["dedup_key"]
    assert first["routing_key"] == last["routing_key"] == "R" * 32


async def test_a_secret_that_was_changed_is_used_from_then_on(
    receiver: Receiver, session: ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "slack"
    file.write_text(f"{receiver.url}/old\n")
    sender = make_sender(Slack(url=f"file:{file}"), SITE, session)
    await sender.send(notice())
    file.write_text(f"{receiver.url}/new\n")
    await sender.send(notice())
    assert [one.path for one in receiver.received] == ["/old", "/new"]
    file.unlink()
    with pytest.raises(Unavailable, match="cannot read a secret"):
        await sender.send(notice())


async def test_a_secret_that_is_no_address_is_told(
    session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK", "s3cret.example.org")
    with pytest.raises(SettingsError, match="env:SLACK holds no address") as refused:
        make_sender(Slack(url="env:SLACK"), SITE, session)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("where", ["env:NO_SUCH_VARIABLE", "file:/no/such/file"])
async def test_a_secret_that_is_not_there_is_told_before_anything_is_sent(
    where: str, session: ClientSession
) -> None:
    sinks: list[AnySink] = [Slack(url=where), Webhook(url="http://127.0.0.1", secret=where)]
    for sink in sinks:
        with pytest.raises(SettingsError, match="secret"):
            make_sender(sink, SITE, session)

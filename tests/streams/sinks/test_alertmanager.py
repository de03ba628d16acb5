"""A real Alertmanager (Debian's) takes alerts as firing, keeps them while they are renewed, and ends them."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession

from detectors.sinks import Alertmanager
from streams.broker import free_port
from streams.notices import Notice
from streams.sinks.alertmanager import AlertmanagerSender
from tests.streams.incidents import GROUP, alert, anomaly, closed, notice, updated
from tests.streams.sinks.receivers import Receiver, receiving

pytestmark = pytest.mark.prometheus


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an Alertmanager of the tests' own listens, which tells nobody."""
    binary = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if binary is None:
        pytest.skip("no Alertmanager: apt-get install prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    (folder / "config.yml").write_text("route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n")
    port = free_port()
    command = [binary, f"--config.file={folder / 'config.yml'}", f"--storage.path={folder}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
async def session(address: str) -> AsyncIterator[ClientSession]:
    async with ClientSession() as one:
        until = time.monotonic() + 120
        while True:
            try:
                async with one.get(f"{address}/-/ready") as answer:
                    if answer.status == 200:
                        break
            except ClientError:
                assert time.monotonic() < until
            await asyncio.sleep(0.05)
        yield one


async def firing(session: ClientSession, address: str, rule: str) -> list[Any]:
    query = {"filter": f'alertname="{rule}"'}
    async with session.get(f"{address}/api/v2/alerts", params=query) as answer:
        alerts: list[Any] = await answer.json()
        return alerts


def of(rule: str) -> tuple[Notice, Notice, Notice]:
    """An incident of a rule of a test's own."""
    first = alert(rule=rule)
    # What it is called after has changed since.
    worse = updated(rule=rule, severity=99.0, measure="views", members=[anomaly("views"), *first.members])
    return notice(first, first), notice(worse, first), notice(closed(rule=rule), first)


async def test_an_incident_is_one_alert_from_first_to_last(session: ClientSession, address: str) -> None:
    sender = AlertmanagerSender(Alertmanager(url=address), session)
    opened, worse, over = of("one-alert")
    await sender.send(opened)
    (first,) = await firing(session, address, "one-alert")
    assert first["status"]["state"] in {"active", "unprocessed"}
    assert first["labels"] == {
        "alertname": "one-alert",
        "detector": "shop",
        "measure": "orders",
        "severity": "critical",
        "group": GROUP,
        "platform": "web",
        "marketplace": "DE",
    }
    assert first["generatorURL"] == f"https://lookalive.example/groups/{GROUP}"
    await sender.send(worse)
    (second,) = await firing(session, address, "one-alert")
    assert second["fingerprint"] == first["fingerprint"]
    assert second["annotations"]["severity"] == "99"
    await sender.send(over)
    assert await firing(session, address, "one-alert") == []


async def test_what_is_renewed_lasts_longer(session: ClientSession, address: str) -> None:
    sender = AlertmanagerSender(Alertmanager(url=address), session)
    opened, _, _ = of("renewed")
    await sender.send(opened)
    (first,) = await firing(session, address, "renewed")
    await sender.renew([opened])
    (again,) = await firing(session, address, "renewed")
    assert again["fingerprint"] == first["fingerprint"]
    assert again["endsAt"] > first["endsAt"]


async def test_what_is_not_renewed_ends_by_itself(session: ClientSession, address: str) -> None:
    sender = AlertmanagerSender(Alertmanager(url=address, keep_alive=timedelta(milliseconds=100)), session)
    await sender.renew([of("forgotten")[0]])
    until = time.monotonic() + 120
    while await firing(session, address, "forgotten"):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def test_who_is_asked_for_a_name_gives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "s3cret")
    async with receiving() as receiver, ClientSession() as session:
        sink = Alertmanager(url=f"{receiver.url}/", username="lookalive", password="env:PASSWORD")
        await AlertmanagerSender(sink, session).send(notice())
        (received,) = receiver.received
    assert received.path == "/api/v2/alerts"
    assert received.headers["Authorization"].startswith("Basic ")


async def test_nothing_is_sent_while_nothing_is_open(session: ClientSession) -> None:
    async with receiving() as receiver:
        assert isinstance(receiver, Receiver)
        await AlertmanagerSender(Alertmanager(url=receiver.url), session).renew([])
        assert receiver.received == []

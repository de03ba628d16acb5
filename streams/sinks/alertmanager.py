"""Prometheus Alertmanager: an alert fires as long as it is sent again and again, and ends when it says so."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from aiohttp import ClientSession, encode_basic_auth

from detectors.sinks import Alertmanager
from streams.notices import Notice, alertmanager
from streams.sinks.sending import Secret, address, post

#: What is not sent again so many times over is taken for over.
LIVES = 5


class AlertmanagerSender:
    """Delivers to one Alertmanager."""

    def __init__(self, sink: Alertmanager, session: ClientSession) -> None:
        self._session = session
        self._url = address(sink.url)
        self._username = sink.username
        self._password = None if sink.password is None else Secret(sink.password)
        self._lasts = LIVES * sink.keep_alive
        self.renew_every = sink.keep_alive

    async def send(self, notice: Notice) -> None:
        """Let an alert fire, or end."""
        await self._post([notice])

    async def renew(self, notices: Sequence[Notice]) -> None:
        """Keep alerts that are open from ending by themselves."""
        if notices:
            await self._post(notices)

    async def _post(self, notices: Sequence[Notice]) -> None:
        now = datetime.now(UTC)
        alerts = [
            alertmanager.alert(notice, min(now, notice.told_at) if notice.over else now + self._lasts)
            for notice in notices
        ]
        headers = {"Content-Type": "application/json"}
        if self._username is not None and self._password is not None:
            headers["Authorization"] = encode_basic_auth(self._username, self._password())
        url = f"{self._url().rstrip('/')}/api/v2/alerts"
        await post(self._session, url, msgspec.json.encode(alerts), headers)

"""A service of PagerDuty, by its events: https://developer.pagerduty.com/docs/send-alert-event."""

from __future__ import annotations

import msgspec
from aiohttp import ClientSession

from detectors.sinks import PagerDuty
from streams.notices import Notice, pagerduty
from streams.sinks.sending import Secret, address, post


class PagerDutySender:
    """Delivers to a service."""

    def __init__(self, sink: PagerDuty, session: ClientSession) -> None:
        self._session = session
        self._url = address(sink.url)
        self._key = Secret(sink.routing_key)

    async def send(self, notice: Notice) -> None:
        """Trigger, or resolve."""
        body = msgspec.json.encode(pagerduty.event(notice, self._key()))
        await post(self._session, self._url(), body, {"Content-Type": "application/json"})

"""A channel of Slack, by an incoming webhook: messages cannot be edited, so there is one each time."""

from __future__ import annotations

import msgspec
from aiohttp import ClientSession

from detectors.sinks import Slack
from streams.notices import Notice, slack
from streams.sinks.sending import address, post


class SlackSender:
    """Delivers to a channel."""

    def __init__(self, sink: Slack, session: ClientSession) -> None:
        self._session = session
        self._url = address(sink.url)

    async def send(self, notice: Notice) -> None:
        """Write a message."""
        body = msgspec.json.encode(slack.message(notice))
        await post(self._session, self._url(), body, {"Content-Type": "application/json"})

"""Sinks: where notices go, one receiver a file. `streams.notices` makes what is sent; these deliver it."""

from __future__ import annotations

from typing import assert_never

from aiohttp import ClientSession

from detectors import sinks
from streams.notices import Site
from streams.sinks import aws
from streams.sinks.alertmanager import AlertmanagerSender
from streams.sinks.email import EmailSender
from streams.sinks.pagerduty import PagerDutySender
from streams.sinks.sending import Refused, Renewing, Sender, Unavailable, Undelivered
from streams.sinks.slack import SlackSender
from streams.sinks.webhook import WebhookSender

__all__ = ["Refused", "Renewing", "Sender", "Unavailable", "Undelivered", "make_sender"]


def make_sender(sink: sinks.AnySink, site: Site, session: ClientSession) -> Sender:  # noqa: PLR0911
    """What delivers to a sink.

    Raises:
        SettingsError: its secret, or a library that it needs, is not there.
    """
    match sink:
        case sinks.Webhook():
            return WebhookSender(sink, session)
        case sinks.Alertmanager():
            return AlertmanagerSender(sink, session)
        case sinks.Slack():
            return SlackSender(sink, session)
        case sinks.PagerDuty():
            return PagerDutySender(sink, session)
        case sinks.Email():
            return EmailSender(sink)
        case sinks.Sns():
            return aws.SnsSender(sink, site)
        case sinks.Lambda():
            return aws.LambdaSender(sink, site)
        case sinks.S3():
            return aws.S3Sender(sink, site)
        case sinks.SecurityHub():
            return aws.SecurityHubSender(sink, site)
    assert_never(sink)

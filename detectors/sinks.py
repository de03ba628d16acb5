"""Sinks as they are configured: where alerts are sent, one struct a kind, told apart by `type`.

Whatever must stay secret is not here: a key of this kind names the variable (`env:NAME`) or the file
(`file:PATH`) that holds it, and only the process that sends reads that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

#: Where a secret is: a variable of the environment, or a file.
Secret = Annotated[str, Meta(pattern=r"^(env|file):\S+$")]
#: An address of HTTP, or where it is if it is secret.
Address = Annotated[str, Meta(pattern=r"^(https?://|env:|file:)\S+$")]
#: What an alert is written as.
Form = Literal["json", "lookout", "long", "short", "markdown", "ocsf", "asff"]


class Sink(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every sink has."""

    #: An alert that cannot be delivered is tried again for so long; then it goes to the dead letters.
    give_up_after: timedelta = timedelta(hours=1)
    #: Also tell of what was over long before it was found, as in a replay of past events.
    history: bool = False


class Webhook(Sink, frozen=True, tag="webhook"):
    """POST to an address of your own."""

    #: The address.
    url: Address
    #: Signs what is sent, so that the receiver knows from whom it comes.
    secret: Secret | None = None
    #: What is sent.
    format: Form = "json"


class Alertmanager(Sink, frozen=True, tag="alertmanager"):
    """Prometheus Alertmanager, by version 2 of its interface."""

    #: Without `/api/v2/alerts`.
    url: Address
    #: For basic authentication.
    username: str | None = None
    #: For basic authentication.
    password: Secret | None = None
    #: How often what is still open is sent again. It is taken for over when that fails five times.
    keep_alive: timedelta = timedelta(minutes=1)


class Slack(Sink, frozen=True, tag="slack"):
    """A channel of Slack, by an incoming webhook."""

    #: Where the address of the webhook is: who knows it can write.
    url: Secret


class PagerDuty(Sink, frozen=True, tag="pagerduty"):
    """A service of PagerDuty, by version 2 of its events."""

    #: Where the integration key is.
    routing_key: Secret
    #: Another one in Europe: `https://events.eu.pagerduty.com/v2/enqueue`.
    url: Address = "https://events.pagerduty.com/v2/enqueue"


class Email(Sink, frozen=True, tag="email", kw_only=True):
    """Mail, by SMTP."""

    #: The mail server.
    host: str
    #: Its port.
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    #: Whether the connection is encrypted: from the first byte (`tls`), as the server offers it
    #: (`starttls`, or nothing is sent), or not at all.
    security: Literal["starttls", "tls", "none"] = "starttls"
    #: Whom the server knows.
    username: str | None = None
    #: Where that one's password is.
    password: Secret | None = None
    #: Who writes.
    sender: str
    #: Who reads.
    to: Annotated[list[str], Meta(min_length=1)]


class Sns(Sink, frozen=True, tag="sns"):
    """A topic of Amazon SNS."""

    #: Its ARN.
    topic: Annotated[str, Meta(pattern=r"^arn:[^:]+:sns:[^:]+:[^:]+:[^:]+$")]
    #: What is published.
    format: Form = "lookout"


class Lambda(Sink, frozen=True, tag="lambda"):
    """A function of AWS Lambda, invoked with each message, as Lookout for Metrics did."""

    #: Its name or ARN.
    function: str
    #: What it is invoked with: an object.
    format: Literal["json", "lookout", "ocsf", "asff"] = "lookout"


class S3(Sink, frozen=True, tag="s3"):
    """A bucket of Amazon S3: an object an alert, for visualisation."""

    #: Its name.
    bucket: str
    #: How the keys begin, such as `anomalies/`.
    prefix: str = ""
    #: One line a series, or the alert as it is.
    format: Literal["csv", "json"] = "csv"


class SecurityHub(Sink, frozen=True, tag="security-hub"):
    """AWS Security Hub: a finding an incident, updated and then archived."""

    #: Unless given, that of the account's own findings.
    product: str | None = None


AnySink = Webhook | Alertmanager | Slack | PagerDuty | Email | Sns | Lambda | S3 | SecurityHub
SINKS: tuple[type[Sink], ...] = (
    Webhook, Alertmanager, Slack, PagerDuty, Email, Sns, Lambda, S3, SecurityHub,
)  # fmt: skip


def contradictions(sink: Sink) -> Iterator[str]:
    """What does not fit together in a sink, one sentence each."""
    if sink.give_up_after < timedelta(0):
        yield "give_up_after cannot be negative"
    if isinstance(sink, Alertmanager) and sink.keep_alive < timedelta(seconds=1):
        yield "keep_alive must be at least PT1S"
    if isinstance(sink, Alertmanager | Email) and (sink.username is None) != (sink.password is None):
        yield "username and password go together"
    for address in (sink.sender, *sink.to) if isinstance(sink, Email) else ():
        # One that goes on in another line would be a header of its own.
        if not re.fullmatch(r"[^@]+@[^@]+", address) or not address.isprintable():
            yield f"{address!r} is no address of mail"

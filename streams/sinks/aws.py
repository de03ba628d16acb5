"""Sinks in AWS: SNS, Lambda, S3 and Security Hub. boto3 blocks, so each call has a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from detectors.sinks import S3, Lambda, SecurityHub, Sns
from streams import aws
from streams.notices import Notice, Site, asff, encode, tables
from streams.notices.fitting import fitting
from streams.notices.texts import short
from streams.sinks.sending import Refused, Unavailable

#: SNS takes fewer than a hundred characters, and with all that is around it as many bytes as Lambda: 262,144.
LONGEST_SUBJECT, LONGEST_BYTES = 99, 250_000
#: Answers like one to a bad request that say nothing of what was sent.
_LATER = {
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestTimeout",
    "LimitExceededException", "ExpiredToken", "ExpiredTokenException", "RequestExpired",
    "InvalidClientTokenId", "UnrecognizedClientException", "AuthorizationHeaderMalformed", "InternalFailure",
    "ConcurrentUpdateError",
}  # fmt: skip


def client(service: str, site: Site, name: str = "") -> Any:
    """A client of a service of AWS, in the region of an ARN if the name is one, else in that of the site.

    Raises:
        SettingsError: boto3 is not there.
    """
    # Whoever calls tries again, and counts it: one attempt.
    return aws.client(service, name.split(":")[3] if name.startswith("arn:") else site.region)


async def call(operation: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
    """Call an operation of a client.

    Raises:
        Undelivered: it failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError  # noqa: PLC0415

    try:
        answer: Mapping[str, Any] = await asyncio.to_thread(operation, **arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        said = f"{status} {code}: {error.response['Error'].get('Message', '')}"
        # A key of KMS that may not be used is no fault of what was sent either.
        later = status not in {400, 413} or code in _LATER or code.startswith("KMS")
        raise (Unavailable if later else Refused)(said) from None
    except ParamValidationError as error:
        raise Refused(str(error)) from None
    except BotoCoreError as error:
        raise Unavailable(type(error).__name__) from None
    return answer


class SnsSender:
    """Publishes to a topic; one that is FIFO keeps the order of an incident, and takes nothing twice."""

    def __init__(self, sink: Sns, site: Site) -> None:
        self._sink = sink
        self._client = client("sns", site, sink.topic)

    async def send(self, notice: Notice) -> None:
        """Publish each message of a notice."""
        for number, message in enumerate(fitting(self._sink.format, notice, LONGEST_BYTES)):
            more: dict[str, Any] = {}
            if self._sink.topic.endswith(".fifo"):
                more["MessageGroupId"] = notice.alert.group
                more["MessageDeduplicationId"] = f"{notice.id}/{number}".replace("/", ":")[-128:]
            await call(
                self._client.publish,
                TopicArn=self._sink.topic,
                Subject=_subject(short(notice)),
                Message=message.decode(),
                **more,
            )


def _subject(text: str) -> str:
    """SNS takes no other characters in a subject, since it becomes that of a mail."""
    return text.encode("ascii", "replace").decode()[:LONGEST_SUBJECT]


class LambdaSender:
    """Invokes a function without waiting for what it does, as Lookout for Metrics did."""

    def __init__(self, sink: Lambda, site: Site) -> None:
        self._sink = sink
        self._client = client("lambda", site, sink.function)

    async def send(self, notice: Notice) -> None:
        """Invoke it with each message of a notice."""
        for message in fitting(self._sink.format, notice, LONGEST_BYTES):
            await call(
                self._client.invoke,
                FunctionName=self._sink.function,
                InvocationType="Event",
                Payload=message,
            )


class S3Sender:
    """Writes an object an alert; the same again is the same object."""

    def __init__(self, sink: S3, site: Site) -> None:
        self._sink = sink
        self._client = client("s3", site)

    async def send(self, notice: Notice) -> None:
        """Write it under its detector and day."""
        alert, form = notice.alert, self._sink.format
        body = tables.table(notice).encode() if form == "csv" else encode(alert)
        await call(
            self._client.put_object,
            Bucket=self._sink.bucket,
            Key=f"{self._sink.prefix}detector={alert.detector}/date={alert.start:%Y-%m-%d}/"
            f"{notice.id.replace('/', '_')}.{form}",
            Body=body,
            ContentType="text/csv; charset=utf-8" if form == "csv" else "application/json",
        )


class SecurityHubSender:
    """Imports a finding an incident: the same id is the same finding, updated."""

    def __init__(self, sink: SecurityHub, site: Site) -> None:
        self._product = sink.product
        self._client = client("securityhub", site)

    async def send(self, notice: Notice) -> None:
        """Import the finding as it is now."""
        finding = asff.finding(notice, self._product)
        answer = await call(self._client.batch_import_findings, Findings=[finding])
        for failed in answer["FailedFindings"] if answer["FailedCount"] else ():
            said = f"{failed['ErrorCode']}: {failed['ErrorMessage']}"
            raise (Unavailable if failed["ErrorCode"] in _LATER else Refused)(said)

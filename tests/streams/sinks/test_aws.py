"""Sinks in AWS, against moto's server: what a topic, a function, a bucket and a hub are given."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from aiohttp import ClientSession, web
from moto.server import ThreadedMotoServer

from detectors.sinks import S3, AnySink, Lambda, SecurityHub, Sns
from streams.notices import Notice
from streams.sinks import Refused, Unavailable, make_sender
from tests.streams.incidents import GROUP, SITE, alert, closed, notice, updated
from tests.streams.sinks.receivers import receiving


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def client(service: str) -> Any:
    return boto3.client(service, region_name=SITE.region)


async def send(sink: AnySink, *notices: Notice) -> None:
    async with ClientSession() as session:
        sender = make_sender(sink, SITE, session)
        for one in notices:
            await sender.send(one)


def subscribed(topic: str, queue: str, **attributes: str) -> tuple[str, str]:
    """A topic, and the queue that gets what is published."""
    arn = client("sns").create_topic(Name=topic, Attributes=attributes)["TopicArn"]
    fifo = {"FifoQueue": "true"} if attributes else {}
    url = client("sqs").create_queue(QueueName=queue, Attributes=fifo)["QueueUrl"]
    where = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=where["Attributes"]["QueueArn"])
    return arn, url


def received(url: str) -> list[Any]:
    answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


async def test_subscribers_of_a_topic_get_the_messages_of_lookout() -> None:
    arn, url = subscribed("alerts", "queue")
    await send(Sns(topic=arn), notice(), notice(closed()))
    told = received(url)
    messages = [json.loads(one["Message"]) for one in told]
    assert [message["impactedMetric"]["metricName"] for message in messages] == ["orders", "views"]
    assert told[0]["Subject"].startswith("OPENED shop/shop-page, severity 97: orders on web in DE: 12")


async def test_a_topic_that_takes_nothing_twice_knows_a_message_by_its_key() -> None:
    arn, url = subscribed("alerts.fifo", "queue.fifo", FifoTopic="true")
    await send(Sns(topic=arn, format="short"), notice(), notice(), notice(updated()))
    assert [one["Message"][:6] for one in received(url)] == ["OPENED", "UPDATE"]


async def test_a_topic_may_be_in_another_region() -> None:
    sns = boto3.client("sns", region_name="us-west-2")
    await send(Sns(topic=sns.create_topic(Name="elsewhere")["TopicArn"]), notice())


async def test_a_topic_that_is_not_there_may_come() -> None:
    with pytest.raises(Unavailable, match="404 NotFound"):
        await send(Sns(topic=f"arn:aws:sns:{SITE.region}:{SITE.account}:none"), notice())


@pytest.mark.parametrize(
    ("code", "kind"),
    [("InvalidParameter", Refused), ("KMSDisabled", Unavailable), ("Throttling", Unavailable)],
)
async def test_what_a_topic_says_no_to_is_told_apart_from_what_can_be_put_right(
    code: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"<ErrorResponse><Error><Code>{code}</Code><Message>of SNS</Message></Error></ErrorResponse>"
    async with receiving() as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        receiver.answers = [web.Response(status=400, text=said, content_type="text/xml")]
        with pytest.raises(kind, match=f"400 {code}: of SNS"):
            await send(Sns(topic=f"arn:aws:sns:{SITE.region}:{SITE.account}:any"), notice())


async def test_a_function_is_invoked_once_a_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        receiver.answers = [web.Response(status=202), web.Response(status=202)]
        await send(Lambda(function="subscriber"), notice())
    assert [one.path for one in receiver.received] == ["/2015-03-31/functions/subscriber/invocations"] * 2
    assert {one.headers["X-Amz-Invocation-Type"] for one in receiver.received} == {"Event"}
    assert [one.json["impactedMetric"]["metricName"] for one in receiver.received] == ["orders", "views"]


async def test_a_function_that_is_not_there_may_come() -> None:
    with pytest.raises(Unavailable, match="404 ResourceNotFoundException"):
        await send(Lambda(function="none"), notice())


async def test_a_bucket_gets_an_object_an_alert() -> None:
    client("s3").create_bucket(
        Bucket="anomalies", CreateBucketConfiguration={"LocationConstraint": SITE.region}
    )
    await send(S3(bucket="anomalies", prefix="lookalive/"), notice(), notice(), notice(closed()))
    await send(S3(bucket="anomalies", format="json"), notice())
    keys = [one["Key"] for one in client("s3").list_objects_v2(Bucket="anomalies")["Contents"]]
    day = "detector=shop/date=2026-03-02"
    assert keys == [
        f"{day}/{GROUP}_shop-page_1.json",
        f"lookalive/{day}/{GROUP}_shop-page_1.csv",
        f"lookalive/{day}/{GROUP}_shop-page_3.csv",
    ]
    body = client("s3").get_object(Bucket="anomalies", Key=keys[1])["Body"].read().decode()
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [(row["series"], row["value"]) for row in rows] == [
        ("orders{marketplace=DE,platform=web}", "12.0"),
        ("orders{}", "900.0"),
        ("views{marketplace=DE,platform=web}", "3.0"),
    ]


async def test_an_incident_is_one_finding_that_is_updated_and_archived() -> None:
    hub = SecurityHub()
    await send(hub, notice(), notice(updated(severity=69.9), alert()))
    (finding,) = client("securityhub").get_findings()["Findings"]
    assert finding["Id"] == f"{GROUP}/shop-page"
    assert (finding["Severity"]["Label"], finding["RecordState"]) == ("MEDIUM", "ACTIVE")
    await send(hub, notice(closed(), alert()))
    (finding,) = client("securityhub").get_findings()["Findings"]
    assert finding["RecordState"] == "ARCHIVED"


@pytest.mark.parametrize(("code", "kind"), [("InvalidInput", Refused), ("InternalFailure", Unavailable)])
async def test_what_the_hub_does_not_take_is_told_apart_from_its_own_faults(
    code: str, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = {"Id": "any", "ErrorCode": code, "ErrorMessage": "of the hub"}
    answer = {"FailedCount": 1, "SuccessCount": 0, "FailedFindings": [failed]}
    async with receiving() as receiver:
        monkeypatch.setenv("AWS_ENDPOINT_URL", receiver.url)
        receiver.answers = [web.json_response(answer)]
        with pytest.raises(kind, match="of the hub"):
            await send(SecurityHub(), notice())

"""A query to Amazon Redshift by its Data API: an interval goes in, the rows of it come out page by page.

The query is started, asked after until it is over, and its result is fetched. The secret in Secrets Manager
holds user and password, which only AWS reads, and may say which cluster and database is meant.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from detectors.config import Detector
from detectors.sources import RedshiftData
from detectors.words import duration_in_words, plain
from streams import aws
from streams.settings import Settings
from streams.sources.reading import Unavailable
from streams.sources.rows import RowEncoder
from streams.zones import bounds

#: What is throttled, or fails on the way, is asked again so often before it is told.
_ATTEMPTS = 4
#: How long to wait until a query is asked after, first and later.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_LONGEST = 300
#: Columns whose numbers come as text, since they have more digits than a float.
_DECIMALS = {"numeric", "decimal"}


class _Secret(msgspec.Struct, frozen=True):
    """What is read of a secret, by the names that AWS and the connectors of Lookout for Metrics use."""

    cluster: str | None = msgspec.field(default=None, name="dbClusterIdentifier")
    database: str | None = msgspec.field(default=None, name="db")
    #: As Secrets Manager itself names the database.
    named: str | None = msgspec.field(default=None, name="dbname")


class RedshiftDataReader:
    """Reads Redshift for one detector."""

    def __init__(self, source: RedshiftData, detector: Detector, settings: Settings) -> None:
        """Nothing is asked yet.

        Raises:
            SettingsError: boto3 is not there.
        """
        self._source = source
        self._detector = detector
        self._zone = ZoneInfo(source.timezone)
        self._region = source.region or settings.aws_region
        self._data = aws.client("redshift-data", self._region, _ATTEMPTS)

    def read(self, start: datetime, end: datetime) -> Iterator[bytes]:
        """The rows from start up to before end.

        Raises:
            Unavailable: Redshift does not answer, or refuses the query.
        """
        where = self._where()
        first, last = bounds(start, end, self._zone)
        started = _call(
            self._data.execute_statement,
            **where,
            Sql=self._source.query,
            SecretArn=self._source.secret,
            StatementName="lookalive",
            # A column without a time zone is compared with the local time, one with it with the moment.
            Parameters=[
                {"name": "interval_start", "value": first.isoformat(sep=" ")},
                {"name": "interval_end", "value": last.isoformat(sep=" ")},
            ],
        )
        done = self._until_over(started["Id"])
        if not done.get("HasResultSet", False):
            message = "the query gives no rows: it should be a SELECT"
            raise Unavailable(message)
        yield from self._rows(started["Id"])

    def close(self) -> None:
        """Let go of connections."""
        self._data.close()

    def _where(self) -> Mapping[str, str]:
        """The cluster or workgroup, and the database: what is configured, else what the secret says."""
        source = self._source
        cluster, database = source.cluster, source.database
        if database is None or (cluster is None and source.workgroup is None):
            said = self._secret()
            cluster = cluster or said.cluster
            database = database or said.database or said.named
        if database is None:
            raise Unavailable(self._lacks("db", "database"))
        if source.workgroup is not None:
            return {"WorkgroupName": source.workgroup, "Database": database}
        if cluster is None:
            raise Unavailable(self._lacks("dbClusterIdentifier", "cluster or workgroup"))
        return {"ClusterIdentifier": cluster, "Database": database}

    def _secret(self) -> _Secret:
        # A secret may be in another region than the cluster, and its ARN says in which.
        arn = self._source.secret.split(":")
        client = aws.client("secretsmanager", arn[3] if len(arn) > 6 else self._region, _ATTEMPTS)
        answer = _call(client.get_secret_value, SecretId=self._source.secret)
        client.close()
        try:
            return msgspec.json.decode(answer.get("SecretString", ""), type=_Secret)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Nothing of it is said.
            message = f"the secret {self._source.secret!r} is not a JSON object with texts"
            raise Unavailable(message) from None

    def _lacks(self, key: str, instead: str) -> str:
        return f"the secret {self._source.secret!r} has no {key}: add it, or give {instead} in the source"

    def _until_over(self, statement: str) -> Mapping[str, Any]:
        """What is said of a statement when it is finished."""
        until = time.monotonic() + self._source.timeout.total_seconds()
        pause = _FIRST_PAUSE
        while True:
            said = _call(self._data.describe_statement, Id=statement)
            match said["Status"]:
                case "FINISHED":
                    return said
                case "FAILED" | "ABORTED" as status:
                    why = plain(said.get("Error", ""), _LONGEST) or status.lower()
                    raise Unavailable(f"the query failed: {why}")
            left = until - time.monotonic()
            if left <= 0:
                with suppress(Unavailable):
                    _call(self._data.cancel_statement, Id=statement)
                length = max(self._source.timeout, timedelta(seconds=1))
                message = f"the query took longer than {duration_in_words(length)}"
                raise Unavailable(message)
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _rows(self, statement: str) -> Iterator[bytes]:
        page: dict[str, str] = {}
        while True:
            answer = _call(self._data.get_statement_result, Id=statement, **page)
            columns = answer["ColumnMetadata"]
            names = [column.get("label") or column["name"] for column in columns]
            encode = RowEncoder(self._source, self._detector, names).encode
            readers = [_decimal if c.get("typeName") in _DECIMALS else _as_it_is for c in columns]
            for record in answer["Records"]:
                yield encode(_values(record, readers))
            if not (token := answer.get("NextToken")):
                return
            page = {"NextToken": token}


def _values(record: Sequence[Mapping[str, Any]], readers: Sequence[Callable[[Any], Any]]) -> list[Any]:
    """The values of a record: a field names its type, and has one value."""
    values = []
    for cell, read in zip(record, readers, strict=True):
        ((kind, value),) = cell.items()
        values.append(None if kind == "isNull" else read(value))
    return values


def _as_it_is(value: Any) -> Any:
    return value


def _decimal(value: Any) -> Any:
    try:
        return Decimal(value)
    except (InvalidOperation, TypeError):
        return value


def _call(operation: Callable[..., Any], **arguments: Any) -> Mapping[str, Any]:
    """Call an operation of a client.

    Raises:
        Unavailable: it failed.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  (an extra)

    try:
        answer: Mapping[str, Any] = operation(**arguments)
    except ClientError as error:
        said = error.response["Error"]
        message = plain(f"{said['Code']}: {said.get('Message', '')}", _LONGEST)
        raise Unavailable(f"AWS says {message}") from None
    except BotoCoreError as error:
        raise Unavailable(f"AWS cannot be reached: {plain(str(error), _LONGEST)}") from None
    return answer

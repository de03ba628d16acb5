"""Sources as they are configured: where events come from, one struct a kind, told apart by `type`.

A topic is read as it is written. All others are crawled: asked for each interval once it is over and has had
time to become whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from string import Formatter
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from detectors.sinks import Address, Secret

#: A field of an event: letters, digits, `_`, `-`, and dots where the value is nested.
FieldName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")]
TimeUnit = Literal["auto", "s", "ms", "us", "ns", "iso"]
Region = Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
NotEmpty = Annotated[str, Meta(min_length=1)]
Hidden = Literal["network", "hash"]
Statistic = Literal["Sum", "Average", "Minimum", "Maximum", "SampleCount"]

#: What the path of files may say of the interval that they hold → how it is written.
PATH_PARTS = {
    "date": "%Y%m%d", "time": "%H%M", "year": "%Y", "month": "%m", "day": "%d", "hour": "%H", "minute": "%M",
}  # fmt: skip


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="kafka"):
    """A Kafka topic and how its records are read: what a source is that says no `type`."""

    topic: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    #: Name of an input format, such as `json`, `clickstream`, `aws-waf`.
    format: str
    #: `wall`: events are about now; when all is silent, time passes with the clock.
    #: `event`: a replay; only events move time.
    clock: Literal["wall", "event"] = "wall"
    #: A partition that is read to its end and silent for this long holds no interval open.
    idle_timeout: timedelta = timedelta(seconds=1)
    #: How far an event may be ahead of its time and still be believed: of its Kafka record with
    #: `clock = "wall"`, five minutes if nothing is said; of its partition's newest event with `"event"`, a
    #: day or sixteen intervals, whichever is longer.
    max_ahead: timedelta | None = None
    #: For `json`: path of the event time, and its unit (`auto` tells s, ms, us, ns by magnitude).
    time: str | None = None
    time_unit: TimeUnit = "auto"
    #: For `json`: field name → path, where they differ, such as `country = "geo.country"`.
    fields: dict[FieldName, str] = {}
    #: For `json`: the time zone of times that name none.
    timezone: str = "UTC"
    #: Fields of which only a part is kept, before anything sees them: of an address its `network`, or of any
    #: value a `hash`.
    hidden: dict[FieldName, Hidden] = {}
    #: Where the key of hashes is: whoever does not know it cannot tell the values.
    hidden_key: Secret | None = None


class Crawled(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every source has that is asked for each interval of its detectors."""

    #: How long after its end an interval is asked for: so long rows of it may still come.
    delay: timedelta = timedelta(0)
    #: How far before now the first crawl begins; what is older is not asked for.
    history: timedelta = timedelta(days=14)
    #: How much of the past is asked for at once.
    chunk: timedelta = timedelta(days=1)


class Rows(Crawled, frozen=True, kw_only=True):
    """What a query has whose rows have times of their own."""

    #: The column of the event time.
    time: NotEmpty
    #: Its unit, where it is a number; `auto` tells them apart by magnitude, and takes text.
    time_unit: TimeUnit = "auto"
    #: Field name → column, where they differ.
    fields: dict[FieldName, str] = {}
    #: The time zone of times that name none.
    timezone: str = "UTC"


class Sql(Rows, frozen=True, tag="sql"):
    """A query to a database that SQLAlchemy speaks to: PostgreSQL, Redshift, MySQL, MariaDB."""

    #: Where the address is, such as `postgresql+psycopg://user:password@host/database`.
    url: Secret
    #: The query, with `:interval_start` and `:interval_end`: rows from the one up to before the other.
    query: NotEmpty
    #: A query that takes longer is given up, and tried again.
    timeout: timedelta = timedelta(minutes=5)


class RedshiftData(Rows, frozen=True, tag="redshift-data"):
    """A query to Amazon Redshift by its Data API, which needs no connection."""

    #: The query, with `:interval_start` and `:interval_end`: rows from the one up to before the other.
    query: NotEmpty
    #: Name or ARN of the secret in Secrets Manager that holds user and password.
    secret: NotEmpty
    #: Unless given: that of the secret.
    cluster: str | None = None
    #: A serverless workgroup, instead of a cluster.
    workgroup: str | None = None
    #: Unless given: that of the secret.
    database: str | None = None
    #: Its region; unless given, that of the settings.
    region: Region | None = None
    #: A query that takes longer is given up, and tried again.
    timeout: timedelta = timedelta(minutes=5)


class Files(Crawled, frozen=True, tag="files"):
    """Files that are written interval by interval: JSON lines, or CSV with a line of names."""

    #: Where those of an interval are, a folder or a file, `*` for any: `{date}` becomes `20260131` and
    #: `{time}` `1800`, the start of the interval in the detector's time zone; or `{year}`, `{month}`,
    #: `{day}`, `{hour}`, `{minute}`. May begin with `s3://`.
    path: NotEmpty
    #: Name of an input format, of JSON lines; the rows of CSV files are `json`.
    format: str = "json"
    #: For `json`: path of the event time, or its column.
    time: str | None = None
    #: For `json`: its unit; `auto` tells them apart by magnitude, and takes text.
    time_unit: TimeUnit = "auto"
    #: For `json`: field name → path or column, where they differ.
    fields: dict[FieldName, str] = {}
    #: For `json`: the time zone of times that name none.
    timezone: str = "UTC"
    #: Its region; unless given, that of the settings.
    region: Region | None = None


class CloudWatch(Crawled, frozen=True, tag="cloudwatch"):
    """Metrics of Amazon CloudWatch: the dimensions of a detector are theirs."""

    #: Such as `AWS/WAFV2`.
    namespace: NotEmpty
    #: Metric → the statistic that becomes the field of the same name.
    metrics: Annotated[dict[str, Statistic], Meta(min_length=1)]
    #: Dimension → value: only metrics that have it.
    where: dict[str, str] = {}
    #: Its region; unless given, that of the settings.
    region: Region | None = None


class Prometheus(Crawled, frozen=True, tag="prometheus"):
    """Range queries to Prometheus, or what speaks its interface: dimensions of a detector are labels."""

    #: Without `/api/v1`.
    url: Address
    #: Field → a PromQL expression, at the end of each interval.
    queries: Annotated[dict[FieldName, NotEmpty], Meta(min_length=1)]
    #: For basic authentication.
    username: str | None = None
    #: For basic authentication.
    password: Secret | None = None
    #: A query that takes longer is given up, and tried again.
    timeout: timedelta = timedelta(minutes=1)


AnyCrawled = Sql | RedshiftData | Files | CloudWatch | Prometheus
CRAWLED: tuple[type[Crawled], ...] = (Sql, RedshiftData, Files, CloudWatch, Prometheus)
AnySource = Source | AnyCrawled
SOURCES: tuple[type[msgspec.Struct], ...] = (Source, *CRAWLED)


#: In a record that is made of what a query says: when its interval began, in milliseconds.
TIMESTAMP = "timestamp"


def as_records(source: AnySource) -> Source:
    """How the records of a source are read, as if they were in a topic: what is crawled is made JSON."""
    match source:
        case Source():
            return source
        case CloudWatch() | Prometheus():
            return Source("-", "json", "event", time=TIMESTAMP, time_unit="ms")
        case Files():
            format_ = source.format
        case Sql() | RedshiftData():
            format_ = "json"
    time, unit, fields = source.time, source.time_unit, source.fields
    return Source("-", format_, "event", time=time, time_unit=unit, fields=fields, timezone=source.timezone)


def contradictions(source: AnyCrawled) -> Iterator[str]:
    """What does not go together, a sentence each."""
    for name, length in (("delay", source.delay), ("history", source.history)):
        if length < timedelta(0):
            yield f"{name} cannot be negative"
    if source.chunk <= timedelta(0):
        yield "chunk must be above zero"
    if isinstance(source, Sql | RedshiftData) and source.timeout <= timedelta(0):
        yield "timeout must be above zero"
    if isinstance(source, Sql | RedshiftData):
        for name in ("interval_start", "interval_end"):
            if f":{name}" not in source.query:
                yield f"query must ask for an interval: it has no :{name}"
    if isinstance(source, RedshiftData) and source.cluster and source.workgroup:
        yield "give cluster or workgroup"
    if isinstance(source, Files):
        yield from _bad_path(source.path)
    if isinstance(source, Prometheus):
        if (source.username is None) != (source.password is None):
            yield "username and password go together"
        if source.timeout <= timedelta(0):
            yield "timeout must be above zero"


def bad_timezone(name: str) -> Iterator[str]:
    """What is wrong with the name of a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        yield f"no time zone {name!r}; use a name such as Europe/Berlin"


def _bad_path(path: str) -> Iterator[str]:
    try:
        parts = {name for _, name, _, _ in Formatter().parse(path) if name is not None}
    except ValueError as error:
        yield f"path: {error}"
        return
    if unknown := parts - set(PATH_PARTS):
        known = ", ".join(f"{{{name}}}" for name in PATH_PARTS)
        yield f"path: {{{min(unknown)}}} is unknown; there are {known}"
    elif "date" not in parts and not {"year", "month", "day"} <= parts:
        yield "path must say which interval a file is of: put {date} in it, and {time} for less than a day"

"""`lookalive tail`: records of an internal topic → JSON lines, read by a client of its own.

It belongs to no group, so that looking changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO

import click
import msgspec
from kafka import KafkaConsumer, TopicPartition

from detectors.feedback import Verdict
from detectors.places import named
from detectors.records import Alert, HeldBy, IntervalScores, LiveFrom, Partial, Phase, Place, Watermark, utc
from detectors.sinks import Form
from streams.cli import settings
from streams.clients import reader
from streams.ledger import Ledger
from streams.notices import FORMS, Site, encode
from streams.said import BEGINS
from streams.settings import Settings

POLL_MILLISECONDS = 200


class SeriesScore(msgspec.Struct, frozen=True, omit_defaults=True):
    """The score of one series in one interval, as it is printed."""

    detector: str
    measure: str
    dimensions: dict[str, str]
    interval_start: datetime
    value: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    severity: float
    confidence: float
    phase: Phase
    #: Only where there is something to say.
    held_by: HeldBy | None = None
    why: tuple[str, ...] = ()
    #: The interval is still open.
    provisional: bool = False


#: In JSON it stands in strings alone, where an escape means the same.
_UNPRINTABLE = re.compile(r"[^ -~]+")

_encode = msgspec.json.Encoder().encode
_decode_alert = msgspec.json.Decoder(Alert).decode
_decode_scores = msgspec.json.Decoder(IntervalScores).decode
_decode_partial = msgspec.msgpack.Decoder(Partial | Watermark | LiveFrom | Verdict).decode


def score_lines(value: bytes) -> Iterator[bytes]:
    """One line a series; the record holds an interval in columns, or a chunk of it, or what people said."""
    if value.startswith(BEGINS):
        return json_lines(value)
    return series_lines(_decode_scores(value))


def series_lines(scores: IntervalScores) -> Iterator[bytes]:
    """One line a series."""
    # Every measure of a place shares its dimensions.
    dimensions: dict[Place, dict[str, str]] = {
        place: named(scores.dimensions, place) for place in scores.places
    }
    for row in scores.rows():
        yield _encode(
            SeriesScore(
                row.detector,
                row.measure,
                dimensions[row.place],
                row.interval_start,
                row.value,
                row.expected,
                row.lower,
                row.upper,
                row.severity,
                row.confidence,
                row.phase,
                row.held_by,
                row.why,
                scores.provisional,
            )
        )


def partial_lines(value: bytes) -> Iterator[bytes]:
    """A Partial, a Watermark or what people or commands said as JSON; sketches become base64."""
    yield _encode(_decode_partial(value))


def json_lines(value: bytes) -> Iterator[bytes]:
    """A value that is JSON already, on one line."""
    yield msgspec.json.format(value, indent=-1) if b"\n" in value else value


#: Topic without its prefix → how its values become lines.
LINES: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "alerts": json_lines,
    "groups": json_lines,
    "quality": json_lines,
    "scores": score_lines,
    "partials": partial_lines,
    "dead-letters": json_lines,
    "feedback": json_lines,
}


#: Forms that are no JSON.
TEXTS = {"long", "short", "markdown"}
#: A record → the lines that are printed of it.
Lines = Callable[[Any], Iterator[bytes]]


def _values(lines: Callable[[bytes], Iterator[bytes]]) -> Lines:
    return lambda record: lines(record.value)


def notice_lines(form: Form, site: Site) -> Lines:
    """What a sink would send of alerts: JSON on a line each, or the lines of texts."""
    ledger = Ledger(site, lambda _, __: False)

    def lines(record: Any) -> Iterator[bytes]:
        notice = ledger.read(_decode_alert(record.value), utc(record.timestamp))
        for message in FORMS[form](notice) if not isinstance(notice, str) else ():
            yield from encode(message).splitlines()

    return lines


@click.command(epilog="Example: lookalive tail alerts --from-beginning --until-idle 3")
@click.argument("topic", type=click.Choice(list(LINES)))
@click.option("--from-beginning", is_flag=True, help="Start at the oldest record; without it, at the end.")
@click.option(
    "--until-idle", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop when nothing comes."
)
@click.option("--format", "form", type=click.Choice(list(FORMS)), help="Of alerts: as sinks send them.")
@click.option("--max", "limit", type=click.IntRange(min=1), metavar="N", help="Stop after N lines.")
def command(
    topic: str, from_beginning: bool, until_idle: float | None, form: Form | None, limit: int | None
) -> None:
    """Print what is on an internal topic as JSON lines.

    Without --until-idle or --max it follows until Ctrl-C. On a terminal all of JSON but plain ASCII is
    escaped.
    """
    if form is not None and topic != "alerts":
        message = "only alerts are sent: --format goes with `tail alerts`"
        raise click.UsageError(message)
    out = click.get_binary_stream("stdout")
    where = settings()
    lines = _values(LINES[topic]) if form is None else notice_lines(form, Site.of(where))
    try:
        batches = read(where, topic, lines, from_beginning=from_beginning, until_idle=until_idle)
        _print(batches, limit, out, printable if form not in TEXTS else printable_text)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Whoever read has enough. What Python still wants to flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(line: bytes) -> bytes:
    r"""A JSON line that a terminal only shows: what strangers wrote neither steers it nor reorders it.

    >>> printable('"\x9b2J \x7f ü"'.encode())
    b'"\\u009b2J \\u007f \\u00fc"'
    """
    return _UNPRINTABLE.sub(
        lambda found: json.dumps(found[0])[1:-1], line.decode("utf-8", "replace")
    ).encode()


def printable_text(line: bytes) -> bytes:
    r"""A line of text that a terminal only shows.

    >>> printable_text("\x9b2J 210–268".encode()).decode()
    '?2J 210–268'
    """
    return "".join(c if c.isprintable() else "?" for c in line.decode("utf-8", "replace")).encode()


def _print(
    batches: Iterable[list[bytes]],
    limit: int | None,
    out: BinaryIO,
    shown: Callable[[bytes], bytes] = printable,
) -> None:
    left = limit
    on_terminal = out.isatty()
    for lines in batches:
        printed = lines if left is None else lines[:left]
        if on_terminal:
            printed = [shown(line) for line in printed]
        out.write(b"".join(line + b"\n" for line in printed))
        out.flush()
        if left is not None:
            left -= len(printed)
            if left <= 0:
                return


def read(
    settings: Settings, topic: str, lines: Lines, *, from_beginning: bool, until_idle: float | None
) -> Iterator[list[bytes]]:
    """The lines of a topic, in lists as they arrive; ends when nothing came for `until_idle` seconds.

    What is there when it begins is read in any case, however slow the cluster is.

    Raises:
        TopicError: the cluster does not answer, or has no such topic.
    """
    name = f"{settings.prefix}.{topic}"
    with reader(settings, name, from_beginning=from_beginning) as consumer:
        if until_idle is None:
            click.echo(f"following {name} from the {'beginning' if from_beginning else 'end'}", err=True)
        yield from _poll(consumer, lines, until_idle)


def _poll(consumer: KafkaConsumer, lines: Lines, until_idle: float | None) -> Iterator[list[bytes]]:
    ends = consumer.end_offsets(consumer.assignment())
    last = time.monotonic()
    while until_idle is None or time.monotonic() - last < until_idle or _is_behind(consumer, ends):
        for records in consumer.poll(timeout_ms=POLL_MILLISECONDS).values():
            for record in records:
                yield from _chunks(record, lines)
            last = time.monotonic()


def _is_behind(consumer: KafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return any(consumer.position(partition) < end for partition, end in ends.items())


def _chunks(record: Any, lines: Lines) -> Iterator[list[bytes]]:
    """The lines of one record; one that cannot be read is named and passed over."""
    if record.value is None:
        return
    try:
        produced = lines(record)
        while chunk := list(islice(produced, 10_000)):
            yield chunk
    except msgspec.MsgspecError as error:
        where = f"{record.topic} partition {record.partition} offset {record.offset}"
        click.echo(f"{where} cannot be read: {error}", err=True)

"""Which format the records of a sample are in: each reads them, and the one wins whose own fields are filled.

Every format takes almost any JSON object, since all of its fields but the time may be absent: that it can be
read says little, and what it finds says much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detectors.config import FieldKind
from detectors.sources import Source
from detectors.words import many
from detectors.words import plain as plain_words
from streams.formats import aws_waf, clickstream, make_format, parse_all
from streams.inferring.chosen import Chosen, at_most
from streams.inferring.fields import Fields, fields_of_events, fields_of_records, fields_of_rows
from streams.inferring.sampling import Sample, SampleError

#: What records of a format nearly always have; of clickstream nothing else may be there, or it would be lost.
TELLING: Mapping[str, Sequence[str]] = {
    "aws-waf": ("action", "webacl", "client_ip"),
    "clickstream": ("event",),
}
NAMED: Mapping[str, Mapping[str, FieldKind]] = {
    "aws-waf": aws_waf.FIELDS,
    "clickstream": clickstream.FIELDS,
}
TIME_OF = {"aws-waf": "timestamp", "clickstream": "ts"}
#: A format reads so many of the records, and finds in so many what it is told by.
MOST_OF = 0.9
#: With fewer JSON objects among the records they are something else, such as one object on many lines.
LEAST = 0.5
#: Records that a format is tried on first.
PROBE = 500


@dataclass
class Read:
    """A sample, read in the format that fits best."""

    format: Chosen[str]
    fields: Fields
    #: The times of the rows, where the format knows them.
    times: Sequence[int | None] | None = None
    path_of_time: str = ""


def read_sample(sample: Sample) -> Read:
    """Read a sample in the format that fits best.

    Raises:
        SampleError: most records of it are no JSON objects.
    """
    if sample.table is not None:
        return Read(
            Chosen("json", "high", "rows are read as flat JSON records"), fields_of_rows(sample.table)
        )
    plain = fields_of_records(sample)
    if plain.count < LEAST * len(sample.records):
        how_many = f"only {plain.count:,} of {many(len(sample.records), 'record')}" if plain.count else "none"
        message = (
            f"{sample.name}: expected a JSON object a line or record, or rows in a file whose name ends in "
            f".csv or .tsv; {how_many} can be read as JSON: {plain.first_refused}"
        )
        raise SampleError(message)
    for name, known in NAMED.items():
        if read := _read_as(name, known, sample, plain):
            return read
    why = "the records are JSON objects of a kind of their own"
    if {"ts", "event"} <= set(plain.columns) and (unread := _unread(plain)):
        why = f"they look like clickstream, but that format would not read {', '.join(unread[:3])}"
    return Read(Chosen("json", "high", why), plain)


def _read_as(name: str, known: Mapping[str, FieldKind], sample: Sample, plain: Fields) -> Read | None:
    """The sample in a format whose fields have fixed names, if it is told by them."""
    if name == "clickstream" and _unread(plain):
        return None
    format_ = make_format(name, Source("-", name), known)
    objects = [sample.records[n] for n in plain.of_record]
    # Each refusal is put into words, which takes long: a few show whether most would be.
    probe = objects[:: 1 + len(objects) // PROBE]
    if len(parse_all(format_, [one.raw for one in probe]).bad) > (1 - MOST_OF) * len(probe):
        return None
    fields, times = fields_of_events(format_, list(known), objects)
    fields.refused += plain.refused
    fields.first_refused = plain.first_refused or fields.first_refused
    if not _is_told(name, fields):
        return None
    why = f"nearly all records have its {', '.join(TELLING[name])}"
    return Read(Chosen(name, at_most("high", plain.count), why), fields, times, TIME_OF[name])


def _is_told(name: str, fields: Fields) -> bool:
    """Whether a format finds in the records what it is told by, and something beside it."""
    filled = {path for path, column in fields.columns.items() if len(column.values) >= MOST_OF * fields.count}
    return set(TELLING[name]) < filled


def _unread(plain: Fields) -> list[str]:
    """Fields of records that clickstream has no name for."""
    known = {*clickstream.FIELDS, TIME_OF["clickstream"]}
    often = 0.01 * plain.count
    return [
        plain_words(path)
        for path, column in plain.columns.items()
        if path not in known and len(column.values) + column.nested >= often
    ]

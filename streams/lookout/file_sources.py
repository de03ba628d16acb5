"""Files in S3 → a source that reads them, interval by interval."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.words import plain
from streams.csv_files.reading import SEPARATORS
from streams.lookout.made_source import MadeSource
from streams.lookout.placeholders import PLACEHOLDER
from streams.lookout.shapes import FileFormatDescriptor, S3SourceConfig
from streams.lookout.templates import path_of

#: What is read of JSON lines: UTF-8, and what is a part of it. What CSV is written in, is found.
JSON_CHARSETS = frozenset({"UTF-8", "UTF8", "US-ASCII", "ASCII"})
CSV_CHARSETS = JSON_CHARSETS | {"UTF-16", "ISO-8859-1", "LATIN1", "LATIN-1", "WINDOWS-1252"}


def read_files(made: MadeSource, s3: S3SourceConfig, daily: bool) -> None:
    """Read the files of each interval, by the same path."""
    template = next(filter(None, s3.templated_path_list or ()), None)
    made.table = {"type": "files"}
    read = path_of(template) if template else None
    if read is None:
        before = (template or f"s3://{PLACEHOLDER}bucket/").partition("{{")[0]
        made.table["path"] = re.sub(r"[{}]", "", before) + ("{date}/" if daily else "{date}/{time}/")
        what = f"the path {plain(template, 200)} cannot be said" if template else "no path template is given"
        says = (
            f"{what}: files of an interval are looked for where {{date}} (20260131) and {{time}} (1800) "
            "say; change where they are written"
        )
        made.say("to do", says)
    else:
        made.table["path"] = read
        made.say("kept", "files are found by the same path; {time} is when the interval begins")
    if is_csv(s3):
        made.say(
            "changed",
            "files whose names end in .csv or .tsv, with or without .gz, are CSV; others JSON lines",
        )
    for problem in _unread(s3.file_format_descriptor):
        made.say("to do", problem)
    past = next(filter(None, s3.historical_data_path_list or ()), None)
    if past:
        says = (
            f"the past is read once, by lookalive backfill --input {plain(past, 300)}; without it the first "
            "crawl reads the last 14 days of the path"
        )
        made.say("changed", says)


def is_csv(s3: S3SourceConfig) -> bool:
    """Whether the files are said to be CSV."""
    described = s3.file_format_descriptor
    return described is not None and described.csv_format_descriptor is not None


def _unread(described: FileFormatDescriptor | None) -> Iterator[str]:
    """What is in the way of reading the files."""
    csv = described.csv_format_descriptor if described else None
    json = described.json_format_descriptor if described else None
    if csv is not None:
        if csv.contains_header is False:
            names = f": {plain(','.join(csv.header_list), 200)}" if csv.header_list else ""
            yield f"the CSV files have no line of names: write one{names}"
        if csv.delimiter not in {None, *SEPARATORS}:
            yield f"the CSV files have {csv.delimiter!r} between values: write commas"
        if csv.quote_symbol not in {None, "", '"'}:
            yield f"the CSV files have {csv.quote_symbol!r} around values: write double quotes"
    charset = ((csv.charset if csv else None) or (json.charset if json else None) or "UTF-8").upper()
    if charset not in (CSV_CHARSETS if csv else JSON_CHARSETS):
        yield f"the files are {plain(charset)}: write UTF-8"

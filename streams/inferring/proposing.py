"""A sample → a proposal: everything that a configuration needs, each choice with how sure it is and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import msgspec

from detectors.config import Aggregation, Detector, Matcher, Measure, Where
from detectors.sources import TimeUnit
from detectors.words import plain
from streams.inferring import dimensions, events, numbers, pace, times
from streams.inferring.chosen import Chosen, LeftOut, at_most, words
from streams.inferring.fields import Column
from streams.inferring.formats import Read, read_sample
from streams.inferring.names import FieldNames, MeasureNames, slug
from streams.inferring.numbers import Measured
from streams.inferring.sampling import Sample

#: Half of the series that a detector has room for, unless it says otherwise.
MOST_SERIES = next(f.default for f in msgspec.structs.fields(Detector) if f.name == "max_series") // 2
#: From so many series on, alerts of severity 70 would be too many.
MANY_SERIES = 20
#: Words of what should not happen: its share of all is told of early.
FAILED = frozenset(
    {"error", "failed", "fail", "failure", "declined", "rejected", "block", "blocked", "denied", "timeout"}
)


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed for a source and one detector."""

    #: Of the file or the topic.
    sample: str
    #: Records that were looked at, those that there are in the files, and those that cannot be read.
    looked_at: int
    records: int
    refused: int
    first_refused: str | None
    name: str
    topic: str
    format: Chosen[str]
    #: Of `json`: the path of the event time, empty where there is none.
    time: Chosen[str]
    time_unit: Chosen[TimeUnit]
    #: Field → path, where they differ.
    fields: dict[str, str]
    clock: Chosen[pace.Clock]
    interval: Chosen[timedelta]
    lateness: Chosen[timedelta]
    dimensions: list[Chosen[str]]
    measures: list[Chosen[Measure]]
    severity_threshold: Chosen[float]
    #: What suggests itself, and is not done.
    hints: list[str]
    left_out: list[LeftOut]

    @property
    def looked_at_in_words(self) -> str:
        """How much was looked at, of what."""
        of_all = f" of {self.records:,}" if self.records > self.looked_at else ""
        return f"{self.looked_at:,}{of_all} records of {plain(self.sample)} were looked at"

    @property
    def is_sure(self) -> bool:
        """Whether there is a time, and no doubt which it is: without it nothing can be measured."""
        return bool(self.time.value) and self.time.sure != "low"


def propose(sample: Sample) -> Proposal:
    """Propose a configuration for the records of a sample.

    Raises:
        SampleError: no record of it can be read.
    """
    read = read_sample(sample)
    fields = read.fields
    time = _time(sample, read)
    used = {time.path.value, *(one.field for one in time.left_out)}
    happened = events.find_events(fields)
    measured, no_measures = numbers.find_numbers(fields, used)
    used |= {one.value.column.path for one in measured} | {one.field for one in no_measures}
    split = [] if happened is None else events.counted(happened.value)
    most = MOST_SERIES // (2 * len(measured) + len(split) + 1)
    besides = used if happened is None else used | {happened.value.path}
    split_by, no_dimensions, leaves = dimensions.find_dimensions(fields, besides, most)
    apart = [one.value for one in split_by] + ([] if happened is None else [happened.value])
    spacing = pace.find_spacing(fields, time.times, apart)
    if happened is not None and spacing.alone:
        # Rows are no events that could be counted: what happened is one more thing to split by.
        happened = None
        split_by, no_dimensions, leaves = dimensions.find_dimensions(fields, used, most)
    names = FieldNames()
    measures, hints = _measures(read, happened, measured, names, are_rows=spacing.alone)
    interval = pace.choose_interval(spacing, time.times, fields, sample.totals, leaves)
    known = slug(sample.stem, "events")
    return Proposal(
        sample=sample.name,
        looked_at=len(sample.records) or fields.count,
        records=sum(sample.totals),
        refused=fields.refused,
        first_refused=fields.first_refused,
        name=known,
        topic=sample.stem if sample.is_topic else known,
        format=read.format,
        time=time.path,
        time_unit=time.unit,
        dimensions=[Chosen(names.of(one.value.path), one.sure, one.why) for one in split_by],
        measures=measures,
        fields=names.paths,
        clock=pace.choose_clock(time.times, fields, is_topic=sample.is_topic),
        interval=interval,
        lateness=pace.choose_lateness(time.times, fields, interval.value, by_time=sample.table is not None),
        severity_threshold=_threshold(leaves, len(measures)),
        hints=hints,
        left_out=[*fields.left_out, *time.left_out, *no_measures, *no_dimensions],
    )


def _time(sample: Sample, read: Read) -> times.TimeField:
    if read.times is not None:
        return times.time_of_format(read.path_of_time, read.times)
    if sample.table is not None:
        return times.time_of_rows(sample.table, read.fields)
    return times.time_of_records(read.fields)


def _measures(
    read: Read,
    happened: Chosen[Column] | None,
    measured: Sequence[Chosen[Measured]],
    fields: FieldNames,
    *,
    are_rows: bool,
) -> tuple[list[Chosen[Measure]], list[str]]:
    """What is watched, and which ratios and funnels suggest themselves."""
    names, rows = MeasureNames(), read.fields.count
    measures = [_all(read.format.value, names, rows, are_rows=are_rows)]
    hints: list[str] = []
    if happened is not None:
        field, of_value = fields.of(happened.value.path), dict[str, str]()
        for value, share in events.counted(happened.value):
            name = of_value[value] = names.take(_of_event(field, value))
            measure = Measure(name, "count", where={field: value})
            why = f"{events.said_of(value, share)}; {happened.why}"
            measures.append(Chosen(measure, happened.sure, why))
        hints += _ratios_of_events(of_value, measures[0].value.name)
    for sure, why, number in ((one.sure, one.why, one.value) for one in measured):
        field = fields.of(number.column.path)
        name = names.take(slug(number.column.path, "number"))
        measures.append(Chosen(Measure(name, number.aggregation, field, scale=number.scale), sure, why))
        if number.is_duration and not are_rows:
            tail = "of durations the slow ones are felt first"
            measures.append(Chosen(Measure(names.take(f"{name}_p95"), "p95", field), sure, tail))
    hints += _ratios_of_sums([one.value for one in measures], are_rows=are_rows)
    return measures, hints


def _all(format_: str, names: MeasureNames, rows: int, *, are_rows: bool) -> Chosen[Measure]:
    if format_ == "aws-waf":
        where: Where = {"action": Matcher(excluded="COUNT")}
        why = "a rule that only counted gives an event of its own beside that of the request"
        return Chosen(Measure(names.take("requests"), "count", where=where), "high", why)
    if are_rows:
        why = "says whether rows fail to come; what they measure is below"
        return Chosen(Measure(names.take("rows"), "count"), at_most("medium", rows), why)
    return Chosen(
        Measure(names.take("events"), "count"), "high", "how many events there are is always worth watching"
    )


def _of_event(field: str, value: str) -> str:
    """A name for the events of a value: the value, unless that says too little."""
    name = slug(value.lower() if value.isupper() else value, "")
    if not name or name.isdecimal() or name.lower() in {*get_args(Aggregation), "true", "false", "events"}:
        name = slug(f"{field.rpartition('.')[2]}_{name}", "event")
    return name


def _ratios_of_events(of_value: dict[str, str], every: str) -> list[str]:
    stages = events.funnel_of(of_value)
    if len(stages) > 1:
        first, last = stages[0], stages[-1]
        listed = ", ".join(f'"{name}"' for name in stages)
        return [
            f"funnel = [{listed}], if each leads to the next",
            _ratio(f"{last}_per_{first}", last, first),
        ]
    failed = [name for value, name in of_value.items() if FAILED & set(words(value))]
    return [_ratio(f"{name}_share", name, every) for name in failed[:2]]


def _ratios_of_sums(measures: Sequence[Measure], *, are_rows: bool) -> list[str]:
    sums = [measure.name for measure in measures if measure.aggregation == "sum"]
    counts = [measure.name for measure in measures if measure.aggregation == "count"]
    if are_rows and len(sums) > 1:
        return [_ratio(f"{sums[1]}_per_{sums[0]}", sums[1], sums[0])]
    if not are_rows and sums:
        return [_ratio(f"{sums[0]}_per_event", sums[0], counts[0])]
    return []


def _ratio(name: str, above: str, below: str) -> str:
    return f'{{ name = "{name}", ratio = ["{above}", "{below}"] }}'


def _threshold(leaves: int, measures: int) -> Chosen[float]:
    series = leaves * measures
    if series <= MANY_SERIES:
        return Chosen(
            70.0, "medium", f"{series:,} series of leaves, each of which is off by chance once in ten weeks"
        )
    why = f"{series:,} series of leaves alone, each of which is off by chance once in a hundred weeks"
    return Chosen(90.0, "medium", why)

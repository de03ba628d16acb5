"""`lookalive check`: a configuration → what it watches, or the one sentence that says what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from detectors import loading
from detectors.config import AlertRule, Config, ConfigError, Detector, Measure
from detectors.models import MODELS
from detectors.rules import asked_in_words
from detectors.sources import Crawled, Source
from detectors.words import duration_in_iso, rules_in_words
from streams.cli import calendars, configuration_option
from streams.cli.calendars import CalendarWatched
from streams.formats import make_format
from streams.formats.vocabulary import nearest


class SourceWatched(msgspec.Struct, frozen=True):
    """A source and the fields of its events that are read."""

    name: str
    #: None for one that is crawled.
    topic: str | None
    type: str
    format: str
    clock: str
    fields: list[str]


class DetectorWatched(msgspec.Struct, frozen=True):
    """A detector in words."""

    name: str
    source: str
    interval: str
    lateness: str
    #: How long after its end an interval is asked for, of a source that is crawled.
    asked_after: str | None
    #: Measure → how it comes about.
    measures: dict[str, str]
    #: Measure → what of it is told of, where that is not all that is unusual.
    rules: dict[str, list[str]]
    dimensions: list[str]
    #: The roll-ups that are monitored, each as the dimensions that it keeps.
    levels: list[list[str]]
    #: How many roll-ups are computed.
    rollups: int
    max_series: int
    shards: int
    fingerprint: str


class Watched(msgspec.Struct, frozen=True):
    """Everything that a configuration watches."""

    sources: list[SourceWatched]
    detectors: list[DetectorWatched]
    alerts: list[AlertRule]
    calendars: list[CalendarWatched] = []
    #: Name of a sink → its type.
    sinks: dict[str, str] = {}


@click.command(epilog="Example: lookalive check -c lookalive.toml")
@configuration_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(configuration: Path, as_json: bool) -> None:
    """Say what a configuration watches, or what is wrong with it."""
    what = loading.load(configuration)
    coming = list(calendars.coming(what, datetime.now(UTC)))
    watched = msgspec.structs.replace(watch(what), calendars=coming)
    if as_json:
        click.echo(msgspec.json.encode(watched))
    else:
        click.echo("\n".join(_lines(configuration, watched)))


def watch(configuration: Config) -> Watched:
    """What a configuration watches.

    Raises:
        ConfigError: a format or a model is unknown, or a format does not have a field that is asked for.
    """
    for detector in configuration.detectors:
        for measure in detector.measures:
            if measure.model not in MODELS:
                where = f"detector {detector.name!r}, measure {measure.name!r}"
                message = f"{where}: no model {measure.model!r}; {nearest(measure.model, MODELS)}"
                raise ConfigError(message)
    sources = []
    for name, source in configuration.sources.items():
        fields = configuration.fields_of(name)
        records = configuration.records_of(name)
        make_format(name, records, fields)
        topic = source.topic if isinstance(source, Source) else None
        kind = str(source.__struct_config__.tag)
        sources.append(SourceWatched(name, topic, kind, records.format, records.clock, sorted(fields)))
    return Watched(
        sources,
        [
            _detector(detector, configuration.crawled.get(detector.source))
            for detector in configuration.detectors
        ],
        configuration.alerts,
        sinks={name: str(sink.__struct_config__.tag) for name, sink in configuration.sinks.items()},
    )


def _detector(detector: Detector, crawled: Crawled | None) -> DetectorWatched:
    return DetectorWatched(
        name=detector.name,
        source=detector.source,
        interval=duration_in_iso(detector.interval),
        lateness=duration_in_iso(detector.lateness),
        asked_after=None if crawled is None else duration_in_iso(crawled.delay),
        measures={measure.name: _how(measure) for measure in detector.measures},
        rules={m.name: said for m in detector.measures if (said := rules_in_words(m, detector.sensitivity))},
        dimensions=list(detector.dimensions),
        levels=[
            [name for name, kept in zip(detector.dimensions, mask, strict=True) if kept]
            for mask in detector.monitored
        ],
        rollups=len(detector.subsets),
        max_series=detector.max_series,
        shards=detector.shards,
        fingerprint=detector.fingerprint,
    )


def _how(measure: Measure) -> str:
    if measure.ratio is not None:
        return f"{measure.ratio[0]} / {measure.ratio[1]}"
    what = str(measure.aggregation) if measure.field is None else f"{measure.aggregation} of {measure.field}"
    return f"{what} where {', '.join(measure.where)} matches" if measure.where else what


def _lines(path: Path, watched: Watched) -> list[str]:
    lines = [f"{path} is valid."]
    for source in watched.sources:
        fields = ", ".join(source.fields) or "no fields"
        where = f"topic {source.topic}" if source.topic is not None else f"crawled ({source.type})"
        lines += ["", f"source {source.name}: {where}, format {source.format}, reads {fields}"]
    for detector in watched.detectors:
        levels = ["total" if not level else " × ".join(level) for level in detector.levels]
        lines += [
            "",
            f"detector {detector.name}: source {detector.source}, every {detector.interval}, "
            + (
                f"waits {detector.lateness} for late events"
                if detector.asked_after is None
                else f"asked for {detector.asked_after} after its end"
            ),
            *(
                "; ".join([f"  measure {name}: {how}", *detector.rules.get(name, [])])
                for name, how in detector.measures.items()
            ),
            f"  watched by: {'; '.join(levels)}",
            f"  {detector.rollups} roll-ups, at most {detector.max_series:,} series"
            + (f" in {detector.shards} shards" if detector.shards > 1 else ""),
        ]
    for calendar in watched.calendars:
        lines += ["", *calendars.lines(calendar)]
    for rule in watched.alerts:
        lines += [
            "",
            f"alert {rule.name}: detector {rule.detector}, from severity {rule.severity_threshold:g} on"
            + "".join(f", {asked}" for asked in asked_in_words(rule))
            + (", also while an interval is open" if rule.provisional else "")
            + (f", tells {', '.join(rule.sinks) or 'nobody'}" if rule.sinks is not None else ""),
        ]
    lines += ["", *(f"sink {name}: {kind}" for name, kind in watched.sinks.items())] if watched.sinks else []
    return lines

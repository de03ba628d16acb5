"""Third hop: scores → anomaly groups, alerts and data quality, with the whole detector in view."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from faust.types import TP

from detectors import state
from detectors.alerting import Told, Withheld
from detectors.config import Detector
from detectors.feedback import Said, Verdict
from detectors.grouping import GrouperState
from detectors.open_group import shortened
from detectors.quality import columns
from detectors.records import Alert, AnomalyGroup, DataQuality, IntervalScores
from detectors.reporting import Reporter
from streams.dead_letters import not_ours
from streams.formats import FAILURES
from streams.hop import Hop, Message, Wiring
from streams.metrics import remove
from streams.said import BEGINS
from streams.tables import Snapshot, SnapshotTable
from streams.transport import Record

_decode = msgspec.json.Decoder(IntervalScores).decode
_decode_said = msgspec.json.Decoder(Said).decode
_encode = msgspec.json.Encoder().encode


class DetectorGroups(msgspec.Struct):
    """One detector in a snapshot."""

    grouper: GrouperState
    told: dict[str, Told]
    withheld: Withheld = msgspec.field(default_factory=Withheld)


class GroupState(msgspec.Struct):
    """A snapshot."""

    offset: int
    detectors: dict[str, DetectorGroups]


class GroupStep:
    """One partition of the scores: the detectors whose names hash to it."""

    def __init__(self, partition: int, wiring: Wiring) -> None:
        self.offset = -1
        self._tp = TP(wiring.names.scores, partition)
        #: Detector → what is told of it.
        self.reporters: dict[str, Reporter] = {}
        self._config = wiring.config
        self._names = wiring.names
        self._metrics = wiring.metrics
        #: Delays are those of what ends while the worker runs, not those of history.
        self._since = time.time()

    def reporter(self, name: str) -> Reporter | None:
        """What is told of a detector; None where the configuration knows it no more."""
        if name not in self.reporters:
            for detector in self._config.detectors:
                if detector.name == name:
                    self.reporters[name] = Reporter(detector, self._config.rules_of(name))
                    self._metrics.detection_delay.labels(name)
        return self.reporters.get(name)

    def take(self, records: Sequence[Record]) -> Iterable[Message]:
        """Group the anomalies of intervals, and alert."""
        for record in records:
            yield from self._take(record)

    def _take(self, record: Record) -> Iterable[Message]:
        self.offset = record.offset
        value = record.value or b""
        try:
            if value.startswith(BEGINS):
                self._hear(_decode_said(value))
                return
            scores = _decode(value)
        except FAILURES as error:
            self._metrics.dead_letters.labels(self._tp.topic).inc()
            yield not_ours(self._tp, record, error).message(self._names.dead_letters)
            return
        reporter = self.reporter(scores.detector)
        if reporter is None:
            return
        for told in reporter.take(scores):
            if isinstance(told, Alert):
                yield self._message(told)
            else:
                yield Message(self._names.groups, told.id.encode(), _encode(shortened(told)))
                self._count_group(told)
        if scores.provisional:
            return
        grouper = reporter.grouper
        for quality in grouper.qualities:
            yield from self._tell(grouper.detector, quality)
        for anomaly in grouper.joined:
            self._metrics.anomalies.labels(scores.detector, anomaly.measure, anomaly.direction).inc()
        self._metrics.groups_open.labels(scores.detector).set(grouper.open)
        self._metrics.group_severity.labels(scores.detector).set(grouper.worst)

    def _tell(self, detector: Detector, quality: DataQuality) -> Iterator[Message]:
        """How good the data of an interval are; not of a detector that reads just that topic."""
        name, metrics = detector.name, self._metrics
        for column in columns(detector):
            if column in quality.completeness:
                metrics.data_quality.labels(name, column).set(quality.completeness[column])
        metrics.feed_stopped.labels(name).set(quality.stopped)
        source = self._config.streamed.get(detector.source)
        if source is None or source.topic != self._names.quality:
            yield Message(self._names.quality, name.encode(), _encode(quality))

    def _hear(self, said: Said) -> None:
        """Let a detector know what someone has said."""
        reporter = self.reporter(said.detector)
        if reporter is None:
            return
        reporter.hear(said)
        if isinstance(said, Verdict):
            self._metrics.feedback.labels(said.detector, "undone" if said.undo else said.verdict).inc()

    def _message(self, alert: Alert) -> Message:
        self._count_alert(alert)
        return Message(self._names.alerts, alert.group.encode(), _encode(alert), cloud_event_headers(alert))

    def _count_group(self, group: AnomalyGroup) -> None:
        if group.revision == 1:
            self._metrics.groups.labels(group.detector).inc()

    def _count_alert(self, alert: Alert) -> None:
        self._metrics.alerts.labels(alert.rule, alert.kind).inc()
        if alert.kind == "OPENED" and alert.end.timestamp() >= self._since:
            delay = max(0.0, time.time() - alert.end.timestamp())
            self._metrics.detection_delay.labels(alert.detector).observe(delay)

    def settle(self) -> Iterable[Message]:
        """Nothing more to publish."""
        return ()

    def save(self) -> Snapshot:
        """The open groups, and what was told of them."""
        detectors = {
            name: DetectorGroups(reporter.grouper.save(), *reporter.alerter.save())
            for name, reporter in self.reporters.items()
        }
        return Snapshot(self.offset, state.encode(GroupState(self.offset, detectors)))

    def referred(self) -> frozenset[bytes]:
        """No blocks: what is large is cut where it is stored."""
        return frozenset()

    def retire(self) -> None:
        """Take back what is told of open groups."""
        for name, reporter in self.reporters.items():
            remove(self._metrics.groups_open, name)
            remove(self._metrics.group_severity, name)
            remove(self._metrics.feed_stopped, name)
            for column in filter(None, columns(reporter.grouper.detector)):
                remove(self._metrics.data_quality, name, column)


class GroupHop(Hop[GroupStep]):
    """Groups all detectors."""

    def __init__(self, wiring: Wiring, table: SnapshotTable) -> None:
        super().__init__(wiring, wiring.names.scores, table)

    def load(self, partition: int, head: bytes | None) -> GroupStep:
        """Make the step of a partition of the scores."""
        step = GroupStep(partition, self.wiring)
        if head is None:
            return step
        snapshot = state.decode(head, GroupState)
        step.offset = snapshot.offset
        for name, detector in snapshot.detectors.items():
            reporter = step.reporter(name)
            if reporter is not None:
                reporter.grouper.load(detector.grouper)
                reporter.alerter.load(detector.told, detector.withheld)
        return step


def cloud_event_headers(alert: Alert) -> dict[str, bytes]:
    """The CloudEvents 1.0 attributes of an alert, in Kafka's binary mode.

    `ce_source` and `ce_id` together name an alert for ever: one that is sent again after a crash has
    the same.
    """
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": f"{alert.group}/{alert.rule}/{alert.revision}",
        "ce_source": f"/lookalive/detectors/{alert.detector}",
        "ce_type": f"lookalive.alert.{alert.kind.lower()}",
        "ce_subject": alert.group,
        "ce_time": alert.end.isoformat(),
        "content-type": "application/json",
    }
    return {name: value.encode() for name, value in attributes.items()}

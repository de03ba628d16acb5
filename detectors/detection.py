"""The whole core in one object: events in, scores, groups and alerts out, without Kafka.

The worker runs the same steps with a topic between each; here one calls the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from detectors.chunks import chunked
from detectors.clock import NO_TIMESTAMP, Refused
from detectors.closing import Closer
from detectors.config import Config, Detector
from detectors.feedback import Said, Verdict
from detectors.folding import Fold
from detectors.models.base import Model
from detectors.open_group import shortened
from detectors.records import Alert, AnomalyGroup, Event, IntervalScores, Partial, Place, Watermark
from detectors.reporting import Reporter
from detectors.scorer import Scorer

Outcome = IntervalScores | AnomalyGroup | Alert


class Detection:
    """Every detector of a configuration, from the folds of each source partition to the alerts."""

    def __init__(self, config: Config, partitions: int = 1) -> None:
        self.folds = {
            (source, partition): Fold(config, source, partition, partitions)
            for source in config.sources
            for partition in range(partitions)
        }
        self._after = {detector.name: _AfterFold(config, detector) for detector in config.detectors}
        #: Records whose event time could not be believed: source, partition and why.
        self.refused: list[tuple[str, int, Refused]] = []

    def model_of(self, detector: str, measure: str, place: Place) -> tuple[Model, int] | None:
        """The model of a series, and which of its series that is; None where there is none."""
        return self._after[detector].model_of(measure, place)

    def hear(self, said: Said) -> None:
        """Take in what someone has said: it holds for intervals that are still open."""
        self._after[said.detector].hear(said)

    def feed(
        self, source: str, partition: int, offsets: Sequence[int], events: Sequence[Event]
    ) -> Iterator[Outcome]:
        """Take in events, with the offset of the record of each; offsets grow within a partition."""
        if not events:
            return
        fold = self.folds[source, partition]
        timestamps = [NO_TIMESTAMP] * len(events)
        for refused in fold.fold_all(offsets, timestamps, events, offsets[-1], NO_TIMESTAMP):
            self.refused.append((source, partition, refused))
        yield from self._pass_on(fold.ready())

    def finish(self) -> Iterator[Outcome]:
        """Close every interval that is still open: there will be no more events."""
        for (source, partition), fold in self.folds.items():
            refused, records = fold.end()
            self.refused += [(source, partition, refusal) for refusal in refused]
            yield from self._pass_on(records)

    def _pass_on(self, records: Iterable[Partial | Watermark]) -> Iterator[Outcome]:
        for record in records:
            yield from self._after[record.detector].take(record)


class _AfterFold:
    """One detector behind the folds."""

    def __init__(self, config: Config, detector: Detector) -> None:
        rules = config.rules_of(detector.name)
        self._shards = [
            (Closer(detector), Scorer(detector, shard, config.calendars)) for shard in range(detector.shards)
        ]
        self._reporter = Reporter(detector, rules)
        #: Verdicts on what has not come yet.
        self._said: list[Verdict] = []

    def model_of(self, measure: str, place: Place) -> tuple[Model, int] | None:
        found = (scorer.model_of(measure, place) for _, scorer in self._shards)
        return next((model for model in found if model is not None), None)

    def hear(self, said: Said) -> None:
        if isinstance(said, Verdict):
            for _, scorer in self._shards:
                scorer.take(said)
            self._said.append(said)
        else:
            self._reporter.hear(said)

    def _settle(self, start: datetime) -> None:
        """Let groups know what is said of them, once that has come."""
        heard = [said for said in self._said if said.end <= start]
        for said in heard:
            self._said.remove(said)
            self._reporter.hear(said)

    def take(self, record: Partial | Watermark) -> Iterator[Outcome]:
        closer, scorer = self._shards[record.shard]
        for interval in closer.add(record):
            for scores in chunked(scorer.score(interval)):
                yield scores
                self._settle(scores.interval_start)
                for told in self._reporter.take(scores):
                    yield told if isinstance(told, Alert) else shortened(told)

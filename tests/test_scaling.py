"""The benchmark of series counts what it says: so many series, and the scores that the core gives."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec
import pytest

from benchmarks.scale import size
from benchmarks.scaling.closing import STEPS, Core, Seconds, Snapshot, digest
from benchmarks.scaling.load import MINUTE, PARTITIONS, SHARD_SERIES, START, Load
from benchmarks.scaling.recovery import Recovery
from detectors.config import Config
from detectors.detection import Detection
from detectors.loading import parse
from detectors.records import IntervalScores
from streams.formats import make_format


def detected(load: Load, minutes: int) -> dict[int, set[bytes]]:
    """The chunks of scores of whole minutes, when the whole core is asked."""
    config: Config = parse(load.configuration("load"))
    read = make_format("load", config.streamed["load"], config.fields_of("load")).parse
    detection, chunks = Detection(config, PARTITIONS), dict[int, set[bytes]]()
    records = (
        (partition, record)
        for minute in range(minutes)
        for partition in range(PARTITIONS)
        for _, record in load.events(minute, partition)
    )
    for offset, (partition, record) in enumerate(records):
        for outcome in detection.feed("load", partition, [offset], read(record)):
            if isinstance(outcome, IntervalScores):
                minute = round(outcome.interval_start.timestamp() * 1000 - START) // MINUTE
                chunks.setdefault(minute, set()).add(digest(msgspec.json.encode(outcome)))
    return chunks


def test_every_place_has_events_in_every_minute_and_partition() -> None:
    load = Load(100)
    for minute, partition in [(0, 0), (3, 2)]:
        events = list(load.events(minute, partition))
        times = [time for time, _ in events]
        places = Counter(msgspec.json.decode(record)["place"] for _, record in events)
        assert times == sorted(times)
        assert START + minute * MINUTE <= times[0]
        assert times[-1] < START + (minute + 1) * MINUTE
        assert len(places) == 50
        assert sum(places.values()) > 50


@pytest.mark.parametrize("shards", [1, 3])
def test_the_core_scores_as_many_series_as_were_asked_for(
    shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.scaling.load.SHARD_SERIES", -(-400 // shards))
    load = Load(400)
    core = Core(load)

    seconds = [core.feed(minute) for minute in range(4)]

    assert load.shards == shards
    assert sum(scorer.series for scorer in core.scorers) == 400
    assert 0 < core.bytes_a_series < 4096
    assert all(set(passed.by_step) == set(STEPS) for passed in seconds[1:])
    assert core.expected == detected(load, 4)


def test_the_numbers_are_medians() -> None:
    closings = [Seconds(defaultdict(float, score=score, group=9.0)) for score in (0.1, 0.4, 0.2)]
    snapshots = [Snapshot(0.6, 10), Snapshot(6.0, 30)]
    recovery = Recovery(1.0, 2.0, 3.0)

    told = size(Load(1000), closings, snapshots, 2000.0, recovery, recovery)

    assert (told.close_seconds, told.microseconds, told.series_a_core_and_minute) == (0.2, 200.0, 300_000)
    assert (told.steps["score"], told.steps["group"], told.steps["decode"]) == (200.0, 9000.0, 0.0)
    assert (told.snapshot_seconds, told.snapshot_share, told.snapshot_bytes) == (3.3, 0.055, 20)
    assert (told.kept_ready_seconds, told.kept_seconds) == (1.0, 3.0)


def test_only_large_loads_are_cut() -> None:
    assert [Load(n).shards for n in (1_000, SHARD_SERIES, SHARD_SERIES + 1, 1_000_000)] == [1, 1, 2, 8]

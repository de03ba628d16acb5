"""A worker goes on from what each earlier version has stored, as if there had been no upgrade."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from detectors.migrations import OLDEST, VERSION
from detectors.records import Alert, IntervalScores
from detectors.state import StateError
from streams.tables import _PREFIX
from tests.streams.by_hand import ByHand
from tests.streams.shop_states import CONFIG, HOURS, START, STATES, events, read, usual

HOUR = 3_600_000


def go_on(flow: ByHand, hours: int) -> list[IntervalScores]:
    """All is well again from the middle of the hour on; the scores of the hours that end then."""
    before = len(flow.published.get("lookalive.scores", []))
    flow.send(*sorted(events(HOURS, "app", "web", of=range(1, 2))), at=START + HOURS * HOUR)
    for hour in range(HOURS + 1, HOURS + hours + 1):
        flow.send(*sorted(events(hour, "app", "web")), at=START + hour * HOUR)
    told = flow.published["lookalive.scores"][before:]
    return [msgspec.json.decode(scores, type=IntervalScores) for scores in told]


def series(scores: IntervalScores, measure: str, platform: str | None) -> int:
    """Where the scores of a series are."""
    return list(zip(scores.measures, scores.places, strict=True)).index((measure, (platform,)))


def anew(flow: ByHand) -> dict[str, float]:
    """How many series of each model have begun anew."""
    samples = (sample for metric in flow.registry.collect() for sample in metric.samples)
    return {s.labels["model"]: s.value for s in samples if s.name == "lookalive_series_anew_total"}


def test_there_is_a_stored_state_of_every_version() -> None:
    assert {folder.name for folder in STATES.iterdir()} == {str(n) for n in range(OLDEST, VERSION + 1)}


@pytest.mark.parametrize("version", range(OLDEST, VERSION + 1))
async def test_what_a_version_has_stored_goes_on(version: int, tmp_path: Path) -> None:
    config, stored = read(STATES / str(version))
    flow = ByHand(config, tmp_path, stored)

    first, *following = go_on(flow, hours=8)

    assert anew(flow) == {}
    # The half hour that was folded before counts.
    for platform, least in (("web", usual(HOURS, "web")), ("app", usual(HOURS, "app") // 2)):
        assert first.value[series(first, "views", platform)] in {least, least + 1}
    for scores in following:
        assert set(scores.phase) == {"active"}
        at = series(scores, "views", "web")
        value, expected = scores.value[at], scores.expected[at]
        assert value is not None
        assert expected == pytest.approx(value, rel=0.3)
        assert scores.severity[at] < 70
    # The outage that was told of before is over: the same group.
    alerts = [msgspec.json.decode(alert, type=Alert) for alert in flow.published["lookalive.alerts"]]
    assert (alerts[-1].kind, alerts[-1].start.timestamp()) == ("CLOSED", (START + (HOURS - 3) * HOUR) / 1000)


async def test_state_of_a_newer_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    _, stored = read(STATES / str(VERSION))
    head = stored["score"][b"0/head"]
    newer = head[: _PREFIX.size] + bytes([VERSION + 1]) + head[_PREFIX.size + 1 :]

    with pytest.raises(StateError, match=f"partition 0 of 'score': .* has version {VERSION + 1}.*; run "):
        ByHand(CONFIG, tmp_path, {**stored, "score": {**stored["score"], b"0/head": newer}})

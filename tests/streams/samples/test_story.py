"""What the demo plants is found whatever the time of day at which it is run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

import pytest

from detectors.detection import Detection, Outcome
from detectors.loading import parse
from detectors.records import Alert
from streams.formats import make_format, parse_all
from streams.samples.story import ONCE, SPEED, Story, Timeline, demo_configuration
from streams.samples.traffic import Pace


@pytest.mark.parametrize(
    "now",
    # In the morning in the US few buy: here the fewest intervals without any checkout come together.
    [datetime(2026, 11, 26, 15, 44, tzinfo=UTC), datetime(2026, 11, 26, 17, 20, tzinfo=UTC)],
    ids=["15:44", "17:20"],
)
def test_both_incidents_are_told_where_they_are_and_told_to_be_over(now: datetime) -> None:
    timeline = Timeline(int(now.timestamp() * 1000), repeats=False)
    story = Story(timeline, Pace(timeline.live, SPEED), began=0.0)
    what = parse(demo_configuration())
    detection = Detection(what)

    def hear(outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Alert):
                story.hear(0.0, outcome)

    for (name, source), (_, generator) in zip(what.streamed.items(), timeline.sources, strict=True):
        format_ = make_format(name, source, what.fields_of(name))
        events = (raw for _, raw in generator.events(timeline.history, timeline.live + ONCE))
        offset = 0
        while batch := list(islice(events, 5_000)):
            parsed, rows, bad = parse_all(format_, batch)
            assert not bad
            hear(detection.feed(name, 0, [offset + row for row in rows], parsed))
            offset += len(batch)
    hear(detection.finish())
    assert story.ok, story.summary(0)

"""`lookalive demo` where it goes wrong: it ends and says why, and believes only what was told."""

from __future__ import annotations

import asyncio
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.console import Console

from detectors.records import Alert, utc
from streams import topics
from streams.cli import demo
from streams.errors import OperatorError, TopicError
from streams.samples.story import SPEED, Expected, Story, Timeline
from streams.samples.traffic import Pace
from streams.settings import Settings

NOBODY = "127.0.0.1:1"


# --- The worker ---


def learn(worker: demo._Worker) -> None:
    timeline = Timeline(int(time.time() * 1000), repeats=False)
    asyncio.run(asyncio.wait_for(demo._learnt(worker, timeline, Console(file=sys.stderr)), 60))


def test_a_worker_that_stops_ends_the_demo_with_the_end_of_its_log(tmp_path: Path) -> None:
    settings = Settings(bootstrap=NOBODY, data=tmp_path / "data", web_port=1)
    with demo._Worker(settings, tmp_path) as worker, pytest.raises(OperatorError) as refused:
        learn(worker)
    sentence, _, log = str(refused.value).partition("\n")
    assert sentence == "the worker stopped by itself, with status 2; the end of its log:"
    assert NOBODY in log


# --- Topics that belong to somebody ---


@pytest.mark.kafka
def test_made_up_events_are_not_sent_to_topics_that_hold_records(
    settings: Settings, prefix: str, producer: Any
) -> None:
    names = [f"{prefix}-clickstream", f"{prefix}-waf"]
    demo.refuse_records(settings, names)
    topics.create(settings, names)
    demo.refuse_records(settings, names)
    producer.send(names[1], b"{}")
    producer.flush()
    with pytest.raises(TopicError, match=f"'{prefix}-waf'.* holds records"):
        demo.refuse_records(settings, names)


# --- What counts as told ---


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(int(time.time() * 1000), repeats=False)


@pytest.fixture
def story(timeline: Timeline) -> Story:
    return Story(timeline, Pace(timeline.live, SPEED), time.time())


def told(
    incident: Expected,
    kind: Literal["OPENED", "UPDATED", "CLOSED"],
    group: str = "g",
    after: timedelta = timedelta(minutes=5),
) -> Alert:
    """An alert of an incident at its place, some time after its start."""
    return Alert(
        rule="page",
        detector=incident.detector,
        group=group,
        revision=1,
        kind=kind,
        summary="",
        severity=95.0,
        confidence=1.0,
        start=incident.start,
        end=incident.start + after,
        measure="orders",
        dimensions=incident.expected_place,
        value=0.0,
        expected=9.0,
        lower=5.0,
        upper=12.0,
        direction="below",
        members=[],
        members_total=1,
    )


def test_incidents_that_open_and_close_are_told(story: Story, timeline: Timeline) -> None:
    for number, incident in enumerate(timeline.expected):
        for kind in ("OPENED", "UPDATED", "CLOSED"):
            story.hear(time.time(), told(incident, kind, group=str(number)))
    assert story.ok


def test_an_update_of_a_group_that_was_open_before_opens_nothing(story: Story, timeline: Timeline) -> None:
    incident = timeline.expected[0]
    story.hear(time.time(), told(incident, "UPDATED"))
    story.hear(time.time(), told(incident, "CLOSED"))
    assert (incident.opened, incident.closed) == (False, False)


def test_what_opens_at_another_time_is_another_incident(story: Story, timeline: Timeline) -> None:
    incident = timeline.expected[0]
    story.hear(time.time(), told(incident, "OPENED", after=timedelta(minutes=0)))
    story.hear(time.time(), told(incident, "CLOSED"))
    assert (incident.opened, incident.closed) == (False, False)
    assert story.summary(0)["other_incidents"] == 1


def test_another_group_does_not_close_an_incident(story: Story, timeline: Timeline) -> None:
    incident = timeline.expected[0]
    story.hear(time.time(), told(incident, "OPENED"))
    story.hear(time.time(), told(incident, "CLOSED", group="other"))
    assert (incident.opened, incident.closed) == (True, False)


def test_what_ended_in_the_history_is_not_waited_for(story: Story, timeline: Timeline) -> None:
    early = told(timeline.expected[0], "OPENED", after=timedelta(hours=-1))
    assert early.end < utc(timeline.live)
    assert story.hear(time.time(), early) is False

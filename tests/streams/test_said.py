"""What people say holds from its place in the logs on, also after a restart, and commands put it there."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.feedback import Said, Snooze, Verdict
from detectors.loading import parse
from detectors.records import Alert, AnomalyGroup, IntervalScores
from streams.cli import main
from streams.hop import Message
from streams.names import Names
from streams.said import entries
from streams.settings import Settings
from streams.topics import create
from tests.streams.by_hand import ByHand, Stored

START = datetime(2026, 3, 2, tzinfo=UTC)
NAMES = Names.under("lookalive")

CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
clock = "event"
time = "at"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
lateness = "PT0S"
dimensions = ["platform"]
measures = [{ name = "views", aggregation = "sum", field = "views" }]

[[alerts]]
name = "page"
detector = "shop"
repeat = "PT2H"
"""


class Shop:
    """A worker of a shop whose app has a night job from the tenth day on, at three."""

    def __init__(self, data: Path, stored: Stored | None = None) -> None:
        self.worker = ByHand(CONFIGURATION, data, stored)
        #: Whether the night job does not end.
        self.goes_on = False

    def run(self, first: int, last: int) -> None:
        """Send the events of some hours."""
        for hour in range(first, last):
            at, noise = START + timedelta(hours=hour), random.Random(hour)
            job = self.goes_on or (hour // 24 >= 9 and hour % 24 == 3)
            for platform in ("app", "web"):
                views = 300 + noise.randint(0, 20) + 600 * (job and platform == "app")
                event = {"at": at.isoformat(), "platform": platform, "views": views}
                self.worker.send(json.dumps(event).encode(), at=int(at.timestamp() * 1000))

    def hear(self, said: Said) -> None:
        for topic, key, value, _ in entries(said, parse(CONFIGURATION), NAMES, 1):
            self.worker.pass_on([Message(topic, key, value)], at=0)

    def published(self, topic: str, kind: Any) -> list[Any]:
        return [
            msgspec.json.decode(value, type=kind)
            for value in self.worker.published.get(topic, ())
            if not value.startswith(b'{"type"')
        ]

    def opened(self) -> list[Alert]:
        return [alert for alert in self.published(NAMES.alerts, Alert) if alert.kind == "OPENED"]


def verdict(group: str, saying: Any = "expected", **changes: Any) -> Verdict:
    start = START + timedelta(days=9, hours=3)
    said = Verdict(
        "shop", group, "views", {"platform": "app"}, saying, start, start + timedelta(hours=1), "above", 600.0
    )
    return msgspec.structs.replace(said, **changes)


def second() -> Verdict:
    return verdict("g2", start=START + timedelta(days=10, hours=3), end=START + timedelta(days=10, hours=4))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What is stored on the eleventh day, after two nights with a job."""
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.run(0, 10 * 24 + 12)
    assert [alert.start.day - START.day for alert in shop.opened()] == [9, 10]
    return shop.worker.save()


def stored(before: Stored, shop: Shop) -> Stored:
    """What is stored of a shop that began so: what has not changed is not written again."""
    return {name: {**before[name], **written} for name, written in shop.worker.save().items()}


def test_what_was_said_holds_in_the_worker_and_after_a_restart(before: Stored, tmp_path: Path) -> None:
    night = (10 * 24 + 12, 11 * 24 + 12)
    unsaid, said = Shop(tmp_path / "1", before), Shop(tmp_path / "2", before)
    unsaid.run(*night)
    said.hear(verdict("g1"))
    said.hear(second())
    again = Shop(tmp_path / "3", said.worker.save())
    # A record that is sent again changes nothing.
    again.hear(second())
    said.run(*night)
    again.run(*night)

    assert len(unsaid.opened()) == 1
    assert said.opened() == again.opened() == []
    scores = said.published(NAMES.scores, IntervalScores)
    assert scores == again.published(NAMES.scores, IntervalScores)
    assert {by for interval in scores for by in interval.held_by.values()} == {"feedback"}
    # Severity stays what it is.
    assert [s.severity for s in scores] == [
        s.severity for s in unsaid.published(NAMES.scores, IntervalScores)
    ]


SNOOZE = Snooze("shop", "all", START + timedelta(days=20), measures=["views"])


@pytest.mark.parametrize(
    "said",
    [
        [verdict("g1"), second(), msgspec.structs.replace(second(), undo=True)],
        [verdict("g1"), msgspec.structs.replace(second(), expires=START + timedelta(days=11, hours=3))],
        [SNOOZE, msgspec.structs.replace(SNOOZE, undo=True)],
        [msgspec.structs.replace(SNOOZE, until=START + timedelta(days=11, hours=3))],
    ],
    ids=["undone", "expired", "snoozed no more", "snoozed until then"],
)
def test_what_is_over_holds_no_more_also_after_a_restart(
    said: list[Said], before: Stored, tmp_path: Path
) -> None:
    shop = Shop(tmp_path / "1", before)
    for each in said:
        shop.hear(each)
    again = Shop(tmp_path / "2", stored(before, shop))
    for one in (shop, again):
        one.run(10 * 24 + 12, 11 * 24 + 12)

    assert len(shop.opened()) == 1
    assert again.opened() == shop.opened()


def test_a_snooze_holds_in_the_worker_and_after_a_restart(before: Stored, tmp_path: Path) -> None:
    first = Shop(tmp_path / "1", before)
    first.hear(msgspec.structs.replace(SNOOZE, name="app", where={"platform": "app"}, measures=[]))
    first.hear(SNOOZE)
    again = Shop(tmp_path / "2", stored(before, first))
    again.run(10 * 24 + 12, 11 * 24 + 12)

    assert again.opened() == []
    assert again.published(NAMES.groups, AnomalyGroup)
    assert again.worker.value("lookalive_dead_letters_total", topic=NAMES.scores) in {None, 0.0}


def test_what_a_detector_that_is_gone_was_told_is_no_dead_letter(before: Stored, tmp_path: Path) -> None:
    shop = Shop(tmp_path, before)
    partials, *_ = entries(verdict("g1"), parse(CONFIGURATION), NAMES, 1)
    gone = msgspec.structs.replace(verdict("g1"), detector="gone")
    shop.worker.pass_on([Message(partials.topic, b"gone", msgspec.msgpack.encode(gone))], at=0)

    assert NAMES.dead_letters not in shop.worker.published


def test_of_a_group_that_is_expected_nothing_more_is_told_but_its_end(before: Stored, tmp_path: Path) -> None:
    alerts = {}
    for saying in ("anomaly", "expected"):
        shop = Shop(tmp_path / saying, before)
        night = 11 * 24 + 3
        shop.run(10 * 24 + 12, night + 2)
        (opened,) = shop.opened()
        for member in opened.members:
            shop.hear(
                verdict(
                    opened.group, saying, dimensions=member.dimensions, start=opened.start, end=opened.end
                )
            )
        shop.goes_on = True
        shop.run(night + 2, night + 6)
        shop.goes_on = False
        shop.run(night + 6, night + 12)
        alerts[saying] = [alert.kind for alert in shop.published(NAMES.alerts, Alert)]
        assert shop.worker.value("lookalive_feedback_total", detector="shop", verdict=saying) == 2

    assert alerts["anomaly"][:2] == ["OPENED", "UPDATED"]
    assert alerts["expected"] == ["OPENED", "CLOSED"]


# The commands, on a real broker.


@pytest.mark.kafka
def test_commands_say_it_to_the_workers(settings: Settings, producer: Any, tmp_path: Path) -> None:
    create(settings, [])
    shop = Shop(tmp_path)
    shop.run(0, 9 * 24 + 5)
    (group, *_) = shop.published(NAMES.groups, AnomalyGroup)
    producer.send(f"{settings.prefix}.groups", key=group.id.encode(), value=msgspec.json.encode(group))
    producer.flush()
    (tmp_path / "lookalive.toml").write_text(CONFIGURATION)
    environment = {"LOOKALIVE_BOOTSTRAP": str(settings.bootstrap), "LOOKALIVE_PREFIX": settings.prefix}

    def run(*arguments: str) -> Result:
        result = CliRunner(env=environment).invoke(main, list(arguments))
        assert result.exit_code == 0, result.output
        return result

    configured = ("-c", str(tmp_path / "lookalive.toml"))
    listed = run("groups", "list", "--json").stdout
    said = run("feedback", group.id[:8], *configured, "--verdict", "expected").stdout
    snoozed = run("snooze", *configured, "--group", group.id[:8], "--for", "PT1H").stdout

    assert json.loads(listed)["id"] == group.id
    tail = ("--from-beginning", "--until-idle", "0")
    kept = run("tail", "feedback", *tail).stdout
    assert sorted(kept.splitlines()) == sorted([*said.splitlines(), *snoozed.splitlines()])
    heard = run("tail", "partials", *tail).stdout.splitlines()
    assert [json.loads(line) for line in heard] == [json.loads(line) for line in said.splitlines()]
    assert run("tail", "scores", *tail).stdout.splitlines() == [*said.splitlines(), snoozed.rstrip()]
    shown = json.loads(run("groups", "show", group.id[:8], "--json").stdout)
    assert shown["feedback"] == [json.loads(line) for line in said.splitlines()]
    run("feedback", group.id[:8], *configured, "--undo")
    assert json.loads(run("groups", "show", group.id[:8], "--json").stdout)["feedback"] == []

"""What must have come out of the workers in the end, whatever happened to them: a backtest says it.

Eight hours of a small shop go into a topic of four partitions: out of order, some of them late beyond
hope, with an incident, of which a measure was said to be expected a week before. A `Flow` sends them in
parts, from producers that come and go, and holds all that was published of every series and interval, every
group and every alert against a backtest.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any

import msgspec

from detectors.detection import Detection
from detectors.feedback import Said, Verdict
from detectors.loading import parse
from detectors.records import Alert, AnomalyGroup, IntervalScores, utc
from streams import said, topics
from streams.formats import make_format
from streams.said import BEGINS
from streams.samples.shop import Incident, Shop
from streams.settings import Settings

MINUTE = 60_000
START = 1_764_000_000_000 // (24 * 60 * MINUTE) * 24 * 60 * MINUTE
PARTITIONS = 4
HOURS = 8
INCIDENT = Incident(
    name="checkouts fail",
    start=START + 7 * 60 * MINUTE,
    end=START + (7 * 60 + 20) * MINUTE,
    platform="mobile_app",
    marketplace="US",
    survives=0.0,
)
#: A week before it was the same.
EXPECTED = Verdict(
    "shop",
    "last week",
    "checkouts",
    {"platform": "mobile_app", "marketplace": "US"},
    "expected",
    start=utc(INCIDENT.start) - timedelta(days=7),
    end=utc(INCIDENT.end) - timedelta(days=7),
    change=-20.0,
)
#: Correctness does not depend on how fast a machine is: it is given time.
SECONDS = 240
PUBLISHED: dict[type, str] = {IntervalScores: "scores", AnomalyGroup: "groups", Alert: "alerts"}


def configuration(topic: str) -> str:
    return f"""
    [sources.shop]
    topic = "{topic}"
    format = "clickstream"
    clock = "event"
    # Producers in tests pause; what they have not sent yet must not be called late.
    idle_timeout = "PT10M"

    [calendars.germany]
    commercial = true
    where = {{ marketplace = "DE" }}
    [[calendars.germany.occasions]]
    name = "Sale"
    start = 2025-11-24T05:00:00
    duration = "PT1H"

    [calendars.maintenance]
    mode = ["do-not-learn", "do-not-alert"]
    [[calendars.maintenance.occasions]]
    name = "Maintenance"
    start = 2025-11-24T03:00:00Z
    duration = "PT10M"

    [[detectors]]
    name = "shop"
    source = "shop"
    interval = "PT5M"
    lateness = "PT20S"
    dimensions = ["platform", "marketplace"]
    funnel = ["views", "checkouts", "orders"]
    calendars = ["germany", "maintenance"]
    timezones = [
      {{ where = {{ marketplace = "DE" }}, timezone = "Europe/Berlin" }},
      {{ where = {{ marketplace = "US" }}, timezone = "America/New_York" }},
    ]
    measures = [
      {{ name = "views", aggregation = "count", where = {{ event = "view" }} }},
      {{ name = "checkouts", aggregation = "count", where = {{ event = "checkout" }} }},
      {{ name = "orders", aggregation = "count", where = {{ event = "purchase" }} }},
      {{ name = "revenue", aggregation = "sum", field = "amount" }},
      {{ name = "basket", aggregation = "p95", field = "amount" }},
      {{ name = "visitors", aggregation = "distinct", field = "user" }},
      {{ name = "conversion", ratio = ["orders", "views"] }},
    ]

    [[alerts]]
    name = "page"
    detector = "shop"
    severity_threshold = 80
    """


@cache
def traffic() -> list[tuple[int, bytes]]:
    """Records and their partitions: out of order by up to fifteen seconds, some late beyond hope."""
    rng = random.Random(5)
    events = list(Shop(3, [INCIDENT], volume=0.5).events(START, START + HOURS * 60 * MINUTE))
    shuffled = sorted(events, key=lambda event: event[0] + rng.random() * 15_000)
    for _ in range(50):
        shuffled.insert(rng.randrange(len(shuffled) // 2, len(shuffled)), events[rng.randrange(1000)])
    # One event far on in each partition, so that everything before it is over.
    last = list(Shop(3).events(START + (HOURS + 1) * 60 * MINUTE, START + (HOURS + 1) * 60 * MINUTE + MINUTE))
    return [(rng.randrange(PARTITIONS), raw) for _, raw in shuffled] + [
        (partition, last[0][1]) for partition in range(PARTITIONS)
    ]


def backtested(
    config_text: str, records: list[tuple[int, bytes]], heard: Sequence[Said] = ()
) -> dict[type, list[Any]]:
    config = parse(config_text)
    parse_record = make_format("shop", config.streamed["shop"], config.fields_of("shop")).parse
    detection = Detection(config, PARTITIONS)
    for each in heard:
        detection.hear(each)
    outcomes: dict[type, list[Any]] = {kind: [] for kind in PUBLISHED}
    for offset, (partition, raw) in enumerate(records):
        for outcome in detection.feed("shop", partition, [offset], parse_record(raw)):
            outcomes[type(outcome)].append(outcome)
    return outcomes


@cache
def truth() -> dict[type, list[Any]]:
    """What a backtest of the traffic says."""
    outcomes = backtested(configuration("any"), traffic(), [EXPECTED])
    return {kind: in_order(values) for kind, values in outcomes.items()}


def published(records: list[Any], kind: type) -> list[Any]:
    """What a topic holds; what was sent again after a crash must be the very same."""
    found: dict[Any, Any] = {}
    for record in records:
        # What people say lies among the scores.
        if record.value.startswith(BEGINS):
            continue
        value: Any = msgspec.json.decode(record.value, type=kind)
        assert found.setdefault(identity(value), value) == value
    return in_order(found.values())


def identity(value: Any) -> Any:
    match value:
        case IntervalScores():
            return (value.detector, value.interval_start, value.shard, value.chunk)
        case AnomalyGroup():
            return (value.id, value.revision)
        case _:
            return (value.group, value.rule, value.revision)


def in_order(values: Iterable[Any]) -> list[Any]:
    """Groups and alerts lie in several partitions: only those of one group have an order."""
    return sorted(values, key=identity)


def send(producer: Any, topic: str, records: Iterator[tuple[int, bytes]]) -> None:
    for partition, raw in records:
        producer.send(topic, raw, partition=partition)
    producer.flush()


def wait_for(read_all: Any, topic: str, kind: type, number: int) -> list[Any]:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        found = published(read_all(topic), kind)
        if len(found) >= number:
            return found
        time.sleep(0.2)
    message = f"{len(found)} of {number} are on {topic}"
    raise AssertionError(message)


class Flow:
    """The traffic on its way into a topic, and what must come of it."""

    def __init__(self, settings: Settings, read_all: Callable[..., list[Any]]) -> None:
        self.settings = settings
        self.topic = f"{settings.prefix}-clicks"
        self.config_text = configuration(self.topic)
        self._read_all = read_all
        self._rest = iter(traffic())
        topics.create(settings, [self.topic])
        said.send(settings, parse(self.config_text), [EXPECTED])

    def place(self, name: str, **changes: Any) -> Settings:
        """Where one of several workers runs: with a directory of its own."""
        return msgspec.structs.replace(self.settings, data=self.settings.data / name, **changes)

    def send(self, share: float = 1.0) -> None:
        """Send a share of all records, or the rest if that is less, from a producer that then ends."""
        from kafka import KafkaProducer

        part = list(itertools.islice(self._rest, int(len(traffic()) * share)))
        # A broker that is away for a while must not make it give up, nor send anything twice.
        producer = KafkaProducer(
            **self.settings.kafka_client(),
            linger_ms=5,
            bootstrap_timeout_ms=SECONDS * 1000,
            delivery_timeout_ms=SECONDS * 1000,
            reconnect_backoff_max_ms=500,
        )
        try:
            send(producer, self.topic, iter(part))
        finally:
            producer.close()

    @contextmanager
    def sending(self, seconds: float) -> Iterator[None]:
        """Send all that is left meanwhile, spread over about so many seconds; the end waits for the rest."""
        parts = max(1, round(seconds / 0.5))

        def run() -> None:
            for _ in range(parts):
                self.send(1 / parts)
                time.sleep(0.5)
            self.send()

        sender = threading.Thread(target=run, daemon=True)
        sender.start()
        yield
        sender.join(SECONDS)
        assert not sender.is_alive()

    def outcome(self, kind: type) -> list[Any]:
        """All that is published of a kind, once as much is there as must come."""
        return wait_for(self._read_all, f"{self.settings.prefix}.{PUBLISHED[kind]}", kind, len(truth()[kind]))

    def assert_exact(self) -> None:
        """All that was sent came out as it must: every series and interval, every group and alert."""
        assert next(self._rest, None) is None, "not all was sent"
        for kind, expected in truth().items():
            assert self.outcome(kind) == expected

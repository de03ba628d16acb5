"""An interval that is impossible already is told before it closes; then that is confirmed or taken back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from detectors.alerting import Alerter
from detectors.closing import Closer
from detectors.config import AlertRule, Config, Measure
from detectors.folding import Fold
from detectors.foreseeing import Foresight
from detectors.grouping import Grouper
from detectors.records import Alert, Event, Partial, Watermark
from detectors.scorer import Scorer
from tests.detectors.builders import MINUTE, config, detector, event, ms

SHOP = detector(dimensions=("platform",))
RULE = AlertRule("page", "shop", 70.0, provisional=True)
START = ms("00:00")


class Flow:
    """A detector of one partition, from events to alerts; its clock is behind all events."""

    def __init__(self, configuration: Config) -> None:
        shop = configuration.detectors[0]
        self.fold = Fold(configuration, "shop", 0, 1)
        self.scorer = Scorer(shop)
        self._closer = Closer(shop)
        self._foresight = Foresight(self._closer, self.scorer)
        self._grouper = Grouper(shop, configuration.alerts)
        self._alerter = Alerter(shop, configuration.alerts)
        self._offset = 0

    def feed(self, events: Iterable[Event]) -> list[Alert]:
        told: list[Alert] = []
        for each in events:
            self.fold.fold(self._offset, -1, [each])
            self._offset += 1
            told += self.take(self.fold.ready())
        return told

    def take(self, records: Iterable[Partial | Watermark]) -> Iterator[Alert]:
        for record in records:
            for interval in self._closer.add(record):
                for group in self._grouper.group(self.scorer.score(interval)):
                    yield from self._alerter.alert(group)
                if self._grouper.passed is not None:
                    yield from self._alerter.withdraw(self._grouper.passed)
            early = self._foresight.look(now=0)
            if early is not None:
                for group in self._grouper.foresee(early):
                    yield from self._alerter.foresee(group)


def minute(n: int, times: float = 1.0, platform: str = "web") -> Iterator[Event]:
    """Twenty-some events a minute, evenly."""
    count = int((20 + n * 7 % 5) * times)
    return (event(START + n * MINUTE + i * MINUTE // count, platform=platform) for i in range(count))


def ordinary(minutes: int, rule: AlertRule = RULE) -> Flow:
    flow = Flow(config(SHOP, alerts=[rule]))
    assert [alert for n in range(minutes) for alert in flow.feed(minute(n))] == []
    return flow


def said(alerts: list[Alert]) -> list[tuple[str, int, bool, str | None]]:
    return [(alert.kind, alert.revision, alert.provisional, alert.reason) for alert in alerts]


def test_what_is_too_much_already_is_told_before_the_interval_is_over_and_then_confirmed() -> None:
    flow = ordinary(200)

    early = flow.feed(list(minute(200, times=30))[:300])
    rest = flow.feed(
        [
            *list(minute(200, times=30))[300:],
            *minute(201),
            *minute(202),
            *minute(203),
            *minute(204),
            *minute(205),
        ]
    )

    assert said(early) == [("OPENED", 1, True, None)]
    assert said(rest)[0] == ("UPDATED", 2, False, None)
    assert said(rest)[-1] == ("CLOSED", len(rest) + 1, False, "over")
    assert {alert.group for alert in rest} == {early[0].group}
    assert early[0].summary.startswith("so far: orders")
    assert (early[0].value or 0) < (rest[0].value or 0)


def test_it_is_told_once_however_often_it_is_looked_at() -> None:
    alerts = ordinary(200).feed(minute(200, times=100))

    assert said(alerts) == [("OPENED", 1, True, None)]


def test_rules_that_do_not_ask_are_told_when_the_interval_is_over() -> None:
    flow = ordinary(200, AlertRule("page", "shop", 70.0))

    alerts = flow.feed([*minute(200, times=30), *minute(201)])

    assert said(alerts) == [("OPENED", 1, False, None)]


def silence(flow: Flow, seconds: Iterable[int]) -> list[Alert]:
    """Ticks of a partition that is silent for so many seconds after its last event."""
    return [alert for second in seconds for alert in flow.take(flow.fold.idle(second * 1000))]


def live(minutes: int) -> Flow:
    flow = Flow(config(SHOP, alerts=[RULE], clock="wall"))
    assert [alert for n in range(minutes) for alert in flow.feed(minute(n))] == []
    return flow


def test_a_steady_source_that_is_silent_is_told_of_before_the_interval_is_over_and_then_confirmed() -> None:
    flow = live(400)

    early = silence(flow, range(3, 40))
    rest = silence(flow, range(40, 70))

    assert said(early) == [("OPENED", 1, True, None)]
    assert early[0].direction == "stopped"
    assert said(rest)[0] == ("UPDATED", 2, False, None)


def test_a_source_that_comes_back_in_time_is_taken_back() -> None:
    flow = live(400)
    early = silence(flow, range(3, 40))

    rest = flow.feed([*list(minute(400, times=3))[40:], *minute(401)])

    assert said(early) == [("OPENED", 1, True, None)]
    assert said(rest) == [("CLOSED", 2, True, "withdrawn")]
    assert rest[0].group == early[0].group


def test_a_source_that_comes_once_an_interval_and_late_is_not_missed_in_its_middle() -> None:
    flow = Flow(config(SHOP, alerts=[RULE], clock="wall"))
    told: list[Alert] = []
    for n in range(300):
        told += flow.feed([event(START + n * MINUTE + 50_000, platform="web")] * (20 + n * 7 % 5))
        told += silence(flow, range(3, 60, 3))

    assert told == []


def test_early_news_changes_nothing_of_what_is_learnt_and_grouped() -> None:
    plain, early = (Flow(config(SHOP, alerts=[rule])) for rule in (AlertRule("page", "shop", 70.0), RULE))
    told = [
        [flow.feed(minute(n, times=30 if n in (120, 121) else 1)) for n in range(160)]
        for flow in (plain, early)
    ]

    assert [block.models for block in early.scorer.save()[1]] == [b.models for b in plain.scorer.save()[1]]
    ends = [
        [(alert.group, alert.kind, alert.end) for alerts in each for alert in alerts][-1] for each in told
    ]
    assert ends[0] == ends[1]


def test_what_waits_for_several_breaches_is_not_told_early() -> None:
    orders = Measure(name="orders", aggregation="count", breaches=(2, 3))
    flow = Flow(config(detector(dimensions=("platform",), measures=[orders]), alerts=[RULE]))
    for n in range(200):
        flow.feed(minute(n))

    assert flow.feed(minute(200, times=100)) == []


def test_an_incident_that_is_called_after_another_place_in_the_end_keeps_its_id() -> None:
    flow = Flow(config(SHOP, alerts=[RULE]))
    for n in range(200):
        flow.feed(sorted([*minute(n), *minute(n, platform="app")], key=lambda e: e.event_time))

    early = flow.feed(list(minute(200, times=30))[:300])
    rest = flow.feed([*minute(200, times=90, platform="app"), *minute(201)])

    assert said(early) == [("OPENED", 1, True, None)]
    assert said(rest)[-1] == ("UPDATED", 2, False, None)
    assert {alert.group for alert in rest} == {early[0].group}

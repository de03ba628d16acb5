"""A score that may matter says why: how unusual it is, and what holds it back. Others say nothing."""

from __future__ import annotations

import re

from detectors.alerting import Alerter
from detectors.config import AlertRule, Detector, Measure
from detectors.explaining import STOPPED, TOGETHER, explained
from detectors.grouping import Grouper
from detectors.locales import Reading
from detectors.models.base import Moment
from detectors.models.grounds import CANDIDATES, EVIDENCE
from detectors.models.seasonal import LEAST_TYPICAL
from detectors.records import Alert, IntervalScores, Place
from detectors.scorer import Scorer
from tests.detectors.builders import MINUTE, detector, interval, ms


def run(shop: Detector, *last: float | None) -> list[IntervalScores]:
    """Two hundred ordinary minutes, then these; None is a source that is silent."""
    scorer = Scorer(shop)
    told = []
    for minute in range(200):
        told.append(scorer.score(interval(ms("00:00") + minute * MINUTE, {(): 20.0 + minute * 7 % 5}, 30)))
    for minute, value in enumerate(last, 200):
        rows: dict[Place, float] = {} if value is None else {(): value}
        told.append(scorer.score(interval(ms("00:00") + minute * MINUTE, rows, 0 if value is None else 30)))
    return told


def test_only_what_is_surprising_says_why() -> None:
    *ordinary, fall = run(detector(), 0.0)

    assert [scores.why for scores in ordinary if max(scores.severity) < 30] == [{}] * len(ordinary)
    assert fall.row(0).why[0].endswith("such intervals")


def test_a_surprising_score_says_what_is_unusual_and_from_what_it_was_expected() -> None:
    *_, fall = run(detector(), 0.0)

    _, evidence, basis = fall.row(0).why
    assert evidence == "far below the forecast"
    assert re.fullmatch(r"expected from \w.* \(\d+ %\).*", basis)


def test_words_never_contradict_the_side_on_which_a_value_is() -> None:
    said = [
        (score.why[1], (score.value or 0.0) > (score.expected or 0.0))
        for scores in run(detector(), *[25.5] * 3, 21.5)
        if (score := scores.row(0)).why
    ]

    turned = [words for words, _ in said if words.endswith(", though not in this interval")]
    plain = [(words, above) for words, above in said if words not in turned and "forecast" in words]
    assert turned
    assert plain
    assert all(("above" in words) == above for words, above in plain)


def test_there_are_words_for_all_that_the_default_model_looks_at() -> None:
    assert len(EVIDENCE) == len(LEAST_TYPICAL)
    assert len(CANDIDATES) == 6


def test_what_is_held_back_says_by_what() -> None:
    rises = Measure(name="orders", aggregation="count", direction="above")

    *_, fall = run(detector(measures=[rises]), 0.0)

    assert fall.row(0).why[-1] == "held back by direction: only the other side is told of"


def test_a_source_that_has_stopped_is_why() -> None:
    *_, stopped = run(detector(), *[None] * 10)

    assert STOPPED[0] in stopped.row(0).why


def test_what_the_calendar_knows_and_holds_back_is_why() -> None:
    reading = Reading(Moment(0, special=True), ("Black Friday",), held_by="Black Friday")

    assert explained("one in 100", TOGETHER, reading, "calendar") == (
        "one in 100",
        *TOGETHER,
        "a time unlike others: Black Friday",
        "held back by calendar: nothing is told of on this occasion",
    )


def test_whoever_gets_the_alert_reads_why_and_which_rule_let_it_through() -> None:
    shop = detector(sensitivity=0.1)
    rules = [AlertRule("page", "shop", 60.0)]
    grouper, alerter = Grouper(shop, rules), Alerter(shop, rules)
    alerts: list[Alert] = []
    for scores in run(shop, 0.0, 0.0):
        for group in grouper.group(scores):
            assert group.primary.why
            alerts += alerter.alert(group)

    assert [alert.kind for alert in alerts] == ["OPENED"]
    assert alerts[0].why == (*alerts[0].members[0].why, "page tells of orders from severity 80 on")

"""What to do goes with the alert: by place, by what is most of the evidence, and a few at most."""

from __future__ import annotations

from typing import Any

import pytest

from detectors.advising import MOST, Adviser
from detectors.config import Advice, ConfigError, Matcher
from detectors.loading import parse
from detectors.records import Anomaly, Evidence, utc
from tests.detectors.builders import detector, ms

LOCKS = Advice("Find who holds the lock.", "https://example.com/locks", {"wait": Matcher(prefix="Lock:")})
INSERTS = Advice("Commit less often.", where={"statement": "INSERT"})
ALWAYS = Advice("Look at the load.", measures=["load"])


def anomaly(measure: str = "load", evidence: tuple[Evidence, ...] = (), **dimensions: str) -> Anomaly:
    return Anomaly(
        measure, dimensions, utc(ms("12:00")), 24.5, 0.05, 0.0, 0.4, 100.0, 1.0, "above", evidence=evidence
    )


def told(
    *members: Anomaly, elements: tuple[dict[str, str], ...] = (), advice: Any = (LOCKS, INSERTS)
) -> list[str]:
    adviser = Adviser(detector(dimensions=("wait",), advice=list(advice)))
    return [recommended.say for recommended in adviser.on(members, elements)]


def test_advice_is_on_the_place_that_is_off() -> None:
    assert told(anomaly(wait="Lock:tuple")) == [LOCKS.say]
    assert told(anomaly(wait="CPU")) == []


def test_advice_is_on_what_is_most_of_the_evidence() -> None:
    most, some = Evidence("statement", 10, {"INSERT": 6}), Evidence("statement", 10, {"INSERT": 5})
    assert told(anomaly(evidence=(most,))) == [INSERTS.say]
    assert told(anomaly(evidence=(some,))) == []


def test_where_the_first_has_none_the_other_places_are_looked_at() -> None:
    assert told(anomaly(), anomaly(wait="Lock:tuple")) == [LOCKS.say]
    assert told(anomaly(), elements=({"wait": "Lock:tuple"},)) == [LOCKS.say]
    assert told(anomaly(wait="Lock:tuple"), anomaly(statement="INSERT")) == [LOCKS.say]


def test_advice_may_be_on_some_measures_alone() -> None:
    assert told(anomaly("errors"), advice=[ALWAYS]) == []
    assert told(anomaly("load"), advice=[ALWAYS]) == [ALWAYS.say]


def test_an_alert_carries_a_few_at_most() -> None:
    assert len(told(anomaly(wait="Lock:tuple"), advice=[LOCKS] * (MOST + 2))) == MOST


def test_advice_on_what_is_neither_dimension_nor_evidence_is_refused() -> None:
    with pytest.raises(ConfigError, match="'wiat' is no dimension and no evidence; known: statement, wait"):
        parse(
            """
            sources.db = { topic = "db", format = "json", time = "ts" }
            [[detectors]]
            name = "db"
            source = "db"
            interval = "PT1M"
            dimensions = ["wait"]
            measures = [{ name = "load", aggregation = "rate", field = "load", evidence = ["statement"] }]
            advice = [{ say = "Wait.", where = { wiat = "CPU" } }]
            """
        )

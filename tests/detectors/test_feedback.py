"""What people say of an anomaly changes what is told of those like it, and can be undone."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors import state
from detectors.alerting import Alerter
from detectors.config import AlertRule, Measure
from detectors.feedback import FARTHER, MOST_RELIEF, RELIEF, Feedback, Saying, Verdict
from detectors.grouping import Grouper
from detectors.records import Alert, Interval, IntervalScores, Place, utc
from detectors.scorer import Scorer, ScorerState
from tests.detectors.builders import MINUTE, detector, ms, scores

SHOP = detector(interval=timedelta(hours=1), dimensions=("platform",))
RULES = [AlertRule("page", "shop", 70.0)]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
APP, WEB = ("app",), ("web",)
TOTAL: Place = (None,)

DAYS = 12
#: The night job of the app, on the last days alone; and what goes wrong on the web in the last night.
JOB, NIGHTS = 3, (9, 10, 11)


class Shop:
    """A shop that is scored, grouped and told of, hour by hour; people may say something in between."""

    def __init__(self, verdict: Saying | None = None, incident: Place | None = None) -> None:
        self._verdict, self._incident = verdict, incident
        self.scorer, self._grouper, self._alerter = Scorer(SHOP), Grouper(SHOP, RULES), Alerter(SHOP, RULES)
        self._noise = random.Random(4)
        self.scores: list[IntervalScores] = []

    def run(self) -> list[Alert]:
        """The alerts that open on the last days; each is said to be what the verdict is."""
        opened = []
        for hour in range(DAYS * 24):
            scored = self.scorer.score(self._interval(hour))
            self.scores.append(scored)
            for group in self._grouper.group(scored):
                for alert in self._alerter.alert(group):
                    if alert.kind == "OPENED" and hour >= NIGHTS[0] * 24:
                        opened.append(alert)
                    if self._verdict is not None and alert.kind == "CLOSED" and hour >= NIGHTS[0] * 24:
                        for said in said_of(alert, self._verdict):
                            self.scorer.take(said)
        return opened

    def _interval(self, hour: int) -> Interval:
        values: dict[Place, float] = {place: self._value(place, hour) for place in (APP, WEB)}
        rows = {TOTAL: sum(values.values()), **values}
        start = ms("00:00") + hour * 60 * MINUTE
        ones = [1] * len(rows)
        return Interval("shop", start, start + 60 * MINUTE, 1, list(rows), ones, {"orders": [*rows.values()]})

    def _value(self, place: Place, hour: int) -> float:
        mean = 400 * (1 + 0.15 * math.sin(hour / 24 * 2 * math.pi))
        if place == APP and hour % 24 == JOB and hour // 24 in NIGHTS:
            mean *= 2.5
        if place == self._incident and hour == NIGHTS[-1] * 24 + JOB:
            mean *= 3
        return max(0, round(self._noise.gauss(mean, math.sqrt(mean))))


def said_of(alert: Alert, verdict: Saying, **changes: Any) -> Iterator[Verdict]:
    """A verdict on every member of what was told of."""
    for member in alert.members:
        change = None
        if member.value is not None and member.expected is not None:
            change = member.value - member.expected
        said = Verdict(
            alert.detector, alert.group, member.measure, member.dimensions, verdict, alert.start, alert.end,
            member.direction, change,
        )  # fmt: skip
        yield msgspec.structs.replace(said, **changes)


def test_what_was_said_to_be_expected_twice_is_not_told_of_again() -> None:
    assert [alert.start.hour for alert in Shop().run()] == [JOB] * 3
    assert [alert.start.hour for alert in Shop("anomaly").run()] == [JOB] * 3

    shop = Shop("expected")

    assert [alert.start.day for alert in shop.run()] == [utc(ms("00:00")).day + night for night in NIGHTS[:2]]
    third = next(
        s for s in shop.scores if s.interval_start == utc(ms("00:00")) + NIGHTS[2] * DAY + JOB * HOUR
    )
    held = {third.places[row]: third.why[row][-1] for row, by in third.held_by.items() if by == "feedback"}
    assert held.keys() == {TOTAL, APP}
    assert all(why.startswith("affected by feedback") for why in held.values())
    # Held back, and as severe as ever.
    assert all(third.severity[row] > 70 for row in third.held_by)


def test_a_real_incident_elsewhere_is_told_of_at_the_same_hour() -> None:
    *_, third = Shop("expected", incident=WEB).run()

    assert third.start == utc(ms("00:00")) + NIGHTS[2] * DAY + JOB * HOUR
    assert {"platform": "web"} in [member.dimensions for member in third.members]
    assert {"platform": "app"} not in [member.dimensions for member in third.members]


# What is like it.

FALL: dict[str, Any] = {"severity": 90.0, "value": 10.0, "expected": 100.0}


def verdict(saying: Saying = "expected", **changes: Any) -> Verdict:
    fall = Verdict(
        "shop", "g1", "orders", {"platform": "app", "marketplace": "DE"}, saying,
        utc(ms("12:00")), utc(ms("12:10")), "below", -90.0,
    )  # fmt: skip
    return msgspec.structs.replace(fall, **changes)


def applied(
    *verdicts: Verdict, row: Mapping[str, Any] = FALL, place: Place = ("app", "DE"),
    later: timedelta = 7 * DAY, measure: str = "orders",
) -> IntervalScores:  # fmt: skip
    """The scores of one series at some time after noon of the first day, with what was said."""
    feedback = Feedback(detector(dimensions=("platform", "marketplace"), measures=MEASURES))
    for said in verdicts:
        feedback.take(said)
    at = utc(ms("12:05")) + later
    told = msgspec.structs.replace(
        scores("12:05", {(measure, place): row}), interval_start=at, interval_end=at + timedelta(minutes=1)
    )
    feedback.expire(at)
    return feedback.apply(told)


MEASURES = [
    Measure("orders", "count"),
    Measure("views", "count"),
    Measure("conversion", ratio=("orders", "views")),
]


@pytest.mark.parametrize("later", [7 * DAY, 14 * DAY, 7 * DAY - HOUR, 7 * DAY + HOUR])
def test_the_same_hour_of_the_week_is_like_it(later: timedelta) -> None:
    assert applied(verdict(), later=later).held_by == {0: "feedback"}


@pytest.mark.parametrize("later", [DAY, 7 * DAY - 3 * HOUR, 7 * DAY + 3 * HOUR, -7 * DAY])
def test_another_hour_and_the_time_before_are_not(later: timedelta) -> None:
    assert applied(verdict(), later=later).held_by == {}


def test_said_of_two_days_it_is_that_hour_of_every_day() -> None:
    again = verdict(group="g2", start=utc(ms("12:00")) + DAY, end=utc(ms("12:10")) + DAY)
    soon = verdict(group="g2", start=utc(ms("12:20")), end=utc(ms("12:30")))

    assert applied(verdict(), again, later=4 * DAY).held_by == {0: "feedback"}
    assert applied(verdict(), again, later=4 * DAY + 3 * HOUR).held_by == {}
    assert applied(verdict(), soon, later=4 * DAY).held_by == {}


@pytest.mark.parametrize("place", [("app", None), (None, "DE"), (None, None), ("app", "DE")])
def test_roll_ups_have_it_as_a_part(place: Place) -> None:
    assert applied(verdict(), place=place).held_by == {0: "feedback"}


@pytest.mark.parametrize("place", [("web", None), ("app", "FR"), ("web", "DE")])
def test_places_elsewhere_are_not_like_it(place: Place) -> None:
    assert applied(verdict(), place=place).held_by == {}


def test_what_is_said_of_a_roll_up_is_not_said_of_its_parts() -> None:
    assert applied(verdict(dimensions={})).held_by == {}


def test_a_ratio_of_a_place_is_no_part_of_another() -> None:
    said = verdict(measure="conversion", change=-0.2)
    fall = {"severity": 90.0, "value": 0.1, "expected": 0.3}

    assert applied(said, row=fall, measure="conversion").held_by == {0: "feedback"}
    assert applied(said, row=fall, measure="conversion", place=("app", None)).held_by == {}
    assert applied(said, row=fall).held_by == {}


@pytest.mark.parametrize(
    ("value", "held"),
    [(100 - 89 * FARTHER, True), (100 - 91 * FARTHER, False), (190.0, False), (None, False)],
)
def test_what_is_farther_off_or_on_the_other_side_is_not(value: float | None, held: bool) -> None:
    assert applied(verdict(), row={**FALL, "value": value}).held_by == ({0: "feedback"} if held else {})


def test_a_ratio_follows_from_what_is_expected_of_its_parts() -> None:
    feedback = Feedback(detector(dimensions=("platform", "marketplace"), measures=MEASURES))
    feedback.take(verdict())
    ratio = {"severity": 90.0, "value": 0.01, "expected": 0.3}
    places: list[Place] = [("app", "DE"), ("app", "FR")]
    rows = {
        (measure, place): row
        for place in places
        for measure, row in (("conversion", ratio), ("orders", FALL))
    }
    told = scores("12:05", rows)
    later = {"interval_start": told.interval_start + 7 * DAY, "interval_end": told.interval_end + 7 * DAY}

    held = feedback.apply(msgspec.structs.replace(told, **later)).held_by

    # In Germany alone, and not where the orders are as ever.
    assert held == {0: "feedback", 1: "feedback"}
    alone = scores("12:05", {("conversion", ("app", "DE")): ratio, ("orders", ("app", "DE")): 10.0})
    assert feedback.apply(msgspec.structs.replace(alone, **later)).held_by == {}


def test_what_measures_do_together_is_expected_where_one_of_them_is() -> None:
    together = {"severity": 90.0, "value": None, "expected": None}

    assert applied(verdict(), row=together, measure="(joint)").held_by == {0: "feedback"}
    assert applied(verdict(), row=together, measure="(joint)", place=("app", None)).held_by == {}
    assert applied(verdict(), row=together, measure="(joint)", later=DAY).held_by == {}


def test_what_has_no_value_is_like_what_had_none() -> None:
    said = verdict(direction="missing", change=None)

    assert applied(said, row={**FALL, "value": None}).held_by == {0: "feedback"}
    assert applied(said).held_by == {}


def test_it_ends_when_it_was_to_end_and_when_it_is_undone() -> None:
    brief = verdict(expires=utc(ms("12:00")) + 10 * DAY)

    assert applied(brief).held_by == {0: "feedback"}
    assert applied(brief, later=14 * DAY).held_by == {}
    assert applied(verdict(), verdict(undo=True)).held_by == {}
    assert applied(verdict(), verdict("anomaly")).held_by == {}


def test_less_is_asked_of_what_is_like_something_missed() -> None:
    lowered = applied(verdict("missed", direction=None), row={**FALL, "severity": 55.0, "value": 60.0})
    grouper, alerter = Grouper(SHOP_OF_TWO, RULES), Alerter(SHOP_OF_TWO, RULES)

    (alert,) = [alert for group in grouper.group(lowered) for alert in alerter.alert(group)]

    assert (alert.kind, alert.severity) == ("OPENED", 55.0)
    assert any(why.startswith("affected by feedback") for why in alert.why)
    # At any hour, but nowhere else.
    assert applied(verdict("missed"), later=8 * DAY + 5 * HOUR).relief == {0: RELIEF}
    assert applied(verdict("missed"), place=("app", None)).relief == {}
    assert applied(*(verdict("missed", group=f"g{n}") for n in range(3))).relief == {0: MOST_RELIEF}


SHOP_OF_TWO = detector(dimensions=("platform", "marketplace"))


def test_it_is_stored() -> None:
    scorer = Scorer(SHOP)
    scorer.take(verdict(dimensions={"platform": "app"}))

    saved, blocks = scorer.save()
    again = Scorer(SHOP)
    again.load(state.decode(state.encode(saved), ScorerState), blocks)

    assert again.save()[0].verdicts == saved.verdicts != {}


# The new normal.

HOURS = 14 * 24


def moved(model: str, *, undo: bool = False, said: bool = True) -> tuple[list[float], Scorer, str]:
    """Severities of days on which a level has doubled; after three hours someone calls it the new normal."""
    shop = detector(interval=HOUR, measures=[Measure("orders", "count", model=model)])
    scorer, noise, severities, held = Scorer(shop), random.Random(4), list[float](), ""
    shift = ms("00:00") + HOURS * 60 * MINUTE
    normal = Verdict(
        "shop", "g1", "orders", {}, "new-normal", utc(shift), utc(shift) + 3 * HOUR, "above", 400.0
    )
    for hour in range(HOURS + 72):
        mean = 400 * (1 + 0.4 * math.sin(hour / 24 * 2 * math.pi)) * (2 if hour >= HOURS else 1)
        value = max(0, round(noise.gauss(mean, math.sqrt(mean))))
        if hour == HOURS + 3 and said:
            scorer.take(normal)
        if hour == HOURS + 5 and undo:
            scorer.take(msgspec.structs.replace(normal, undo=True))
        start = ms("00:00") + hour * 60 * MINUTE
        told = scorer.score(Interval("shop", start, start + 60 * MINUTE, 1, [()], [1], {"orders": [value]}))
        severities.append(told.severity[0])
        held += told.held_by.get(0, "") if hour == HOURS + 3 else ""
    return severities[HOURS:], scorer, held


def test_a_new_normal_is_adopted_at_once() -> None:
    severities, _, held = moved("seasonal")
    unsaid, _, _ = moved("seasonal", said=False)

    assert min(severities[:2]) > 70
    # The hour that is adopted is as unusual as it is, and held back.
    assert (held, severities[3] > 50) == ("feedback", True)
    assert max(severities[4:]) < 50
    assert max(unsaid[4:]) > 70


def test_what_cannot_adopt_a_level_begins_anew() -> None:
    severities, scorer, _ = moved("robust")

    assert max(severities[4:8]) == 0
    assert scorer.learning == 0


def test_a_new_normal_is_undone() -> None:
    adopted, undone = moved("seasonal")[0], moved("seasonal", undo=True)[0]

    assert adopted[:5] == undone[:5]
    assert undone[5] > 70 > adopted[5]


def test_what_was_known_before_is_stored() -> None:
    _, scorer, _ = moved("seasonal")
    saved, blocks = scorer.save()
    again = Scorer(scorer.detector)
    again.load(state.decode(state.encode(saved), ScorerState), blocks)

    assert again.save()[0].adopted == saved.adopted != {}

"""A place that begins in the middle starts from its parent's day, wherever it sits and whatever restarts."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from detectors import seating, state
from detectors.blocks import BlockState
from detectors.config import LocalTime, Measure
from detectors.locales import Locales
from detectors.models.grounds import PARENT
from detectors.records import Interval, IntervalScores, Place, Score
from detectors.relatives import Relatives
from detectors.scorer import Scorer, ScorerState
from tests.detectors.builders import MINUTE, ORDERS, detector, ms

HOUR = 60 * MINUTE
#: The hour at which a place begins, and that from which its scores are asked.
BEGINS, ASKED = 3 * 24 + 2, 3 * 24 + 18
PRICE = Measure(name="price", aggregation="mean", field="amount", model="robust")
TOTAL: Place = (None, None)
WEB: Place = ("web", None)
GERMANY: Place = (None, "DE")
APP: Place = ("app", None)
WEB_DE: Place = ("web", "DE")
APP_DE: Place = ("app", "DE")


def wave(hour: int, peak: int) -> float:
    """What of its mean a place has at an hour of the day."""
    return 1 + 0.8 * math.cos((hour - peak) / 24 * 2 * math.pi)


def at(hour: int, places: Sequence[Place], peak: int = 15, new_peak: int = 15) -> Interval:
    """An hour of places that have been here, the larger the coarser, and the last of them as the newcomer."""
    noise = random.Random(hour)
    orders = []
    for n in range(len(places)):
        mean = 4000 / 2**n * wave(hour, new_peak if n and n == len(places) - 1 else peak)
        orders.append(max(0.0, float(round(noise.gauss(mean, math.sqrt(mean))))))
    values = {"orders": orders, "price": [5.0 + value % 3 for value in orders]}
    start = ms("00:00") + hour * HOUR
    volumes = [int(value) for value in orders]
    return Interval("shop", start, start + HOUR, 1, list(places), volumes, values)


def shop(**changes: Any) -> Scorer:
    settings = {"dimensions": ("platform", "marketplace"), "interval": timedelta(hours=1)}
    return Scorer(detector(**{**settings, "measures": [ORDERS, PRICE], **changes}))


def run(scorer: Scorer, hours: range, *places: Place) -> Iterator[IntervalScores]:
    """The newcomer, the last of the places, comes when it begins."""
    for hour in hours:
        yield scorer.score(at(hour, places if hour >= BEGINS else places[:-1]))


def row(scores: IntervalScores, place: Place) -> Score:
    (found,) = [score for score in scores.rows() if (score.measure, score.place) == ("orders", place)]
    return found


def forecast(scorer: Scorer, *places: Place) -> float:
    """What the newcomer is expected to have at night, which it has never seen, over its mean."""
    *_, scores = run(scorer, range(ASKED + 5), *places)
    found = row(scores, places[-1])
    assert found.phase == "active"
    assert found.expected is not None
    return found.expected / 4000 * (1 << len(places) - 1)


def reloaded(scorer: Scorer) -> Scorer:
    """The scorer after a restart, through bytes."""
    head, blocks = scorer.save()
    again = Scorer(scorer.detector)
    again.load(
        state.decode(state.encode(head), ScorerState),
        [state.decode(state.encode(block), BlockState) for block in blocks],
    )
    return again


# Who.


def relative(places: Sequence[Place], new: Place, hours: int = BEGINS, **changes: Any) -> Place | None:
    """Whose shape a place would take over."""
    scorer = shop(**changes)
    for hour in range(hours):
        scorer.score(at(hour, places))
    found = Relatives(scorer.detector, Locales(scorer.detector, {})).of([new], scorer.admission)
    return None if found[0] < 0 else scorer.admission.places[found[0]]


@pytest.mark.parametrize(
    ("places", "new", "chosen"),
    [
        ([TOTAL], WEB, TOTAL),
        ([TOTAL, APP], WEB, TOTAL),
        ([TOTAL, WEB, GERMANY, APP_DE], WEB_DE, GERMANY),
        ([TOTAL, GERMANY, WEB, APP_DE], WEB_DE, WEB),
        ([APP, ("tv", None)], WEB, APP),
        ([("tv", None), APP, GERMANY], WEB, ("tv", None)),
        ([APP_DE, ("web", "FR")], WEB_DE, APP_DE),
        ([("app", "FR")], WEB_DE, None),
        ([WEB], TOTAL, None),
    ],
)
def test_a_relative_is_the_smallest_finest_parent_or_else_the_largest_sibling(
    places: list[Place], new: Place, chosen: Place | None
) -> None:
    assert relative(places, new) == chosen


def test_who_has_been_here_for_less_than_two_days_lends_nothing() -> None:
    assert [relative([TOTAL], WEB, hours) for hours in (47, 48)] == [None, TOTAL]


def test_who_lives_in_another_time_zone_lends_nothing() -> None:
    berlin = [LocalTime(where={"marketplace": "DE"}, timezone="Europe/Berlin")]

    assert relative([TOTAL, WEB, GERMANY], WEB_DE, timezones=berlin) == GERMANY
    assert relative([TOTAL, WEB], WEB_DE, timezones=berlin) is None


# What.


@pytest.mark.parametrize("places", [(TOTAL, WEB), (TOTAL, WEB, WEB_DE), (APP, WEB)])
def test_a_place_that_begins_expects_the_night_it_has_never_seen(places: tuple[Place, ...]) -> None:
    assert forecast(shop(), *places) == pytest.approx(wave(ASKED + 4, 15), rel=0.1)


def test_a_place_without_relatives_expects_the_day_to_go_on() -> None:
    assert forecast(shop(levels=("leaves",)), ("app", "FR"), WEB_DE) > 1.5 * wave(ASKED + 4, 15)


def test_what_was_lent_is_scored_after_as_many_points_as_ever_and_said() -> None:
    scorer = shop()
    *_, learning, active = run(scorer, range(ASKED + 1), TOTAL, WEB)
    assert (row(learning, WEB).phase, row(active, WEB).phase) == ("learning", "active")
    assert row(active, WEB).confidence < 0.1

    outage = at(ASKED + 1, [TOTAL, WEB])
    outage.values["orders"][1] = 0.0
    found = row(scorer.score(outage), WEB)

    assert found.severity > 90
    assert found.why[-1] == PARENT


def test_a_day_unlike_the_parents_is_learnt_all_the_same() -> None:
    scorer = shop()
    for hour in range(10 * 24):
        places = (TOTAL, WEB) if hour >= BEGINS else (TOTAL,)
        scores = scorer.score(at(hour, places, new_peak=3))
        if hour >= 9 * 24:
            found = row(scores, WEB)
            assert found.expected == pytest.approx(2000 * wave(hour, 3), rel=0.25, abs=60)


# Exactly.


@pytest.mark.parametrize("restart", [BEGINS + 1, ASKED - 1, ASKED + 1])
def test_a_restart_changes_no_number(restart: int) -> None:
    whole = list(run(shop(), range(ASKED + 6), TOTAL, WEB))
    scorer = shop()
    first = list(run(scorer, range(restart), TOTAL, WEB))

    assert [*first, *run(reloaded(scorer), range(restart, ASKED + 6), TOTAL, WEB)] == whole


def test_a_parent_in_another_block_lends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    together = list(run(shop(), range(ASKED + 6), TOTAL, WEB))
    monkeypatch.setattr(seating, "BLOCK_SERIES", 1)

    assert list(run(shop(), range(ASKED + 6), TOTAL, WEB)) == together

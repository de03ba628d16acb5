"""Series get rows and keep them; what is absent has a meaning; a restart changes no number."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors import seating, state
from detectors.blocks import BlockState
from detectors.config import Detector, Measure
from detectors.records import Interval, IntervalScores, Place, Score
from detectors.scorer import Scorer, ScorerState
from tests.detectors.builders import MINUTE, ORDERS, detector, interval, ms

VIEWS = Measure(name="views", aggregation="count")
PRICE = Measure(name="price", aggregation="mean", field="amount")
NAN = float("nan")


def at(minute: int) -> int:
    return ms("00:00") + minute * MINUTE


def busy(minute: int, *places: Place) -> Interval:
    """An ordinary interval: some orders, views and prices at every place."""
    wave = 20.0 + minute * 7 % 5
    rows = {
        place: {"orders": wave + n, "views": 10 * wave, "price": 5.0 + 0.1 * (minute % 3)}
        for n, place in enumerate(places or ((),))
    }
    return interval(at(minute), rows, events=30)


def run(scorer: Scorer, minutes: range, *places: Place) -> list[IntervalScores]:
    return [scorer.score(busy(minute, *places)) for minute in minutes]


def row(scores: IntervalScores, measure: str = "orders", place: Place = ()) -> Score:
    (found,) = [score for score in scores.rows() if (score.measure, score.place) == (measure, place)]
    return found


def reloaded(scorer: Scorer, changed: Detector | None = None) -> Scorer:
    """The scorer after a restart, through bytes."""
    head, blocks = scorer.save()
    again = Scorer(changed or scorer.detector)
    again.load(
        state.decode(state.encode(head), ScorerState),
        [state.decode(state.encode(block), BlockState) for block in blocks],
    )
    return again


# Rows.


def test_every_measure_at_every_place_is_a_row() -> None:
    shop = Scorer(detector(dimensions=("platform",), measures=[ORDERS, VIEWS, PRICE]))

    scores = shop.score(busy(0, (None,), ("web",)))

    assert [(score.measure, score.place) for score in scores.rows()] == [
        (measure, place) for place in [(None,), ("web",)] for measure in ("orders", "views", "price")
    ]
    assert (row(scores, "views", ("web",)).value, row(scores, "price", (None,)).value) == (200.0, 5.0)
    assert scores.dimensions == ("platform",)
    assert shop.series == 6


def test_a_new_place_gets_rows_after_those_there_are() -> None:
    shop = Scorer(detector(dimensions=("platform",)))
    run(shop, range(20), ("web",))

    scores = shop.score(busy(20, ("app",), ("web",)))

    assert scores.places == [("web",), ("app",)]
    assert (row(scores, place=("web",)).value, row(scores, place=("app",)).value) == (21.0, 20.0)
    assert (row(scores, place=("web",)).phase, row(scores, place=("app",)).phase) == ("active", "learning")


def test_places_that_do_not_fit_are_counted_and_left_out() -> None:
    shop = Scorer(detector(dimensions=("platform",), measures=[ORDERS, VIEWS], max_series=5))

    for minute in (0, 1):
        scores = shop.score(busy(minute, (None,), ("web",), ("app",), ("tv",)))

    assert scores.places == [(None,), (None,), ("web",), ("web",)]
    assert shop.admission.counts.rejected == 4


def test_fewer_series_than_there_are_reject_only_what_is_new() -> None:
    shop = Scorer(detector(dimensions=("platform",), max_series=3))
    run(shop, range(2), (None,), ("web",), ("app",))
    smaller = reloaded(shop, detector(dimensions=("platform",), max_series=1))

    scores = smaller.score(busy(2, (None,), ("web",), ("app",), ("tv",)))

    assert scores.places == [(None,), ("web",), ("app",)]
    assert smaller.admission.counts.rejected == 1


def test_a_place_that_takes_over_a_row_has_none_of_its_history() -> None:
    shop = Scorer(detector(dimensions=("platform",), measures=[ORDERS, VIEWS], max_series=4))
    run(shop, range(50), ("web",), ("app",))
    newcomer: dict[Place, dict[str, float]] = {
        place: {"orders": 7.0, "views": 70.0} for place in [("app",), ("tv",)]
    }

    for minute in range(50, 52):
        scores = shop.score(interval(at(minute), newcomer, volumes=[1, 90]))

    assert scores.places == [("tv",)] * 2 + [("app",)] * 2
    assert row(scores, place=("tv",)).value == 7.0
    assert (row(scores, place=("tv",)).expected, row(scores, place=("tv",)).phase) == (None, "learning")
    assert row(scores, place=("app",)).phase == "active"
    assert shop.learning == 2


def test_a_look_ahead_does_not_change_how_many_series_are_learning() -> None:
    shop = Scorer(detector())
    run(shop, range(16), ())
    before = shop.learning

    shop.foresee(busy(16, ()))

    assert shop.learning == before == 1


def test_a_place_that_is_forgotten_is_scored_no_more() -> None:
    shop = Scorer(detector(dimensions=("platform",), forget_after=timedelta(minutes=3)))
    run(shop, range(5), (None,), ("web",), ("app",))

    told = [scores.places for scores in run(shop, range(5, 9), (None,), ("app",))]

    assert told == [[(None,), ("web",), ("app",)]] * 2 + [[(None,), ("app",)]] * 2
    assert shop.series == 2


def test_a_source_that_stopped_makes_no_place_old() -> None:
    shop = Scorer(detector(dimensions=("platform",), forget_after=timedelta(minutes=20)))
    run(shop, range(200), (None,), ("web",))
    for minute in range(200, 300):
        shop.score(interval(at(minute), {}, events=0))

    assert shop.score(busy(300, (None,), ("web",))).places == [(None,), ("web",)]


def test_a_flood_of_new_values_changes_no_score_of_what_is_known() -> None:
    shop = detector(dimensions=("platform",), measures=[ORDERS, VIEWS], max_series=20)
    known: list[Place] = [(None,), ("web",), ("app",)]
    calm, flooded = Scorer(shop), Scorer(shop)
    for minute in range(80):
        places = known + [(f"{minute}-{n}",) for n in range(300 if 20 <= minute < 60 else 0)]
        told = msgspec.structs.replace(busy(minute, *places), volumes=[9] * 3 + [1] * (len(places) - 3))

        expected = {(score.measure, score.place): score for score in calm.score(busy(minute, *known)).rows()}
        scores = {(score.measure, score.place): score for score in flooded.score(told).rows()}

        assert {key: scores[key] for key in expected} == expected
        assert flooded.series <= 20
    assert flooded.series == 20


def test_a_detector_without_any_place_has_nothing_to_score() -> None:
    shop = Scorer(detector())
    shop.score(interval(at(0), {}, events=5))

    scores = reloaded(shop).score(interval(at(1), {}, events=5))

    assert (scores.places, scores.value, shop.series) == ([], [], 0)


# Learning.


def test_what_is_unusual_is_scored_before_it_is_learnt() -> None:
    shop = Scorer(detector())
    calm = run(shop, range(200))[-1]
    fall = shop.score(interval(at(200), {(): 0.0}, events=30))

    assert row(calm).severity < 30
    assert row(fall).severity > 70
    assert row(fall).value == 0.0
    lower = row(fall).lower
    assert lower is not None
    assert lower > 5


def test_a_young_series_has_no_severity() -> None:
    shop = Scorer(detector())
    first = shop.score(busy(0))
    assert (row(first).expected, row(first).severity, row(first).phase) == (None, 0.0, "learning")
    assert shop.learning == 1

    run(shop, range(1, 30))

    assert shop.learning == 0


# Intervals without a value.


@pytest.mark.parametrize(
    ("missing", "value"), [(None, 0.0), ("zero", 0.0), ("ignore", None), ("previous", 24.0)]
)
def test_a_place_without_events_is_what_the_measure_says(missing: Any, value: float | None) -> None:
    orders = Measure(name="orders", aggregation="count", missing=missing)
    shop = Scorer(detector(dimensions=("platform",), measures=[orders]))
    run(shop, range(20), ("app",), ("web",))
    assert row(shop.score(busy(22, ("app",), ("web",))), place=("web",)).value == 25.0
    assert row(shop.score(busy(22, ("web",), ("app",))), place=("web",)).value == 24.0

    scores = shop.score(busy(23, ("app",)))

    assert row(scores, place=("web",)).value == value
    assert row(shop.score(busy(24, ("app",))), place=("web",)).value == value


def test_a_mean_of_no_event_is_no_value_though_the_place_had_others() -> None:
    shop = Scorer(detector(measures=[ORDERS, PRICE]))
    scores = shop.score(interval(at(0), {(): {"orders": 3.0, "price": NAN}}))

    assert (row(scores).value, row(scores, "price").value) == (3.0, None)


def test_a_mean_that_keeps_its_value_keeps_the_last_there_was() -> None:
    price = Measure(name="price", aggregation="mean", field="amount", missing="previous")
    shop = Scorer(detector(measures=[price]))
    values = [
        row(shop.score(interval(at(n), {(): {"price": value}})), "price").value
        for n, value in enumerate([NAN, 7.0, NAN, NAN, 8.0, NAN])
    ]

    assert values == [None, 7.0, 7.0, 7.0, 8.0, 8.0]


def test_a_source_that_stops_is_missing_and_no_zero() -> None:
    shop = Scorer(detector())
    run(shop, range(200))

    silent = [shop.score(interval(at(minute), {}, events=0)) for minute in range(200, 205)]

    assert [row(scores).value for scores in silent] == [None] * 5
    assert row(shop.score(busy(205))).severity < 50


def test_a_source_that_is_often_silent_is_zero() -> None:
    shop = Scorer(detector())
    for minute in range(200):
        shop.score(busy(minute) if minute % 3 == 0 else interval(at(minute), {}, events=0))

    silent = [row(shop.score(interval(at(minute), {}, events=0))).value for minute in range(201, 220)]

    assert silent[0] == 0.0
    assert silent[-1] is None
    assert silent == sorted(silent, key=lambda value: value is None)


def test_a_source_that_has_stopped_is_told_as_such() -> None:
    shop = Scorer(detector())

    assert not any(scores.stopped for scores in run(shop, range(200)))
    assert shop.score(interval(at(200), {}, events=0)).stopped
    # Nothing of it is measured, but it speaks.
    assert not shop.score(interval(at(201), {}, events=30)).stopped


def test_a_source_that_has_stopped_is_no_less_surprising_than_zeros() -> None:
    there, silent = Scorer(detector()), Scorer(detector())
    for shop in (there, silent):
        run(shop, range(200))

    zero = there.score(interval(at(200), {(): 0.0}, events=30))
    stopped = silent.score(interval(at(200), {}, events=0))

    assert (row(zero).value, row(stopped).value) == (0.0, None)
    assert row(stopped).severity == row(zero).severity > 90


def test_a_value_that_must_never_be_missing_alarms_at_once() -> None:
    price = Measure(name="price", aggregation="mean", field="amount", missing="alarm")
    shop = Scorer(detector(measures=[price]))
    rng = random.Random(3)
    young = shop.score(interval(at(0), {(): {"price": 5.0}}))
    assert row(shop.score(interval(at(1), {(): {"price": NAN}})), "price").severity == 0
    for minute in range(2, 60):
        shop.score(interval(at(minute), {(): {"price": NAN if rng.random() < 0.3 else 5.0 + rng.random()}}))

    missing = row(shop.score(interval(at(60), {(): {"price": NAN}})), "price")

    assert row(young, "price").severity == 0
    assert (missing.value, missing.severity, missing.held_by) == (None, 100.0, None)
    assert row(shop.score(interval(at(61), {(): {"price": 5.5}})), "price").severity < 50


def test_events_of_which_nothing_is_measured_are_no_silence() -> None:
    shop = Scorer(detector())
    run(shop, range(200))

    assert row(shop.score(interval(at(200), {}, events=30))).value == 0.0


# Restarts.


def restarts(minute: int) -> bool:
    """Twice in a row, and then not for a while: nothing is lost by either."""
    return minute % 7 < 2


def test_a_restart_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seating, "BLOCK_SERIES", 6)
    previous = Measure(name="price", aggregation="mean", field="amount", missing="previous")
    shop = detector(dimensions=("platform",), measures=[ORDERS, VIEWS, previous])
    there = [(None,), ("web",), ("app",), ("tv",), ("radio",)]
    steady, restarted = Scorer(shop), Scorer(shop)
    for minute in range(60):
        # Places come one after the other, go, and for some minutes there is nothing at all.
        now = there[minute % 2 : 1 + minute // 10]
        told = busy(minute, *now) if now and minute not in range(40, 45) else interval(at(minute), {}, 0)
        assert restarted.score(told) == steady.score(told)
        if restarts(minute):
            restarted = reloaded(restarted)
    assert steady.series == 15


def test_nor_does_it_while_places_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seating, "BLOCK_SERIES", 6)
    shop = detector(
        dimensions=("platform", "marketplace"),
        measures=[ORDERS, VIEWS],
        max_series=2 * 14,
        forget_after=timedelta(minutes=9),
    )
    steady, restarted, rng = Scorer(shop), Scorer(shop), random.Random(4)
    for minute in range(120):
        numbers = sorted({int(rng.paretovariate(0.8)) + minute // 4 for _ in range(20)})
        leaves: list[Place] = [(f"{number}", "DE") for number in numbers]
        told = busy(minute, (None, None), (None, "DE"), *leaves)
        told = msgspec.structs.replace(told, volumes=[99, 99, *(rng.randrange(1, 9) for _ in leaves)])
        assert restarted.score(told) == steady.score(told)
        if restarts(minute):
            restarted = reloaded(restarted)
    counts = steady.admission.counts
    assert min(counts.rejected, counts.displaced, counts.forgotten) > 10


def test_how_many_series_share_a_block_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = detector(dimensions=("platform",), measures=[ORDERS, VIEWS, PRICE])
    there: list[Place] = [(f"{n}",) for n in range(11)]
    whole = Scorer(shop)
    monkeypatch.setattr(seating, "BLOCK_SERIES", 12)
    cut = Scorer(shop)
    for minute in range(40):
        now = there[: 1 + minute]
        told = busy(minute, *now)
        assert cut.score(told) == whole.score(told)
        if minute % 10 == 5:
            # Stored in blocks of one size, read into blocks of another.
            monkeypatch.setattr(seating, "BLOCK_SERIES", 6 + minute)
            cut = reloaded(cut)
    assert cut.state_bytes == whole.state_bytes


def test_a_changed_measure_starts_anew_and_the_others_keep_their_history() -> None:
    shop = Scorer(detector(measures=[ORDERS, VIEWS, PRICE]))
    run(shop, range(50))
    web = msgspec.structs.replace(ORDERS, where={"platform": "web"})
    # The order of measures is no part of what they mean.
    changed = reloaded(shop, detector(measures=[PRICE, web, VIEWS]))

    before, after = shop.score(busy(50)), changed.score(busy(50))

    assert row(after, "views") == row(before, "views")
    assert row(after, "price") == row(before, "price")
    assert (row(after).phase, row(after).expected) == ("learning", None)


def test_a_changed_part_of_a_ratio_starts_the_ratio_anew() -> None:
    ratio = Measure(name="conversion", ratio=("orders", "views"))
    rows: dict[Place, dict[str, float]] = {(): {"orders": 5.0, "views": 50.0, "conversion": 0.1}}
    shop = Scorer(detector(measures=[ORDERS, VIEWS, ratio]))
    for minute in range(30):
        shop.score(interval(at(minute), rows))
    web = msgspec.structs.replace(VIEWS, where={"platform": "web"})

    scores = reloaded(shop, detector(measures=[ORDERS, web, ratio])).score(interval(at(30), rows))

    assert [score.phase for score in scores.rows()] == ["active", "learning", "learning"]


def test_a_measure_that_is_added_leaves_the_others_alone() -> None:
    shop = Scorer(detector(dimensions=("platform",)))
    run(shop, range(50), (None,), ("web",))
    more = reloaded(shop, detector(dimensions=("platform",), measures=[VIEWS, ORDERS]))

    before, after = (s.score(busy(50, (None,), ("web",))) for s in (shop, more))

    for place in [(None,), ("web",)]:
        assert row(after, place=place) == row(before, place=place)
        assert row(after, "views", place).phase == "learning"


def test_what_changes_no_meaning_keeps_the_history() -> None:
    shop = Scorer(detector())
    run(shop, range(50))
    waiting = reloaded(shop, detector(lateness=timedelta(seconds=30), max_series=5))

    assert waiting.score(busy(50)) == shop.score(busy(50))


def test_places_of_a_level_that_is_gone_go_and_the_others_keep_their_history() -> None:
    places: list[Place] = [(None, None), ("web", None), (None, "DE"), ("web", "DE")]
    shop = Scorer(detector(dimensions=("platform", "marketplace"), measures=[ORDERS, VIEWS]))
    run(shop, range(50), *places)
    fewer = detector(
        dimensions=("platform", "marketplace"), measures=[ORDERS, VIEWS], levels=(["marketplace"],)
    )

    germany = busy(50, (None, "DE"), ("web", "DE"))
    after, before = reloaded(shop, fewer).score(germany), shop.score(germany)

    assert after.places == [(None, "DE")] * 2 + [("web", "DE")] * 2
    assert [row(after, m, p) for m, p in zip(after.measures, after.places, strict=True)] == [
        row(before, m, p) for m, p in zip(after.measures, after.places, strict=True)
    ]


def test_nothing_is_left_of_other_dimensions() -> None:
    shop = Scorer(detector(dimensions=("platform",)))
    run(shop, range(30), (None,), ("web",))

    scores = reloaded(shop, detector(dimensions=("marketplace",))).score(busy(30, (None,), ("DE",)))

    assert scores.places == [(None,), ("DE",)]
    assert scores.phase == ["learning", "learning"]

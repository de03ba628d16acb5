"""Who is watched follows from volume and age alone, in bounded space, whatever values are sent."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import admission as module
from detectors import state
from detectors.admission import Admission, AdmissionState
from detectors.config import Detector
from detectors.records import Interval, Place
from tests.detectors.builders import MINUTE, detector, interval

ALL: Place = (None, None)
WEB: Place = ("web", None)
APP: Place = ("app", None)
WEB_DE: Place = ("web", "DE")
WEB_FR: Place = ("web", "FR")
APP_DE: Place = ("app", "DE")
APP_FR: Place = ("app", "FR")


def shop(room: int, **changes: Any) -> Detector:
    return detector(dimensions=("platform", "marketplace"), max_series=room, **changes)


def told(volumes: Mapping[Place, int], at: int = 0) -> Interval:
    return interval(at * MINUTE, dict.fromkeys(volumes, 1.0), volumes=list(volumes.values()))


def meets(admission: Admission, *intervals: Mapping[Place, int]) -> list[Place]:
    """The places that have a row after these intervals, by row."""
    for volumes in intervals:
        admission.admit(told(volumes))
    return [place for place in admission.places if place is not None]


def reloaded(admission: Admission, shop: Detector) -> Admission:
    again = Admission(shop)
    again.load(state.decode(state.encode(admission.save()), AdmissionState), lambda _: True)
    return again


# While there is room.


def test_while_there_is_room_all_come_in_those_of_most_volume_first() -> None:
    admission = Admission(shop(3))

    assert meets(admission, {ALL: 5, WEB_DE: 5, WEB_FR: 1, APP_DE: 9}) == [APP_DE, ALL, WEB_DE]
    assert (admission.counts.rejected, admission.waiting) == (1, 1)


def test_each_place_is_told_its_row_and_which_rows_begin() -> None:
    admission = Admission(shop(3))
    meets(admission, {WEB_DE: 5, WEB_FR: 1})

    rows, begun = admission.admit(told({APP_DE: 1, WEB_FR: 1, APP_FR: 2}))

    assert (rows.tolist(), begun.tolist()) == ([-1, 1, 2], [2])


# When there is none.


def test_one_that_comes_again_with_clearly_more_takes_the_row_of_the_least() -> None:
    admission = Admission(shop(2))
    meets(admission, {WEB_DE: 3, WEB_FR: 10})
    newcomer = {WEB_DE: 3, WEB_FR: 10, APP_DE: 6}

    assert meets(admission, newcomer) == [WEB_FR, WEB_DE]
    rows, begun = admission.admit(told(newcomer))

    assert (rows.tolist(), begun.tolist()) == ([-1, 0, 1], [1])
    assert (admission.counts.displaced, admission.counts.rejected, admission.waiting) == (1, 2, 0)


@pytest.mark.parametrize(
    "waits",
    [
        pytest.param([{APP_DE: 900}, {APP_FR: 900}], id="each came once"),
        pytest.param([{APP_DE: 5}] * 9, id="not twice as much"),
        pytest.param([{APP_DE: 9}, {}, {}, {APP_DE: 9}], id="much, but seldom"),
    ],
)
def test_otherwise_it_waits(waits: list[dict[Place, int]]) -> None:
    admission = Admission(shop(2))

    assert meets(admission, *({WEB_DE: 3, WEB_FR: 10, **more} for more in [{}, *waits])) == [WEB_FR, WEB_DE]
    assert admission.counts.displaced == 0


def test_what_has_fallen_silent_soon_gives_way() -> None:
    admission = Admission(shop(2))
    meets(admission, *[{WEB_DE: 100, WEB_FR: 100}] * 5)

    late = [meets(admission, {WEB_FR: 100, APP_DE: 20}) for _ in range(80)]

    first = next(n for n, places in enumerate(late) if APP_DE in places)
    assert 20 < first < 60
    assert late[-1] == [APP_DE, WEB_FR]


def test_a_coarse_place_never_gives_way_to_a_finer_one_and_the_total_to_none() -> None:
    admission = Admission(shop(3))
    meets(admission, {ALL: 3, WEB: 2, WEB_DE: 1})

    leaves: dict[Place, int] = {APP_DE: 500, APP_FR: 900}
    assert meets(admission, *[leaves] * 9) == [ALL, WEB, APP_FR]
    singles: dict[Place, int] = {APP: 5_000, (None, "FR"): 9_000}
    assert meets(admission, *[{WEB: 2, APP_FR: 900, **singles}] * 9) == [ALL, (None, "FR"), APP]
    assert meets(admission, *[leaves] * 9) == [ALL, (None, "FR"), APP]


def test_a_flood_that_repeats_itself_does_not_turn_over_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DISPLACED", 5)
    admission = Admission(shop(100))
    meets(admission, {(f"{n}", "DE"): 1 for n in range(100)})
    flood: dict[Place, int] = {(f"{n}", "FR"): 1000 for n in range(100)}

    places = meets(admission, flood, flood)

    assert sum(place in flood for place in places) == 5


def test_fewer_series_than_there_are_reject_only_what_is_new() -> None:
    admission = Admission(shop(3))
    meets(admission, {WEB_DE: 1, WEB_FR: 1, APP_DE: 1})
    smaller = reloaded(admission, shop(1))

    assert meets(smaller, {WEB_DE: 1, APP_FR: 1}) == [WEB_DE, WEB_FR, APP_DE]


# Age.


def test_a_place_that_was_silent_for_long_makes_room_but_for_the_total() -> None:
    admission = Admission(shop(3, forget_after=timedelta(minutes=4)))
    meets(admission, {ALL: 9, WEB: 9, WEB_DE: 9})

    assert meets(admission, {}, {WEB: 1}, {}) == [ALL, WEB, WEB_DE]
    assert meets(admission, {}) == [ALL, WEB]
    assert meets(admission, {APP_FR: 1, APP_DE: 2}) == [ALL, WEB, APP_DE]
    assert meets(admission, {}) == [ALL, APP_DE]


def test_the_row_of_a_forgotten_place_begins_anew() -> None:
    admission = Admission(shop(2, forget_after=timedelta(minutes=2)))
    meets(admission, {WEB_DE: 9, WEB_FR: 9}, {WEB_FR: 9})

    rows, begun = admission.admit(told({WEB_FR: 9, APP_DE: 1}))

    assert (rows.tolist(), begun.tolist(), admission.counts.forgotten) == ([1, 0], [0], 1)


def test_what_waits_is_forgotten_after_a_day() -> None:
    admission = Admission(shop(1, interval=timedelta(hours=1), forget_after=timedelta(days=99)))
    meets(admission, *[{WEB_DE: 2}] * (module.LEAST_PATIENCE - 2), {WEB_DE: 2, APP_DE: 1})
    assert admission.waiting == 1

    meets(admission, {WEB_DE: 2})

    assert admission.waiting == 0


# What holds for any intervals.

PLACES: list[Place] = [ALL, WEB, APP, WEB_DE, WEB_FR, APP_DE, APP_FR]
INTERVALS = st.lists(
    st.dictionaries(st.sampled_from(PLACES), st.integers(1, 20)).map(
        lambda volumes: {place: volumes[place] for place in PLACES if place in volumes}
    ),
    max_size=40,
)


@given(st.integers(1, 8), INTERVALS, st.sets(st.integers(0, 40)))
def test_rows_are_bounded_and_a_restart_at_any_time_changes_nothing(
    room: int, intervals: list[dict[Place, int]], restarts: set[int]
) -> None:
    few = shop(room, forget_after=timedelta(minutes=5))
    steady, restarted = Admission(few), Admission(few)
    total = False
    for n, volumes in enumerate(intervals):
        rows, begun = steady.admit(told(volumes))
        again = restarted.admit(told(volumes))
        assert (again.rows.tolist(), again.begun.tolist()) == (rows.tolist(), begun.tolist())
        assert restarted.places == steady.places
        if n in restarts:
            restarted = reloaded(restarted, few)
        assert len(steady.places) <= room
        assert steady.rows == {p: row for row, p in enumerate(steady.places) if p is not None}
        assert rows.tolist() == [steady.rows.get(place, -1) for place in volumes]
        assert steady.taken().tolist() == sorted(steady.rows.values())
        assert not total or ALL in steady.rows
        total = ALL in steady.rows


# A flood.


def test_a_flood_of_new_values_needs_no_space_and_a_value_that_keeps_coming_gets_in() -> None:
    rng = random.Random(3)
    known: dict[Place, int] = {ALL: 0, **{(f"{n}", "DE"): 50 for n in range(50)}}
    admission = Admission(shop(60))
    meets(admission, known)

    def flood(n: int) -> dict[Place, int]:
        noise: dict[Place, int] = {(f"{n}-{i}", "DE"): 1 for i in range(3 * module.WAITING)}
        return {ALL: sum(noise.values()), **known, **noise, ("new", "DE"): rng.randrange(2, 8)}

    sizes = []
    for n in range(12):
        admission.admit(told(flood(n)))
        if n == 3:
            tracemalloc.start()
        sizes.append(len(state.encode(admission.save())))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert ("new", "DE") in admission.rows
    assert known.keys() <= admission.rows.keys()
    assert (len(admission.places), admission.waiting) == (60, module.WAITING)
    assert sizes[-1] < 1.05 * sizes[3]
    assert grown < 2_000_000

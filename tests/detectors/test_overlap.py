"""Places share events where one holds the other, and look-ups find what comparing each with each would."""

from __future__ import annotations

from itertools import combinations, product

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detectors.overlap import Overlap, Whereabouts, level
from detectors.records import Place
from tests.detectors.builders import scores

LEVELS = list(product((False, True), repeat=2))
PLACES: list[Place] = [(a, b) for a in (None, "web", "app", "tv") for b in (None, "DE", "FR", "UK")]
SOME = st.lists(st.sampled_from(PLACES), min_size=1, max_size=5, unique=True)


class Group(msgspec.Struct):
    id: str
    places: list[Place]


def holds(outer: Place, inner: Place) -> bool:
    return all(o is None or o == i for o, i in zip(outer, inner, strict=True))


def share(some: list[Place], others: list[Place]) -> bool:
    return any(holds(a, b) or holds(b, a) for a in some for b in others)


def test_a_place_is_held_by_its_roll_ups_at_the_levels_there_are() -> None:
    few = Overlap([(False, False), (True, True)])
    for place in PLACES:
        assert set(Overlap(LEVELS).holders(place)) == {outer for outer in PLACES if holds(outer, place)}
    assert few.holders(("web", "DE")) == [(None, None), ("web", "DE")]
    assert few.holders(("web", None)) == []


@given(SOME)
def test_what_is_connected_shares_events_through_others_and_nothing_else_does(places: list[Place]) -> None:
    told = scores("12:00", {("orders", place): 90.0 for place in places})

    incidents = [[row.place for row in rows] for rows in Overlap(LEVELS).connected(list(told.rows()))]

    assert sorted(map(str, (p for incident in incidents for p in incident))) == sorted(map(str, places))
    assert not any(share(a, b) for a, b in combinations(incidents, 2))
    for incident in incidents:
        reached, left = incident[:1], incident[1:]
        while more := [place for place in left if share([place], reached)]:
            reached, left = reached + more, [place for place in left if place not in more]
        assert left == []


@given(st.lists(SOME, max_size=6), SOME)
def test_the_groups_that_share_events_are_found_the_oldest_first(
    begun: list[list[Place]], incident: list[Place]
) -> None:
    groups = [Group(str(n), places) for n, places in enumerate(begun)]
    where: Whereabouts[Group] = Whereabouts(Overlap(LEVELS))
    for group in groups:
        where.add(group, group.places)

    assert where.sharing(incident) == [group for group in groups if share(group.places, incident)]


def test_a_level_says_which_dimensions_are_kept() -> None:
    assert level(("web", None)) == (True, False)

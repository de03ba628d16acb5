"""The measures of a place are also scored together, and nothing of that is lost in a restart."""

import math
import random
from collections.abc import Sequence
from datetime import timedelta

from detectors.admission import Admission
from detectors.config import Detector, Measure
from detectors.joints import AT_ONCE, MOST_PLACES, Joints
from detectors.records import Place
from detectors.state import Array
from tests.detectors.builders import detector, interval

PLACES: list[Place] = [(None,), ("web",)]


def residuals(rng: random.Random) -> dict[Place, list[float]]:
    common = rng.gauss(0, 1)
    return {place: [common + rng.gauss(0, 0.3) for _ in range(3)] for place in PLACES}


def three_measures(**changes: object) -> Detector:
    names = ("views", "orders", "visitors")
    measures = [Measure(name=name, aggregation="count") for name in names]
    dimensions = ("platform",)
    return detector(
        **{"interval": timedelta(hours=1), "dimensions": dimensions, "measures": measures, **changes}
    )


def admitted(places: Sequence[Place], shop: Detector) -> Admission:
    """An admission that has met the places, each with one event more than the next."""
    admission = Admission(shop)
    meet(admission, 0, places)
    return admission


def meet(admission: Admission, at: int, places: Sequence[Place]) -> None:
    admission.admit(interval(at, dict.fromkeys(places, 0.0), volumes=list(range(len(places), 0, -1))))


def watch(joints: Joints, admission: Admission) -> list[Place]:
    joints.watch(admission)
    return joints.places


def test_measures_that_part_are_surprising_and_a_restart_changes_no_number() -> None:
    rng = random.Random(1)
    admission = admitted(PLACES, three_measures())
    whole, interrupted = Joints(three_measures()), Joints(three_measures())
    for n in range(1500):
        row = residuals(rng)
        whole.watch(admission)
        interrupted.watch(admission)
        assert interrupted.score(row) == whole.score(row)
        if n % 400 == 399:
            restarted = Joints(three_measures())
            restarted.load(interrupted.save())
            interrupted = restarted
    apart = whole.score({(None,): [3.0, -3.0, 0.0], ("web",): [0.1, 0.1, 0.1]})
    assert apart[None,] > math.log(70)
    assert apart["web",] < 0


def test_what_is_stored_of_other_trees_begins_anew_and_is_counted() -> None:
    rng = random.Random(1)
    admission, before = admitted(PLACES, three_measures()), Joints(three_measures())
    for _ in range(10):
        before.watch(admission)
        before.score(residuals(rng))
    stored = before.save()
    stored[0].arrays["masses"] = Array.of(stored[0].arrays["masses"].array()[:-1])
    joints = Joints(three_measures())

    assert joints.load(stored) == 1
    assert joints.places == [state.place for state in stored[1:]]
    assert watch(joints, admission) == [*joints.places[:-1], stored[0].place]


def test_only_the_total_and_single_values_are_watched_and_of_too_many_the_largest() -> None:
    shop = three_measures(dimensions=("platform", "marketplace"))
    singles: list[Place] = [(None, None), *((f"{n}", None) for n in range(MOST_PLACES + 20))]
    random.Random(2).shuffle(singles)
    joints = Joints(shop)
    admission = admitted([("web", "DE"), *singles, ("app", "DE")], shop)

    watched = [watch(joints, admission) for _ in range(MOST_PLACES)]

    assert watched[0] == singles[:AT_ONCE]
    assert watched[-1] == singles[:MOST_PLACES]


def test_the_trees_of_a_place_that_is_given_up_go_and_the_largest_place_gets_its_turn() -> None:
    shop = three_measures(forget_after=timedelta(hours=3))
    places: list[Place] = [(f"{n}",) for n in range(MOST_PLACES + 20)]
    admission, joints = admitted(places, shop), Joints(shop)
    for _ in range(MOST_PLACES):
        joints.watch(admission)

    for at in range(1, 4):
        meet(admission, at, [*places[2:65], *places[:64:-1]])
        joints.watch(admission)

    assert joints.places == [*places[2:64], places[64], places[-1]]


def test_one_measure_alone_has_nothing_to_be_compared_with() -> None:
    shop = detector(dimensions=("platform",))
    joints = Joints(shop)
    joints.watch(admitted(PLACES, shop))
    assert joints.places == []


def test_a_place_without_any_value_teaches_nothing() -> None:
    joints = Joints(three_measures())
    joints.watch(admitted(PLACES[:1], three_measures()))
    before = joints.save()
    assert joints.score({(None,): [math.nan] * 3}) == {}
    assert joints.save() == before

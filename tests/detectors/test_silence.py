"""A source that has stopped is told from one that is quiet as usual."""

import random

from detectors.models.base import Moment
from detectors.silence import Silence

HOUR = 3600


def heard(silence: Silence, hour: int, events: int, *, learns: bool = True) -> bool:
    return silence.hear(events, Moment(hour % 168 * HOUR), learns=learns)


def test_a_steady_source_that_says_nothing_has_stopped_at_once() -> None:
    silence = Silence()
    assert not any(heard(silence, hour, 100) for hour in range(200))
    assert heard(silence, 200, 0)


def test_a_source_that_comes_back_has_not_stopped() -> None:
    silence = Silence()
    for hour in range(200):
        heard(silence, hour, 100)
    heard(silence, 200, 0)
    assert not heard(silence, 201, 5)


def test_a_source_that_is_often_silent_has_not_stopped_soon() -> None:
    silence, rng = Silence(), random.Random(1)
    for hour in range(1000):
        heard(silence, hour, rng.randrange(2))
    heard(silence, 1000, 1)
    told = [heard(silence, 1001 + n, 0) for n in range(12)]
    assert not any(told[:3])
    assert told[-1]


def test_a_shop_that_closes_at_night_has_not_stopped() -> None:
    silence = Silence()
    told = [heard(silence, hour, 0 if hour % 24 < 8 else 50) for hour in range(24 * 14)]
    assert not any(told[24 * 3 :])
    # But by day it has.
    assert any(heard(silence, 24 * 14 + 8 + n, 0) for n in range(3))


def test_a_silence_that_is_not_to_be_learnt_is_heard_and_no_habit() -> None:
    silence = Silence()
    for hour in range(200):
        heard(silence, hour, 100)

    assert all(heard(silence, 200 + n, 0, learns=False) for n in range(400))

    assert heard(silence, 600, 100) is False
    assert heard(silence, 601, 0)


def test_a_source_that_has_just_begun_is_given_time() -> None:
    silence = Silence()
    heard(silence, 0, 10)
    assert not heard(silence, 1, 0)


def test_a_steady_source_that_is_silent_until_the_middle_of_an_interval_would_have_stopped() -> None:
    silence = Silence()
    for hour in range(200):
        silence.hear(100, Moment(hour % 168 * HOUR), late=False)

    assert silence.foresee(Moment(200 % 168 * HOUR))
    assert not Silence().foresee(Moment(0))


def test_a_source_that_often_begins_late_would_not() -> None:
    silence = Silence()
    for hour in range(200):
        silence.hear(100, Moment(hour % 168 * HOUR), late=hour % 20 == 0)

    assert not silence.foresee(Moment(200 % 168 * HOUR))

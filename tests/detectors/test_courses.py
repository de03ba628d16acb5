"""The course of a measure through a group says how it went, once that can be told."""

from __future__ import annotations

import pytest

from detectors.courses import Course
from tests.detectors.builders import MONDAY


@pytest.mark.parametrize(
    ("path", "while_open", "at_the_end"),
    [
        ([], None, None),
        ([-90.0], None, "burst"),
        ([40.0, 90.0], None, "burst"),
        ([90.0, 88.0, 91.0, 87.0], "jump", "jump"),
        ([10.0, 30.0, 45.0, 80.0, 100.0], "slope", "slope"),
        ([-10.0, -30.0, -45.0, -80.0, -20.0], "slope", "slope"),
        # Up and down at random, it did not grow.
        ([40.0, 10.0, 60.0, 20.0, 100.0], "jump", "jump"),
    ],
)
def test_a_course_has_a_shape(path: list[float], while_open: str | None, at_the_end: str | None) -> None:
    course = Course(MONDAY, path=path)
    assert course.shape(over=False) == while_open
    assert course.shape(over=True) == at_the_end

"""What people read is one line, and the numbers in it are plain."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.records import Anomaly, utc
from detectors.words import anomaly_in_words, duration_in_words, number, place_in_words, plain
from tests.detectors.builders import ms

FALL = Anomaly(
    measure="orders",
    dimensions={"platform": "mobile_app", "marketplace": "DE"},
    interval_start=utc(ms("12:05")),
    value=12.0,
    expected=239.6,
    lower=210.2,
    upper=268.4,
    severity=97.2,
    confidence=1.0,
    direction="below",
)


def test_an_anomaly_is_said_in_one_sentence() -> None:
    assert anomaly_in_words(FALL) == ("orders on mobile_app in DE: 12, expected 240 (210–268), severity 97")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dimensions": {}}, "orders: 12, expected 240 (210–268), severity 97"),
        ({"value": None}, "orders on mobile_app in DE: nothing, expected 240 (210–268), severity 97"),
        ({"lower": None}, "orders on mobile_app in DE: 12, expected 240, severity 97"),
        ({"expected": None}, "orders on mobile_app in DE: 12, severity 97"),
    ],
)
def test_what_is_not_known_is_left_out(change: dict[str, object], words: str) -> None:
    assert anomaly_in_words(msgspec.structs.replace(FALL, **change)) == words


@pytest.mark.parametrize(
    ("dimensions", "words"),
    [
        ({}, ""),
        ({"platform": "web"}, " on web"),
        ({"marketplace": "DE", "device": "tv"}, " in DE on tv"),
        ({"rule": "XSS"}, " for rule XSS"),
        ({"rule": "XSS", "path": "/a"}, " for rule XSS, path /a"),
        ({"rule": "XSS", "country": "DE"}, " in DE, rule XSS"),
    ],
)
def test_a_place_is_the_end_of_a_phrase(dimensions: dict[str, str], words: str) -> None:
    assert place_in_words(dimensions) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"), (-0.0, "0"), (12.0, "12"), (-12.0, "-12"), (239.62, "240"), (12.345, "12.3"),
        (0.04567, "0.0457"), (-0.04567, "-0.0457"), (1234567.8, "1,234,568"), (99.96, "100"),
        (None, "nothing"),
    ],
)  # fmt: skip
def test_a_number_has_three_digits_that_count_or_is_whole(value: float | None, words: str) -> None:
    assert number(value) == words


@given(st.text(max_size=300))
def test_what_strangers_write_is_one_short_line(value: str) -> None:
    line = plain(value)

    assert line.isprintable()
    assert len(line) <= 80
    assert line == line.strip()
    assert plain(line) == line


def test_marks_that_turn_text_around_and_colours_of_terminals_are_gone() -> None:
    assert plain("DE\u202egnp\x1b[31m\r\nx") == "DE gnp [31m x"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=25, minutes=1, seconds=1), "1 d 1 h"),
        (timedelta(days=2, minutes=1), "2 d 1 min"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(length: timedelta, words: str) -> None:
    assert duration_in_words(length) == words

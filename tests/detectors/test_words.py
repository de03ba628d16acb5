"""What people read is one line, and the numbers in it are plain."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.config import Measure
from detectors.records import Anomaly, Line, utc
from detectors.words import (
    anomaly_in_words,
    duration_in_words,
    number,
    place_in_words,
    plain,
    rarity_in_words,
    rules_in_words,
)
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
        ({"value": 0.0}, "orders on mobile_app in DE: fell to zero, expected 240 (210–268), severity 97"),
        (
            {"value": 0.0, "direction": "above"},
            "orders on mobile_app in DE: 0, expected 240 (210–268), severity 97",
        ),
        ({"value": None}, "orders on mobile_app in DE: nothing, expected 240 (210–268), severity 97"),
        ({"lower": None}, "orders on mobile_app in DE: 12, expected 240, severity 97"),
        ({"expected": None}, "orders on mobile_app in DE: 12, severity 97"),
        (
            {"value": 24.5, "expected": 0.05, "lower": 0.0, "upper": 0.4, "line": Line("cpus", 2.0)},
            "orders on mobile_app in DE: 24.5, expected 0.05 (0–0.4), 490 times that, cpus 2, severity 97",
        ),
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


@pytest.mark.parametrize(
    ("severity", "interval", "words"),
    [
        (30, timedelta(minutes=1), "one in 1,000 such intervals"),
        (50, timedelta(minutes=5), "one in 2,000 such intervals"),
        (70, timedelta(hours=1), "one in 1,700 such intervals"),
        (99.9, timedelta(hours=1), "one in 53,000 such intervals"),
        (100, timedelta(hours=1), "less than one in 53,000 such intervals"),
        (50, timedelta(days=1), "one in 7 such intervals"),
        (30, timedelta(days=1), "one in 2 such intervals"),
    ],
)
def test_how_unusual_a_severity_is_depends_on_how_many_intervals_there_are(
    severity: float, interval: timedelta, words: str
) -> None:
    assert rarity_in_words(severity, interval) == words


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, []),
        (
            {"direction": "above", "minimum_change": 20},
            ["only above what was expected", "off by at least 20"],
        ),
        ({"minimum_relative_change": 0.15}, ["off by at least 15 %"]),
        ({"missing": "alarm"}, ["without a value: always told of"]),
        ({"sensitivity": 0.1}, ["0.1 times as many false episodes as elsewhere"]),
    ],
)
def test_what_a_measure_is_told_of_is_said(rules: dict[str, Any], words: list[str]) -> None:
    assert rules_in_words(Measure(name="orders", aggregation="count", **rules)) == words


def test_a_ratio_says_of_how_many_it_must_be() -> None:
    conversion = Measure(name="conversion", ratio=("orders", "views"), minimum_volume=200)

    assert rules_in_words(conversion) == ["from 200 views on"]

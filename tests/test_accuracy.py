"""The benchmark of accuracy: its streams, its labels and its scorers are what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.judging import ecommerce, nab, running
from benchmarks.judging.calibration import Kept, calibrate
from benchmarks.judging.costs import of_model, of_peer
from benchmarks.judging.episodes import AFTERMATH, TOLERANCE, Scored, judge, openings, together
from benchmarks.judging.families import FAMILIES
from benchmarks.judging.faults import Episode
from benchmarks.judging.peers import PEERS, Promise
from benchmarks.judging.streams import HELD_BACK, STREAMS, TUNING, Stream, stream, streams
from detectors.alerting import Alerter
from detectors.config import AlertRule
from detectors.grouping import Grouper
from detectors.models import MODELS
from detectors.models.base import Moment
from detectors.one_series import OneSeries
from tests.detectors.builders import MINUTE, MONDAY, detector, ms, scores

ROOT = Path(__file__).parents[1]
NAN = float("nan")


# Streams and what is put into them


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stream_is_the_same_each_time_and_unlike_any_other(family: str) -> None:
    once, again, other, seed = (stream(family, *of) for of in ((1, 0), (1, 0), (1, 1), (2, 0)))
    assert once.episodes == again.episodes
    np.testing.assert_array_equal(once.value, again.value)
    for unlike in (other, seed):
        assert not np.array_equal(once.value, unlike.value, equal_nan=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_cover_all_that_was_changed(family: str) -> None:
    for number in range(STREAMS):
        faulty, healthy = stream(family, 1, number), stream(family, 1, number, faults=False)
        changed = ~np.equal(faulty.value, healthy.value) & ~(np.isnan(faulty.value) & np.isnan(healthy.value))
        labelled = np.zeros(len(faulty), dtype=np.bool_)
        for episode in faulty.episodes:
            stays = episode.kind == "lasting shift"
            labelled[episode.start : None if stays else episode.stop] = True
            assert changed[episode.start : episode.stop].any()
        assert not (changed & ~labelled).any()
        assert not healthy.episodes


def test_every_family_has_each_of_its_kinds_of_fault() -> None:
    for family, made in FAMILIES.items():
        kinds = Counter(e.kind for seed in TUNING for s in streams(family, seed) for e in s.episodes)
        assert kinds.keys() == made.kinds.keys()


def test_faults_of_a_stream_are_apart_and_on_days_like_others() -> None:
    for family in FAMILIES:
        for made in streams(family, 2):
            ends = [episode.stop for episode in made.episodes]
            starts = [episode.start for episode in made.episodes]
            assert all(start > end for start, end in zip(starts[1:], ends, strict=False))
            unlike = made.special.copy()
            for start, stop in made.excused:
                unlike[start:stop] = True
            assert not any(unlike[episode.start : episode.stop].any() for episode in made.episodes)


def test_calendars_announce_some_days_and_not_others() -> None:
    made = [s for seed in TUNING for s in streams("holiday", seed)]
    assert any(s.special.any() for s in made)
    assert any(s.excused for s in made)


def test_counts_are_whole_numbers_and_onoff_has_hours_of_zeros() -> None:
    for family in ("sparse", "onoff", "waf"):
        for made in streams(family, 1):
            seen = made.value[~np.isnan(made.value)]
            assert (seen >= 0).all()
            np.testing.assert_array_equal(seen, seen.round())
    assert all(0.2 < (s.value == 0).mean() < 0.95 for s in streams("onoff", 1))


def test_what_is_reported_is_held_back() -> None:
    assert not set(TUNING) & set(HELD_BACK)


# Episodes


def made(episodes: tuple[Episode, ...] = (), points: int = 300, **changes: Any) -> Stream:
    """An hourly stream, judged from its hundredth point on."""
    plain = Stream(
        name="made",
        family="made",
        interval_seconds=3600,
        second_of_week=np.arange(points) * 3600,
        value=np.full(points, 100.0),
        special=np.zeros(points, dtype=np.bool_),
        episodes=episodes,
        excused=(),
        judged_from=100,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("severities", "opened"),
    [
        ([0, 69.9, 0], []),
        ([0, 70, 0], [1]),
        ([90, 0, 90, 0, 0, 90], [0, 5]),  # one quiet interval does not end it
        ([90, 50, 50, 50, 90], [0]),  # what would only join keeps it open
        ([90, 49, 49, 90], [0, 3]),
        ([60, 70, 80, 90], [1]),
    ],
)
def test_an_alert_opens_once_until_it_is_over(severities: list[float], opened: list[int]) -> None:
    assert openings(np.full(len(severities), 1.0), Scored(np.array(severities)), 70.0, 60) == opened


def band(severity: list[float], points: int) -> Scored:
    told = np.zeros(points)
    told[: len(severity)] = severity
    return Scored(told, np.full(points, 100.0), np.full(points, 80.0), np.full(points, 120.0))


def test_while_the_value_stays_where_it_was_the_alert_is_not_over() -> None:
    value = np.array([20.0, 30, 30, 30, 30, 100, 100, 20])
    scored = band([90, 0, 0, 0, 0, 0, 0, 90], 8)
    assert openings(value, scored, 70.0, 60) == [0, 7]
    assert openings(value, replace(scored, lower=None), 70.0, 60) == [0, 7]
    value[5:7] = 30.0
    assert openings(value, scored, 70.0, 60) == [0]


def test_a_value_inside_its_band_opens_nothing() -> None:
    assert openings(np.array([100.0, 20.0]), band([99, 99], 2), 70.0, 60) == [1]


def test_what_is_missing_is_one_episode_until_there_is_a_value_again() -> None:
    value = np.array([NAN, NAN, NAN, NAN, 100, 100, NAN])
    assert openings(value, band([90, 0, 0, 0, 0, 0, 90], 7), 70.0, 60) == [0, 6]


@pytest.mark.parametrize("seed", range(8))
def test_alerts_open_where_those_of_the_product_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = 400
    severity = np.where(rng.random(points) < 0.4, rng.uniform(20, 100, points), 0.0).round(1)
    value = np.repeat(
        rng.choice([NAN, 20.0, 70.0, 100.0, 130.0], points // 4, p=[0.1, 0.2, 0.2, 0.3, 0.2]), 4
    )
    scored = band(severity.tolist(), points)
    shop, rules = detector(), [AlertRule("page", "shop", 70.0)]
    grouper, alerter, opened = Grouper(shop, rules), Alerter(shop, rules), list[int]()
    for point in range(points):
        row = {
            "severity": severity[point], "expected": 100.0, "lower": 80.0, "upper": 120.0,
            "value": None if np.isnan(value[point]) else value[point],
        }  # fmt: skip
        told = scores(ms("00:00") + point * MINUTE, {("orders", ()): row})
        for group in grouper.group(told):
            opened += [point for alert in alerter.alert(group) if alert.kind == "OPENED"]

    assert len(opened) > 5
    assert openings(value, scored, 70.0, 60) == opened


@pytest.mark.parametrize("family", ["holiday", "sparse"])
def test_a_stream_has_the_alerts_that_its_series_has_by_itself(family: str) -> None:
    judged = stream(family, 1, 1)
    one, hour, opened = OneSeries(timedelta(hours=1), 60.0), MONDAY, list[int]()
    for point, value in enumerate(judged.value.tolist()):
        moment = Moment(int(judged.second_of_week[point]), bool(judged.special[point]))
        _, alert = one.score(hour + point * timedelta(hours=1), moment, value)
        opened += [point] if alert is not None else []

    assert len(opened) > 2
    (scored,) = running.run(MODELS["seasonal"], [judged])
    assert openings(judged.value, scored, 60.0, judged.interval_seconds) == opened


FAULT = Episode("dip", 200, 210)


@pytest.mark.parametrize(
    ("opened", "found", "false", "delay"),
    [
        ([200], 1, 0, 0),
        ([205, 208], 1, 0, 5),  # what opens again in the same episode counts once
        ([209 + TOLERANCE], 1, 0, 11),
        ([210 + TOLERANCE], 0, 0, None),  # too late, but it is no other finding
        ([210 + AFTERMATH], 0, 1, None),
        ([199], 0, 1, None),
        ([50], 0, 0, None),  # history
        ([], 0, 0, None),
    ],
)
def test_an_episode_is_found_by_an_alert_that_opens_in_it(
    opened: list[int], found: int, false: int, delay: int | None
) -> None:
    tally = judge(made((FAULT,)), opened)
    assert (tally.found, tally.missed, tally.false) == (found, 1 - found, false)
    assert tally.delays == {"dip": [delay]}


def test_only_what_is_judged_counts_and_excused_days_do_not() -> None:
    tally = judge(made((Episode("dip", 50, 60), FAULT), excused=((250, 260),)), [55, 255])
    assert (tally.found, tally.missed, tally.false) == (0, 1, 0)
    assert tally.weeks == pytest.approx((200 - 10 - 10 - 2 * AFTERMATH) / 168)


def test_precision_recall_and_delay_are_those_of_all_streams() -> None:
    faults = (Episode("dip", 120, 130), Episode("dip", 160, 170), FAULT, Episode("spike", 250, 251))
    total = together([judge(made(faults), [121, 163, 201, 240]), judge(made(faults), [250])])
    assert (total.found, total.missed, total.false) == (4, 4, 1)
    assert (total.precision, total.recall) == (0.8, 0.5)
    assert total.f1 == pytest.approx(8 / 13)
    assert (total.delay("dip"), total.recall_of("dip"), total.recall_of("spike")) == (1, (3, 6), (1, 2))


# NAB and the e-commerce set


def file(windows: tuple[tuple[int, int], ...] = ((50, 59), (70, 79))) -> nab.File:
    times = tuple(datetime(2026, 3, 2) + n * timedelta(minutes=5) for n in range(100))  # noqa: DTZ001
    return nab.File("made", times, np.zeros(100), windows)


def alerts(*points: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    score = np.zeros(100)
    score[list(points)] = 1.0
    return score


@pytest.mark.parametrize("profile", nab.PROFILES)
def test_a_perfect_detector_has_100_and_one_that_never_alerts_0(profile: nab.Profile) -> None:
    files = [file()]
    assert nab.at_threshold(files, [alerts(50, 70)], profile, 0.5).score == pytest.approx(100)
    assert nab.at_threshold(files, [alerts()], profile, 0.5).score == 0


def test_an_alert_counts_less_the_later_it_comes_and_costs_outside() -> None:
    files = [file()]

    def score(*points: int) -> float:
        return nab.at_threshold(files, [alerts(*points)], "standard", 0.5).score

    assert 100 > score(50, 75) > score(50, 79) > score(50) == pytest.approx(50)
    assert score(50, 51, 70) == pytest.approx(100)
    # A false alert before all windows costs 0.11 of the 4 that lie between nothing and everything.
    assert score(30, 50, 70) == pytest.approx(100 - 100 * 0.11 / 4)
    assert score(50, 61, 70) > score(50, 68, 70) > score(30, 50, 70)
    # In the first 15 % nothing counts.
    assert score(10, 50, 70) == pytest.approx(100)


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(1)
    files = [file(), file(((40, 44),))]
    scored = [rng.random(100).round(2) for _ in files]
    for profile in nab.PROFILES:
        tried = [nab.at_threshold(files, scored, profile, t).score for t in (*np.arange(0, 1.01, 0.01), 2.0)]
        assert nab.best(files, scored, profile).score == pytest.approx(max(tried))


def test_only_what_exceeds_the_last_hundred_counts_in_full() -> None:
    score = np.zeros(250)
    score[[10, 20, 30, 140]] = 5.0, 4.0, 6.0, 5.0
    assert np.flatnonzero(nab.held(score) > 1).tolist() == [10, 30, 140]


def test_the_data_of_others_are_all_there() -> None:
    files, shop = nab.load(), ecommerce.reported()
    assert (len(files), sum(len(file.windows) for file in files)) == (29, 58)
    assert {file.stream().interval_seconds for file in files} >= {300, 3600}
    assert (len(shop), {len(series) for series in shop}) == (42, {4368})
    # 1 October 2020 was a Thursday.
    assert shop[0].second_of_week[0] == 3 * 86400
    labelled = sum(e.stop - e.start for series in shop for e in series.episodes)
    assert labelled == 2 * 1351
    assert all(len(series) == series.judged_from or len(series) == 1747 for series in ecommerce.tuning())


# Contestants


def test_a_stream_is_scored_as_if_it_were_alone() -> None:
    block = [replace(s, value=s.value[:400], second_of_week=s.second_of_week[:400], special=s.special[:400])
             for s in streams("seasonal", 1)[:3]]  # fmt: skip
    together_ = running.run(MODELS["seasonal"], block)
    for one, said in zip(block, together_, strict=True):
        (alone,) = running.run(MODELS["seasonal"], [one])
        np.testing.assert_allclose(said.severity, alone.severity, atol=0.11)


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_finds_what_is_plainly_unusual(name: str) -> None:
    peer, rng = PEERS[name](3600), np.random.default_rng(1)
    for value in rng.normal(100, 5, 600).tolist():
        peer.learn_one(value)
    usual = [peer.score_one(value) for value in rng.normal(100, 5, 20).tolist()]
    assert peer.score_one(200.0) > np.median(usual)


def test_scores_of_a_peer_become_what_they_promise() -> None:
    points = 100 + 168 * 100
    stream_ = made(points=points)
    raw = np.zeros(points)
    raw[100:200], raw[200:210] = 1.0, 2.0  # of 100 weeks: 110 times at least 1, ten times 2
    promise = Promise([stream_], [Scored(raw)])
    told = promise.severity(Scored(np.array([0.0, 1.0, 2.0, 3.0]))).severity
    assert told[1] == pytest.approx(50 - 20 * np.log10(1.1))
    assert told[2] == pytest.approx(70)
    assert told[3] > told[2] > told[1] > told[0]


def test_a_promise_is_kept_within_its_factor() -> None:
    def kept(later: float) -> bool:
        return Kept("seasonal", 3600, 70.0, 0.1, later, 0.0, series_weeks=10_000).is_kept

    assert [kept(later) for later in (0.01, 0.06, 0.1, 0.19, 0.3)] == [False, True, True, True, False]


def test_calibration_looks_at_every_length_of_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.judging.calibration.LENGTHS", {3600: (10, 3, 6), 86400: (60, 12, 5)})
    told = list(calibrate(MODELS["seasonal"], TUNING[:1], ["sparse", "seasonal"]))
    assert {(kept.family, kept.interval_seconds) for kept in told} == {
        ("sparse", 3600), ("seasonal", 3600), ("seasonal", 86400),
    }  # fmt: skip
    assert all(kept.later > 0 for kept in told if kept.interval_seconds == 3600)


def test_costs_are_those_of_many_series_and_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.judging.costs.MANY", 50)
    monkeypatch.setattr("benchmarks.judging.costs.MOST_SECONDS", 0.05)
    ours, other = of_model(MODELS["seasonal"]), of_peer(PEERS["ewma"])
    assert ours.many_series is not None
    assert 0 < ours.many_series < ours.one_series
    assert ours.bytes_a_series is not None
    assert 1000 < ours.bytes_a_series < 10_000
    assert other.many_series is None
    assert other.bytes_a_series is not None
    assert 0 < other.bytes_a_series < 10_000


def test_one_command_prints_it() -> None:
    options = ["--only", "seasonal", "ewma", "--families", "sparse", "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.accuracy", *options],
        cwd=ROOT, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    ours, other = said["contestants"]
    assert said["seeds"] == list(TUNING)
    assert (ours["name"], other["name"]) == ("seasonal", "ewma")
    assert ours["streams"]["default"]["f1"] > other["streams"]["tuned"]["f1"] > 0

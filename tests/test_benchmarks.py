"""The benchmark of throughput: it measures what is right, and only that."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

import orjson
import pytest

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.costs import CASES, costs
from benchmarks.contest.feed import END, MINUTE, START, Cells, Feed, clickstream, web_acl
from benchmarks.contest.outcomes import Outcome, differences
from benchmarks.contest.results import judgements, problems, rows

ROOT = Path(__file__).parents[1]
HERE: Cells = {(START, ("web", "DE")): [2, 1, 30.3]}


def test_events_come_out_of_order_but_within_the_lateness() -> None:
    times = [time for time, *_ in clickstream(30_000)]
    newest, late = START, []
    for time in times:
        newest = max(newest, time)
        late.append(newest - time)
    assert 0.05 < sum(milliseconds > 0 for milliseconds in late) / len(late) < 0.15
    assert max(late) < 10_000
    assert min(times) >= START
    assert END - MINUTE < max(times) < END


def test_the_truth_is_that_of_the_records() -> None:
    told: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for _, raw, _, (views, orders, revenue) in islice(clickstream(30_000), 5_000):
        event = orjson.loads(raw)
        read.update({event["event"]: 1, "revenue": round(100 * event.get("amount", 0))})
        told.update({"view": views, "purchase": orders, "revenue": round(100 * revenue)})
    assert all(told[name] == read[name] > 0 for name in told)


def test_records_of_waf_are_as_long_as_real_ones() -> None:
    sizes = [len(raw) for _, raw, _, _ in islice(web_acl(10_000), 1_000)]
    assert 1_400 < sum(sizes) / len(sizes) < 1_600


@pytest.mark.parametrize(
    "found",
    [
        {},
        {(START, ("web", "DE")): [2, 1, 30.31]},
        {(START, ("web", "DE")): [2, 0, 30.3]},
        {**HERE, (START, ("web", "FR")): [1, 0, 0.0]},
        {(START + MINUTE, ("web", "DE")): [2, 1, 30.3]},
    ],
)
def test_a_cell_that_differs_is_told(found: Cells) -> None:
    assert differences(HERE, found)


def test_the_error_of_a_float_and_a_cell_of_zeros_are_no_difference() -> None:
    assert not differences(
        HERE, {(START, ("web", "DE")): [2, 1, 10.1 + 10.1 + 10.1], (START, ("", "")): [0, 0, 0]}
    )


def test_a_result_that_is_wrong_has_no_ratio() -> None:
    outcomes = {
        "bare": [Outcome(1000, 1.0, 1.0, 50)],
        "worker": [Outcome(9000, 1.0, 1.0, 50, ["minute 0 differs"])],
    }
    assert problems(outcomes) == ["worker: minute 0 differs"]
    assert [row.ratio for row in rows(outcomes)] == [None, None]
    assert not list(judgements(outcomes))


def test_ratios_are_of_the_rounds_each_for_itself() -> None:
    outcomes = {
        # The machine was half as fast in the second round, and busy with other things in the third.
        "bare": [Outcome(1000, 1.0, 1.0, 50), Outcome(1000, 2.0, 2.0, 50), Outcome(1000, 1.0, 1.0, 50)],
        "worker": [Outcome(1500, 1.0, 1.0, 60), Outcome(1500, 2.0, 2.0, 60), Outcome(1500, 9.0, 1.0, 60)],
    }
    (goal,) = judgements(outcomes)
    assert goal.ratio.by_wall == goal.ratio.by_cpu == 1.5
    assert goal.reached


def test_a_position_is_found_by_event_time() -> None:
    feed = Feed("feed", events=2_500, newest=[100, 200, 300], last={0: 350, 1: 340})
    assert [feed.records_until(time) for time in (99, 100, 250, 300, 340)] == [0, 0, 1_000, 2_000, 2_500]


def test_what_measures_cost_is_told_of_measures_that_are_right() -> None:
    found = costs(lambda: None, events=6_000, repeats=1)
    assert [cost.name for cost in found] == [case.name for case in CASES]
    assert [cost.problems for cost in found] == [[]] * len(found)
    assert all(cost.microseconds > 0 for cost in found)


def test_every_name_is_told_once() -> None:
    names = [contestant.name for contestant in CONTESTANTS]
    assert len(names) == len(set(names))
    assert {contestant.beside for contestant in CONTESTANTS} <= {None, *names}


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("names", "events"),
    [
        (["bare", "worker"], 40_000),
        pytest.param(["waf-bare", "waf-worker"], 200_000, marks=pytest.mark.slow),
    ],
)
def test_the_worker_comes_to_the_same_as_a_bare_loop(names: list[str], events: int) -> None:
    options = ["--events", str(events), "--rounds", "1", "--only", *names, "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.throughput", *options],
        cwd=ROOT, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert [row["name"] for row in said["contestants"]] == names
    assert all(row["events_per_second"] > 0 for row in said["contestants"])
    assert said["contestants"][1]["alerts"] > 0

"""`lookalive groups` shows what a backtest, or a worker, has found."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors.records import AnomalyGroup, Contribution, Relation, utc
from streams.cli import main
from tests.detectors.builders import ms
from tests.detectors.test_alerting import anomaly, group

OPENED = group(anomaly(97.0), anomaly(80.0, dimensions={"platform": "mobile_app"}), id="aaa1", revision=1)
CLOSED = msgspec.structs.replace(
    OPENED, revision=3, status="closed", reason="over", end=utc(ms("12:20")), localised=True, share=0.94,
    confidence=0.9, elements=[{"platform": "mobile_app", "marketplace": "DE"}], breadth=0.25,
    contributions=[Contribution("orders", 2, {"marketplace": {"DE": 94, "FR": 6}})],
    relations=[Relation("carts", "cause", share=80, lag=1)], totals={"orders": -3600.0},
)  # fmt: skip
OTHER = group(
    anomaly(60.0, measure="views", dimensions={}), id="aab2", start=utc(ms("13:00")), end=utc(ms("13:05"))
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """As a backtest writes it: every change of a group."""
    path = tmp_path / "groups.jsonl"
    path.write_bytes(msgspec.json.Encoder().encode_lines([OPENED, OTHER, CLOSED]))
    return path


def groups(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["groups", *map(str, arguments)])


def listed(*arguments: str | Path) -> list[str]:
    result = groups("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return [json.loads(line)["id"] for line in result.stdout.splitlines()]


def test_the_newest_come_first_each_as_it_was_last(file: Path) -> None:
    table = groups("list", "--groups", file).stdout.splitlines()

    assert listed("--groups", file) == ["aab2", "aaa1"]
    assert [line.split()[0] for line in table] == ["group", "aab2", "aaa1"]
    assert "closed: over" in table[2]
    assert "15 min" in table[2]
    assert "orders on mobile_app in DE: 12, expected 240" in table[2]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("--status", "open"), ["aab2"]),
        (("--severity", "70"), ["aaa1"]),
        (("--detector", "edge"), []),
        (("--series", "orders{platform=mobile_app}"), ["aaa1"]),
        (("--series", "orders{platform=mobile_app,marketplace=DE}"), ["aaa1"]),
        (("--series", "views"), ["aab2"]),
        (("--max", "1"), ["aab2"]),
    ],
)
def test_only_some_are_listed(file: Path, asked: tuple[str, ...], found: list[str]) -> None:
    assert listed("--groups", file, *asked) == found


def test_where_there_is_none_it_says_so(file: Path) -> None:
    result = groups("list", "--groups", file, "--detector", "edge")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no such group\n")


def test_all_of_a_group_is_shown(file: Path) -> None:
    result = groups("show", "aaa", "--groups", file, "--json")
    assert msgspec.json.decode(result.stdout, type=AnomalyGroup) == CLOSED

    shown = groups("show", "aaa1", "--groups", file).stdout

    for said in (
        "on mobile_app in DE, 94% of the change",
        "orders{marketplace=DE,platform=mobile_app}",
        "DE 94 %, FR 6 %",
        "25 % of the detector",
        "orders -3,600",
    ):
        assert said in shown
    assert shown.splitlines()[-1].split() == ["carts", "cause", "80", "%", "1"]


@pytest.mark.parametrize(
    ("asked", "why"), [("aa", "2 groups begin with 'aa'"), ("b", "there is no group 'b'")]
)
def test_what_is_not_one_group_is_refused(file: Path, asked: str, why: str) -> None:
    result = groups("show", asked, "--groups", file)

    assert result.exit_code == 2
    assert why in result.stderr


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_text('{"rule": "page"}\n')

    result = groups("list", "--groups", tmp_path / "alerts.jsonl")

    assert result.exit_code == 2
    assert "record 1 is no anomaly group" in result.stderr

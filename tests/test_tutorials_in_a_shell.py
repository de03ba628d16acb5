"""Tutorials from an empty folder to their finding, by the commands that they print, on a real broker."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import msgspec
import pytest

from streams.broker import free_port
from streams.settings import Settings
from tests.followed import TUTORIALS, followed

pytestmark = pytest.mark.kafka


@pytest.fixture
def here(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, web_port=free_port())


def shown(tutorial: str) -> list[str]:
    """What a tutorial shows of what its commands print, but for numbers and dates."""
    text = (TUTORIALS / tutorial).read_text(encoding="utf-8")
    blocks = re.findall(r"^```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [plain(line) for block in blocks for line in block.splitlines()]


def plain(line: str) -> str:
    """A line without its numbers."""
    return re.sub(r"\d[\d.,]*", "#", " ".join(line.split()))


def test_history_is_learnt_and_what_is_live_then_is_told(here: Settings, tmp_path: Path) -> None:
    said = followed("history.md", tmp_path, here, {"history-orders": f"{here.prefix}-orders"})

    lines = [plain(line) for line in said.splitlines()]
    assert [line for line in shown("history.md") if line not in lines] == []
    assert re.search(r"^OPENED shop/page, .* in US, channel web: fell to zero", said, re.MULTILINE)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "channel app" in page
    assert "fell to zero" in page


def test_files_of_each_hour_lead_to_the_platform_that_sells_nothing(here: Settings, tmp_path: Path) -> None:
    said = followed("files.md", tmp_path, here, {})
    assert re.search(r"^OPENED shop/page, .* on app in US: fell to zero", said, re.MULTILINE), said


def test_metrics_of_cloudwatch_lead_to_the_rule_that_is_hit(here: Settings, tmp_path: Path) -> None:
    said = followed("cloudwatch.md", tmp_path, here, {"5000": str(free_port())})
    assert re.search(r"^OPENED waf/page, .* for Rule SQLi: 400, expected", said, re.MULTILINE), said


@pytest.mark.prometheus
def test_metrics_of_prometheus_lead_to_the_service_that_fails(here: Settings, tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("no prometheus on PATH")
    said = followed("prometheus.md", tmp_path, here, {"9090": str(free_port())})
    assert re.search(r"^OPENED services/page, .* service checkout, code 500: ", said, re.MULTILINE), said


# It reads what a live worker counts while it goes on, and takes minutes on a machine that does much else.
@pytest.mark.slow
def test_all_that_a_feed_lacks_is_told(here: Settings, tmp_path: Path) -> None:
    other = {
        "quality-orders": f"{here.prefix}-orders",
        "lookalive.quality": f"{here.prefix}.quality",
        "8430": str(here.web_port),
    }
    said = followed("quality.md", tmp_path, here, other)

    records = [json.loads(line) for line in said.splitlines() if line.startswith('{"detector":"shop"')]
    # What is lacking, late and not there is told of its own hour; what is invalid has no time.
    hours: dict[str, set[str]] = {"revenue": set(), "late": set(), "stopped": set()}
    for record in records:
        hour = record["interval_start"][11:13]
        if record["completeness"].get("revenue", 1) < 1:
            hours["revenue"].add(hour)
        hours["late"] |= {hour} if record["late"] else set()
        hours["stopped"] |= {hour} if record["stopped"] else set()
    assert (hours["revenue"], hours["stopped"]) == ({"08"}, {"14"})
    assert "12" in hours["late"]
    assert sum(record["invalid"] for record in records) == 117
    told = [line for line in said.splitlines() if line.startswith("OPENED shop-data/data-page")]
    assert {re.split(r"[:,] ", line)[2].split()[0] for line in told} == {"revenue_known", "invalid", "late"}
    assert re.search(r"^OPENED shop/shop-page, .*: no events for shop any more", said, re.MULTILINE)

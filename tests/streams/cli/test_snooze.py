"""`lookalive snooze` says what it would snooze, and refuses what it does not know."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from detectors.config import Matcher
from streams.cli import main
from streams.cli.snooze import condition
from streams.errors import GroupError
from tests.detectors.test_alerting import anomaly, group

CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "clickstream"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
dimensions = ["platform"]
measures = [{ name = "views", aggregation = "count" }]

[[detectors]]
name = "other"
source = "shop"
interval = "PT1H"
measures = [{ name = "orders", aggregation = "count" }]
"""


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("platform=web", "web"),
        ("platform=a=b", "a=b"),
        ("platform!=web", Matcher(excluded="web")),
        ("platform^=mob", Matcher(prefix="mob")),
        ("platform=~mob.*", Matcher(regex="mob.*")),
    ],
)
def test_a_condition_is_read(text: str, asked: str | Matcher) -> None:
    assert condition(text) == ("platform", asked)


@pytest.mark.parametrize("text", ["platform", "=web", "platform=~("])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(GroupError):
        condition(text)


SHOP = ("--detector", "shop")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--for", "PT1H"), "give one of"),
        (("--where", "platform=web", "--series", "views", "--for", "PT1H"), "give one of"),
        (("--where", "platform=web"), "give either --for, or --undo"),
        (("--where", "platform=web", "--for", "PT1H", "--undo"), "give either --for, or --undo"),
        (("--where", "platform=web", "--for", "PT1H"), "--detector: name one of other, shop"),
        ((*SHOP, "--where", "country=DE", "--for", "PT1H"), "no dimension 'country'"),
        ((*SHOP, "--measure", "orders", "--for", "PT1H"), "no measure 'orders'"),
        ((*SHOP, "--where", "platform^=a", "--where", "platform!=app", "--for", "PT1H"), "named twice"),
        ((*SHOP, "--series", "views{", "--for", "PT1H"), "is no series"),
        ((*SHOP, "--measure", "views", "--for", "-PT1H"), "longer than nothing"),
    ],
)
def test_what_cannot_be_snoozed_is_refused(tmp_path: Path, arguments: tuple[str, ...], why: str) -> None:
    (tmp_path / "lookalive.toml").write_text(CONFIGURATION)

    result = CliRunner().invoke(main, ["snooze", "-c", str(tmp_path / "lookalive.toml"), *arguments])

    assert (result.exit_code, why in result.stderr) == (2, True), result.output


def test_a_group_that_has_become_part_of_another_is_not_snoozed_by_itself(tmp_path: Path) -> None:
    (tmp_path / "lookalive.toml").write_text(CONFIGURATION)
    merged = group(anomaly(), id="aaa1", status="closed", reason="merged", merged_into="aab2")
    (tmp_path / "groups.jsonl").write_bytes(msgspec.json.encode(merged))
    where = ("-c", str(tmp_path / "lookalive.toml"), "--groups", str(tmp_path / "groups.jsonl"))

    result = CliRunner().invoke(main, ["snooze", *where, "--group", "aaa1", "--for", "PT1H"])

    assert (result.exit_code, "is part of aab2 now" in result.stderr) == (2, True), result.output

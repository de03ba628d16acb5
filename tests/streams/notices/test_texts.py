"""What people read: a line, a page, Markdown, Slack's blocks, a pager's event, a label."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.records import Contribution, Relation
from streams.notices import FORMS, alertmanager, pagerduty, slack, tables
from tests.streams.incidents import GROUP, NOON, alert, anomaly, closed, notice, updated

HOSTILE = "<!channel> [x](http://evil) **b** <script> @here\n# h\x1b[31m www.evil.com"


def wide() -> Any:
    """As much as an alert can hold."""
    places = {f"d{d}": "v" * 200 for d in range(10)}
    members = [anomaly(f"m{n}", 12.0, **places) for n in range(20)]
    shares = {f"d{d}": {f"{'v' * 190}{v}": 5 for v in range(20)} for d in range(10)}
    return alert(
        summary="s" * 5000,
        members=members,
        contributions=[Contribution(f"m{n}", 1, shares) for n in range(20)],
        relations=[Relation(f"m{n}", "related", None, n) for n in range(20)],
        elements=[{"d0": "v" * 200}] * 20,
        why=("w" * 5000,),
    )


def test_a_line_says_what_where_and_how_bad() -> None:
    assert FORMS["short"](notice()) == [f"OPENED shop/shop-page, severity 97: {alert().summary}"]


def test_what_is_told_early_says_so() -> None:
    assert "severity 97, provisional" in FORMS["short"](notice(alert(provisional=True)))[0]


def test_a_page_says_all_that_is_known() -> None:
    (page,) = FORMS["long"](notice())
    for said in (
        "When: 2026-03-02 12:00 to 2026-03-02 12:05 UTC (5 min)",
        "in DE on web (82 % of the change)",
        "orders by marketplace: DE 73 %, FR 27 %",
        "views began it",
        "orders follows from views, 80 % of it, 1 interval later",
        "orders in DE on web: 12, expected 240 (210–268), severity 97",
        "one in a million such intervals",
        f"https://lookalive.example/groups/{GROUP}",
    ):
        assert said in page
    (over,) = FORMS["long"](notice(closed(peak=99.0, totals={"orders": -684.0})))
    assert "How it ended: over" in over
    assert "In all: 684 orders missing" in over
    assert "severity 99" in over


def test_what_is_not_localised_is_not_guessed() -> None:
    (page,) = FORMS["long"](notice(alert(localised=False, elements=[])))
    assert "not localised" in page


@given(st.text() | st.just(HOSTILE))
def test_what_strangers_wrote_is_text_in_markdown(value: str) -> None:
    told = alert(
        summary=value, members=[anomaly(platform=value)], elements=[{"platform": value}], why=(value,)
    )
    (page,) = FORMS["markdown"](notice(told))
    lines = page.splitlines()
    assert [line for line in lines if line.startswith("#")] == ["## OPENED shop/shop-page, severity 97"]
    assert page.count("](") == page.count("\\](") + 1, "there is one link, and it is ours"
    assert page.count("<") == page.count("\\<")
    assert "://" not in page.replace("https://lookalive.example", "")
    assert all(line.isprintable() or "\u200b" in line for line in lines)


@given(st.text() | st.just(HOSTILE))
def test_what_strangers_wrote_neither_calls_anyone_nor_links_in_slack(value: str) -> None:
    told = alert(summary=value, members=[anomaly(platform=value)], why=(value,))
    for text in texts_of(slack.message(notice(told))):
        assert "<" not in text.replace(f"<https://lookalive.example/groups/{GROUP}|Show it>", "")


def texts_of(message: dict[str, Any]) -> list[str]:
    blocks = message["blocks"]
    sections = [block["text"]["text"] for block in blocks if "text" in block]
    return [message["text"], *sections, *(e["text"] for b in blocks for e in b.get("elements", []))]


@pytest.mark.parametrize("told", [alert(), updated(), closed(), wide()])
def test_slack_takes_what_it_is_sent(told: Any) -> None:
    message = slack.message(notice(told))
    assert len(message["blocks"]) <= 50
    for block in message["blocks"]:
        limit = {"header": 150, "section": 3000}.get(block["type"])
        assert limit is None or 1 <= len(block["text"]["text"]) <= limit
    assert sum(map(len, texts_of(message)[1:])) <= 13_000 + 3_000
    assert len(message["text"]) <= 4000


@pytest.mark.parametrize("told", [alert(), wide()])
def test_pagerduty_takes_what_it_is_sent(told: Any) -> None:
    event = pagerduty.event(notice(told), "R" * 32)
    assert len(event["dedup_key"]) <= 255
    assert 1 <= len(event["payload"]["summary"]) <= 1024
    assert event["payload"]["severity"] in {"critical", "error", "warning", "info"}
    assert len(msgspec.json.encode(event)) <= 512 * 1024


def test_labels_are_those_of_what_was_told_first() -> None:
    worse = updated(severity=99.0, measure="views", dimensions={})
    assert alertmanager.labels(notice(worse, alert())) == alertmanager.labels(notice())
    assert "97" not in "".join(alertmanager.labels(notice()).values())


def test_a_dimension_may_be_called_like_a_label() -> None:
    named = {"geo.country": "DE", "group": "a", "empty": ""}
    labels = alertmanager.labels(notice(opened=alert(dimensions=named)))
    assert (labels["geo_country"], labels["group_"], labels["group"]) == ("DE", "a", GROUP)
    assert "empty" not in labels


def test_an_alert_ends_after_it_began_even_if_clocks_differ() -> None:
    said = alertmanager.alert(notice(), ends=NOON.replace(hour=11))
    assert said["startsAt"] <= said["endsAt"]


def test_no_cell_of_a_table_is_a_formula() -> None:
    told = alert(members=[anomaly(value=-3.5, platform="=cmd()")])
    (line,) = tables.table(notice(told)).splitlines()[1:]
    assert "platform==cmd()" in line
    assert ",-3.5," in line
    assert not any(cell.startswith(("=", "+", "@")) for cell in line.split(","))

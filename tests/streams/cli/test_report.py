"""`lookalive backtest --report` writes a page that stands by itself; what strangers wrote is text in it."""

from __future__ import annotations

import csv
import json
import random
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli import main, stories
from tests.streams.cli.shop import CONFIGURATION

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 9 * 24
#: When the app falls, for three hours each.
FALLS = (6 * 24 + 10, 8 * 24 + 10)
HOSTILE = "{{ 7*7 }}<script>alert(1)</script><img src=x onerror=x>\"'&amp;</svg>"
#: What has no end tag.
VOID = {"meta", "link", "br", "img", "input", "hr"}
SHAPES = {"svg", "path", "rect", "circle", "text"}


class Page(HTMLParser):
    """What a browser would make of it; refuses what is not well nested."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.comments: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str, **attributes: str) -> int:
        return len([1 for name, has in self.elements if name == tag and attributes.items() <= has.items()])

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def at(hour: int) -> str:
    return (START + timedelta(hours=hour)).strftime("%Y-%m-%d %H:%M:%S")


def write(folder: Path, *platforms: str, falls: tuple[int, ...] = FALLS) -> None:
    """The first platform falls, and no other."""
    random.seed(5)
    (folder / "lookalive.toml").write_text(CONFIGURATION)
    with (folder / "shop.csv").open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["timestamp", "platform", "views"])
        for platform in platforms:
            for hour in range(HOURS):
                is_down = platform == platforms[0] and any(fall <= hour < fall + 3 for fall in falls)
                views = 3 if is_down else 300 + 80 * (hour % 24 > 7) + random.randint(0, 20)
                rows.writerow([at(hour), platform, views])


def run(folder: Path, *arguments: str | Path, status: int = 0) -> Result:
    command = ["backtest", "-c", folder / "lookalive.toml", "--input", folder / "shop.csv", *arguments]
    result = CliRunner().invoke(main, list(map(str, command)))
    assert result.exit_code == status, result.output
    return result


def report(folder: Path, *arguments: str | Path, status: int = 0) -> tuple[Page, dict[str, Any]]:
    """The page, and the tally of the same run."""
    result = run(folder, "--json", "--report", folder / "report.html", *arguments, status=status)
    tally: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return Page((folder / "report.html").read_text(encoding="utf-8")), tally


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "app", "web")
    labels = "".join(f"{at(fall)},{at(fall + 3)},app,fall\n" for fall in FALLS)
    (tmp_path / "labels.csv").write_text(f"start,end,platform,kind\n{labels}{at(150)},{at(151)},web,odd\n")
    return tmp_path


def test_the_page_asks_for_nothing_from_anywhere(folder: Path) -> None:
    page, _ = report(folder, "--labels", folder / "labels.csv")

    assert {"script", "link", "img", "iframe", "object", "form", "a"}.isdisjoint(dict(page.elements))
    assert not [has for _, has in page.elements if {"src", "href", "xlink:href", "style"} & has.keys()]
    assert not [name for _, has in page.elements for name in has if name.startswith("on")]
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|url\(|@import", text)
    (policy,) = [
        has["content"] for _, has in page.elements if has.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script" not in policy


def test_numbers_are_those_of_the_tally(folder: Path) -> None:
    page, tally = report(folder, "--labels", folder / "labels.csv")

    judged, text = tally["judged"], page.text
    assert f"events {tally['events']:,}" in text
    assert f"intervals {tally['intervals']:,}" in text
    assert f"series {tally['series']:,}" in text
    assert (
        f"{tally['alerts']:,}, of which {tally['opened']:,} opened: {tally['alerts_a_day']:.2g} a day" in text
    )
    assert f"{judged['precision']:.2f} precision {judged['recall']:.2f} recall {judged['f1']:.2f} F1" in text
    assert f"{judged['found']} of {judged['labels']} labels found" in text
    assert f"told of: {judged['incidents']} group" in text
    for row in tally["what_if"]:
        of = row["judged"]
        said = f"{row['severity']:g} {of['incidents']} {of['incidents_a_day']:.2g}"
        assert f"{said} {of['found']} of {of['labels']}" in text
    assert page.count("tr", **{"class": "now"}) == 2
    assert "fall 2 2" in text


def test_each_group_is_told_in_words_and_drawn(folder: Path) -> None:
    page, tally = report(folder, "--labels", folder / "labels.csv")

    groups = tally["judged"]["incidents"]
    assert page.count("summary") == groups + 1  # what was missed
    assert "views on app: 3, expected" in page.text
    assert "Where" in page.text
    drawings = page.count("svg", **{"class": "chart"})
    assert groups <= drawings <= stories.SERIES * groups
    # Every drawing says in words what it shows, and no two share an id.
    ids = [has["id"] for _, has in page.elements if "id" in has]
    assert len(ids) == len(set(ids)) == 2 * page.count("svg")
    named = [has["aria-labelledby"] for tag, has in page.elements if tag == "svg"]
    assert {id_ for ids in named for id_ in ids.split()} == set(ids)
    assert page.count("circle") >= 3 * len(FALLS)


def test_what_was_missed_is_listed_and_what_was_found_says_so(folder: Path) -> None:
    page, tally = report(folder, "--labels", folder / "labels.csv")

    assert tally["judged"]["found"] == 2
    assert (
        f"What was missed: 1 from lasted where kind {at(150)[:16]}Z 1 h any measure on web odd" in page.text
    )
    assert page.text.count("fits a label") == 2
    assert page.count("rect", **{"class": "not"}) >= 1


def test_without_labels_nothing_is_claimed(folder: Path) -> None:
    page, tally = report(folder)

    assert tally["judged"]["precision"] is None
    assert "Nothing is labelled" in page.text
    assert not re.search("precision|fits|missed|labelled told", page.text)
    assert page.count("svg", **{"class": "strip"}) == 1


def test_what_strangers_wrote_stays_text(tmp_path: Path) -> None:
    write(tmp_path, HOSTILE, "web")
    with (tmp_path / "shop.csv").open("a") as lines:
        lines.write(f'{at(0)},web,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n')
    (tmp_path / "labels.csv").write_text(f'start,end,kind\n{at(3)},{at(4)},"<b onclick=x>kind</b>"\n')

    page, tally = report(tmp_path, "--labels", tmp_path / "labels.csv")

    assert tally["refused"] == {"wrong_type": 1}
    assert f"views on {HOSTILE}: 3, expected" in page.text
    assert "<b onclick=x>kind</b>" in page.text
    assert {"script", "img", "b onclick"}.isdisjoint(dict(page.elements))
    assert page.comments == []


def test_an_empty_run_has_its_page_too(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shop.csv").write_text("timestamp,platform,views\nyesterday,web,12\n")

    page, tally = report(tmp_path, status=1)

    assert tally["intervals"] == 0
    assert "No interval was judged" in page.text
    assert "bad_time 1 shop.csv: line 2: timestamp: expected a time" in page.text
    assert page.count("svg") == 0


def test_what_is_kept_does_not_grow_with_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stories, "DRAWN", 2)
    monkeypatch.setattr(stories, "LISTED", 3)
    write(tmp_path, "app", "web", falls=tuple(range(5 * 24, HOURS, 14)))

    page, tally = report(tmp_path)

    groups = tally["judged"]["incidents"]
    assert groups >= 6
    assert page.count("details") == 2
    assert page.count("svg", **{"class": "chart"}) <= 2 * stories.SERIES
    assert page.text.count("The others severity from lasted what") == 1
    assert f"And {groups - 5} more, less severe than these." in page.text


def test_the_most_severe_stand_first(folder: Path) -> None:
    report(folder)

    text = (folder / "report.html").read_text(encoding="utf-8")
    severities = [int(found) for found in re.findall(r"<summary><b>(\d+)</b>", text)]
    assert severities == sorted(severities, reverse=True)
    assert len(severities) >= 2


@pytest.mark.parametrize("other", ["shop.csv", "lookalive.toml"])
def test_what_is_read_is_not_written_over(folder: Path, other: str) -> None:
    result = run(folder, "--report", folder / other, status=2)

    assert "would be written over" in result.stderr

"""A chart is one file with everything in it, and what strangers wrote is only ever shown as text."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

from detectors.records import Score
from streams.cli import charts
from streams.cli.charts import Drawn, page

START = datetime(2026, 3, 2, tzinfo=UTC)
HOSTILE = "</script><script>alert(1)</script><!--&"


class Read(HTMLParser):
    """The elements of a page, and what stands in its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        tag, attributes = self.elements[-1] if self.elements else ("", {})
        if attributes.get("id") == "data":
            self.data += data
        elif tag == "title":
            self.title += data


def drawn(n: int, value: float | None = 5.0, severity: float = 0.0, label: str | None = None) -> Drawn:
    start = START + timedelta(hours=n)
    score = Score(
        "shop",
        start,
        start + timedelta(hours=1),
        "views",
        (),
        value,
        5.0,
        3.0,
        7.0,
        1.0,
        severity,
        1.0,
        "active",
    )
    return Drawn(3_600_000 * n, label or f"row {n}", score, severity >= 70)


def data(text: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(Read(text).data)
    return read


def test_the_page_holds_what_is_drawn() -> None:
    said = data(page("shop.csv", "two rows", [drawn(0), drawn(1, None, 80.0)], 70.0, [("level", "5")]))

    assert (said["value"], said["severity"], said["alerts"]) == ([5.0, None], [0.0, 80.0], [1])
    assert (said["labels"], said["facts"]) == (["row 0", "row 1"], [["level", "5"]])


def test_what_strangers_wrote_is_only_text() -> None:
    text = page(HOSTILE, HOSTILE, [drawn(0, label=HOSTILE)], 70.0, [(HOSTILE, HOSTILE)])

    read = Read(text)
    assert [tag for tag, _ in read.elements].count("script") == 2
    assert data(text)["title"] == HOSTILE
    assert read.title.startswith("</script>")
    assert "alert(1)</script>" not in text


def test_the_page_asks_for_nothing_from_anywhere() -> None:
    text = page("shop.csv", "", [drawn(0)], 70.0)

    assert not re.search(r"https?://|@import|url\(", text)
    assert not [a for _, a in Read(text).elements if "src" in a or "href" in a]
    assert "default-src 'none'" in text


def test_long_series_are_thinned_out_but_for_what_stands_out(monkeypatch) -> None:
    monkeypatch.setattr(charts, "MOST_POINTS", 300)
    points = [drawn(n, value=float(n % 7)) for n in range(10_000)]
    points[4_321] = drawn(4_321, value=99.0, severity=90.0)
    points[4_322] = drawn(4_322, value=3.0, severity=71.0)

    said = data(page("shop.csv", "", points, 70.0))

    assert len(said["times"]) <= 310
    assert max(said["value"]) == 99.0
    assert [said["severity"][n] for n in said["alerts"]] == [90.0, 71.0]
    assert said["times"] == sorted(said["times"])

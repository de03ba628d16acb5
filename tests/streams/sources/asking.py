"""Reading a source as the crawler does, for an interval that a test names shortly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detectors.config import Config, Detector, Measure
from detectors.loading import parse
from detectors.sources import AnyCrawled, Sql
from streams.settings import Settings
from streams.sources import Reader, make_reader
from tests.streams.sources.servers import Server

#: What is read unless a test says otherwise: the first of March, UTC.
START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
#: For queries of which it does not matter when.
ALWAYS = "WHERE :interval_start < :interval_end"


def detector(*dimensions: str, field: str | None = None, timezone: str = "UTC") -> Detector:
    measure = Measure("events", "count") if field is None else Measure("sum", "sum", field)
    return Detector("shop", "shop", timedelta(hours=1), [measure], dimensions=dimensions, timezone=timezone)


def reader(source: AnyCrawled, what: Detector | None = None) -> Reader:
    return make_reader(source, what or detector(), Settings())


def rows(reader: Reader, start: datetime = START, end: datetime = END) -> list[Any]:
    return [json.loads(record) for record in reader.read(start, end)]


def shown(section: str) -> Config:
    """The configuration that a section of the page shows."""
    page = (Path(__file__).parents[3] / "docs" / "crawling.md").read_text(encoding="utf-8")
    (block, *_) = re.findall(r"^```toml\n(.*?)^```$", page.partition(f"\n## {section}\n")[2], re.M | re.S)
    return parse(block)


class Asked:
    """A server, asked by a query whose address is in a variable of the environment."""

    def __init__(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server = server
        self._monkeypatch = monkeypatch

    def reader(self, query: str, what: Detector | None = None, **more: Any) -> Reader:
        self._monkeypatch.setenv("SHOP_DATABASE", more.pop("address", self.server.address))
        return reader(Sql(**{"url": "env:SHOP_DATABASE", "query": query, "time": "ts", **more}), what)

    def rows(self, query: str, start: datetime = START, end: datetime = END, **more: Any) -> list[Any]:
        return rows(self.reader(query, **more), start, end)

    def one(self, query: str, **more: Any) -> Any:
        (found,) = self.rows(query, **more)
        return found

    def times(self, query: str, start: str, end: str, **more: Any) -> list[Any]:
        between = datetime.fromisoformat(start), datetime.fromisoformat(end)
        return [row["ts"] for row in self.rows(query, *between, **more)]

"""What a reader gives, as its worker would read it; and a server that answers as it is told to."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from detectors.config import Config
from detectors.loading import parse
from streams.formats import make_format
from streams.settings import Settings
from streams.sources import Reader, make_reader

PAGE = Path(__file__).parents[3] / "docs" / "crawling.md"


def shown(heading: str) -> str:
    """The configuration that the page shows under a heading."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(r"^```toml\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def reader_of(text: str) -> tuple[Config, Reader]:
    """The reader of the first detector."""
    config = parse(text)
    detector = config.detectors[0]
    return config, make_reader(config.crawled[detector.source], detector, Settings())


def events_of(text: str, start: str, end: str) -> list[dict[str, Any]]:
    """The events of a span, by place and time, without what they do not have; their times as in `at`."""
    config, reader = reader_of(text)
    name = config.detectors[0].source
    format_ = make_format(name, config.records_of(name), config.fields_of(name))
    records = list(reader.read(at(start), at(end)))
    reader.close()
    events = [msgspec.structs.asdict(event) for record in records for event in format_.parse(record)]
    assert len(events) == len(records)
    found = []
    for event in events:
        time = datetime.fromtimestamp(event.pop("event_time") / 1000, UTC)
        values = {name: value for name, value in event.items() if value is not None}
        found.append({"at": f"{time:%m-%d %H:%M}", **values})
    return sorted(
        found, key=lambda event: [text for _, text in sorted(event.items()) if isinstance(text, str)]
    )


def at(text: str) -> datetime:
    """A time of 2026 in UTC.

    >>> at("03-02 12:05").isoformat()
    '2026-03-02T12:05:00+00:00'
    """
    return datetime.fromisoformat(f"2026-{text.replace(' ', 'T')}:00+00:00")


class Request:
    """What came, and how to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.path = handler.path
        self.headers = dict(handler.headers)
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self._handler = handler

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self._handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self._handler.send_header(name, value)
        self._handler.end_headers()
        self.write(body)

    def write(self, part: bytes) -> None:
        self._handler.wfile.write(part)
        self._handler.wfile.flush()


@contextmanager
def serving(answer: Callable[[Request, threading.Event], None]) -> Iterator[tuple[str, list[Request]]]:
    """Address of a server, and what it was asked; the event is set when nobody waits any more."""
    ended = threading.Event()
    received: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(Request(self))
            try:
                answer(received[-1], ended)
            except OSError:
                # Whoever asked has gone.
                self.close_connection = True

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            ended.set()
            server.shutdown()
            thread.join()

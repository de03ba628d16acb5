"""One stream of records, ours and the libraries', without secrets and without known noise."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from streams import logs
from streams.settings import Settings


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_our_records_and_the_libraries_come_out_alike(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    structlog.get_logger("streams.fold").info("interval_published", detector="shop")
    logging.getLogger("aiokafka.consumer").warning("lost %s", "it")
    ours, theirs = written(capsys)
    assert (ours["event"], ours["detector"], ours["level"]) == ("interval_published", "shop", "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("lost it", "aiokafka.consumer", "warning")
    assert ours["timestamp"].endswith("Z")
    assert theirs["timestamp"].endswith("Z")


def test_libraries_are_quiet_below_warning(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    logging.getLogger("faust.app").info("banner")
    structlog.get_logger("streams").debug("detail")
    assert written(capsys) == []


def test_secrets_are_masked(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    structlog.get_logger().info(
        "connected", sasl_plain_password="hunter2", settings=Settings(password="hunter2")
    )
    assert "hunter2" not in capsys.readouterr().err


def test_an_agent_that_a_rebalance_cancels_is_no_crash(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    for error in (asyncio.CancelledError(), ValueError("real")):
        try:
            raise error
        except BaseException:
            logging.getLogger("mode.services").exception("Crashed reason=%r", error)
    (crash,) = written(capsys)
    assert "ValueError: real" in crash["exception"]


def test_what_a_library_repeats_is_said_once_in_a_while_with_a_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.configure(Settings(log_format="json"))
    library, ours = logging.getLogger("aiokafka"), structlog.get_logger("streams.app")

    def trouble() -> None:
        for attempt in range(100):
            library.error("Unable connect to node with id %s: attempt %s", 1, attempt)
        library.error("Unable to update metadata from %s", [1])
        for _ in range(2):
            ours.warning("broker_does_not_answer")

    trouble()
    monkeypatch.setattr(logs, "AGAIN_SECONDS", 0.0)
    trouble()
    said = [record["event"] for record in written(capsys)]
    assert said[:4] == [
        "Unable connect to node with id 1: attempt 0",
        "Unable to update metadata from [1]",
        "broker_does_not_answer",
        "broker_does_not_answer",
    ]
    assert said[4:6] == [
        "Unable connect to node with id 1: attempt 0 (99 more since)",
        "Unable connect to node with id 1: attempt 1",
    ]


def test_a_library_may_say_that_there_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    logging.getLogger("asyncio").error("Unclosed client", exc_info=False)
    assert capsys.readouterr().err.count("Unclosed client") == 1


def test_text_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="text"))
    structlog.get_logger("streams").info("group_opened", detector="shop")
    line = capsys.readouterr().err
    assert "group_opened" in line
    assert "detector=shop" in line
    assert not line.startswith("{")

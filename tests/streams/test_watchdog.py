"""A worker that stands still ends, so that its supervisor starts it again; one that only waits does not."""

from __future__ import annotations

import time

import pytest

from streams import topics
from tests.streams.truth import SECONDS, configuration, send, traffic
from tests.streams.worker import running_worker


@pytest.mark.kafka
@pytest.mark.parametrize("broken", ["fetching", "membership", pytest.param("thread", marks=pytest.mark.slow)])
def test_a_worker_that_can_do_nothing_any_more_ends_and_says_so(broken, settings, producer, prefix):
    topic = f"{prefix}-clicks"
    topics.create(settings, [topic])
    records = traffic()[:20_000]
    with running_worker(configuration(topic), settings, ("-m", "tests.streams.sabotaged", broken)) as worker:
        until = time.monotonic() + SECONDS
        # Events go on: what is not read makes it a standstill.
        while worker.process.poll() is None and time.monotonic() < until:
            send(producer, topic, iter(records[:100]))
            time.sleep(0.2)
        assert worker.wait() == 1
    assert "worker_failed" in worker.log()
    said = {
        "fetching": "though the broker answers",
        "membership": "keeps this worker in its group",
        "thread": "the thread of the consumer",
    }
    assert said[broken] in worker.log()

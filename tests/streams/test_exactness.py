"""Whatever happens to workers, what comes out in the end is what a backtest of the same events says."""

import contextlib
import os
import random
import shutil
import signal
import time

import msgspec
import pytest

from tests.streams.truth import Flow
from tests.streams.worker import RunningWorker, running_worker

pytestmark = pytest.mark.kafka

#: A worker that was not heard of for so long has been replaced by others.
SESSION_SECONDS = 10


def kill_again_and_again(flow: Flow, kills: int, rng: random.Random) -> None:
    # A name that it keeps lets a worker come back without waiting for its last session to end.
    where = msgspec.structs.replace(flow.settings, instance="worker-1")
    for _ in range(kills):
        with contextlib.closing(RunningWorker(flow.config_text, where)) as worker:
            flow.send(1 / (kills + 1))
            # Most kills hit a worker that reads and saves, some one that starts and recovers.
            if rng.random() < 0.8:
                worker.wait_ready()
            time.sleep(rng.uniform(0, 1.5))
            worker.kill()
        if rng.random() < 0.3:
            shutil.rmtree(where.data / "tables", ignore_errors=True)
    with running_worker(flow.config_text, where):
        flow.send()
        flow.assert_exact()


@pytest.mark.timeout(900)
def test_twenty_kills_and_lost_directories_change_nothing(flow):
    kill_again_and_again(flow, kills=20, rng=random.Random(7))


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_kills_and_lost_directories_change_nothing(flow):
    kill_again_and_again(flow, kills=int(os.environ.get("KILLS", "100")), rng=random.Random())


def test_workers_that_join_leave_sleep_and_die_say_the_same_as_one(flow):
    with running_worker(flow.config_text, flow.place("one")) as one:
        with flow.sending(seconds=30):
            with running_worker(flow.config_text, flow.place("two")) as two:
                time.sleep(2)
                assert two.terminate() == 0
            with running_worker(flow.config_text, flow.place("three")) as three:
                time.sleep(2)
                # One that was asleep for so long goes on with what it held, though others have it by now.
                one.process.send_signal(signal.SIGSTOP)
                time.sleep(SESSION_SECONDS + 4)
                one.process.send_signal(signal.SIGCONT)
                time.sleep(3)
                three.kill()
        flow.assert_exact()
        one.kill()
    # Whoever wrote last: what lies in the changelogs is whole, and one that has nothing else can go on.
    with running_worker(flow.config_text, flow.place("four")):
        time.sleep(3)

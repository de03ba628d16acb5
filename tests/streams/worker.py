"""A real `lookalive worker`, or `notify`, for tests: a process of its own, watched, stopped or killed.

Configuration text and Settings go in; out comes a worker that is ready to read. What it writes about
itself is in its data directory, so that one started again with the same Settings goes on from there.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from streams.broker import free_port
from streams.settings import PREFIX, Settings

READY_SECONDS = 120.0
STOP_SECONDS = 120.0


class RunningWorker:
    """A worker that was started."""

    def __init__(
        self,
        config_text: str,
        settings: Settings,
        program: Sequence[str] = ("-m", "streams"),
        command: str = "worker",
    ) -> None:
        self.port = free_port()
        self.settings = msgspec.structs.replace(settings, web_port=self.port)
        settings.data.mkdir(parents=True, exist_ok=True)
        configuration = settings.data / "lookalive.toml"
        configuration.write_text(config_text, encoding="utf-8")
        self._log = settings.data / "worker.log"
        self._log_offset = self._log.stat().st_size if self._log.exists() else 0
        self._asked_to_stop = False
        arguments = [sys.executable, *program, command, "-c", str(configuration)]
        environment = _environment(self.settings)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)

    def log(self) -> str:
        """What this worker has written, without what earlier ones with the same data have."""
        return self._log.read_bytes()[self._log_offset :].decode(errors="replace")

    def get(self, page: str) -> str:
        """A page of the worker, such as `/metrics`."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{page}", timeout=60) as response:
            text: str = response.read().decode()
            return text

    def count(self, metric: str, **labels: str) -> int:
        """The value of a metric of the worker; 0 where there is none yet."""
        with contextlib.suppress(urllib.error.URLError, OSError):
            for family in text_string_to_metric_families(self.get("/metrics")):
                for sample in family.samples:
                    if sample.name == metric and labels.items() <= sample.labels.items():
                        return int(sample.value)
        return 0

    def is_ready(self) -> bool:
        """Whether partitions are assigned and their state is recovered."""
        with contextlib.suppress(urllib.error.URLError, OSError):
            self.get("/ready")
            return True
        return False

    def wait_ready(self) -> None:
        """Wait until it is ready; fails at once if it stops instead."""
        until = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            problem = "is not ready" if time.monotonic() > until else "stopped"
            if self.process.poll() is not None or time.monotonic() > until:
                message = f"the worker {problem}; the end of its log:\n{self.log()[-5000:]}"
                raise AssertionError(message)
            time.sleep(0.05)

    def kill(self) -> None:
        """End it without any warning (SIGKILL)."""
        self._asked_to_stop = True
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to stop in order (SIGTERM); returns its exit status."""
        self._asked_to_stop = True
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Wait until it stops by itself; returns its exit status."""
        status = self.process.wait(seconds)
        self._asked_to_stop = True
        return status

    def close(self) -> None:
        """Stop it, whatever state it is in; fails if it had stopped though nobody asked it to."""
        stopped = self.process.poll() is not None and not self._asked_to_stop
        if self.process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()
        if stopped:
            message = f"the worker stopped by itself; the end of its log:\n{self.log()[-5000:]}"
            raise AssertionError(message)


@contextmanager
def running_worker(
    config_text: str,
    settings: Settings,
    program: Sequence[str] = ("-m", "streams"),
    command: str = "worker",
) -> Iterator[RunningWorker]:
    """A worker that is ready, on a free port; stopped at the end unless the test has done so."""
    worker = RunningWorker(config_text, settings, program, command)
    try:
        worker.wait_ready()
        yield worker
    except BaseException:
        # The first problem is the one to see; pytest shows what the worker had to say of it.
        worker.kill()
        sys.stderr.write(worker.log()[-5000:])
        raise
    worker.close()


def _environment(settings: Settings) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    fields = msgspec.structs.asdict(settings).items()
    return {
        **others,
        **{f"{PREFIX}{name.upper()}": _text(value) for name, value in fields if value is not None},
    }


def _text(value: object) -> str:
    return str(value.absolute() if isinstance(value, Path) else value)

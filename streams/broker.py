"""A real Apache Kafka of one node, started by the program itself: for trying out, demos and tests.

A data directory goes in, the address of a broker comes out. The data outlive a restart; the broker
does not outlive the process that started it. In production Kafka is somewhere else, and
LOOKALIVE_BOOTSTRAP says where.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.errors import BrokerError
from streams.kafka_runtime import Progress, cache_directory, fetch_jars, find_java
from streams.names import LARGEST_MESSAGE_BYTES

HOST = "127.0.0.1"
#: Ports that systems hand out to nobody by themselves.
OURS = 20_000, 32_000
#: Some seconds are enough, unless the machine is slow or crowded.
START_SECONDS = 180
STOP_SECONDS = 20

HEAP = ("-Xms128m", "-Xmx512m")
#: slf4j-simple writes to standard error, which is the log file.
LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ssXXX",
)

#: On Linux the kernel kills the broker when the thread that started it is gone, however it went. Set in
#: a process of its own before Java replaces it: code between fork and exec is not safe among threads.
_DIE_WITH_PARENT = (
    "import ctypes, os, signal, sys\n"
    "ctypes.CDLL(None).prctl(1, signal.SIGKILL)\n"
    "if os.getppid() != int(sys.argv[1]): sys.exit(1)\n"
    "os.execv(sys.argv[2], sys.argv[2:])"
)


class Broker:
    """One broker on one data directory; a context manager, or `start` and `stop`.

    Start it from a thread that lives as long as the broker is needed.
    """

    def __init__(self, data: Path, port: int | None = None) -> None:
        """A broker that is not running yet; without a port it takes a free one."""
        self.data = data.absolute()
        self.log = self.data / "broker.log"
        self._port = port
        self._address: str | None = None
        #: Where in the log file this start begins.
        self._log_offset = 0
        self._lock: BinaryIO | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """`host:port` for clients, once started."""
        if self._address is None:
            message = "the broker is not running"
            raise BrokerError(message)
        return self._address

    @property
    def pid(self) -> int | None:
        """Process id of the broker while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self, progress: Progress | None = None) -> str:
        """Start, wait until it answers, and give its address.

        Raises:
            BrokerError: no Java, no jars, the port is taken, or the broker stops while it starts.
        """
        if self._process is not None:
            message = f"the broker on {self.data} was started already"
            raise BrokerError(message)
        self._claim()
        try:
            return self._start(progress)
        except BaseException:
            self.stop()
            raise

    def _start(self, progress: Progress | None) -> str:
        if self._port is not None and _taken(self._port):
            message = f"port {self._port} of {HOST} is taken: stop what listens there, or choose another port"
            raise BrokerError(message)
        jars = fetch_jars(cache_directory(), progress)
        java = [str(find_java()), *LOGGING, "-cp", os.pathsep.join(map(str, jars))]
        port, controller = self._port or free_port(), free_port()
        properties = self.data / "server.properties"
        properties.write_text(server_properties(self.data / "kafka", port, controller), encoding="utf-8")
        with self.log.open("ab") as log:
            self._log_offset = log.tell()
            if not (self.data / "kafka" / "meta.properties").exists():
                self._format(java, properties, log.fileno())
            command = [java[0], *HEAP, *java[1:], "kafka.Kafka", str(properties)]
            if sys.platform == "linux":
                guard = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid())]
                command = guard + command
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the program, which then stops the broker in order.
                start_new_session=True,
            )
        self._wait(port)
        self._address = f"{HOST}:{port}"
        return self._address

    def stop(self) -> None:
        """Stop in order, or by force when it takes too long."""
        process, self._process, self._address = self._process, None, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _claim(self) -> None:
        """Lock the directory. Kafka does too, but finds out late, and after its settings were replaced."""
        self.data.mkdir(parents=True, exist_ok=True)
        self._lock = (self.data / "lock").open("wb")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            self._lock = None
            message = f"another broker uses {self.data}: stop it, or choose another directory"
            raise BrokerError(message) from error

    def _format(self, java: list[str], properties: Path, log: int) -> None:
        """Make the directory a Kafka's, with a cluster id of its own."""
        cluster = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        # An id may not begin with a dash; a capital A in its place is as random as is needed.
        cluster = cluster.replace("-", "A", 1) if cluster.startswith("-") else cluster
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx128m"]
        arguments = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
        done = subprocess.run([java[0], *quick, *java[1:], *arguments], stdout=log, stderr=log, check=False)  # noqa: S603
        if done.returncode:
            raise BrokerError(self._failure("could not format its directory"))

    def _wait(self, port: int) -> None:
        assert self._process is not None  # noqa: S101
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise BrokerError(self._failure("stopped while starting"))
            # The socket opens when the broker is ready; asking before fills the log with refusals.
            if _taken(port):
                with contextlib.suppress(KafkaError):
                    admin = KafkaAdminClient(bootstrap_servers=f"{HOST}:{port}", bootstrap_timeout_ms=5000)
                    admin.close()
                    return
            time.sleep(0.03)
        raise BrokerError(self._failure(f"did not answer within {START_SECONDS} seconds"))

    def _failure(self, what: str) -> str:
        said = self.log.read_bytes()[self._log_offset :].decode("utf-8", "replace").splitlines()
        why = next((line for line in reversed(said) if "ERROR" in line or "Exception" in line), "")
        return f"the broker {what}: {why.strip()[:300] or 'it said nothing'}; see {self.log}"


def server_properties(data: Path, port: int, controller: int) -> str:
    """The configuration of a node that is broker and controller at once, reachable from here alone."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # Alone in its group, a member need not wait for others.
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "message.max.bytes": str(LARGEST_MESSAGE_BYTES),
        "replica.fetch.max.bytes": str(LARGEST_MESSAGE_BYTES),
        "log.retention.hours": "168",
        "log.segment.bytes": str(256 * 1024 * 1024),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _taken(port: int) -> bool:
    """Whether something listens on a port."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def free_port() -> int:
    """A port of this machine on which nobody listens.

    None of those that systems give to outgoing connections: another process might have got it before there
    is somebody who listens.
    """
    for port in random.sample(range(*OURS), k=100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port
    message = f"no free port was found from {OURS[0]} to {OURS[1]}"
    raise BrokerError(message)

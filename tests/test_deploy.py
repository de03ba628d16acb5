"""What is deployed agrees with the code: settings and metrics exist, and the tools accept the files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from prometheus_client import CollectorRegistry

from detectors.loading import load, parse
from detectors.sinks import Alertmanager
from streams.deliveries import Deliveries
from streams.formats.decoding import Reason
from streams.kafka_runtime import JARS
from streams.metrics import Metrics
from streams.settings import from_environment

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "lookalive.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "worker.json"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def metric_names() -> set[str]:
    """The names that Prometheus stores, `_bucket` and `_total` included."""
    registry = CollectorRegistry()
    Metrics(registry)
    Deliveries(registry)
    suffixes = {
        "counter": ["_total"],
        "gauge": [""],
        "histogram": ["_bucket", "_count", "_sum"],
        "info": ["_info"],
    }
    return {f"{metric.name}{end}" for metric in registry.collect() for end in suffixes[metric.type]}


def rules() -> list[dict[str, Any]]:
    return [rule for group in read(RULES)["groups"] for rule in group["rules"]]


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} on PATH")
    done = subprocess.run(command, cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def manifests() -> dict[str, dict[str, Any]]:
    folder = DEPLOY / "kubernetes"
    names = read(folder / "kustomization.yaml")["resources"]
    assert set(names) == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    documents = [read(folder / name) for name in names]
    return {document["kind"]: document for document in documents}


def container() -> dict[str, Any]:
    (worker,) = manifests()["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    assert isinstance(worker, dict)
    return worker


# --- Prometheus, Alertmanager, Grafana ---


def test_queries_name_only_metrics_that_the_worker_has() -> None:
    named = {name for query in queries() for name in re.findall(r"lookalive_\w+", query)}
    assert len(named) > 15
    assert named <= metric_names()


def test_queries_sum_only_by_labels_that_their_metrics_have() -> None:
    registry = CollectorRegistry()
    labels = {
        name
        for metrics in (Metrics(registry), Deliveries(registry))
        for metric in vars(metrics).values()
        for name in getattr(metric, "_labelnames", ())
    }
    added_by_prometheus = {"job", "instance", "le", "version"}
    used = {
        name.strip()
        for query in queries()
        for clause in re.findall(r"(?:by|on|ignoring) \(([^)]*)\)", query)
        for name in clause.split(",")
        if name.strip()
    }
    assert used <= labels | added_by_prometheus


def test_every_rule_says_how_bad_it_is_what_happened_and_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "description", "runbook_url"} == set(rule["annotations"])
        runbook = (ROOT / rule["annotations"]["runbook_url"]).read_text(encoding="utf-8")
        assert runbook.startswith(f"# {rule['alert']}\n")


def test_every_runbook_belongs_to_a_rule() -> None:
    named = {rule["annotations"]["runbook_url"] for rule in rules()}
    assert named == {f"docs/runbooks/{path.name}" for path in (ROOT / "docs" / "runbooks").glob("*.md")}


def test_the_rules_are_tested_with_reasons_that_there_are() -> None:
    tested = (DEPLOY / "prometheus" / "lookalive.rules.test.yml").read_text(encoding="utf-8")
    used = set(re.findall(r'reason="(\w+)"', tested))
    assert used
    assert used <= set(get_args(Reason))


@pytest.mark.prometheus
def test_the_rules_are_told_when_they_should_be() -> None:
    tested = read(DEPLOY / "prometheus" / "lookalive.rules.test.yml")["tests"]
    for test in tested:
        names = {case["alertname"] for case in test["alert_rule_test"]}
        assert names == {rule["alert"] for rule in rules()}
    run("promtool", "test", "rules", "lookalive.rules.test.yml")


@pytest.mark.prometheus
def test_prometheus_accepts_its_configuration() -> None:
    run("promtool", "check", "config", "prometheus.yml")


@pytest.mark.prometheus
def test_alertmanager_accepts_its_configuration() -> None:
    run("amtool", "check-config", "../alertmanager/alertmanager.yml")


def test_the_dashboard_asks_the_datasource_that_is_provisioned() -> None:
    (source,) = read(DEPLOY / "grafana" / "provisioning" / "datasources" / "prometheus.yml")["datasources"]
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    asked = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert asked == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)


# --- Docker ---


def services() -> dict[str, Any]:
    found = read(ROOT / "docker-compose.yml")["services"]
    assert isinstance(found, dict)
    return found


def test_images_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    for image in [service["image"] for service in services().values()] + bases:
        assert re.search(r":v?\d+\.\d+\.\d+", image), image


def test_compose_runs_the_kafka_that_the_program_itself_runs() -> None:
    assert services()["kafka"]["image"] == f"apache/kafka:{JARS.kafka}"


def test_compose_mounts_what_exists() -> None:
    document = read(ROOT / "docker-compose.yml")
    for service in services().values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in document["volumes"]


def test_compose_publishes_on_this_machine_alone() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_compose_gives_the_worker_settings_and_a_configuration_that_load() -> None:
    worker = services()["worker"]
    settings = from_environment(worker["environment"])
    assert settings.bootstrap == "kafka:9092"
    mounts = [volume.split(":") for volume in worker["volumes"]]
    assert str(settings.data) in [mount[1] for mount in mounts]
    assert f"worker:{settings.web_port}" in (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    load(next(ROOT / mount[0] for mount in mounts if mount[1] == worker["command"][-1]))


def test_compose_gives_the_notifier_settings_and_sinks() -> None:
    notifier = services()["notifier"]
    settings = from_environment(notifier["environment"])
    assert f"notifier:{settings.web_port}" in (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    mounts = [volume.split(":") for volume in notifier["volumes"]]
    sinks = load(next(ROOT / mount[0] for mount in mounts if mount[1] == notifier["command"][-1])).sinks
    assert [sink.url for sink in sinks.values() if isinstance(sink, Alertmanager)] == [
        "http://alertmanager:9093"
    ]


def test_the_image_copies_only_what_is_not_ignored() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in dockerfile.splitlines() if re.match(r"COPY (?!--from)", line)]
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    }
    assert {name for names in copied for name in names} == allowed
    assert all((ROOT / name).exists() for name in allowed)


def test_the_image_does_not_run_as_root() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (\S+)", dockerfile, re.MULTILINE) == ["10001:10001"]


# --- Kubernetes ---


def test_kubernetes_selectors_find_the_pods() -> None:
    found = manifests()
    assert found["StatefulSet"]["apiVersion"] == "apps/v1"
    assert found["PodDisruptionBudget"]["apiVersion"] == "policy/v1"
    labels = found["StatefulSet"]["spec"]["template"]["metadata"]["labels"].items()
    assert found["StatefulSet"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"].items() <= labels
    assert found["Service"]["spec"]["selector"].items() <= labels
    assert found["StatefulSet"]["spec"]["serviceName"] == found["Service"]["metadata"]["name"]


def test_kubernetes_gives_the_worker_settings_and_a_configuration_that_load() -> None:
    environment = {entry["name"]: entry.get("value", "lookalive-0") for entry in container()["env"]}
    settings = from_environment(environment)
    assert container()["ports"] == [{"name": "web", "containerPort": settings.web_port}]
    assert settings.instance == "lookalive-0"
    assert manifests()["StatefulSet"]["spec"]["replicas"] <= settings.partitions
    mounts = {mount["mountPath"]: mount["name"] for mount in container()["volumeMounts"]}
    claims = [
        claim["metadata"]["name"] for claim in manifests()["StatefulSet"]["spec"]["volumeClaimTemplates"]
    ]
    assert mounts[str(settings.data)] in claims
    parse(manifests()["ConfigMap"]["data"][Path(container()["args"][-1]).name])


def test_kubernetes_gives_the_notifier_settings_and_sinks() -> None:
    deployment = manifests()["Deployment"]["spec"]
    assert deployment["selector"]["matchLabels"] == deployment["template"]["metadata"]["labels"]
    (notifier,) = deployment["template"]["spec"]["containers"]
    from_environment({entry["name"]: entry["value"] for entry in notifier["env"]})
    assert notifier["args"][0] == "notify"
    assert parse(manifests()["ConfigMap"]["data"][Path(notifier["args"][-1]).name]).sinks


def test_kubernetes_asks_the_worker_whether_it_lives_and_is_ready() -> None:
    probes = {name: container()[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")}
    assert probes == {"livenessProbe": "/live", "readinessProbe": "/ready"}


def test_kubernetes_mounts_volumes_that_exist() -> None:
    pod = manifests()["StatefulSet"]["spec"]["template"]["spec"]
    there = {volume["name"] for volume in pod["volumes"]}
    there |= {c["metadata"]["name"] for c in manifests()["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container()["volumeMounts"]} == there
    (config,) = [volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume]
    assert config == manifests()["ConfigMap"]["metadata"]["name"]


# --- Documentation ---


def test_every_metric_and_setting_is_in_the_operations_guide() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    stored = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metric_names()}
    assert stored == set(re.findall(r"^\| `(lookalive_\w+)`", guide, re.MULTILINE))
    settings = {f"LOOKALIVE_{name.upper()}" for name in from_environment({}).__struct_fields__}
    assert settings == set(re.findall(r"^\| `(LOOKALIVE_\w+)`", guide, re.MULTILINE))

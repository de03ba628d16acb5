"""The demo's configuration loads, and measures what its sample traffic has."""

from __future__ import annotations

from importlib.resources import as_file, files

from detectors.loading import load
from streams.samples.shop import STAGES


def test_the_demo_configuration_loads() -> None:
    with as_file(files("streams.samples") / "demo.toml") as path:
        config = load(path)
    assert {detector.name for detector in config.detectors} == {"shop", "edge"}
    assert {rule.detector for rule in config.alerts} == {"shop", "edge"}
    counted = [m.where["event"] for m in config.detector("shop").additive if m.aggregation == "count"]
    assert counted == list(STAGES)

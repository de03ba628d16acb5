"""The command line: subcommands load alone, refusals are one sentence and exit status 2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.settings import Settings

CONFIGURATION = """
[sources.shop]
topic = "{topic}"
format = "clickstream"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1M"
dimensions = ["platform", "marketplace"]
measures = [
  {{ name = "views", aggregation = "count", where = {{ event = "view" }} }},
  {{ name = "orders", aggregation = "count", where = {{ event = "purchase" }} }},
  {{ name = "conversion", ratio = ["orders", "views"] }},
]
"""


@pytest.fixture
def configuration(tmp_path: Path, prefix: str) -> Path:
    path = tmp_path / "lookalive.toml"
    path.write_text(CONFIGURATION.format(topic=f"{prefix}-events"))
    return path


def test_help_imports_no_subcommand() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from streams.cli import main\n"
        "result = CliRunner().invoke(main, ['--help']); assert 'worker' in result.output\n"
        "print({'faust', 'numpy', 'kafka', 'jgo'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_check_says_what_is_watched(configuration: Path) -> None:
    result = CliRunner().invoke(main, ["check", "-c", str(configuration), "--json"])
    assert result.exit_code == 0
    (detector,) = json.loads(result.stdout)["detectors"]
    assert detector["interval"] == "PT1M"
    assert detector["measures"]["conversion"] == "orders / views"
    assert detector["levels"] == [[], ["platform"], ["marketplace"], ["platform", "marketplace"]]
    assert detector["rollups"] == 4
    text = CliRunner().invoke(main, ["check", "-c", str(configuration)]).stdout
    assert "watched by: total; platform; marketplace; platform × marketplace" in text


def test_check_says_what_of_a_measure_is_told_of(configuration: Path) -> None:
    ratio = 'ratio = ["orders", "views"]'
    rules = 'direction = "below", minimum_volume = 200, breaches = [3, 5]'
    text = configuration.read_text().replace(ratio, f"{ratio}, {rules}", 1)
    configuration.write_text(text + '[[alerts]]\nname = "page"\ndetector = "shop"\nprovisional = true\n')

    text = CliRunner().invoke(main, ["check", "-c", str(configuration)]).stdout

    assert (
        "measure conversion: orders / views; only below what was expected; from 200 views on; "
        "when off in 3 of 5 intervals\n"
    ) in text
    assert "alert page: detector shop, from severity 70 on, also while an interval is open\n" in text


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("interval =", "intervall =", "did you mean 'interval'?"),
        ('format = "clickstream"', 'format = "clickstreem"', "clickstream"),
        ('aggregation = "count",', 'aggregation = "count", model = "seasnal",', "did you mean 'seasonal'?"),
        ('["orders", "views"]', '["orders", "visits"]', "ratio of unknown measure 'visits'"),
    ],
)
def test_check_refuses_with_one_sentence(configuration: Path, old: str, new: str, sentence: str) -> None:
    configuration.write_text(configuration.read_text().replace(old, new, 1))
    result = CliRunner().invoke(main, ["check", "-c", str(configuration)])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_an_unknown_variable_is_refused_before_anything_runs(configuration: Path) -> None:
    environment = {"LOOKALIVE_GRUOP": "x"}
    result = CliRunner(env=environment).invoke(main, ["topics", "-c", str(configuration)])
    assert result.exit_code == 2
    assert "did you mean LOOKALIVE_GROUP?" in result.stderr


@pytest.mark.kafka
def test_topics_lists_what_is_missing_and_creates_it(configuration: Path, settings: Settings) -> None:
    runner = CliRunner(env={"LOOKALIVE_BOOTSTRAP": settings.bootstrap, "LOOKALIVE_PREFIX": settings.prefix})
    arguments = ["topics", "-c", str(configuration)]
    missing = runner.invoke(main, arguments)
    assert (missing.exit_code, missing.stdout.count("missing")) == (1, 9)
    created = runner.invoke(main, [*arguments, "--create", "--json"])
    states = [json.loads(line) for line in created.stdout.splitlines()]
    assert created.exit_code == 0
    assert states[0]["name"] == f"{settings.prefix}-events"
    assert all(state["created"] for state in states)
    listed = runner.invoke(main, arguments)
    assert listed.exit_code == 0
    assert "latest, 90 days" in listed.stdout

"""What a tutorial shows is what happens: its files are written, its commands run, their output compared."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from detectors.loading import parse
from streams.cli import main
from streams.cli.check import watch

MIGRATE, INFER = (
    (Path(__file__).parent.parent / "docs" / "tutorials" / name).read_text(encoding="utf-8")
    for name in ("migrate.md", "infer.md")
)


def files(text: str) -> dict[str, str]:
    """Name → content of the blocks that follow a line with their name."""
    return dict(re.findall(r"`([\w-]+\.\w+)`[^\n]*:\n\n```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def sessions(text: str) -> list[tuple[str, str]]:
    """Command → output of the console blocks."""
    return re.findall(r"^```console\n\$ ([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("params.json", "query.sql", "past.csv"):
        Path(name).write_text(files(MIGRATE)[name], encoding="utf-8")
    return tmp_path


def test_the_tutorial_of_migration_shows_what_happens(folder: Path) -> None:
    shown = sessions(MIGRATE)
    assert [shlex.split(command)[1] for command, _ in shown] == ["import-l4m", "check"]
    for command, output in shown:
        done = CliRunner().invoke(main, shlex.split(command)[1:])
        assert (done.exit_code, done.output) == (0, output)
    assert Path("lookalive.toml").read_text(encoding="utf-8") == files(MIGRATE)["lookalive.toml"]


def test_what_the_tutorial_of_migration_adds_belongs_to_its_configuration(folder: Path) -> None:
    (sinks,) = re.findall(r"^```text\n(.*?)^```$", MIGRATE, re.MULTILINE | re.DOTALL)
    assert watch(parse(f"{files(MIGRATE)['lookalive.toml']}\n{sinks}")).sinks == {
        "oncall": "sns",
        "dashboards": "s3",
    }


def test_the_past_that_the_tutorial_of_migration_shows_can_be_read(folder: Path) -> None:
    Path("lookalive.toml").write_text(files(MIGRATE)["lookalive.toml"], encoding="utf-8")
    done = CliRunner().invoke(main, ["backtest", "-c", "lookalive.toml", "--input", "past.csv", "--json"])
    assert done.exit_code == 0, done.output
    assert '"events":3,"refused":' in done.stdout.splitlines()[-1].replace(" ", "")


def test_the_tutorial_of_inference_leads_from_a_file_to_its_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (program,) = re.findall(r"^```python\n(.*?)^```$", INFER, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", program], check=True)

    shown = sessions(INFER)
    assert [shlex.split(command)[1] for command, _ in shown] == ["infer", "check"]
    (infer, proposed), (check, watched) = shown
    write, backtest = re.findall(r"^```sh\n(.*)\n```$", INFER, re.MULTILINE)
    assert called(infer) == proposed
    assert called(write) == ""
    assert called(check) == watched
    # Which of its measures the incident is called after is up to the models.
    alerts = called(backtest)
    assert re.search(r"^2026-03-07 13:00Z  OPENED .* for channel app: fell to zero", alerts, re.MULTILINE)


def called(line: str) -> str:
    """What a command of a tutorial prints to stdout."""
    done = CliRunner().invoke(main, shlex.split(line)[1:])
    assert done.exit_code == 0, done.output
    return done.stdout

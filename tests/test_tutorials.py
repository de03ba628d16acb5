"""What a tutorial shows is what happens: its files are written, its commands run, their output compared."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from detectors.loading import parse
from streams.cli import main
from streams.cli.check import watch

MIGRATE = (Path(__file__).parent.parent / "docs" / "tutorials" / "migrate.md").read_text(encoding="utf-8")


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

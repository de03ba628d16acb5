"""`lookalive notify` says in one sentence why it cannot."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from streams.cli import main
from tests.around import AROUND


def test_without_sinks_there_is_nobody_to_tell(tmp_path: Path) -> None:
    configuration = tmp_path / "lookalive.toml"
    configuration.write_text(AROUND, encoding="utf-8")
    result = CliRunner().invoke(main, ["notify", "-c", str(configuration)])
    assert result.exit_code == 2
    assert "has no sinks" in result.stderr

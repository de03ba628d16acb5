"""`lookalive import-l4m`: files in, a configuration out, and what is to be said beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detectors.loading import load, parse
from streams.cli import main
from tests.streams.lookout.answers import alert, detector, metric_set
from tests.streams.lookout.test_connector import PARAMS
from tests.streams.lookout.test_queries import DEMO


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("params.json").write_text(json.dumps(PARAMS), encoding="utf-8")
    Path("query.sql").write_text(DEMO, encoding="utf-8")
    return "params.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["import-l4m", *arguments])


def test_the_configuration_goes_to_stdout_and_what_is_said_to_stderr(params: str) -> None:
    done = run(params, "--query", "query.sql")
    assert done.exit_code == 0, done.output
    assert [each.name for each in parse(done.stdout).detectors] == ["l4m-custom-redshift-connector-detector"]
    headings = [line for line in done.stderr.splitlines() if line and not line.startswith(" ")]
    assert headings == [
        "configuration: 1 detector, 2 measures, 1 alert rule",
        "means the same here",
        "better here",
        "is different here",
    ]


def test_a_file_is_written_and_not_written_over(params: str) -> None:
    assert run(params, "--query", "query.sql", "-o", "lookalive.toml").exit_code == 0
    written = Path("lookalive.toml").read_text(encoding="utf-8")
    assert load(Path("lookalive.toml")).alerts[0].name == "alerter"
    again = run(params, "-o", "lookalive.toml")
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == (
        "Error: lookalive.toml is there already; write over it with --force, or give another name\n"
    )
    assert Path("lookalive.toml").read_text(encoding="utf-8") == written
    assert run(params, "-o", "lookalive.toml", "--force").exit_code == 1
    assert "REPLACE-table" in Path("lookalive.toml").read_text(encoding="utf-8")


def test_what_is_still_to_do_is_an_exit_status(params: str) -> None:
    done = run(params)
    assert done.exit_code == 1
    assert "to do before it runs\n" in done.stderr


def test_machines_get_one_object(params: str) -> None:
    done = run(params, "--query", "query.sql", "--json", "-o", "out.toml")
    said = json.loads(done.stdout)
    assert said["configuration"] == Path("out.toml").read_text(encoding="utf-8")
    assert {remark["kind"] for remark in said["remarks"]} == {"kept", "better", "changed"}
    assert (said["detectors"], said["measures"], said["alerts"], said["sinks"]) == (1, 2, 1, 0)
    assert done.stderr == ""


def test_files_belong_together(params: str) -> None:
    for name, answer in {"a.json": detector(), "b.json": metric_set(), "c.json": {"Alert": alert()}}.items():
        Path(name).write_text(json.dumps(answer), encoding="utf-8-sig")
    done = run("a.json", "b.json", "c.json")
    assert done.exit_code == 0, done.output
    assert [rule.detector for rule in parse(done.stdout).alerts] == ["shop"]


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        (b"\xff\xfe", "Error: bad.json is no UTF-8 text\n"),
        (b" " * 10_000_001, "Error: bad.json is too large to be of Lookout for Metrics: more than 10 MB\n"),
        (None, "Error: bad.json: No such file or directory\n"),
        (
            b'{"metrics_set": []}',
            "Error: bad.json: params.json: Object missing required field `detector_name`\n",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    params: str, written: bytes | None, sentence: str
) -> None:
    if written is not None:
        Path("bad.json").write_bytes(written)
    done = run(params, "bad.json", "-o", "out.toml")
    assert (done.exit_code, done.stderr) == (2, sentence)
    assert not Path("out.toml").exists()

"""The documents agree with the code: nothing that can be used is missing, and what they show works."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from detectors.aggregation import AGGREGATORS
from detectors.config import AlertRule, Calendar, Config, Detector, LocalTime, Matcher, Measure, Occasion
from detectors.loading import parse
from detectors.models import MODELS
from detectors.places import named
from detectors.records import Alert
from detectors.sinks import SINKS
from detectors.sources import Source
from streams import reference
from streams.cli import COMMANDS, main
from streams.cli.check import watch
from streams.deliveries import Deliveries
from streams.formats import FORMATS, Reason, make_format
from streams.group import cloud_event_headers
from streams.metrics import Metrics
from streams.names import Names
from streams.notices import FORMS
from streams.settings import PREFIX, Settings
from tests.around import AROUND

ROOT = Path(__file__).parent.parent
DOCS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/**/*.md")),
]
README, CONFIGURATION, FORMATS_PAGE, OPERATIONS = (
    (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/configuration.md", "docs/formats.md", "docs/operations.md")
)


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def toml_blocks() -> Iterator[Any]:
    for path in DOCS:
        for i, block in enumerate(blocks(path.read_text(encoding="utf-8"), "toml")):
            yield pytest.param(block, id=f"{path.relative_to(ROOT)}-{i}")


def row(text: str, first: str) -> str:
    """The line of a table that begins with a cell."""
    found = [line for line in text.splitlines() if line.startswith(f"| `{first}`")]
    assert len(found) == 1, f"{len(found)} lines for {first}"
    return found[0]


def files_of_the_repository() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_configuration_page_is_what_the_code_says() -> None:
    assert reference.page() == CONFIGURATION, "run: python -m streams.reference > docs/configuration.md"


def test_the_reference_explains_only_what_exists() -> None:
    structs = {
        struct.__name__: struct for struct in (Source, Detector, Measure, AlertRule, Matcher, Settings)
    }
    for key in reference.BY_NAME:
        struct, _, field = key.partition(".")
        assert field in structs[struct].__struct_fields__, key


@pytest.mark.parametrize(
    "struct", [Source, Detector, Measure, AlertRule, Matcher, Calendar, Occasion, LocalTime, *SINKS]
)
def test_every_key_is_in_the_reference(struct: type[msgspec.Struct]) -> None:
    missing = [
        f.encode_name for f in msgspec.structs.fields(struct) if f"| `{f.encode_name}` |" not in CONFIGURATION
    ]
    assert missing == []
    assert set(Config.__struct_fields__) == {"sources", "detectors", "alerts", "calendars", "sinks"}


@pytest.mark.parametrize("page", [CONFIGURATION, OPERATIONS], ids=["configuration", "operations"])
def test_every_setting_has_its_line_with_its_default(page: str) -> None:
    for field in msgspec.structs.fields(Settings):
        line = row(page, f"{PREFIX}{field.name.upper()}")
        assert field.default is None or f"`{field.default}`" in line


def test_every_aggregation_model_and_format_is_in_the_reference() -> None:
    for name in (*AGGREGATORS, *MODELS, *FORMATS):
        row(CONFIGURATION, name)


def test_every_command_and_option_is_in_the_readme() -> None:
    for name in COMMANDS:
        line = row(README, f"lookalive {name}")
        command = main.get_command(click.Context(main), name)
        assert command is not None
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                for option in parameter.opts:
                    assert f"`{option}`" in line, f"lookalive {name} {option}"
            elif isinstance(parameter.type, click.Choice):
                for choice in parameter.type.choices:
                    assert f"`{choice}`" in line, f"lookalive {name} {choice}"


def test_every_command_that_a_document_calls_exists() -> None:
    for path in DOCS:
        text = path.read_text(encoding="utf-8")
        lines = re.findall(r"`([^`\n]+)`", text)
        lines += [line for block in blocks(text, "sh") for line in block.splitlines()]
        lines += [
            line for block in blocks(text, "console") for line in block.splitlines() if line[:2] == "$ "
        ]
        for line in lines:
            called = re.search(r"(?:^|[ /])lookalive ([a-z][a-z0-9-]*)(.*)$", line.partition(" #")[0])
            if called is None:
                continue
            command = main.get_command(click.Context(main), called[1])
            assert command is not None, f"{path.name}: {line}"
            if isinstance(command, click.Group) and (name := called[2].split()[:1]):
                command = command.get_command(click.Context(main), *name)
                assert command is not None, f"{path.name}: {line}"
            known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
            assert set(re.findall(r"(?<= )--?[a-z][a-z-]*", called[2])) <= known, f"{path.name}: {line}"


def test_every_verb_of_the_makefile_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert {name for name in targets if f"| `make {name}` |" not in contributing} == set()
    shown = {
        verb for path in DOCS for verb in re.findall(r"`make ([a-z]+)", path.read_text(encoding="utf-8"))
    }
    assert shown <= targets


def test_every_sink_is_on_its_page() -> None:
    page = (ROOT / "docs" / "sinks.md").read_text(encoding="utf-8")
    for sink in SINKS:
        row(page, str(sink.__struct_config__.tag))
    assert all(f"`{form}`" in page for form in FORMS)


def test_every_metric_is_in_operations() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    Deliveries(registry)
    suffix = {"counter": "_total", "info": "_info"}
    for metric in registry.collect():
        row(OPERATIONS, f"{metric.name}{suffix.get(metric.type, '')}")


def test_every_internal_topic_is_in_operations() -> None:
    for name in Names.under("PREFIX"):
        row(OPERATIONS, name)


@pytest.mark.parametrize("block", list(toml_blocks()))
def test_what_is_shown_of_a_configuration_can_be_used(block: str) -> None:
    if "[[detectors]]" in block:
        watch(parse(block))
        return
    # Lines that stand for themselves, each an alternative.
    for line in filter(None, block.splitlines()):
        parse(AROUND + line)


def test_the_readme_configuration_gives_the_alert_that_is_shown() -> None:
    configuration = parse(blocks(README, "toml")[0])
    event = re.search(r"`(\{\"created_at\".*?\})`", README)
    assert event is not None
    source = configuration.streamed["orders"]
    make_format("orders", source, configuration.fields_of("orders")).parse(event[1].encode())
    (shown,) = blocks(README, "json")
    alert = msgspec.json.decode(shown, type=Alert)
    assert set(json.loads(shown)) == set(Alert.__struct_fields__)
    assert alert.rule == configuration.alerts[0].name
    detector = configuration.detector(alert.detector)
    assert alert.dimensions == named(detector.dimensions, ("app", "DE"))
    headers = dict(line.split(": ", 1) for line in blocks(README, "text")[0].splitlines())
    assert {name: value.encode() for name, value in headers.items()} == cloud_event_headers(alert)


def test_check_says_what_the_readme_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lookalive.toml").write_text(blocks(README, "toml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (shown,) = [block for block in blocks(README, "console") if "$ lookalive check\n" in block]
    said = CliRunner().invoke(main, ["check"])
    assert shown.partition("$ lookalive check\n")[2] == said.stdout


def test_python_in_the_readme_compiles() -> None:
    (program,) = blocks(README, "python")
    ast.parse(program)


@pytest.mark.parametrize("name", FORMATS)
def test_an_example_becomes_the_events_that_are_shown(name: str) -> None:
    sections = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", FORMATS_PAGE, re.MULTILINE | re.DOTALL))
    section = sections[name]
    source, fields = Source(topic="any", format=name), {}
    if name == "json":
        configuration = parse(blocks(section, "toml")[0])
        ((owner, source),) = configuration.streamed.items()
        fields = configuration.fields_of(owner)
    else:
        fields = dict(inspect.getmodule(FORMATS[name]).FIELDS)  # type: ignore[union-attr]
        assert [field for field in fields if f"`{field}`" not in section] == []
    (record,) = blocks(section, "json")
    events = make_format("shown", source, fields).parse(record.strip().encode())
    shown = [json.loads(line) for line in blocks(section, "jsonl")[0].splitlines()]
    got = [{k: v for k, v in msgspec.structs.asdict(event).items() if v is not None} for event in events]
    assert got == shown


def test_every_reason_to_refuse_a_record_is_explained() -> None:
    for reason in (*get_args(Reason), "ahead"):
        row(FORMATS_PAGE, reason)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", prose):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        page = (path.parent / target) if target else path
        assert page.exists(), link
        assert not anchor or anchor in anchors(page), link


def test_no_file_names_a_package_registry_or_a_path_of_some_machine() -> None:
    # Put together here, so that this file does not name them either.
    registries = [
        "pypi" + ".org",
        "pythonhosted" + ".org",
        "maven" + ".org",
        "npmjs" + ".org",
        "deb.debian" + ".org",
    ]
    machine = re.compile(
        "|".join(map(re.escape, registries)) + "|" + r"(?<![\w.$}])/(?:home|root|Users|work)/\w"
    )
    found = []
    for path in files_of_the_repository():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in machine.finditer(text)]
    assert found == []

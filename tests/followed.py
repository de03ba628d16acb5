"""A tutorial, followed as a reader does: its files are saved, its commands run in one shell, all as printed.

What is not the reader's here is the machine: packages are installed, and the broker is that of the tests. So
`pip install` is left out, `lookalive broker` says where that one is, and ports are others.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from streams.settings import Settings

ROOT = Path(__file__).parent.parent
TUTORIALS = ROOT / "docs" / "tutorials"
#: Correctness does not depend on how fast a machine is: it is given time.
SECONDS = 300
_BLOCK = re.compile(r"(?:`([\w-]+\.\w+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INSTALLED = re.compile(r"lookalive(?:\[(\w+)\])?|moto\[server\]")

_LOOKALIVE = """#!/bin/sh
[ "$1" = broker ] && exec echo "export LOOKALIVE_BOOTSTRAP={broker}"
PYTHONPATH={root} exec {python} -m streams "$@"
"""


def followed(tutorial: str, folder: Path, settings: Settings, other: Mapping[str, str]) -> str:
    """What a reader sees who follows a tutorial in an empty folder.

    `other` are ports and names of topics, and what they are here.
    """
    text = (TUTORIALS / tutorial).read_text(encoding="utf-8")
    for printed, here in other.items():
        assert printed in text, printed
        text = text.replace(printed, here)
    programs = folder / "bin"
    programs.mkdir()
    _program(
        programs / "lookalive", _LOOKALIVE.format(root=ROOT, python=sys.executable, broker=settings.bootstrap)
    )
    _program(programs / "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    around = {name: value for name, value in os.environ.items() if not name.startswith("LOOKALIVE_")}
    own = {
        "LOOKALIVE_PREFIX": settings.prefix,
        "LOOKALIVE_GROUP": settings.group,
        "LOOKALIVE_WEB_PORT": str(settings.web_port),
    }
    # The programs of packages lie beside Python.
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    shell = subprocess.Popen(
        ["bash", "-c", _script(text)],
        cwd=folder,
        env={**around, **own, "PATH": path, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = shell.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGKILL)
        said, _ = shell.communicate()
        log = folder / "worker.log"
        worker = log.read_text(encoding="utf-8")[-3000:] if log.exists() else ""
        raise AssertionError(f"it does not end:\n{said}\n{worker}") from None
    assert shell.returncode == 0, said
    return said


def _program(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _script(text: str) -> str:
    """Its blocks in their order; what is shown of a console is compared, and what runs on is ended."""
    lines = ["set -euo pipefail", "trap 'for job in $(jobs -p); do kill $job; done; wait' EXIT"]
    for number, (name, language, body) in enumerate(_BLOCK.findall(text)):
        if name:
            lines.append(f"cat > {name} <<'END OF {number}'\n{body}END OF {number}")
        elif language == "sh" and body.startswith("pip install "):
            _check_installed(body)
        elif language == "sh":
            lines.append(body)
        elif language == "console":
            command, _, shown = body.removeprefix("$ ").partition("\n")
            lines.append(f"{command} > shown.{number}")
            lines.append(f"diff - shown.{number} <<'END OF {number}'\n{shown}END OF {number}")
        else:
            assert language == "text", f"nobody knows what to do with {language}"
    return "\n".join(lines)


def _check_installed(command: str) -> None:
    """That each extra is one; what is not of the project is one of the packages that tests use."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for package in shlex.split(command)[2:]:
        found = _INSTALLED.fullmatch(package)
        assert found is not None, package
        assert found[1] is None or found[1] in project["optional-dependencies"], package

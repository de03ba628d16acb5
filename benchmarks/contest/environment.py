"""The Python environment of the peers, made once beside the program's other downloads.

They are no dependencies of ours, and some of theirs would not go with ours.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache
from pathlib import Path

from streams.kafka_runtime import cache_directory

REQUIREMENTS = Path(__file__).parents[1] / "peers" / "requirements.txt"


@cache
def python() -> str:
    """The interpreter of the environment, which is made if it is not there."""
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()[:12]
    directory = cache_directory().parent / "benchmarks" / pinned
    interpreter, complete = directory / "bin" / "python", directory / "complete"
    if not complete.exists():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(directory)],
            [str(interpreter), "-m", "pip", "install", "--quiet", "-r", str(REQUIREMENTS)],
        ):
            # What pip has to say is not for the output.
            subprocess.run(command, check=True, stdout=sys.stderr)
        complete.touch()
    return str(interpreter)
